package tcp

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/buffer"
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
