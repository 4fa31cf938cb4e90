package stdnet_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/stdnet"
)

// A network is what package net and stdnet have in common.
type network interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
	Listen(network, address string) (net.Listener, error)
	ListenPacket(network, address string) (net.PacketConn, error)
}

// kernel is package net on the system's loopback.
type kernel struct{ net.Dialer }

func (kernel) Listen(n, a string) (net.Listener, error)         { return net.Listen(n, a) }
func (kernel) ListenPacket(n, a string) (net.PacketConn, error) { return net.ListenPacket(n, a) }

// misuse provokes errors on 127.0.0.1 of either network and returns them by name.
func misuse(t *testing.T, n network) map[string]error {
	ctx := t.Context()
	errs := map[string]error{}
	dial := func(name, network, address string) {
		_, errs[name] = n.DialContext(ctx, network, address)
	}
	l, err := n.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	at := l.Addr().String()
	_, errs["listen, in use"] = n.Listen("tcp4", at)
	_, errs["listen, not ours"] = n.Listen("tcp4", "203.0.113.9:0")
	_, errs["listen, bad network"] = n.Listen("udp4", "127.0.0.1:0")
	_, errs["listen packet, not ours"] = n.ListenPacket("udp4", "203.0.113.9:0")

	c, err := n.DialContext(ctx, "tcp4", at)
	require.NoError(t, err)
	s, err := l.Accept()
	require.NoError(t, err)
	require.NoError(t, c.SetReadDeadline(time.Unix(1, 0)))
	_, errs["read, deadline"] = c.Read(make([]byte, 1))
	require.NoError(t, c.SetWriteDeadline(time.Unix(1, 0)))
	_, errs["write, deadline"] = c.Write(make([]byte, 1))
	require.NoError(t, c.SetDeadline(time.Time{}))
	require.NoError(t, c.(interface{ CloseWrite() error }).CloseWrite())
	_, errs["write after CloseWrite"] = c.Write(make([]byte, 1))
	_, errs["read, end"] = s.Read(make([]byte, 1))
	require.NoError(t, s.(interface{ SetLinger(int) error }).SetLinger(0))
	require.NoError(t, s.Close())
	_, errs["read, reset"] = c.Read(make([]byte, 1))
	require.NoError(t, c.Close())
	_, errs["read, closed"] = c.Read(make([]byte, 1))
	_, errs["write, closed"] = c.Write(make([]byte, 1))
	errs["close, closed"] = c.Close()
	errs["set, closed"] = c.SetDeadline(time.Time{})
	require.NoError(t, l.Close())
	_, errs["accept, closed"] = l.Accept()
	errs["close listener, closed"] = l.Close()

	dial("dial, refused", "tcp4", at)
	dial("dial, no port", "tcp4", "127.0.0.1")
	dial("dial, port too large", "tcp4", "127.0.0.1:65536")
	dial("dial, unknown network", "tcp7", "127.0.0.1:1")
	dial("dial, IPv6 by IPv4", "tcp4", "[::1]:1")
	dial("dial, IPv4 by IPv6", "tcp6", "127.0.0.1:1")
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	_, errs["dial, canceled"] = n.DialContext(canceled, "tcp4", at)
	late, cancel := context.WithDeadline(ctx, time.Unix(1, 0))
	defer cancel()
	_, errs["dial, too late"] = n.DialContext(late, "tcp4", at)

	u, err := n.ListenPacket("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	to := u.LocalAddr()
	_, errs["datagram too long"] = u.WriteTo(make([]byte, 65536), to)
	_, errs["datagram to a TCPAddr"] = u.WriteTo(nil, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1})
	_, errs["datagram by IPv6"] = u.WriteTo(nil, &net.UDPAddr{IP: net.IPv6loopback, Port: 1})
	require.NoError(t, u.SetReadDeadline(time.Unix(1, 0)))
	_, _, errs["datagram, deadline"] = u.ReadFrom(make([]byte, 1))
	p, err := n.DialContext(ctx, "udp4", to.String())
	require.NoError(t, err)
	_, errs["datagram, connected"] = p.(net.PacketConn).WriteTo(nil, to)
	require.NoError(t, u.Close())
	_, _, errs["datagram, closed"] = u.ReadFrom(make([]byte, 1))
	_, err = p.Write([]byte("x"))
	require.NoError(t, err)
	require.NoError(t, p.SetReadDeadline(time.Now().Add(10*time.Second)))
	_, errs["datagram, refused"] = p.Read(make([]byte, 1))
	require.NoError(t, p.Close())
	return errs
}

// plain takes the port numbers that differ from run to run out of a text.
func plain(err error) string {
	if err == nil {
		return "<nil>"
	}
	words := strings.Fields(err.Error())
	for i, w := range words {
		for _, part := range strings.Split(w, "->") {
			if _, port, err := net.SplitHostPort(strings.TrimSuffix(part, ":")); err == nil && len(port) >= 4 && port != "65536" {
				w = strings.Replace(w, ":"+port, ":PORT", 1)
			}
		}
		words[i] = w
	}
	return strings.Join(words, " ")
}

// Whatever goes wrong, package net on the kernel's loopback says the same: on
// Linux in the same words; elsewhere at least our errors are of the same kinds.
func TestErrorsAreThoseOfPackageNet(t *testing.T) {
	a, _ := pair(t)
	ours := misuse(t, a)
	for name, err := range ours {
		require.Error(t, err, name)
	}
	if runtime.GOOS != "linux" {
		return
	}
	theirs := misuse(t, &kernel{})
	require.Len(t, ours, len(theirs))
	for name, want := range theirs {
		t.Run(name, func(t *testing.T) { compare(t, want, ours[name]) })
	}
}

func compare(t *testing.T, want, got error) {
	require.Equal(t, plain(want), plain(got))
	for _, kind := range []error{
		io.EOF, net.ErrClosed, os.ErrDeadlineExceeded, context.Canceled, context.DeadlineExceeded,
		net.ErrWriteToConnected, syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.EPIPE,
		syscall.EADDRINUSE, syscall.EADDRNOTAVAIL, syscall.EMSGSIZE,
	} {
		require.Equal(t, errors.Is(want, kind), errors.Is(got, kind), "%v", kind)
	}
	var g, w *net.OpError
	require.Equal(t, errors.As(want, &w), errors.As(got, &g))
	if w != nil {
		require.Equal(t, w.Timeout(), g.Timeout())
		require.Equal(t, w.Temporary(), g.Temporary())
	}
}

func TestUnreachable(t *testing.T) {
	a, _ := pair(t)
	_, err := a.Dial("tcp", "203.0.113.1:80")
	require.EqualError(t, err, "dial tcp 203.0.113.1:80: connect: "+syscall.ENETUNREACH.Error())
	require.ErrorIs(t, err, syscall.ENETUNREACH)
	_, err = a.Dial("udp", "203.0.113.1:80")
	require.EqualError(t, err, "dial udp 203.0.113.1:80: connect: "+syscall.ENETUNREACH.Error())
}

func TestNames(t *testing.T) {
	a, b := pair(t)
	l, err := b.Listen("tcp", ":80")
	require.NoError(t, err)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	defer l.Close()

	_, err = a.Dial("tcp", "nobody.example:80")
	var dns *net.DNSError
	require.ErrorAs(t, err, &dns)
	require.True(t, dns.IsNotFound)
	require.EqualError(t, err, "dial tcp: lookup nobody.example: no such host")

	a.Lookup = func(_ context.Context, name string) ([]netip.Addr, error) {
		switch name {
		case "two.example": // the first is not there
			return []netip.Addr{netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")}, nil
		case "six.example":
			return []netip.Addr{netip.MustParseAddr("2001:db8::1")}, nil
		case "none.example":
			return nil, nil
		}
		return nil, io.ErrUnexpectedEOF
	}
	c, err := a.Dial("tcp", "two.example:http") // the service's name, too
	require.NoError(t, err)
	require.Equal(t, "192.0.2.2:80", c.RemoteAddr().String())
	require.NoError(t, c.Close())
	_, err = a.Dial("tcp", "six.example:80")
	require.EqualError(t, err, "dial tcp: address six.example: no suitable address found: the name has only IPv6 addresses")
	_, err = a.Dial("tcp", "none.example:80")
	require.ErrorAs(t, err, &dns)
	_, err = a.Dial("tcp", "odd.example:80")
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	_, err = b.Dial("tcp", "localhost:80")
	require.NoError(t, err)
}

func TestLocalAddr(t *testing.T) {
	a, b := pair(t)
	l, err := b.Listen("tcp", ":80")
	require.NoError(t, err)
	d := stdnet.Dialer{Net: a, LocalAddr: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 4242}}
	c, err := d.Dial("tcp", "192.0.2.2:80")
	require.NoError(t, err)
	require.Equal(t, "192.0.2.1:4242", c.LocalAddr().String())
	s, err := l.Accept()
	require.NoError(t, err)
	require.Equal(t, "192.0.2.1:4242", s.RemoteAddr().String())
	require.Equal(t, "192.0.2.2:80", s.LocalAddr().String())
	_, err = d.Dial("tcp", "192.0.2.2:80")
	require.ErrorIs(t, err, syscall.EADDRINUSE)
	_, err = d.Dial("udp", "192.0.2.2:80")
	require.EqualError(t, err, "dial udp 192.0.2.1:4242->192.0.2.2:80: address 192.0.2.1:4242: mismatched local address type")
}

// A stack whose link fails says why in every call.
func TestLinkGone(t *testing.T) {
	sa, sb, err := stdnet.Pair(stack.Config{}, stack.Config{})
	require.NoError(t, err)
	defer sa.Close()
	a, b := stdnet.New(sa), stdnet.New(sb)
	c, _ := connected(t, a, b)
	require.NoError(t, sb.Close())
	_, err = c.Read(make([]byte, 1))
	require.Error(t, err) // the reset that b sent, or the end of the link
	_, err = c.Read(make([]byte, 1))
	require.Error(t, err)
}
