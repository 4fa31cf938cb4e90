package wire

import (
	"net/netip"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

func TestEndpoint(t *testing.T) {
	require.LessOrEqual(t, unsafe.Sizeof(Endpoint{}), uintptr(8))
	for _, text := range []string{"192.0.2.1:80", "0.0.0.0:0", "255.255.255.255:65535"} {
		a := netip.MustParseAddrPort(text)
		e := EndpointOf(a)
		require.True(t, e.IsValid(), text)
		require.Equal(t, a, e.AddrPort())
		require.Equal(t, a.Addr(), e.Addr())
		require.Equal(t, a.Port(), e.Port())
	}
	for _, a := range []netip.AddrPort{{}, netip.MustParseAddrPort("[2001:db8::1]:80")} {
		e := EndpointOf(a)
		require.Zero(t, e)
		require.False(t, e.IsValid())
		require.Equal(t, netip.AddrPort{}, e.AddrPort())
		require.Equal(t, netip.Addr{}, e.Addr())
	}
}
