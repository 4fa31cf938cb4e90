package host

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// The address that an answer leaves from is the one that was asked; a broadcast is answered
// from the network that it came from (RFC 1122 4.1.3.5). What is sent with it leaves from there.
func TestAnswerFrom(t *testing.T) {
	second := netip.MustParsePrefix("198.51.100.9/24")
	w := newWorld(t)
	require.NoError(t, w.b.SetAddresses([]netip.Prefix{netip.MustParsePrefix("192.0.2.2/24"), second}, nil))
	require.NoError(t, w.a.SetAddresses([]netip.Prefix{netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("198.51.100.1/24")}, nil))
	u := w.bound(w.b, Datagram, anyAddress, 53)
	for _, c := range []struct{ name, from, to, answer string }{
		{"to our first address", "192.0.2.1", "192.0.2.2", "192.0.2.2"},
		{"to the second, from another network", "192.0.2.1", "198.51.100.9", "198.51.100.9"},
		{"to a network's broadcast", "198.51.100.1", "198.51.100.255", "198.51.100.9"},
		{"to everybody, from the second network", "198.51.100.1", "255.255.255.255", "198.51.100.9"},
		{"to everybody, from the first one", "192.0.2.1", "255.255.255.255", "192.0.2.2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			from := netip.MustParseAddr(c.from)
			w.b.Input(w.now, packet(rawUDP(from, netip.MustParseAddr(c.to), 7000, 53, []byte("?"))))
			_, m, err := w.b.RecvMsg(w.now, u, make([]byte, 9), 0)
			require.NoError(t, err)
			require.Equal(t, c.to, m.To.String())
			src := w.b.AnswerFrom(&m)
			require.Equal(t, c.answer, src.String())
			client := w.bound(w.a, Datagram, from, 7000)
			_, err = w.b.SendFromTo(w.now, u, []byte("!"), src, m.From)
			require.NoError(t, err)
			w.flush()
			_, _, by, err := w.a.RecvFrom(w.now, client, make([]byte, 9), 0)
			require.NoError(t, err)
			require.Equal(t, netip.AddrPortFrom(src, 53), by)
			require.NoError(t, w.a.Close(w.now, client))
		})
	}
	_, err := w.b.SendFromTo(w.now, u, []byte("!"), addrA, netip.AddrPortFrom(addrA, 7000))
	require.ErrorIs(t, err, ErrNoRoute, "not ours")
	_, err = w.b.SendFromTo(w.now, u, []byte("!"), netip.MustParseAddr("2001:db8::1"), netip.AddrPortFrom(addrA, 7000))
	require.ErrorIs(t, err, ErrInvalid)
	m := Meta{To: everybody, From: netip.MustParseAddrPort("203.0.113.1:9")}
	require.False(t, w.b.AnswerFrom(&m).IsValid(), "no way back")
	w.quiesce()
}
