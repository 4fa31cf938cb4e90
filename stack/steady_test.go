package stack

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/link"
)

// Send, Recv and all that happens between them allocate nothing, waiting included;
// a connection allocates the Socket that its owner holds at each end, and no more.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	near, far := link.NewPipe(link.Features{MTU: 1500}, 256)
	open := func(l link.Link, prefix string) *Stack {
		s, err := New(Config{Link: l, Prefixes: []netip.Prefix{netip.MustParsePrefix(prefix)}})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	}
	a, b := open(near, "192.0.2.1/24"), open(far, "192.0.2.2/24")
	at := netip.MustParseAddrPort("192.0.2.2:80")
	l, err := b.Socket(host.Stream)
	require.NoError(t, err)
	require.NoError(t, l.Bind(at))
	require.NoError(t, l.Listen(5))
	join := func() (c, s *Socket) {
		c, err := a.Socket(host.Stream)
		require.NoError(t, err)
		require.NoError(t, c.Connect(at, 0))
		s, err = l.Accept(0)
		require.NoError(t, err)
		return c, s
	}
	c, s := join()
	go func() { // an echo
		p := make([]byte, 100)
		for n, err := s.Recv(p, 0); n > 0 && err == nil; n, err = s.Recv(p, 0) {
			_, _ = s.Send(p[:n], 0)
		}
	}()
	p := make([]byte, 100)
	request := func() {
		if _, err := c.Send(p[:10], 0); err != nil {
			t.Error(err)
		}
		if _, err := c.Recv(p, 0); err != nil {
			t.Error(err)
		}
	}
	cycle := func() {
		c, s := join()
		_ = c.Close()
		_ = s.Close()
	}
	for range 300 {
		request()
		cycle()
	}
	require.Zero(t, testing.AllocsPerRun(1000, request))
	require.LessOrEqual(t, testing.AllocsPerRun(200, cycle), 2.0)
}
