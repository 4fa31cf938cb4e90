package host

import (
	"encoding/binary"
	"net/netip"
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// Forwarding: a socket that takes what is addressed to nobody here, so that a
// program may carry it on by other means, or refuse it. Of all the rules for
// arriving packets only "addressed to us" is lifted, and our own sockets win:
// they have all that is for our own addresses and that they listen for. A
// wildcard socket stands for our addresses, not for all.
//
// Streams: the handshake is held (tcp/hold.go) until Decide. Datagrams and
// echoes: one session for each endpoint of a peer (sessions.go).

// forwarding is what a host has of that.
type forwarding struct {
	lifted  protocols // for which protocols; once lifted it stays, for what is still open
	streams *socket   // who takes the handshakes, or nil
	on      taker     // nil: nobody ever forwards
	*guests           // nil until there is a taker of datagrams or echoes
}

// A guests is the sessions of both kinds.
type guests struct{ udp, echo sessions }

// sessions is how many there are.
func (f *forwarding) sessions() int {
	if f.guests == nil {
		return 0
	}
	return f.udp.n + f.echo.n
}

// stop takes the timers of both out.
func (f *forwarding) stop(due *deadlines) {
	if f.guests != nil {
		due.remove(&f.udp.timer)
		due.remove(&f.echo.timer)
	}
}

// A taker is the part that only who forwards needs; so a program that does not
// call Forward does not link it. Structs go by value: what is passed by pointer
// through an interface would be made on the heap, for every packet.
type taker interface {
	listener(local, remote netip.AddrPort, flow uint32) *socket
	held(now clock.Instant, s *socket)
	lost(local netip.AddrPort) bool
	udp(now clock.Instant, in datagram, b []byte, from, to netip.AddrPort) bool
	echo(now clock.Instant, in datagram, m wire.ICMP) bool
	report(r report) bool
	expire(now clock.Instant, rank int32)
	closed(s *socket)
}

// strangers is the taker of a host.
type strangers struct{ h *Host }

func (t *strangers) report(r report) bool { return t.h.reportSession(&r, t.h.sessionsOf(Datagram)) }

func (t *strangers) expire(now clock.Instant, rank int32) {
	if rank == rankSessions {
		t.h.expireSessions(now, t.h.sessionsOf(Datagram))
	} else {
		t.h.expireSessions(now, t.h.sessionsOf(Echo))
	}
}

// closed ends the part of a socket that forwards.
func (t *strangers) closed(s *socket) {
	switch s.role {
	case takesAll:
		t.h.closeForward(s)
	case aSession:
		t.h.closeSession(s)
	}
}

// protocols is a set of what may be forwarded.
type protocols uint8

const (
	liftTCP protocols = 1 << iota
	liftUDP
	liftEcho
)

// lifts reports whether packets of an IP protocol are let in whatever their
// destination. ICMP comes with all of them: errors are about their packets.
func (p protocols) lifts(protocol uint8) bool {
	switch protocol {
	case wire.ProtoTCP:
		return p&liftTCP != 0
	case wire.ProtoUDP:
		return p&liftUDP != 0
	case wire.ProtoICMP:
		return p != 0
	}
	return false
}

// A Ruling is what becomes of a flow that is to be forwarded.
type Ruling uint8

// The rulings. Those of ICMP are Destination Unreachable, from the router that
// we stand for, but for RefusePort, which comes from the destination itself.
const (
	AcceptFlow       Ruling = iota // streams: go on with the handshake
	ResetFlow                      // streams: RST, as from a closed port
	RefuseNet                      // network unreachable
	RefuseHost                     // host unreachable
	RefusePort                     // port unreachable
	RefuseProhibited               // administratively prohibited
	numRulings
)

// code is the code of Destination Unreachable.
func (r Ruling) code() uint8 {
	switch r {
	case RefuseNet:
		return wire.UnreachNet
	case RefusePort:
		return wire.UnreachPort
	case RefuseProhibited:
		return wire.UnreachAdminProhibited
	}
	return wire.UnreachHost
}

// The defaults of Forward.
const (
	defaultHeld     = 1024
	defaultPatience = 60 * time.Second // beyond that the peer's SYNs ask again
	defaultSessions = 4096
	defaultIdle     = 2 * time.Minute  // RFC 4787 REQ-5
	defaultEchoIdle = 60 * time.Second // RFC 5508 REQ-1
)

// Forward makes a fresh socket take what is addressed to nobody here, of its kind.
//
// A stream takes handshakes: NextFlow says which, and each waits for Decide, at
// most limit of them (0: 1024; never more than tcp.Config.SYNBacklog) and each for
// at most patience (0: 60 s); what finds no place, or waits too long, is dropped,
// and the peer's next SYN asks again.
//
// A datagram or echo socket takes sessions, by AcceptSession: at most limit
// (0: 4096), each until it was idle for patience (0: 2 min, echo 60 s).
//
// There is one of a kind: ErrAddrInUse. ErrInvalid: the socket is in use. Of several
// Hosts that are one each has its own; the bounds are for all (Config.Tally).
func (h *Host) Forward(now clock.Instant, s Handle, limit int, patience time.Duration) error {
	e, err := h.find(now, s)
	switch {
	case err != nil:
		return err
	case e.bound || e.conn != nil || e.lis != nil || e.role != ordinary:
		return ErrInvalid
	case e.kind != Stream:
		return h.sessionsOf(e.kind).open(h, e, limit, patience)
	case h.fwd.streams != nil:
		return ErrAddrInUse
	case !h.budget.Take(connCost):
		return ErrNoMemory
	}
	e.lis = h.newListener()
	e.lis.backlog = positive(limit, defaultHeld)
	e.lis.tcp.Init(h.env, uint64(e.id), e.tcpOptions())
	if patience <= 0 {
		patience = defaultPatience
	}
	e.lis.tcp.Hold(patience)
	e.role, h.fwd.streams = takesAll, e
	h.lift(liftTCP)
	return nil
}

func positive(n, otherwise int) int {
	if n <= 0 {
		return otherwise
	}
	return n
}

// lift lets packets in that are addressed to nobody here.
func (h *Host) lift(p protocols) {
	h.fwd.lifted |= p
	if h.fwd.on == nil {
		h.fwd.on = &strangers{h}
	}
	h.net.lifted = h.fwd.lifted
	h.lookBeyond()
}

// owns reports whether a destination is one of our own addresses. What is not
// has passed admit because forwarding lifts the rule.
func (h *Host) owns(a netip.Addr) bool { return h.net.isOwn(number(a)) }

// listens returns who takes a new connection, or nil; flow is its hash.
func (h *Host) listens(local, remote netip.AddrPort, flow uint32) *socket {
	if h.fwd.on == nil {
		return h.listenerFor(local, flow)
	}
	return h.fwd.on.listener(local, remote, flow)
}

// listener is a listener of ours or, for a peer beyond the link, the forwarder.
func (t *strangers) listener(local, remote netip.AddrPort, flow uint32) *socket {
	h := t.h
	if h.fwd.lifted&liftTCP == 0 {
		return h.listenerFor(local, flow)
	}
	if h.owns(local.Addr()) {
		if s := h.listenerFor(local, flow); s != nil || h.owns(remote.Addr()) {
			return s
		}
	}
	return h.fwd.streams
}

// lost drops a segment for an address that is not ours, where nobody forwards any
// more, and reports whether it is one.
func (t *strangers) lost(local netip.AddrPort) bool {
	if t.h.owns(local.Addr()) {
		return false
	}
	t.h.drop(trace.DropNotOurs)
	return true
}

// held tells the owner of the forwarder of a handshake to decide on.
func (t *strangers) held(now clock.Instant, s *socket) {
	h := t.h
	h.counters.Forward.Held++
	h.rearm(now, s)
	h.raise(s)
}

// NextFlow returns the next flow that waits for Decide, each once. Readable says
// that there is one. ErrWouldBlock, ErrInvalid (no forwarder).
func (h *Host) NextFlow(now clock.Instant, s Handle) (tcp.Flow, error) {
	e, err := h.stream(now, s)
	if err != nil {
		return tcp.Flow{}, err
	}
	if e.role != takesAll || e.lis == nil {
		return tcp.Flow{}, ErrInvalid
	}
	f, ok := e.lis.tcp.Next()
	if !ok {
		return f, ErrWouldBlock
	}
	return f, nil
}

// Decide ends the wait of a handshake. With AcceptFlow it returns the connection,
// which is being made: Writable tells the end and SocketError how, as after
// Connect. ErrNotConnected: nothing waits, the time is over or the peer has
// given up. ErrNoMemory: it waits on.
func (h *Host) Decide(now clock.Instant, s Handle, f tcp.Flow, r Ruling) (Handle, error) {
	e, err := h.stream(now, s)
	if err != nil {
		return 0, err
	}
	if e.role != takesAll || e.lis == nil || r >= numRulings {
		return 0, ErrInvalid
	}
	l := &e.lis.tcp
	if !l.Waits(f) {
		return 0, ErrNotConnected
	}
	c := &h.counters.Forward
	switch r {
	case AcceptFlow:
		return h.acceptHeld(now, e, f)
	case ResetFlow:
		l.Decide(now, f, tcp.DecideReset, &h.segment)
		h.queueSegment(e, &f)
		c.Reset++
	default:
		hs, _ := l.Decide(now, f, tcp.DecideRefuse, nil)
		var first [transportHeaderLen]byte
		binary.BigEndian.PutUint16(first[0:], f.Remote.Port())
		binary.BigEndian.PutUint16(first[2:], f.Local.Port())
		binary.BigEndian.PutUint32(first[4:], uint32(hs.PeerSYN()))
		h.refuseByICMP(now, f.Remote.Addr(), f.Local.Addr(), wire.ProtoTCP, first[:], r)
		c.Refused++
	}
	h.countHeld(e)
	h.rearm(now, e)
	return 0, nil
}

// acceptHeld makes the connection of a handshake that was held.
func (h *Host) acceptHeld(now clock.Instant, l *socket, f tcp.Flow) (Handle, error) {
	if h.flowSocket(f.Local, f.Remote) != nil {
		return 0, ErrAddrInUse // a socket of ours has opened it meanwhile
	}
	s := h.newPassive()
	if s == nil {
		return 0, ErrNoMemory
	}
	hs, _ := l.lis.tcp.Decide(now, f, tcp.DecideAccept, nil)
	h.countHeld(l)
	h.rearm(now, l)
	h.inherit(s, l, f)
	s.reuse, s.owned = true, true
	h.counters.TCP.PassiveOpens++
	h.counters.Forward.Accepted++
	s.conn = h.newConn()
	s.conn.InitHeld(now, h.env, uint64(s.id), hs, l.tcpOptions(), h.streamMTU(s))
	s.state = tcp.StateSynReceived
	h.flows.add(s, h.flowHash(f.Local, f.Remote)) // bound to no port: the address is not ours
	h.collect(now, s)
	h.touch(s)
	return s.id, nil
}

// refuseByICMP tells src that what it sent to dst cannot be forwarded. The quote
// is made from what is known of the packet.
//
// Deviates from RFC 1122 s.3.2.2: the quoted IP header has no options, and its
// identification, time to live and length are not those of the packet, which is
// gone; addresses, protocol and the first 8 bytes, which peers look at, are.
func (h *Host) refuseByICMP(now clock.Instant, src, dst netip.Addr, protocol uint8, first []byte, r Ruling) {
	if !h.errors.take(now, &h.rand) {
		h.counters.ICMP.OutRateLimitHost++
		return
	}
	var quote [ipHeaderLen + transportHeaderLen]byte
	ip := wire.IPv4{TTL: 1, Protocol: protocol, Src: src, Dst: dst}
	n := ip.Encode(quote[:], len(first))
	copy(quote[n:], first)
	from := dst
	if r != RefusePort {
		if near, _, err := h.net.route(src); err == nil {
			from = near
		}
	}
	out := message{src: from, dst: src, protocol: wire.ProtoICMP, body: quote[:], why: trace.SendUnreachable}
	m := wire.ICMP{Type: wire.ICMPUnreachable, Code: r.code()}
	m.Encode(out.head[:], [2][]byte{quote[:], nil})
	if h.send(&out) != nil {
		h.counters.ICMP.OutErrors++
		h.drop(trace.DropLink)
		return
	}
	h.counters.ICMP.OutMsgs++
	h.counters.ICMP.OutDestUnreachs++
}

// closeForward ends what a forwarder's socket takes. What it has accepted lives on.
func (h *Host) closeForward(s *socket) {
	switch {
	case s == h.fwd.streams:
		h.fwd.streams = nil
	case h.fwd.guests == nil:
	case s == h.fwd.udp.taker:
		h.fwd.udp.close(h)
	case s == h.fwd.echo.taker:
		h.fwd.echo.close(h)
	}
}
