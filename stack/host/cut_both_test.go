package host

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// What is cut is what singles are also where both ends send: then what is cut carries
// SACK blocks, echoes of congestion marks and CWR, on a path that loses, reorders and
// marks, takes smaller packets from some moment on, and whose ends change options.
func TestCutIsWhatSinglesAreBothWays(t *testing.T) {
	cut, sacks, ece, cwr := 0, 0, 0, 0
	for seed := range uint64(60) {
		want, _, one := cutBothWays(t, seed, 1)
		got, counts, many := cutBothWays(t, seed, 64)
		require.Equal(t, len(want), len(got), "seed %d", seed)
		for i := range want {
			require.Equal(t, want[i], got[i], "seed %d packet %d", seed, i)
		}
		require.Equal(t, one, many, "seed %d", seed)
		cut, sacks, ece, cwr = cut+counts[0], sacks+counts[1], ece+counts[2], cwr+counts[3]
	}
	t.Log(cut, sacks, ece, cwr)
	require.Greater(t, cut, 10000)
	require.Greater(t, sacks, 1000)
	require.Greater(t, ece, 1000)
	require.Greater(t, cwr, 100)
}

func cutBothWays(t *testing.T, seed uint64, room int) (packets [][]byte, counts [4]int, told []trace.Event) {
	w := newWorld(t, func(c *Config) {
		c.Trace = trace.NewLog(1 << 15)
		if seed%3 > 0 {
			c.TCP.ECN = tcp.ECNRequest
		}
		c.TCP.NoTimestamps, c.TCP.NoSACK = seed%5 == 1, seed%7 == 1
	})
	c, s := w.pair()
	r := rand.New(rand.NewPCG(seed, 3))
	hosts, ends := [2]*Host{w.a, w.b}, [2]Handle{c, s}
	data, sink := pattern(60000), make([]byte, 1<<17)
	for step := range 80 {
		way := r.IntN(2)
		from, to := hosts[way], hosts[1-way]
		if r.IntN(4) > 0 {
			from.Send(w.now, ends[way], data[:[]int{1, 700, 1448, 1449, 5000, 40000, 60000}[r.IntN(7)]])
		}
		switch r.IntN(25) {
		case 0:
			o, err := from.Options(ends[way])
			require.NoError(t, err)
			o.TCP.NoDelay, o.TCP.Cork = r.IntN(2) == 0, r.IntN(3) == 0
			require.NoError(t, from.SetOptions(w.now, ends[way], o))
		case 1:
			from.SendWith(w.now, ends[way], data[:3], OOB)
		case 2:
			if step > 70 {
				_ = from.Shutdown(w.now, ends[way], ShutWrite)
			}
		case 3:
			if step > 30 && len(packets) > 0 {
				refusedBy(w, from, to, packets[len(packets)-1-r.IntN(min(len(packets), 20))], 1000+r.IntN(500))
			}
		}
		sent := sendAll(from, w, room)
		packets = append(packets, sent...)
		for i, p := range sent {
			if i > 0 && len(p) == len(sent[i-1]) {
				counts[0]++
			}
			counts[1] += min(int(p[32]>>4)/12, 1)
			counts[2] += int(p[33] >> 6 & 1)
			counts[3] += int(p[33] >> 7)
		}
		if r.IntN(3) == 0 && len(sent) > 3 {
			i := r.IntN(len(sent) - 1)
			sent[i], sent[i+1] = sent[i+1], sent[i]
		}
		for _, p := range sent {
			q := append([]byte(nil), p...)
			switch r.IntN(60) {
			case 0:
				continue // lost
			case 1:
				if q[1]&3 != 0 {
					q[1] |= 3 // marked by a router
					resum(q)
				}
			}
			to.Input(w.now, packet(q))
		}
		if r.IntN(3) > 0 {
			to.Recv(w.now, ends[1-way], sink, 0)
		}
		if r.IntN(2) == 0 {
			w.now = w.now.Add(time.Duration(1+r.IntN(200)) * time.Millisecond)
			w.a.Expire(w.now)
			w.b.Expire(w.now)
		}
		for _, h := range hosts {
			told, _ = h.log.Take(told)
		}
	}
	return packets, counts, told
}

// refusedBy tells from that a router on its way to to did not take p.
func refusedBy(w *world, from, to *Host, p []byte, mtu int) {
	src := netip.AddrFrom4([4]byte(p[12:16]))
	if !from.net.isOwn(number(src)) {
		return
	}
	m := wire.ICMP{Type: wire.ICMPUnreachable, Code: wire.UnreachFragNeeded, Rest: uint32(mtu)}
	from.Input(w.now, &link.Packet{Head: rawICMP(netip.MustParseAddr("192.0.2.99"), src, m, p[:28])})
}
