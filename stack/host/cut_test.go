package host

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/link"
)

// sendAll returns all that h has to send, asked for room packets at a time.
func sendAll(h *Host, w *world, room int) (all [][]byte) {
	var out [64]link.Packet
	for {
		n := h.Transmit(w.now, out[:room])
		for i := range out[:n] {
			all = append(all, out[i].AppendTo(nil))
		}
		if n == 0 && !h.Pending() {
			return all
		}
	}
}

// What leaves where there is room for many packets at once is, byte for byte, what
// leaves one by one: through writes of all sizes, losses, reordering, a small window
// and the end. With room for one nothing is cut.
func TestCutIsWhatSinglesAre(t *testing.T) {
	for seed := range uint64(40) {
		run := func(room int) (packets [][]byte, segs uint64) {
			w := newWorld(t)
			c, s := w.pair()
			r := rand.New(rand.NewPCG(seed, 1))
			data, sink := pattern(100000), make([]byte, 1<<17)
			for step := range 60 {
				n := []int{1, 700, 1448, 1449, 5000, 40000, 100000}[r.IntN(7)]
				w.a.Send(w.now, c, data[:n])
				if step == 58 {
					require.NoError(t, w.a.Shutdown(w.now, c, ShutWrite))
				}
				sent := sendAll(w.a, w, room)
				packets = append(packets, sent...)
				for _, p := range sent {
					require.LessOrEqual(t, len(p), 1500)
					if r.IntN(40) == 0 {
						continue // lost
					}
					w.b.Input(w.now, packet(p))
				}
				if r.IntN(3) > 0 {
					w.b.Recv(w.now, s, sink, 0)
				}
				for _, p := range sendAll(w.b, w, 64) {
					w.a.Input(w.now, packet(p))
				}
				w.now = w.now.Add(time.Duration(1+r.IntN(300)) * time.Millisecond)
				w.a.Expire(w.now)
				w.b.Expire(w.now)
			}
			return packets, w.a.Counters().TCP.OutSegs
		}
		want, segs := run(1)
		got, segsCut := run(64)
		require.Equal(t, want, got, "seed %d", seed)
		require.Equal(t, segs, segsCut)
	}
}

// A connection gives at most maxCut packets in its turn, and none more than there is room for.
func TestCutTakesTurns(t *testing.T) {
	w := newWorld(t)
	l := w.listen(w.b, 2)
	c, s := w.join(l)
	d, e := w.join(l)
	sink := make([]byte, 1<<16)
	for range 20 { // open the windows
		w.a.Send(w.now, c, pattern(30000))
		w.a.Send(w.now, d, pattern(30000))
		w.flush()
		w.b.Recv(w.now, s, sink, 0)
		w.b.Recv(w.now, e, sink, 0)
	}
	w.a.Send(w.now, c, pattern(60000))
	w.a.Send(w.now, d, pattern(60000))
	var out [64]link.Packet
	require.Equal(t, 21, w.a.Transmit(w.now, out[:21]))
	flow := func(p *link.Packet) [2]byte { return [2]byte(p.Head[20:22]) }
	for i := range 21 {
		require.Equal(t, i < maxCut, flow(&out[i]) == flow(&out[0]), i)
	}
}
