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

// A session is a datagram or echo socket that stands for everybody beyond us,
// towards one endpoint of a peer: it receives what that sends to any destination,
// and sends to it from any source. So mapping and filtering are independent of the
// endpoint beyond (RFC 4787 REQ-1 and REQ-8; RFC 5508 REQ-1 for echoes, where the ID is
// the port). It ends when it was idle for too long, or when there are too many
// and it is the one idle longest.

// role says what a socket is beside its kind.
type role uint8

const (
	ordinary role = iota
	takesAll      // of Forward
	aSession
)

// sessions are those of one kind, and who takes them.
type sessions struct {
	kind    Kind
	taker   *socket    // nil: nobody
	waiting socketList // those not yet accepted
	table   hashTable
	byAge   socketList // live ones, the one idle longest first
	n       int        // live ones, and those that ended before somebody accepted them
	limit   int
	idle    time.Duration
	timer   timer
}

func (h *Host) sessionsOf(k Kind) *sessions {
	if h.fwd.guests == nil {
		h.fwd.guests = &guests{}
	}
	if k == Echo {
		return &h.fwd.echo
	}
	return &h.fwd.udp
}

func (t *sessions) open(h *Host, e *socket, limit int, idle time.Duration) error {
	if t.taker != nil {
		return ErrAddrInUse
	}
	t.kind, t.taker, e.role = e.kind, e, takesAll
	t.limit, t.idle = positive(limit, defaultSessions), idle
	t.timer.owner = rankSessions
	t.byAge.kind = linkAge
	lifts, otherwise := liftUDP, defaultIdle
	if e.kind == Echo {
		t.timer.owner = rankEchoSessions
		lifts, otherwise = liftEcho, defaultEchoIdle
	}
	if idle <= 0 {
		t.idle = otherwise
	}
	h.lift(lifts)
	return nil
}

// close takes no more sessions. Those that nobody accepted end.
func (t *sessions) close(h *Host) {
	for s := t.pop(); s != nil; s = t.pop() {
		t.discard(h, s)
	}
	t.taker = nil
}

func (t *sessions) pop() *socket {
	s := t.waiting.pop()
	t.taker.connected = t.waiting.n > 0
	return s
}

// discard frees a session that has no owner.
func (t *sessions) discard(h *Host, s *socket) {
	t.end(s)
	t.count(h, -1)
	h.freeSocket(s)
}

// count adds n to the sessions that there are.
func (t *sessions) count(h *Host, n int) {
	t.n += n
	h.tally(t.kind, 0, n)
}

// full reports whether there are as many as may be, on all Hosts. Each may have one,
// so that what belongs there is not shut out by others.
func (t *sessions) full(h *Host) bool {
	return t.n > 0 && h.tally(t.kind, t.n, 0) >= t.limit
}

// end takes a session out of the tables; what it has received stays for its owner.
func (t *sessions) end(s *socket) {
	if !s.ended {
		s.ended = true
		t.table.remove(s)
		t.byAge.remove(s)
	}
}

// find returns the session of a peer's endpoint, or nil.
func (t *sessions) find(hash uint32, peer netip.AddrPort) *socket {
	want := wire.EndpointOf(peer)
	for s := t.table.bucket(hash); s != nil; s = s.hashNext {
		if s.hash == hash && s.remote == want {
			return s
		}
	}
	return nil
}

// peerHash hashes an endpoint of a peer, keyed.
func (h *Host) peerHash(peer netip.AddrPort) uint32 {
	return h.flowHash(netip.AddrPortFrom(anyAddress, 0), peer)
}

// used notes that a session is in use.
func (t *sessions) used(h *Host, s *socket) {
	if s.ended || s.agedAt == h.now {
		return
	}
	t.byAge.remove(s)
	h.age(h.now, &t.byAge, s)
}

// forward gives the part b of a datagram from peer, for whom nobody here has a
// socket, to its session, and reports whether there is somebody to take it.
func (h *Host) forward(now clock.Instant, t *sessions, in *datagram, b []byte, peer, to netip.AddrPort) bool {
	if t.taker == nil && t.n == 0 || in.local {
		return false
	}
	hash := h.peerHash(peer)
	s := t.find(hash, peer)
	if s == nil {
		if t.taker == nil {
			return false
		}
		if h.sessionElsewhere(in, peer) {
			return true
		}
		if s = t.begin(h, peer, hash); s == nil {
			h.drop(trace.DropSessions)
			h.counters.Forward.SessionsRefused++
			return true
		}
	}
	t.used(h, s)
	if why := h.keep(s, in, b, peer); why != trace.None {
		h.drop(why)
		return true
	}
	s.dg.in.tail.port = to.Port()
	if s.kind == Echo {
		s.dg.lastSeq = binary.BigEndian.Uint16(b[6:])
	}
	h.received(in, s.id)
	return true
}

// begin makes a session, at the cost of the one idle longest where there are too
// many. nil: all that there are wait to be accepted, or there is no memory.
func (t *sessions) begin(h *Host, peer netip.AddrPort, hash uint32) *socket {
	if t.full(h) {
		oldest := t.byAge.head
		if oldest == nil || !oldest.owned {
			return nil
		}
		h.counters.Forward.SessionsEvicted++
		t.expire(h, oldest)
	}
	s, err := h.newSocket(t.kind)
	if err != nil {
		return nil
	}
	l := t.taker
	if !h.giveDatagrams(s) {
		h.freeSocket(s)
		return nil
	}
	s.dg.recvLimit, s.dg.sendLimit = l.dg.recvLimit, l.dg.sendLimit
	s.ttl, s.tos, s.discover = l.ttl, l.tos, l.discover
	s.role, s.remote, s.local = aSession, wire.EndpointOf(peer), wire.EndpointOf(netip.AddrPortFrom(anyAddress, 0))
	t.table.add(s, hash)
	h.age(h.now, &t.byAge, s)
	t.count(h, 1)
	t.waiting.push(s)
	l.connected = true // of who takes sessions: one waits
	h.counters.Forward.Sessions++
	h.raise(l)
	h.due.set(&t.timer, h.now.Add(t.idle))
	return s
}

// expire ends a session that nobody closed. Its owner learns of it by tcp.ErrTimeout.
func (t *sessions) expire(h *Host, s *socket) {
	t.end(s)
	if s.owned {
		t.count(h, -1)
		s.err = tcp.ErrTimeout
		h.raise(s)
	}
}

// expireSessions ends those that were idle for too long.
func (h *Host) expireSessions(now clock.Instant, t *sessions) {
	for s := t.byAge.head; s != nil; s = t.byAge.head {
		if end := s.agedAt.Add(t.idle); !end.Due(now) {
			h.due.set(&t.timer, end)
			return
		}
		h.counters.Forward.SessionsIdle++
		t.expire(h, s)
	}
}

// AcceptSession takes a session that has begun from a forwarding datagram or echo
// socket. ErrWouldBlock, ErrInvalid (no such socket).
func (h *Host) AcceptSession(now clock.Instant, s Handle) (Handle, error) {
	e, err := h.find(now, s)
	if err != nil {
		return 0, err
	}
	if e.role != takesAll || e.kind == Stream {
		return 0, ErrInvalid
	}
	t := h.sessionsOf(e.kind)
	for c := t.pop(); c != nil; c = t.pop() {
		if c.ended {
			t.discard(h, c)
			continue
		}
		c.owned = true
		t.used(h, c)
		h.raise(c)
		return c.id, nil
	}
	return 0, ErrWouldBlock
}

// SendFrom sends p to the peer of a session, as if it came from there. Of an echo
// session p is a whole echo reply, whose ID and checksum are the host's.
// ErrInvalid: no session, or no unicast address. ErrWouldBlock, ErrMsgSize,
// tcp.ErrTimeout: the session has ended.
func (h *Host) SendFrom(now clock.Instant, s Handle, p []byte, from netip.AddrPort) (int, error) {
	e, err := h.find(now, s)
	if err != nil {
		return 0, err
	}
	switch from = netip.AddrPortFrom(from.Addr().Unmap(), from.Port()); {
	case e.role != aSession || !h.mayPose(from.Addr(), e.remote.Addr()):
		return 0, ErrInvalid
	case e.ended:
		return 0, tcp.ErrTimeout
	case e.dg.sendRoom() <= 0:
		return 0, ErrWouldBlock
	}
	h.sessionsOf(e.kind).used(h, e)
	m := message{src: from.Addr(), dst: e.remote.Addr(), tos: e.tos, ttl: e.ttl, df: true, discover: e.discover, owner: e.id}
	if e.kind == Echo {
		err = h.sendEchoReply(e, &m, p)
	} else {
		err = h.sendUDP(&m, p, from.Port(), e.remote.Port())
	}
	if err == nil {
		return len(p), nil
	}
	if err == ErrWouldBlock {
		h.block(e)
	}
	return 0, err
}

// mayPose reports whether packets to peer may claim to come from a.
func (h *Host) mayPose(a, peer netip.Addr) bool {
	n := number(a)
	return n>>24 != 0 && !isLoopback(n) && n < 224<<24 && !h.net.isBroadcast(n) && a != peer
}

// sendEchoReply sends the echo reply p to the peer of a session.
func (h *Host) sendEchoReply(s *socket, m *message, p []byte) error {
	if len(p) < wire.ICMPHeaderLen || p[0] != uint8(wire.ICMPEchoReply) || p[1] != 0 {
		return ErrInvalid
	}
	if ipHeaderLen+len(p) > maxMTU {
		return ErrMsgSize
	}
	m.protocol, m.body, m.why = wire.ProtoICMP, p[wire.ICMPHeaderLen:], trace.SendEchoReply
	e := wire.ICMP{Type: wire.ICMPEchoReply, Rest: uint32(s.remote.Port())<<16 | uint32(binary.BigEndian.Uint16(p[6:]))}
	e.Encode(m.head[:], [2][]byte{m.body, nil})
	if err := h.send(m); err != nil {
		h.counters.ICMP.OutErrors++
		return err
	}
	h.counters.ICMP.OutMsgs++
	h.counters.ICMP.OutEchoReps++
	return nil
}

// RefuseFrom tells the peer of a session by ICMP that what it sent to dst does not
// arrive; the ruling says why. ErrInvalid: no session, or no ruling of ICMP.
func (h *Host) RefuseFrom(now clock.Instant, s Handle, dst netip.AddrPort, r Ruling) error {
	e, err := h.find(now, s)
	if err != nil {
		return err
	}
	dst = netip.AddrPortFrom(dst.Addr().Unmap(), dst.Port())
	if e.role != aSession || r < RefuseNet || r >= numRulings || !h.mayPose(dst.Addr(), e.remote.Addr()) {
		return ErrInvalid
	}
	var first [transportHeaderLen]byte
	protocol := uint8(wire.ProtoUDP)
	if e.kind == Echo {
		protocol = wire.ProtoICMP
		first[0] = uint8(wire.ICMPEcho)
		binary.BigEndian.PutUint16(first[4:], e.remote.Port())
		binary.BigEndian.PutUint16(first[6:], e.dg.lastSeq)
	} else {
		u := wire.UDP{SrcPort: e.remote.Port(), DstPort: dst.Port(), Length: wire.UDPHeaderLen}
		u.Encode(first[:])
	}
	h.counters.Forward.Refused++
	h.refuseByICMP(now, e.remote.Addr(), dst.Addr(), protocol, first[:], r)
	return nil
}

// reportSession tells a session that its peer does not want what it was sent.
func (h *Host) reportSession(r *report, t *sessions) bool {
	if t.n == 0 || r.tooBig {
		return false
	}
	peer := netip.AddrPortFrom(r.remote, binary.BigEndian.Uint16(r.payload[2:]))
	s := t.find(h.peerHash(peer), peer)
	if s == nil {
		return false
	}
	s.soft, s.by = r.err, r.by.As4()
	if r.hard && s.owned {
		s.err = r.pending()
		h.raise(s)
	}
	return true
}

// closeSession is the owner's last call on a session.
func (h *Host) closeSession(s *socket) {
	t := h.sessionsOf(s.kind)
	if !s.ended {
		t.end(s)
		t.count(h, -1)
	}
}

// echo gives an echo request that is for none of our addresses to its session, and
// reports whether it has dealt with it.
func (t *strangers) echo(now clock.Instant, in datagram, m wire.ICMP) bool {
	h := t.h
	if in.cast != unicast || h.owns(in.ip.Dst) {
		return false
	}
	peer := netip.AddrPortFrom(in.ip.Src, uint16(m.Rest>>16))
	if m.Code != 0 || !h.forward(now, h.sessionsOf(Echo), &in, in.payload, peer, netip.AddrPortFrom(in.ip.Dst, 0)) {
		h.drop(trace.DropNotOurs)
	}
	return true
}

// udp gives a UDP datagram that no socket of ours takes to its session, and reports
// whether it has dealt with it. A wildcard socket stands for our own addresses.
func (t *strangers) udp(now clock.Instant, in datagram, b []byte, from, to netip.AddrPort) bool {
	h := t.h
	ours := h.owns(to.Addr())
	if in.cast != unicast || ours && h.udpSocket(to, from) != nil {
		return false
	}
	for first := true; first || len(b) > 0; first = false {
		n := len(b)
		if in.gso > 0 { // of a super-datagram one after the other
			n = min(n, int(in.gso))
		}
		if !h.forward(now, h.sessionsOf(Datagram), &in, b[:n], from, to) {
			if ours {
				return false
			}
			h.drop(trace.DropNotOurs) // nobody forwards any more
		}
		b = b[n:]
	}
	return true
}
