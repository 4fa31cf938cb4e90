package stdnet_test

import (
	"context"
	"io"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// failing is a Reader and a Writer that fails with the same error as package net's does.
type failing struct{}

func (failing) Read([]byte) (int, error)  { return 0, io.ErrUnexpectedEOF }
func (failing) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

// duplex is what both networks' connections have.
type duplex interface {
	net.Conn
	io.ReaderFrom
	io.WriterTo
	CloseRead() error
	CloseWrite() error
	SetLinger(int) error
	SetNoDelay(bool) error
	SetKeepAlive(bool) error
	SetKeepAlivePeriod(time.Duration) error
	SetKeepAliveConfig(net.KeepAliveConfig) error
	SetReadBuffer(int) error
	SetWriteBuffer(int) error
}

func linked(t *testing.T, n network) (c, s duplex) {
	l, err := n.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	d, err := n.DialContext(t.Context(), "tcp4", l.Addr().String())
	require.NoError(t, err)
	a, err := l.Accept()
	require.NoError(t, err)
	return d.(duplex), a.(duplex)
}

// misuseOfConns is misuse of connections, beyond the usual.
func misuseOfConns(t *testing.T, n network) map[string]error {
	errs := map[string]error{}
	c, s := linked(t, n)
	_, errs["read from a reader that fails"] = c.ReadFrom(failing{})
	_, err := s.Write([]byte("x"))
	require.NoError(t, err)
	_, errs["write to a writer that fails"] = c.WriteTo(failing{})
	require.NoError(t, s.SetLinger(0))
	require.NoError(t, s.Close())
	_, errs["write to, reset"] = c.WriteTo(io.Discard)
	for err = nil; err == nil; {
		_, err = c.Write([]byte("x"))
	}
	errs["write, after a reset"] = err
	_, errs["read from, after a reset"] = c.ReadFrom(strings.NewReader("x"))
	_, errs["read, after a reset was told"] = c.Read(make([]byte, 1))
	errs["close write, after a reset"] = c.CloseWrite()
	errs["close read, after a reset"] = c.CloseRead()
	errs["set no delay, after a reset"] = c.SetNoDelay(true)
	errs["close, after a reset"] = c.Close()
	_, errs["read nothing, closed"] = c.Read(nil)
	_, errs["write nothing, closed"] = c.Write(nil)
	_, errs["read from, closed"] = c.ReadFrom(strings.NewReader("x"))
	_, errs["write to, closed"] = c.WriteTo(io.Discard)
	errs["close read, closed"] = c.CloseRead()
	errs["close write, closed"] = c.CloseWrite()
	errs["set linger, closed"] = c.SetLinger(1)
	errs["set no delay, closed"] = c.SetNoDelay(true)
	errs["set keep-alive, closed"] = c.SetKeepAlive(true)
	errs["set keep-alive period, closed"] = c.SetKeepAlivePeriod(time.Second)
	errs["set keep-alive config, closed"] = c.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true})
	errs["set read buffer, closed"] = c.SetReadBuffer(1)
	errs["set write buffer, closed"] = c.SetWriteBuffer(1)
	errs["set read deadline, closed"] = c.SetReadDeadline(time.Time{})
	errs["set write deadline, closed"] = c.SetWriteDeadline(time.Time{})

	c, s = linked(t, n)
	require.NoError(t, c.CloseWrite())
	errs["close write, twice"] = c.CloseWrite()
	_, errs["read from, after CloseWrite"] = c.ReadFrom(strings.NewReader("x"))
	_, errs["read nothing"] = c.Read(nil)
	_, errs["write nothing, after CloseWrite"] = c.Write(nil)
	require.NoError(t, s.SetDeadline(time.Unix(1, 0)))
	_, errs["read nothing, deadline"] = s.Read(nil)
	_, errs["write nothing, deadline"] = s.Write(nil)
	_, errs["write to, deadline"] = s.WriteTo(io.Discard)
	_, errs["read from, deadline"] = s.ReadFrom(strings.NewReader("x"))
	require.NoError(t, c.Close())
	require.NoError(t, s.Close())

	c, s = linked(t, n)
	require.NoError(t, c.CloseRead())
	_, errs["read, after CloseRead"] = c.Read(make([]byte, 1))
	errs["close read, twice"] = c.CloseRead()
	require.NoError(t, c.Close())
	require.NoError(t, s.Close())
	return errs
}

// misuseOfOthers is misuse of listeners, dials and datagrams, beyond the usual.
func misuseOfOthers(t *testing.T, n network) map[string]error {
	errs := map[string]error{}
	listen := func(network, address string) { _, errs["listen "+network+" "+address] = n.Listen(network, address) }
	packet := func(network, address string) {
		_, errs["listen packet "+network+" "+address] = n.ListenPacket(network, address)
	}
	dial := func(network, address string) {
		_, errs["dial "+network+" "+address] = n.DialContext(t.Context(), network, address)
	}
	for _, address := range []string{"127.0.0.1", "127.0.0.1:", "127.0.0.1:-1", "127.0.0.1:70000", "127.0.0.1:nosuchservice", ":", "", "[::1", "[127.0.0.1]:80:80", "0.0.0.0:nosuch"} {
		listen("tcp4", address)
		packet("udp4", address)
		if address != "127.0.0.1:" && address != ":" { // port 0: see testdata/calls/connect.txt
			dial("tcp4", address)
		}
	}
	listen("tcp7", "127.0.0.1:0")
	listen("", "127.0.0.1:0")
	listen("tcp6", "127.0.0.1:0")
	listen("tcp4", "[::1]:0")
	packet("udp7", "127.0.0.1:0")
	packet("tcp4", "127.0.0.1:0")
	packet("udp6", "127.0.0.1:0")
	packet("udp4", "[::1]:0")
	dial("", "127.0.0.1:1")
	dial("udp7", "127.0.0.1:1")
	dial("udp6", "127.0.0.1:1")
	dial("udp4", "[::1]:1")
	dial("tcp4", ":1")
	dial("tcp", "localhost:1")
	dial("udp4", "127.0.0.1:nosuch")
	dial("tcp4", "127.0.0.1:99999")
	dial("tcp4", "255.255.255.255:9")

	l, err := n.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.(interface{ SetDeadline(time.Time) error }).SetDeadline(time.Unix(1, 0)))
	_, errs["accept, deadline"] = l.Accept()
	require.NoError(t, l.Close())
	errs["listener's deadline, closed"] = l.(interface{ SetDeadline(time.Time) error }).SetDeadline(time.Time{})

	u, err := n.ListenPacket("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	to := func(s string) net.Addr { return net.UDPAddrFromAddrPort(netip.MustParseAddrPort(s)) }
	_, errs["listen packet, in use"] = n.ListenPacket("udp4", u.LocalAddr().String())
	_, errs["datagram to port 0"] = u.WriteTo([]byte("x"), to("127.0.0.1:0"))
	_, errs["datagram to nobody"] = u.WriteTo([]byte("x"), nil)
	_, errs["datagram to a nil address"] = u.WriteTo([]byte("x"), (*net.UDPAddr)(nil))
	require.NoError(t, u.SetWriteDeadline(time.Unix(1, 0)))
	_, errs["datagram sent, deadline"] = u.WriteTo([]byte("x"), u.LocalAddr())
	require.NoError(t, u.Close())
	_, errs["datagram sent, closed"] = u.WriteTo([]byte("x"), to("127.0.0.1:9"))
	errs["datagrams closed, twice"] = u.Close()
	errs["datagrams' deadline, closed"] = u.SetDeadline(time.Time{})
	errs["datagrams' buffer, closed"] = u.(interface{ SetReadBuffer(int) error }).SetReadBuffer(1)
	d, err := n.DialContext(t.Context(), "udp4", "127.0.0.1:9")
	require.NoError(t, err)
	require.NoError(t, d.SetDeadline(time.Unix(1, 0)))
	_, errs["connected datagram read, deadline"] = d.Read(make([]byte, 1))
	_, errs["connected datagram sent, deadline"] = d.Write(make([]byte, 1))
	require.NoError(t, d.SetDeadline(time.Time{}))
	_, errs["connected datagram too long"] = d.Write(make([]byte, 65508))
	require.NoError(t, d.Close())
	_, errs["connected datagram sent, closed"] = d.Write(make([]byte, 1))
	_, errs["connected datagram read, closed"] = d.Read(make([]byte, 1))
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	_, errs["dial udp, too late"] = n.DialContext(ctx, "udp4", "127.0.0.1:9")
	return errs
}

// The rarer ways to go wrong say what package net's say, too; nil where nothing does.
func TestRareErrorsAreThoseOfPackageNet(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the texts are Linux's")
	}
	a, _ := pair(t)
	for name, provoke := range map[string]func(*testing.T, network) map[string]error{"conns": misuseOfConns, "others": misuseOfOthers} {
		theirs, ours := provoke(t, &kernel{}), provoke(t, a)
		require.Len(t, ours, len(theirs))
		for kind, want := range theirs {
			t.Run(name+"/"+kind, func(t *testing.T) {
				require.Equal(t, want == nil, ours[kind] == nil, "want %v, got %v", want, ours[kind])
				if want != nil {
					compare(t, want, ours[kind])
				}
			})
		}
	}
}
