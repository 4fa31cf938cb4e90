package stdnet

import (
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/host"
)

// A PacketConn sends and receives datagrams. From Dial it has one peer and is a
// net.Conn too; from ListenPacket it has none. It is safe for concurrent use.
type PacketConn struct {
	sock *stack.Socket
	flow flow
}

var (
	_ net.PacketConn = (*PacketConn)(nil)
	_ net.Conn       = (*PacketConn)(nil)
)

// newPacketConn wraps a bound or connected datagram socket. It gives s up if it fails.
func newPacketConn(s *stack.Socket, network string) (*PacketConn, error) {
	f, err := addresses(s, network)
	if err != nil {
		_ = s.Close()
		return nil, f.fail("listen", "getsockname", err)
	}
	return &PacketConn{sock: s, flow: f}, nil
}

// Socket returns the socket behind c.
func (c *PacketConn) Socket() *stack.Socket { return c.sock }

// LocalAddr returns our address, a *net.UDPAddr.
func (c *PacketConn) LocalAddr() net.Addr { return c.flow.local }

// RemoteAddr returns the peer's address, a *net.UDPAddr, or nil.
func (c *PacketConn) RemoteAddr() net.Addr { return c.flow.remote }

// Read reads one datagram; what does not fit into p is lost.
func (c *PacketConn) Read(p []byte) (int, error) {
	n, _, _, err := c.sock.RecvFrom(p, 0)
	return n, c.flow.fail("read", "read", err)
}

// ReadFrom is Read that also returns who sent it, a *net.UDPAddr.
func (c *PacketConn) ReadFrom(p []byte) (int, net.Addr, error) {
	n, from, err := c.ReadFromUDPAddrPort(p)
	if err != nil {
		return n, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// ReadFromUDPAddrPort is ReadFrom without an allocation.
func (c *PacketConn) ReadFromUDPAddrPort(p []byte) (int, netip.AddrPort, error) {
	n, _, from, err := c.sock.RecvFrom(p, 0)
	return n, from, c.flow.fail("read", "recvfrom", err)
}

// Write sends one datagram to the peer.
func (c *PacketConn) Write(p []byte) (int, error) {
	n, err := c.sock.Send(p, 0)
	return n, c.flow.fail("write", "write", err)
}

// WriteTo sends one datagram to a *net.UDPAddr. It fails on a PacketConn from Dial.
func (c *PacketConn) WriteTo(p []byte, to net.Addr) (int, error) {
	if a, is := to.(*net.UDPAddr); is && a == nil {
		return 0, c.failTo(nil, "", &net.AddrError{Err: "missing address"})
	}
	at, ok := addrPort(to)
	if _, udp := to.(*net.UDPAddr); !udp {
		return 0, c.failTo(to, "", syscall.EINVAL)
	}
	if !ok {
		return 0, c.failTo(to, "", &net.AddrError{Err: "non-IPv4 address", Addr: at.Addr().String()})
	}
	return c.writeTo(p, at, to)
}

// WriteToUDPAddrPort is WriteTo without an allocation.
func (c *PacketConn) WriteToUDPAddrPort(p []byte, to netip.AddrPort) (int, error) {
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	if !to.Addr().Is4() {
		return 0, c.failTo(net.UDPAddrFromAddrPort(to), "", &net.AddrError{Err: "non-IPv4 address", Addr: to.Addr().String()})
	}
	return c.writeTo(p, to, nil)
}

// writeTo sends to at; shown is at as errors show it, nil: to be made.
func (c *PacketConn) writeTo(p []byte, at netip.AddrPort, shown net.Addr) (n int, err error) {
	if c.flow.remote != nil {
		err = net.ErrWriteToConnected
	} else {
		n, err = c.sock.SendTo(p, at, 0)
	}
	if err == nil {
		return n, nil
	}
	if shown == nil {
		shown = net.UDPAddrFromAddrPort(at)
	}
	return n, c.failTo(shown, "sendto", err)
}

func (c *PacketConn) failTo(to net.Addr, call string, err error) error {
	f := flow{network: c.flow.network, local: c.flow.local, remote: to}
	if call == "" {
		return &net.OpError{Op: "write", Net: f.network, Source: f.local, Addr: to, Err: err}
	}
	return f.fail("write", call, err)
}

// Close gives the socket up; blocked calls end.
func (c *PacketConn) Close() error { return c.flow.fail("close", "close", c.sock.Close()) }

// SetDeadline sets both deadlines.
func (c *PacketConn) SetDeadline(t time.Time) error { return setDeadlines(c.sock, &c.flow, t) }

// SetReadDeadline makes reads fail with os.ErrDeadlineExceeded from t on; zero: never.
func (c *PacketConn) SetReadDeadline(t time.Time) error {
	return c.flow.failLocal("set", "", c.sock.SetReadDeadline(t))
}

// SetWriteDeadline does the same for writes, which wait only where the link is full.
func (c *PacketConn) SetWriteDeadline(t time.Time) error {
	return c.flow.failLocal("set", "", c.sock.SetWriteDeadline(t))
}

// SetReadBuffer sets how many bytes of memory queue up for Read; 0 is the default.
func (c *PacketConn) SetReadBuffer(bytes int) error {
	return c.set(func(o *host.Options) { o.RecvBuffer = max(bytes, 0) })
}

// SetWriteBuffer sets how many may be on their way to the link; 0 is the default.
func (c *PacketConn) SetWriteBuffer(bytes int) error {
	return c.set(func(o *host.Options) { o.SendBuffer = max(bytes, 0) })
}

func (c *PacketConn) set(f func(*host.Options)) error {
	return c.flow.failLocal("set", "setsockopt", c.sock.SetOptions(f))
}
