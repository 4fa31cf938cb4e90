package stdnet

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/tcp"
)

// ForwardConfig says what a Forwarder takes, and how much of it. The zero value
// is everything, with the defaults.
type ForwardConfig struct {
	NoTCP, NoUDP, NoEcho bool // leave these to the stack, which drops what is not for it

	// MaxHandshakes bounds the Requests that wait for an answer; what comes beyond
	// is dropped, and comes again. 0: 1024. Never more than tcp.Config.SYNBacklog.
	MaxHandshakes int
	// Patience is how long a Request waits for its answer. 0: 60 s.
	Patience time.Duration

	// MaxSessions bounds the Sessions of UDP, and again those of echoes; the one idle
	// longest makes room for a new one. 0: 4096.
	MaxSessions int
	// Idle is how long a UDP Session lives without a datagram either way. 0: 2 min (RFC 4787 4.3).
	Idle time.Duration
	// EchoIdle is the same for pings. 0: 60 s (RFC 5508 3.2).
	EchoIdle time.Duration
}

// A Forwarder takes what arrives for addresses that are not the stack's, and what
// arrives for its own and no socket of its own takes: connections as Requests,
// which are answered only when the program says so, datagrams and pings as Sessions.
// It is what a VPN's exit, a transparent proxy or a sandbox is built on. It has no
// goroutine of its own; a program has one in each of NextTCP, NextUDP and NextEcho.
//
// The peers must send such packets to the stack: it is their gateway.
type Forwarder struct {
	net             *Net
	tcp, udp, pings *stack.Socket // nil: not wanted
}

// Forward begins to take. There is one Forwarder on a stack at a time.
func (n *Net) Forward(c ForwardConfig) (*Forwarder, error) {
	f := &Forwarder{net: n}
	for _, one := range []struct {
		on    bool
		to    **stack.Socket
		kind  host.Kind
		limit int
		time  time.Duration
	}{
		{!c.NoTCP, &f.tcp, host.Stream, c.MaxHandshakes, c.Patience},
		{!c.NoUDP, &f.udp, host.Datagram, c.MaxSessions, c.Idle},
		{!c.NoEcho, &f.pings, host.Echo, c.MaxSessions, c.EchoIdle},
	} {
		if !one.on {
			continue
		}
		s, err := n.stack.Socket(one.kind)
		if err == nil {
			*one.to = s
			if one.kind == host.Stream {
				err = s.SetOptions(streamDefaults)
			}
		}
		if err == nil {
			err = s.Forward(one.limit, one.time)
		}
		if err != nil {
			_ = f.Close()
			return nil, (&flow{network: "forward"}).failLocal("listen", "forward", err)
		}
	}
	return f, nil
}

// Close takes no more. Requests that wait are forgotten, connections and sessions
// that were accepted live on. Calls that wait end with net.ErrClosed.
func (f *Forwarder) Close() error {
	var errs []error
	for _, s := range []*stack.Socket{f.tcp, f.udp, f.pings} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	return (&flow{network: "forward"}).failLocal("close", "close", errors.Join(errs...))
}

// NextTCP waits for somebody who wants a connection. net.ErrClosed is the end.
func (f *Forwarder) NextTCP() (*Request, error) {
	if f.tcp == nil {
		return nil, net.ErrClosed
	}
	flow4, err := f.tcp.NextFlow(0)
	if err != nil {
		return nil, (&flow{network: "tcp"}).failLocal("accept", "accept", err)
	}
	return &Request{listener: f.tcp, flow: flow4}, nil
}

// NextUDP waits for an endpoint that has begun to send datagrams.
func (f *Forwarder) NextUDP() (*Session, error) { return next(f.udp, "udp") }

// NextEcho waits for somebody who has begun to send pings.
func (f *Forwarder) NextEcho() (*Session, error) { return next(f.pings, "ping") }

func next(s *stack.Socket, network string) (*Session, error) {
	if s == nil {
		return nil, net.ErrClosed
	}
	got, err := s.AcceptSession(0)
	if err != nil {
		return nil, (&flow{network: network}).failLocal("accept", "accept", err)
	}
	peer, err := got.RemoteAddr()
	if err != nil {
		_ = got.Close()
		return nil, (&flow{network: network}).failLocal("accept", "accept", err)
	}
	return &Session{sock: got, peer: peer, flow: flow{network: network, remote: net.UDPAddrFromAddrPort(peer)}}, nil
}

// A Request is a handshake that waits for an answer: its peer has sent a SYN and
// got nothing. Answer it once, by Accept or by Refuse.
type Request struct {
	listener *stack.Socket
	flow     tcp.Flow
}

// Source is who asks.
func (r *Request) Source() netip.AddrPort { return r.flow.Remote }

// Target is whom the peer wants to speak to.
func (r *Request) Target() netip.AddrPort { return r.flow.Local }

// Accept goes on with the handshake and waits for its end: a connection whose local
// address is the Target. syscall.ENOTCONN: the Request's time is over, or the peer
// has given up. When ctx ends the connection is reset; a
// ctx that has ended before leaves the Request as it is.
func (r *Request) Accept(ctx context.Context) (*Conn, error) {
	f := flow{network: "tcp", local: netAddr(host.Stream, r.flow.Local), remote: netAddr(host.Stream, r.flow.Remote)}
	if err := ctx.Err(); err != nil {
		return nil, f.failLocal("accept", "", contextError(err))
	}
	s, err := r.listener.Decide(r.flow, host.AcceptFlow)
	if err != nil {
		return nil, f.failLocal("accept", "accept", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Abort() })
	err = s.Established(0)
	if !stop() && ctx.Err() != nil {
		_ = s.Abort()
		return nil, f.failLocal("accept", "", contextError(ctx.Err()))
	}
	if err != nil {
		_ = s.Abort()
		return nil, f.failLocal("accept", "accept", err)
	}
	return &Conn{sock: s, flow: f}, nil
}

// Refuse says no as the network would that gave err to the one who tried to reach
// the Target: for syscall.ENETUNREACH, EHOSTUNREACH, ETIMEDOUT, EACCES and EPERM an
// ICMP error, for anything else, nil too, a reset.
func (r *Request) Refuse(err error) error {
	ruling, icmp := ruling(err)
	if !icmp {
		ruling = host.ResetFlow
	}
	_, err = r.listener.Decide(r.flow, ruling)
	return (&flow{network: "tcp", local: netAddr(host.Stream, r.flow.Local)}).failLocal("refuse", "refuse", err)
}

// ruling is what the peer is to be told for err, and whether that is by ICMP
// where there is a choice.
func ruling(err error) (r host.Ruling, icmp bool) {
	switch {
	case errors.Is(err, syscall.ENETUNREACH):
		return host.RefuseNet, true
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ETIMEDOUT):
		return host.RefuseHost, true
	case errors.Is(err, os.ErrPermission): // EACCES and EPERM, too
		return host.RefuseProhibited, true
	}
	return host.RefusePort, false
}
