package stdnet_test

import (
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/stdnet"
)

func TestDatagrams(t *testing.T) {
	a, b := pair(t)
	srv, err := b.ListenPacket("udp", ":53")
	require.NoError(t, err)
	require.Equal(t, "0.0.0.0:53", srv.LocalAddr().String())
	c, err := a.Dial("udp", "192.0.2.2:53")
	require.NoError(t, err)
	require.Equal(t, "192.0.2.2:53", c.RemoteAddr().String())
	buf := make([]byte, 4000)
	for _, size := range []int{0, 1, 1472, 1473, 4000} { // also in fragments
		n, err := c.Write(pattern(size))
		require.NoError(t, err)
		require.Equal(t, size, n)
		n, from, err := srv.ReadFrom(buf)
		require.NoError(t, err)
		require.Equal(t, pattern(size), append([]byte{}, buf[:n]...))
		require.Equal(t, c.LocalAddr().String(), from.String())
		_, err = srv.WriteTo(buf[:n], from)
		require.NoError(t, err)
		n, err = c.Read(buf)
		require.NoError(t, err)
		require.Equal(t, pattern(size), append([]byte{}, buf[:n]...))
	}
	// What does not fit is lost, and the next one is whole.
	for _, s := range []string{"long", "next"} {
		_, err = c.Write([]byte(s))
		require.NoError(t, err)
	}
	n, _, err := srv.ReadFrom(buf[:2])
	require.NoError(t, err)
	require.Equal(t, "lo", string(buf[:n]))
	p := srv.(*stdnet.PacketConn)
	n, from, err := p.ReadFromUDPAddrPort(buf)
	require.NoError(t, err)
	require.Equal(t, "next", string(buf[:n]))
	require.NoError(t, p.SetReadBuffer(1<<20))
	require.NoError(t, p.SetWriteBuffer(1<<20))
	_, err = p.WriteToUDPAddrPort([]byte("x"), netip.AddrPortFrom(netip.AddrFrom16(from.Addr().As16()), from.Port()))
	require.NoError(t, err)
	n, err = c.Read(buf)
	require.NoError(t, err)
	require.Equal(t, "x", string(buf[:n]))
	_, err = p.WriteToUDPAddrPort(nil, netip.MustParseAddrPort("[2001:db8::1]:1"))
	var bad *net.AddrError
	require.ErrorAs(t, err, &bad)
	require.NoError(t, c.Close())
	require.NoError(t, srv.Close())
}
