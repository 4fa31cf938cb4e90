package gateway

import (
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/stdnet"
	"github.com/sockeye-net/sockeye/stack/stdnet/stdnettest"
)

// publishedUDP returns a host inside, and a port of UDP outside that leads to its port 53.
func publishedUDP(t *testing.T, idle time.Duration) (guest *stdnet.Net, outer *stack.Stack, g *Gateway, at netip.AddrPort) {
	a, b := stdnettest.Pair(t, stack.Config{Gateway: netip.MustParseAddr("192.0.2.2")}, stack.Config{})
	g, err := Start(stdnet.New(b), Config{})
	require.NoError(t, err)
	out, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	g.publishDatagrams(out, stdnet.New(b), netip.MustParseAddrPort("192.0.2.1:53"), idle)
	t.Cleanup(func() { require.NoError(t, g.Close()) })
	return stdnet.New(a), b, g, out.LocalAddr().(*net.UDPAddr).AddrPort()
}

const forwarders = 3 // the sockets of the Forwarder itself

func visit(t *testing.T, at netip.AddrPort) net.Conn {
	c, err := net.Dial("udp4", at.String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(20*time.Second)))
	return c
}

// Each visitor has its own answers, whoever else asks, and large ones whole; who is
// answered late is answered all the same.
func TestPublishDatagrams(t *testing.T) {
	guest, _, g, at := publishedUDP(t, visitorIdle)
	l, err := guest.ListenPacket("udp", ":53")
	require.NoError(t, err)
	const visitors = 8
	var cs []net.Conn
	froms := map[string]net.Addr{}
	buf := make([]byte, 65535)
	for i := range visitors {
		c := visit(t, at)
		_, err := fmt.Fprintf(c, "%d", i)
		require.NoError(t, err)
		n, from, err := l.ReadFrom(buf)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprint(i), string(buf[:n]))
		froms[from.String()] = from
		cs = append(cs, c)
	}
	require.Len(t, froms, visitors, "each looks like somebody else inside")
	require.EqualValues(t, visitors, g.Stats.Sessions.Load())
	answer := make([]byte, 9000)
	for _, from := range froms {
		_, err := l.WriteTo(answer, from)
		require.NoError(t, err)
	}
	for _, c := range cs {
		n, err := c.Read(buf)
		require.NoError(t, err)
		require.Equal(t, len(answer), n)
		_, err = c.Write([]byte("again"))
		require.NoError(t, err)
		_, from, err := l.ReadFrom(buf)
		require.NoError(t, err)
		require.Contains(t, froms, from.String(), "the same one")
	}
	require.EqualValues(t, visitors, g.Stats.Sessions.Load())
	require.NoError(t, l.Close())
}

// Nobody listens inside at first; that ends nothing. And who says nothing is forgotten.
func TestPublishDatagramsLater(t *testing.T) {
	guest, outer, g, at := publishedUDP(t, time.Second)
	c := visit(t, at)
	_, err := c.Write([]byte("too early"))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return guest.Stack().Counters().UDP.NoPorts > 0 }, 20*time.Second, time.Millisecond)
	require.EqualValues(t, 1, g.Stats.Sessions.Load())
	l, err := guest.ListenPacket("udp", ":53")
	require.NoError(t, err)
	buf := make([]byte, 99)
	require.NoError(t, l.SetReadDeadline(time.Now().Add(20*time.Second)))
	for range 2 {
		_, err = c.Write([]byte("hello"))
		require.NoError(t, err)
		n, from, err := l.ReadFrom(buf)
		require.NoError(t, err)
		_, err = l.WriteTo(buf[:n], from)
		require.NoError(t, err)
		_, err = c.Read(buf)
		require.NoError(t, err)
		require.Eventually(t, func() bool { return len(outer.Sockets()) == forwarders }, 20*time.Second, 10*time.Millisecond, "it is forgotten")
	}
	require.GreaterOrEqual(t, g.Stats.Sessions.Load(), int64(2))
	require.NoError(t, l.Close())
}

// More than there may be drive others out, and never are there more.
func TestPublishDatagramsAreBounded(t *testing.T) {
	_, outer, g, at := publishedUDP(t, visitorIdle)
	for i := range maxVisitors + 20 {
		c := visit(t, at)
		_, err := c.Write([]byte("x"))
		require.NoError(t, err)
		require.Eventually(t, func() bool { return g.Stats.Sessions.Load() == int64(i+1) }, 20*time.Second, 100*time.Microsecond)
		require.LessOrEqual(t, len(outer.Sockets()), maxVisitors+forwarders+1, "one may be on its way out")
	}
}
