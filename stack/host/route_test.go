package host

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRoute(t *testing.T) {
	ps := []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("10.0.0.1/8"), netip.MustParsePrefix("10.1.0.1/16")}
	rs := []Route{
		{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParseAddr("10.9.9.9")},
		{netip.MustParsePrefix("198.51.100.0/24"), netip.MustParseAddr("192.0.2.254")},
		{netip.MustParsePrefix("203.0.113.0/24"), netip.Addr{}},
	}
	a, err := newAddresses(ps, rs)
	require.NoError(t, err)
	cases := []struct{ rule, dst, src, via string }{
		{"on-link by the mask (RFC 1122 3.3.1.1)", "192.0.2.7", "192.0.2.1", "192.0.2.7"},
		{"longest prefix", "10.1.2.3", "10.1.0.1", "10.1.2.3"},
		{"shorter prefix", "10.2.2.3", "10.0.0.1", "10.2.2.3"},
		{"default route: the source is on the gateway's network (RFC 1122 3.3.4.3)", "8.8.8.8", "10.0.0.1", "10.9.9.9"},
		{"route through a gateway", "198.51.100.4", "192.0.2.1", "192.0.2.254"},
		{"on-link route: the first address", "203.0.113.4", "192.0.2.1", "203.0.113.4"},
		{"to ourselves from the same address", "10.1.0.1", "10.1.0.1", "10.1.0.1"},
		{"127/8 never leaves (RFC 1122 3.2.1.3(g))", "127.3.2.1", "127.0.0.1", "127.3.2.1"},
		{"limited broadcast", "255.255.255.255", "192.0.2.1", "255.255.255.255"},
	}
	for _, c := range cases {
		t.Run(c.rule, func(t *testing.T) {
			src, via, err := a.route(netip.MustParseAddr(c.dst))
			require.NoError(t, err)
			require.Equal(t, c.src, src.String())
			require.Equal(t, c.via, via.String())
		})
	}
	_, _, err = a.route(netip.MustParseAddr("0.1.2.3"))
	require.Equal(t, ErrNoRoute, err)
}

func TestBadAddresses(t *testing.T) {
	for _, p := range []string{"::1/128", "127.0.0.1/8", "0.0.0.0/0", "224.0.0.1/4", "192.0.2.0/24", "192.0.2.255/24"} {
		_, err := newAddresses([]netip.Prefix{netip.MustParsePrefix(p)}, nil)
		require.Equal(t, ErrPrefix, err, p)
	}
	ok := []netip.Prefix{netip.MustParsePrefix("192.0.2.1/31")}
	_, err := newAddresses(ok, []Route{{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParseAddr("203.0.113.1")}})
	require.Equal(t, ErrRoute, err, "a gateway must be on-link")
	_, err = newAddresses(ok, []Route{{netip.MustParsePrefix("0.0.0.0/0"), addrB}})
	require.Equal(t, ErrRoute, err)
	_, err = newAddresses(ok, []Route{{netip.MustParsePrefix("::/0"), netip.Addr{}}})
	require.Equal(t, ErrRoute, err)
}
