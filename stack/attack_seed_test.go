package stack_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// Two stacks that nobody gave a seed, started at the same reading of the same
// clock, number the same connection differently: their keys are the system's
// randomness (attack 28). With the same seed they do not.
func TestAttack_28_SeedFromTheSystem(t *testing.T) {
	type guess struct {
		seq   wire.Seq
		port  uint16
		tsVal uint32
	}
	first := func(cfg stack.Config) (g guess) {
		synctest.Test(t, func(t *testing.T) {
			la, lb := link.NewPipe(link.Features{MTU: 1500}, 10)
			defer lb.Close()
			cfg.Clock = func() clock.Instant { return 1e9 }
			c := open(t, start(t, la, addrA, cfg), host.Stream)
			require.Equal(t, host.ErrInProgress, c.Connect(port(addrB, 80), stack.DontWait))
			ps := make([]link.Packet, 1)
			n, err := lb.TryRead(ps)
			require.NoError(t, err)
			require.Equal(t, 1, n)
			seg, _, err := wire.DecodeTCP(ps[0].AppendTo(nil)[20:])
			require.NoError(t, err)
			g = guess{seg.Seq, seg.SrcPort, seg.Options.TSVal}
		})
		return g
	}
	seeded := stack.Config{Seed: [32]byte{1}}
	require.Equal(t, first(seeded), first(seeded))
	one, two, three := first(stack.Config{}), first(stack.Config{}), first(stack.Config{})
	require.NotEqual(t, one.seq, two.seq)
	require.NotEqual(t, one.seq, three.seq)
	require.NotEqual(t, one.tsVal, two.tsVal)
	require.False(t, one.port == two.port && two.port == three.port)
	require.NotEqual(t, first(seeded).seq, one.seq)

	_, err := host.New(host.Config{}, link.Features{MTU: 1500})
	require.ErrorIs(t, err, host.ErrSeed, "a host by itself refuses to be predictable")
}
