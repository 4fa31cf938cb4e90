package stdnet

import (
	"net"
	"net/netip"
	"time"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/host"
)

// A Session is one endpoint of a peer that sends datagrams, or pings, through a
// Forwarder. It is a net.PacketConn seen from beyond: ReadFrom gives what the
// endpoint sends and to whom, WriteTo sends to the endpoint and says from whom;
// whoever that is may write, asked or not (RFC 4787 REQ-8). It is safe for concurrent use.
//
// Of a ping session the datagrams are whole ICMP messages: ReadFrom gives echo
// requests, WriteTo takes echo replies, whose ID and checksum are filled in.
//
// A Session that is idle for too long ends: its calls fail with syscall.ETIMEDOUT.
// Close it all the same.
type Session struct {
	sock *stack.Socket
	peer netip.AddrPort
	flow flow
}

var _ net.PacketConn = (*Session)(nil)

// Source is the endpoint; of pings the port is their ID.
func (s *Session) Source() netip.AddrPort { return s.peer }

// LocalAddr is everybody: the address 0.0.0.0 without a port.
func (s *Session) LocalAddr() net.Addr { return &net.UDPAddr{IP: net.IPv4zero} }

// RemoteAddr is Source, as a *net.UDPAddr.
func (s *Session) RemoteAddr() net.Addr { return s.flow.remote }

// ReadFrom reads one datagram, and to whom it was sent, a *net.UDPAddr.
func (s *Session) ReadFrom(p []byte) (int, net.Addr, error) {
	n, to, err := s.ReadFromUDPAddrPort(p)
	if err != nil {
		return n, nil, err
	}
	return n, net.UDPAddrFromAddrPort(to), nil
}

// ReadFromUDPAddrPort is ReadFrom without an allocation.
func (s *Session) ReadFromUDPAddrPort(p []byte) (int, netip.AddrPort, error) {
	n, m, err := s.sock.RecvMsg(p, 0)
	if err != nil {
		return n, netip.AddrPort{}, s.flow.fail("read", "recvfrom", err)
	}
	return n, netip.AddrPortFrom(m.To, m.ToPort), nil
}

// WriteTo sends p to the endpoint as if it came from from, a *net.UDPAddr.
func (s *Session) WriteTo(p []byte, from net.Addr) (int, error) {
	at, _ := addrPort(from)
	return s.WriteToUDPAddrPort(p, at)
}

// WriteToUDPAddrPort is WriteTo without an allocation.
func (s *Session) WriteToUDPAddrPort(p []byte, from netip.AddrPort) (int, error) {
	n, err := s.sock.SendFrom(p, from, 0)
	return n, s.flow.fail("write", "sendto", err)
}

// Refuse tells the endpoint by ICMP that what it sent to the address to did not
// arrive: for err as Request.Refuse has it, and otherwise that nobody is at the port.
func (s *Session) Refuse(to netip.AddrPort, err error) error {
	r, _ := ruling(err)
	return s.flow.fail("refuse", "refuse", s.sock.RefuseFrom(to, r))
}

// Close ends the session; what the endpoint sends from now on begins a new one.
func (s *Session) Close() error { return s.flow.fail("close", "close", s.sock.Close()) }

// SetDeadline sets both deadlines.
func (s *Session) SetDeadline(t time.Time) error { return setDeadlines(s.sock, &s.flow, t) }

// SetReadDeadline makes reads fail with os.ErrDeadlineExceeded from t on; zero: never.
func (s *Session) SetReadDeadline(t time.Time) error {
	return s.flow.failLocal("set", "", s.sock.SetReadDeadline(t))
}

// SetWriteDeadline does the same for writes, which wait only where the link is full.
func (s *Session) SetWriteDeadline(t time.Time) error {
	return s.flow.failLocal("set", "", s.sock.SetWriteDeadline(t))
}

// SetReadBuffer sets how many bytes of memory queue up for ReadFrom; 0 is the default.
func (s *Session) SetReadBuffer(bytes int) error {
	return s.flow.failLocal("set", "setsockopt", s.sock.SetOptions(func(o *host.Options) { o.RecvBuffer = max(bytes, 0) }))
}
