package host

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// A stream that connects never takes a port that another was bound to, whoever
// picked it: a connection to a listener of our own would be one to itself.
func TestConnectSparesBoundPorts(t *testing.T) {
	w := newWorld(t)
	l := w.open(w.a, Stream)
	require.NoError(t, w.a.Bind(w.now, l, netip.AddrPortFrom(loopback, 0)))
	require.NoError(t, w.a.Listen(w.now, l, 1))
	at, err := w.a.LocalAddr(l)
	require.NoError(t, err)
	b := w.open(w.a, Stream)
	require.NoError(t, w.a.Bind(w.now, b, netip.AddrPortFrom(loopback, 0)))
	bound, err := w.a.LocalAddr(b)
	require.NoError(t, err)
	closed := netip.AddrPortFrom(loopback, 40_000) // where nobody is
	for _, remote := range []netip.AddrPort{at, closed} {
		for range 3 * numEphemeral {
			e, err := w.a.newSocket(Stream)
			require.NoError(t, err)
			require.NoError(t, w.a.pickPort(w.now, e, loopback, remote))
			require.NotContains(t, []uint16{at.Port(), bound.Port()}, e.local.Port())
			require.NotEqual(t, remote, e.local)
			w.a.unbind(e)
			w.a.freeSocket(e)
		}
	}
}
