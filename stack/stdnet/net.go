package stdnet

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/host"
)

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// Net is a stack with the functions of package net. Make one with New; it is
// safe for concurrent use once Lookup is set.
type Net struct {
	// Lookup finds the addresses of a host name for the dialing functions. nil:
	// only literal addresses and localhost can be dialed. Its ctx ends with the
	// dial's; its error is wrapped in a *net.OpError.
	Lookup func(ctx context.Context, name string) ([]netip.Addr, error)

	stack *stack.Stack
}

// New returns the functions of package net on s.
func New(s *stack.Stack) *Net { return &Net{stack: s} }

// Stack returns the stack.
func (n *Net) Stack() *stack.Stack { return n.stack }

// Dial connects to address, "host:port", on a network: tcp, tcp4, udp or udp4.
// It returns a *Conn or a *PacketConn.
func (n *Net) Dial(network, address string) (net.Conn, error) {
	return n.DialContext(context.Background(), network, address)
}

// DialContext is Dial that ends at once when ctx does. It fits http.Transport.
func (n *Net) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	d := Dialer{Net: n}
	return d.DialContext(ctx, network, address)
}

// Listen waits for connections to address, "host:port", on network tcp or tcp4.
// An empty host is every address of ours, port 0 a free port. The Listener is
// a *Listener.
func (n *Net) Listen(network, address string) (net.Listener, error) {
	return n.listen(context.Background(), network, address, &ListenConfig{})
}

func (n *Net) listen(ctx context.Context, network, address string, c *ListenConfig) (net.Listener, error) {
	s, f, err := n.open(ctx, network, address, host.Stream)
	if err != nil {
		return nil, err
	}
	err = setUp(s, func(o *host.Options) { c.stream(network, f.local.String(), o) })
	if err == nil {
		err = bind(s, f)
	}
	if err == nil {
		err = f.failLocal("listen", "listen", s.Listen(c.backlog()))
	}
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	local, err := s.LocalAddr()
	if err != nil {
		_ = s.Close()
		return nil, f.failLocal("listen", "getsockname", err)
	}
	return &Listener{sock: s, flow: flow{network: network, local: netAddr(host.Stream, local)}}, nil
}

const backlog = 4096

// ListenPacket returns a socket for datagrams to address, "host:port", on
// network udp or udp4: a *PacketConn.
func (n *Net) ListenPacket(network, address string) (net.PacketConn, error) {
	return n.listenPacket(context.Background(), network, address, &ListenConfig{})
}

func (n *Net) listenPacket(ctx context.Context, network, address string, c *ListenConfig) (net.PacketConn, error) {
	s, f, err := n.open(ctx, network, address, host.Datagram)
	if err != nil {
		return nil, err
	}
	err = setUp(s, func(o *host.Options) { c.packet(network, f.local.String(), o) })
	if err == nil {
		err = bind(s, f)
	}
	if err != nil {
		_ = s.Close()
		return nil, err
	}
	p, err := newPacketConn(s, network)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// open makes the socket to listen with. The flow's local address is where.
func (n *Net) open(ctx context.Context, network, address string, want host.Kind) (*stack.Socket, *flow, error) {
	f := &flow{network: network}
	k, err := kindOf(network)
	if err != nil {
		return nil, f, f.failLocal("listen", "", err)
	}
	if address == "" {
		address = ":0" // as package net
	}
	at, err := n.resolve(ctx, network, address, netip.IPv4Unspecified())
	if err != nil {
		return nil, f, f.failLocal("listen", "", contextError(err))
	}
	f.local = netAddr(k, at[0])
	if k != want {
		return nil, f, f.failLocal("listen", "", &net.AddrError{Err: "unexpected address type", Addr: address})
	}
	s, err := n.stack.Socket(k)
	return s, f, f.failLocal("listen", "socket", err)
}

// setUp sets the options of a fresh socket. What is for a transparent one is let in.
func setUp(s *stack.Socket, set func(*host.Options)) error {
	through := false
	err := s.SetOptions(func(o *host.Options) {
		set(o)
		through = o.Transparent
	})
	if err == nil && through {
		err = s.TakeForeign()
	}
	return err
}

func bind(s *stack.Socket, f *flow) error {
	at, _ := addrPort(f.local)
	return f.failLocal("listen", "bind", s.Bind(at))
}

// streamDefaults are package net's: no Nagle, and a dead peer is found out.
func streamDefaults(o *host.Options) {
	o.TCP.NoDelay = true
	keepAlive(o, net.KeepAliveConfig{Enable: true})
}

// keepAlive applies c; as in package net 0 is the default of 15 s and 9 probes,
// and a negative number changes nothing.
func keepAlive(o *host.Options, c net.KeepAliveConfig) {
	o.TCP.KeepAlive = c.Enable
	if !c.Enable {
		return
	}
	set := func(to *time.Duration, d time.Duration) {
		if d == 0 {
			d = 15 * time.Second
		}
		if d > 0 {
			*to = d
		}
	}
	set(&o.TCP.KeepIdle, c.Idle)
	set(&o.TCP.KeepIntvl, c.Interval)
	if c.Count == 0 {
		c.Count = 9
	}
	if c.Count > 0 {
		o.TCP.KeepCount = c.Count
	}
}
