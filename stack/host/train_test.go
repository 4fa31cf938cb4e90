package host

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
)

// scalars returns all numbers and truth values in v, by the names of their fields;
// of what pointers lead to only what follow names.
func scalars(v reflect.Value, name string, into map[string]any, follow ...string) {
	switch {
	case v.CanInt():
		into[name] = v.Int()
	case v.CanUint():
		into[name] = v.Uint()
	case v.Kind() == reflect.Bool:
		into[name] = v.Bool()
	case v.Kind() == reflect.Array:
		for i := range v.Len() {
			scalars(v.Index(i), name+"[]"+string(rune('0'+i)), into, follow...)
		}
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			scalars(v.Field(i), name+"."+v.Type().Field(i).Name, into, follow...)
		}
	case v.Kind() == reflect.Pointer && !v.IsNil() && slices.Contains(follow, name):
		scalars(v.Elem(), name, into)
	}
}

// stateOf returns the state of a connection, all but where its bytes lie.
func stateOf(h *Host, s Handle) map[string]any {
	m := map[string]any{}
	if e := h.lookup(s); e != nil && e.conn != nil {
		scalars(reflect.ValueOf(e.conn).Elem(), "", m, ".sb", ".re")
		for _, scratch := range []string{"now", "fack", "least", "min", "echo", "off", "ts", "late"} {
			delete(m, ".sb.rack."+scratch) // of the ACK under way
		}
	}
	return m
}

// spoil makes of packets what a bad path and a strange peer might.
func spoil(r *rand.Rand, ps [][]byte) (out [][]byte) {
	for _, p := range ps {
		p = slices.Clone(p)
		switch r.IntN(60) {
		case 0:
			continue // lost
		case 1:
			out = append(out, p) // twice
		case 2:
			p[20+r.IntN(len(p)-20)] ^= byte(1 + r.IntN(255)) // its checksum shows it
		case 3:
			p[1] |= 3 // marked by a router
			p = resum(p)
		case 4:
			p[8]--
			p = resum(p)
		case 5:
			p = append(p, 1, 2, 3) // padding
		case 6, 7, 8:
			var b [8]byte
			for i := range b {
				b[i] = byte(r.Uint32())
			}
			d := duel{in: script{b[:]}}
			p = d.change(p)
			mend(p)
		case 9:
			p[len(p)-1] ^= 1 // mended: other bytes
			p[33] ^= 8       // PSH
			mend(p)
		case 10:
			p[33] |= 0x20 // URG
			binary.BigEndian.PutUint16(p[38:], uint16(r.IntN(4000)))
			mend(p)
		}
		out = append(out, p)
		if n := len(out); n > 1 && r.IntN(40) == 0 {
			out[n-1], out[n-2] = out[n-2], out[n-1]
		}
	}
	return out
}

// A host that is given packets in batches, and one that is given the same one by
// one, come to the same: state, answers, bytes, counters and trace, step by step.
func TestTrainIsWhatSinglesAre(t *testing.T) {
	trains, bytes := 0, 0
	for seed := range uint64(40) {
		a, b := trainPair(t, seed)
		trains, bytes = trains+a, bytes+b
	}
	require.Greater(t, trains, 1000, "segments in trains")
	require.Greater(t, bytes, 1<<20)
}

func trainPair(t *testing.T, seed uint64) (trains, total int) {
	r := rand.New(rand.NewPCG(seed, 2))
	f := link.Features{MTU: []int{1500, 576, 1501}[seed%3]}
	now := start
	ecn := func(c *Config) {
		if seed%4 == 1 {
			c.TCP.ECN = tcp.ECNRequest
		}
		c.Trace = trace.NewLog(1 << 14)
	}
	from := newHost(t, 1, "192.0.2.1/24", f, ecn)
	var to [2]*Host // the first takes them one by one
	var ends [2]Handle
	for i := range to {
		to[i] = newHost(t, 2, "192.0.2.2/24", f, ecn)
	}
	var w world // for carrying the handshake
	w.t, w.now = t, now
	c := w.open(from, Stream)
	for i := range to {
		w.a, w.b = from, to[i]
		ends[i] = w.listen(to[i], 2)
	}
	require.Equal(t, ErrInProgress, from.Connect(now, c, netip.AddrPortFrom(addrB, 80)))
	for range 4 {
		ps := sendAll(from, &world{now: now}, 64)
		var back [][]byte
		for i := range to {
			for _, p := range ps {
				to[i].Input(now, packet(p))
			}
			back = sendAll(to[i], &world{now: now}, 64)
		}
		for _, p := range back {
			from.Input(now, packet(p))
		}
	}
	for i := range to {
		s, err := to[i].Accept(now, ends[i])
		require.NoError(t, err)
		ends[i] = s
	}
	data := pattern(200000)
	var readers [2]tcp.Reader
	for step := range 40 {
		if _, err := from.Send(now, c, data[:1+r.IntN(len(data))]); err != nil && err != ErrWouldBlock {
			break
		}
		if step == 38 {
			require.NoError(t, from.Shutdown(now, c, ShutWrite))
		}
		lends, cut := r.IntN(3) == 0, r.IntN(40000)
		says, wants := r.IntN(4) == 0, r.IntN(3) > 0
		ps := spoil(r, sendAll(from, &world{now: now}, 64))
		var back [2][][]byte
		for i, h := range to {
			if lends {
				readers[i] = tcp.Reader{Buf: make([]byte, cut)}
				require.NoError(t, h.RecvInto(now, ends[i], &readers[i]))
			}
			if says {
				h.Send(now, ends[i], data[:7777])
			}
			if i == 0 {
				for _, p := range ps {
					h.Input(now, packet(p))
				}
			} else {
				trains += inputBatches(h, now, ps)
			}
		}
		require.Equal(t, stateOf(to[0], ends[0]), stateOf(to[1], ends[1]), "seed %d step %d", seed, step)
		for i, h := range to {
			back[i] = sendAll(h, &world{now: now}, 64)
			if lends {
				h.RecvInto(now, ends[i], nil)
			}
		}
		require.Equal(t, back[0], back[1], "seed %d step %d", seed, step)
		require.Equal(t, readers[0].N, readers[1].N)
		require.Equal(t, readers[0].Buf[:readers[0].N], readers[1].Buf[:readers[1].N])
		if wants {
			total += sameBytes(t, now, to, ends)
		}
		require.Equal(t, *to[0].Counters(), *to[1].Counters(), "seed %d step %d", seed, step)
		require.Equal(t, to[0].Events(), to[1].Events())
		require.Equal(t, to[0].Deadline(), to[1].Deadline())
		one, lost := to[0].log.Take(nil)
		require.Zero(t, lost)
		two, _ := to[1].log.Take(nil)
		require.Equal(t, one, two, "seed %d step %d", seed, step)
		for _, p := range spoil(r, back[0]) {
			from.Input(now, packet(p))
		}
		if r.IntN(2) == 0 {
			from.Recv(now, c, make([]byte, 10000), 0)
		}
		from.log.Take(nil)
		now = now.Add(time.Duration(r.IntN(20)*r.IntN(20)) * time.Millisecond)
		for _, h := range []*Host{from, to[0], to[1]} {
			h.Expire(now)
		}
	}
	total += sameBytes(t, now, to, ends)
	return trains, total
}

// inputBatches gives h packets in batches and returns how many were in trains.
func inputBatches(h *Host, now clock.Instant, ps [][]byte) (trains int) {
	for len(ps) > 0 {
		n := min(len(ps), 64)
		var batch []link.Packet
		for _, p := range ps[:n] {
			batch = append(batch, link.Packet{Head: p})
		}
		for len(batch) > 0 { // as InputBatch
			h.lead = nil
			h.Input(now, &batch[0])
			n := 0
			if h.lead != nil {
				n = h.inputTrain(now, h.lead, batch)
			}
			trains += n
			batch = batch[1+n:]
		}
		ps = ps[n:]
	}
	return trains
}

// sameBytes reads all that there is, the same from both.
func sameBytes(t *testing.T, now clock.Instant, to [2]*Host, ends [2]Handle) int {
	var bufs [2][1 << 16]byte
	total := 0
	for {
		n, err := to[0].Recv(now, ends[0], bufs[0][:], 0)
		m, err2 := to[1].Recv(now, ends[1], bufs[1][:], 0)
		require.Equal(t, n, m)
		require.Equal(t, err, err2)
		require.True(t, bufs[0] == bufs[1])
		if total += max(n, 0); n <= 0 {
			return total
		}
	}
}
