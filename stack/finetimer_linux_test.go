package stack

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/tun/tuntest"
)

// fineOf lets a stack send some at a rate, 0: any, and returns whether it had a
// fine timer then.
func fineOf(t *testing.T, cfg Config, rate int64) bool {
	near, far := link.NewPipe(link.Features{MTU: 1500}, 1000)
	prefixes := []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("192.0.2.2/24")}
	cfg.Link, cfg.Prefixes = near, prefixes[:1]
	a, err := New(cfg)
	require.NoError(t, err)
	b, err := New(Config{Link: far, Prefixes: prefixes[1:]})
	require.NoError(t, err)
	l, err := b.Socket(host.Stream)
	require.NoError(t, err)
	at := netip.AddrPortFrom(prefixes[1].Addr(), 80)
	require.NoError(t, l.Bind(at))
	require.NoError(t, l.Listen(1))
	c, err := a.Socket(host.Stream)
	require.NoError(t, err)
	require.NoError(t, c.SetOptions(func(o *host.Options) { o.TCP.MaxPacingRate = rate }))
	require.NoError(t, c.Connect(at, 0))
	s, err := l.Accept(0)
	require.NoError(t, err)
	const size = 300_000
	go func() { _, _ = c.Send(make([]byte, size), 0) }()
	buf := make([]byte, 64<<10)
	for got := 0; got < size; {
		n, err := s.Recv(buf, 0)
		require.NoError(t, err)
		got += n
	}
	had := func(s *Stack) bool {
		s.sh.enter()
		defer s.sh.leave()
		return s.sh.fine.file != nil
	}
	require.False(t, had(b), "who only receives has no use for one")
	fine := had(a)
	require.NoError(t, a.Close())
	require.False(t, had(a))
	require.NoError(t, b.Close())
	return fine
}

// A fine timer, its goroutine and its descriptor are there once a flow is paced,
// where time is the system's, and gone with the stack.
func TestFineTimer(t *testing.T) {
	start := time.Now()
	own := func() clock.Instant { return clock.Instant(time.Since(start)) + 1 }
	const rate = 50e6
	for _, row := range []struct {
		name string
		cfg  Config
		rate int64
		want bool
	}{
		{"a paced flow", Config{}, rate, true},
		{"one that is not paced", Config{}, 0, false},
		{"a clock of the caller's", Config{Clock: own}, rate, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			before := tuntest.OpenFDs(t)
			require.Equal(t, row.want, fineOf(t, row.cfg, row.rate))
			tuntest.NoMoreFDs(t, before)
		})
	}
	t.Run("in a bubble", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { require.False(t, fineOf(t, Config{}, rate)) })
	})
}

// A descriptor that cannot be waited for leaves the flow to the runtime's timers.
func TestFineTimerThatFails(t *testing.T) {
	near, far := link.NewPipe(link.Features{MTU: 1500}, 10)
	s, err := New(Config{Link: near})
	require.NoError(t, err)
	sh := s.sh
	sh.enter()
	require.True(t, sh.setFine(sh.now.Add(time.Hour)))
	file := sh.fine.file
	sh.leave()
	require.NoError(t, file.Close())
	tuntest.Eventually(t, func() bool {
		sh.enter()
		defer sh.leave()
		return sh.fine.off
	})
	sh.enter()
	require.False(t, sh.setFine(sh.now.Add(time.Hour)))
	sh.leave()
	require.NoError(t, s.Close())
	require.NoError(t, far.Close())
}
