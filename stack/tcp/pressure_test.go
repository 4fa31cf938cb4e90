package tcp

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/buffer"
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
)

// A receiver whose Budget others use up after it had offered a window refuses
// bytes, and the transfer still ends with every byte in place.
func TestTransferWithLittleMemory(t *testing.T) {
	purged := uint64(0)
	for seed := range uint64(40) {
		w := newWorld(t, seed, Config{NoSACK: seed%2 == 0}, Options{})
		b := buffer.NewBudget(64<<10 + int(seed)<<12)
		w.b.env.Budget = b
		w.loss, w.jitter, w.slow = 0.03, 5*ms, 20*ms
		others := 0
		w.see = func(p *peer, _ *Segment) {
			if b.Give(others); p == w.b && w.rnd.IntN(3) == 0 && w.b.read < 150000 {
				others = b.Free()
				require.True(t, b.Take(others))
				return
			}
			others = 0
		}
		w.transfer(200000, 0)
		purged += w.b.env.Stats.Dropped[trace.DropMemory]
	}
	require.NotZero(t, purged, "memory was never short")
}

// Challenge ACKs to resets are limited for each connection by itself (RFC 5961
// 7, attack 26).
func TestChallengeLimit(t *testing.T) {
	r := establishedRig(t, plain, Options{})
	count := func() (n int) {
		for range 50 {
			r.in("R", 2, 0, 0, 0)
			if s := r.out(); s != "" {
				n += strings.Count(s, ";") + 1
			}
		}
		return n
	}
	require.Equal(t, challengeMost, count())
	r.now = r.now.Add(challengeEvery)
	require.Equal(t, challengeMost, count())
	other := establishedRig(t, plain, Options{})
	other.in("R", 2, 0, 0, 0)
	require.NotEmpty(t, other.out(), "nothing one connection does shows on another")
}

// A writer whom the Budget refuses is told when there is memory again, although
// nothing is in flight whose ACK could tell it.
func TestRefusedWriterIsWoken(t *testing.T) {
	for name, refused := range map[string]func(r *rig){
		"Write": func(r *rig) { require.Zero(r.t, r.c.Write(r.now, make([]byte, 100))) },
		"SendSpan": func(r *rig) {
			require.Empty(r.t, r.c.SendSpan(100)[0])
			r.c.SendCommit(r.now, 0)
		},
	} {
		r := establishedRig(t, plain, Options{})
		others := r.env.Budget.Free() - 100
		require.True(t, r.env.Budget.Take(others))
		refused(r)
		require.Empty(t, r.out())
		require.Empty(t, r.after(10*memoryRetry))
		require.Zero(t, r.c.Events()&EvWritable, "%s: there is still no memory", name)
		r.env.Budget.Give(others)
		r.after(memoryRetry)
		require.NotZero(t, r.c.Events()&EvWritable, "%s: nobody told of the memory", name)
		require.Equal(t, clock.Never, r.c.Deadline())
		r.write(100)
		require.Equal(t, "P 1:101 ack 1", r.out())
		r.c.Release()
	}
}

// What is lent by RecvSpan is left alone whatever else is called, and what lends
// nothing leaves nothing pinned.
func TestRecvSpanOutlivesOtherCalls(t *testing.T) {
	r := establishedRig(t, plain, Options{})
	require.Empty(t, r.c.RecvSpan(10)[0])
	r.in("PA", 1, 1, 60000, 400)
	peeked := make([]byte, 500)
	require.Equal(t, 400, r.c.Peek(peeked))
	span := r.c.RecvSpan(400)
	r.write(400) // takes whatever memory was given back
	r.c.CloseWrite(r.now)
	require.Equal(t, pattern(1, 400), span[0])
	require.Equal(t, pattern(1, 400), peeked[:400])
	r.c.RecvCommit(r.now, 0)
	r.c.Release()
	require.Zero(t, r.env.Budget.Used())
}
