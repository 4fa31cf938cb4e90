package host

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
)

// What is cut is what singles are also where both ends send, on a path that loses,
// reorders and marks, and whose ends change options: then what is cut carries ACKs,
// echoes of congestion marks and CWR. Without SACK: its blocks make segments smaller,
// and what is cut goes again by today's size, of singles by what they were.
func TestCutIsWhatSinglesAreBothWays(t *testing.T) {
	cut, ece, cwr := 0, 0, 0
	for seed := range uint64(60) {
		want, _, one := cutBothWays(t, seed, 1)
		got, counts, many := cutBothWays(t, seed, 64)
		for i := range want {
			require.Equal(t, want[i], got[i], "seed %d packet %d", seed, i)
		}
		require.Equal(t, len(want), len(got), "seed %d", seed)
		require.Equal(t, one, many, "seed %d", seed)
		cut, ece, cwr = cut+counts[0], ece+counts[1], cwr+counts[2]
	}
	t.Log(cut, ece, cwr)
	require.Greater(t, cut, 10000)
	require.Greater(t, ece, 1000)
	require.Greater(t, cwr, 100)
}

func cutBothWays(t *testing.T, seed uint64, room int) (packets [][]byte, counts [3]int, told []trace.Event) {
	w := newWorld(t, func(c *Config) {
		c.Trace = trace.NewLog(1 << 15)
		if seed%3 > 0 {
			c.TCP.ECN = tcp.ECNRequest
		}
		c.TCP.NoTimestamps, c.TCP.NoSACK = seed%5 == 1, true
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
		}
		sent := sendAll(from, w, room)
		packets = append(packets, sent...)
		for i, p := range sent {
			if i > 0 && len(p) == len(sent[i-1]) {
				counts[0]++
			}
			counts[1] += int(p[33] >> 6 & 1)
			counts[2] += int(p[33] >> 7)
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
