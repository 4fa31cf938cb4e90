package host

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// Of sockets that share a port the datagram goes to the one that says most about
// it, the newest among equals, however many there are and in whatever order they came.
func TestUDPLookup(t *testing.T) {
	for _, others := range []uint16{0, 1, 100} {
		w := newWorld(t)
		reuse := func(addr netip.Addr) Handle {
			s := w.open(w.a, Datagram)
			require.NoError(t, w.a.SetOptions(w.now, s, Options{ReuseAddr: true}))
			require.NoError(t, w.a.Bind(w.now, s, netip.AddrPortFrom(addr, 53)))
			return s
		}
		peer := netip.AddrPortFrom(addrB, 9)
		connect := func(s Handle, to netip.AddrPort) Handle {
			require.NoError(t, w.a.Connect(w.now, s, to))
			return s
		}
		gets := func(want Handle, why string) {
			t.Helper()
			w.a.Input(w.now, packet(rawUDP(addrB, addrA, 9, 53, []byte("?"))))
			got, err := w.recv(w.a, want)
			require.NoError(t, err, "%s, %d others", why, others)
			require.Equal(t, "?", got)
		}
		crowd := func() {
			for i := range others {
				connect(reuse(anyAddress), netip.AddrPortFrom(addrB, 1000+i))
				w.bound(w.a, Datagram, anyAddress, uint16(2000+len(w.a.sockets)))
			}
		}
		old := reuse(anyAddress)
		gets(old, "the only one")
		crowd()
		young := reuse(anyAddress)
		crowd()
		gets(young, "the newest")
		ours := reuse(addrA)
		gets(ours, "one bound to the address")
		crowd()
		connected := connect(reuse(anyAddress), peer)
		gets(connected, "a connected one")
		again := connect(reuse(anyAddress), peer)
		crowd()
		gets(again, "the newest connected one")
		require.NoError(t, w.a.Connect(w.now, again, netip.AddrPort{}))
		gets(connected, "the other one, when the newest is dissolved")
		connect(connected, netip.AddrPortFrom(addrB, 10))
		gets(ours, "one bound to the address: who is dissolved is bound to all again")
		require.NoError(t, w.a.Close(w.now, ours))
		gets(again, "the newest that is bound to all")
		for _, s := range []Handle{again, connected, young} {
			require.NoError(t, w.a.Close(w.now, s))
		}
		gets(old, "the one that is left")
		w.quiesce()
		require.Zero(t, w.a.byUDP.open.n+w.a.byUDP.peers.n)
	}
}
