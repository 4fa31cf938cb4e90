package gateway

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/sockeye-net/sockeye/stack/stdnet"
)

// dnsIdle is how long an endpoint lives that has asked name servers only: most ask
// once (RFC 4787 REQ-5 lets a well-known port be shorter than the rest).
const dnsIdle = 20 * time.Second

const (
	maxDatagram = 65535
	dnsPort     = 53
)

// A socket is one of the system's, not connected.
type socket interface {
	ReadFromUDPAddrPort(p []byte) (int, netip.AddrPort, error)
	WriteToUDPAddrPort(p []byte, to netip.AddrPort) (int, error)
	SyscallConn() (syscall.RawConn, error)
	Close() error
}

// A crossing is one session and the socket that stands for it outside.
type crossing struct {
	g       *Gateway
	network string
	in      *stdnet.Session
	out     socket
	mu      sync.Mutex
	origin  map[netip.AddrPort]netip.AddrPort // outside to inside, where Out says something else
	busy    bool                              // it speaks to more than name servers
}

func (g *Gateway) datagrams(s *stdnet.Session) {
	out, err := net.ListenUDP("udp", nil)
	if err != nil {
		g.refuseAll(s, "udp", err)
		return
	}
	(&crossing{g: g, network: "udp", in: s, out: out}).run()
}

// refuseAll answers for a session that has no socket.
func (g *Gateway) refuseAll(s *stdnet.Session, _ string, why error) {
	defer s.Close()
	_ = s.SetReadDeadline(time.Now().Add(time.Second))
	if _, to, err := s.ReadFromUDPAddrPort(make([]byte, maxDatagram)); err == nil {
		_ = s.Refuse(to, why)
	}
}

// run carries both ways until the session ends.
func (c *crossing) run() {
	c.g.Stats.Sessions.Add(1)
	stop := context.AfterFunc(c.g.ctx, func() { _ = c.in.Close() })
	askErrors(c.out)
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.inward()
	}()
	c.outward()
	stop()
	_, _ = c.in.Close(), c.out.Close()
	<-done
}

// outward carries what the endpoint sends.
func (c *crossing) outward() {
	p := make([]byte, maxDatagram)
	for {
		if !c.busy {
			_ = c.in.SetReadDeadline(time.Now().Add(dnsIdle))
		}
		n, to, err := c.in.ReadFromUDPAddrPort(p)
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			continue // the endpoint does not want what came last
		case err != nil:
			return
		}
		if !c.busy && to.Port() != dnsPort {
			c.busy = true
			_ = c.in.SetReadDeadline(time.Time{})
		}
		c.send(p[:n], to)
	}
}

func (c *crossing) send(p []byte, to netip.AddrPort) {
	at, err := c.g.cfg.Out(c.network, to)
	if err != nil {
		_ = c.in.Refuse(to, err)
		return
	}
	if at != to {
		c.remember(at, to)
	}
	_, err = c.out.WriteToUDPAddrPort(p, at)
	if err != nil && c.takeErrors() { // it told of an earlier datagram
		_, err = c.out.WriteToUDPAddrPort(p, at)
	}
	if err != nil && !errors.Is(err, net.ErrClosed) {
		_ = c.in.Refuse(to, err)
	}
}

// maxOrigins bounds what a crossing remembers of changed addresses.
const maxOrigins = 64

func (c *crossing) remember(outside, inside netip.AddrPort) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.origin == nil || len(c.origin) >= maxOrigins {
		c.origin = map[netip.AddrPort]netip.AddrPort{}
	}
	c.origin[outside] = inside
}

// inside is the address that somebody outside has inside.
func (c *crossing) inside(from netip.AddrPort) netip.AddrPort {
	from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
	c.mu.Lock()
	defer c.mu.Unlock()
	if to, ok := c.origin[from]; ok {
		return to
	}
	return from
}

// maxFailures in a row say that a socket is of no use any more.
const maxFailures = 1000

// inward carries what comes back, from whoever it comes.
func (c *crossing) inward() {
	p := make([]byte, maxDatagram)
	for failures := 0; failures < maxFailures; failures++ {
		n, from, err := c.out.ReadFromUDPAddrPort(p)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // of an earlier datagram; perhaps outward has taken it
			c.takeErrors()
			continue
		}
		failures = 0
		_, _ = c.in.WriteToUDPAddrPort(p[:n], c.inside(from))
	}
}

// takeErrors passes on what the system says of datagrams that did not arrive, and
// reports whether it said anything.
func (c *crossing) takeErrors() bool {
	some := false
	readErrors(c.out, func(to netip.AddrPort, why syscall.Errno) {
		some = true
		if why != syscall.EMSGSIZE {
			_ = c.in.Refuse(c.inside(to), why)
		}
	})
	return some
}
