package host

import (
	"net/netip"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A listener is what a stream has while it listens: TCP's part with the SYN
// records, and the accept queue.
type listener struct {
	tcp     passive
	accept  socketList // connected, not yet accepted
	waiting int        // its length, and the connections about to join it
	backlog int
	counted int // of who forwards: how many of its handshakes the other Hosts know of

	// (*Host).arriveListener and closeListener: like tcp, only who listens links them.
	arrive func(h *Host, now clock.Instant, s *socket, flow tcp.Flow)
	close  func(h *Host, now clock.Instant, s *socket)
}

// A passive is TCP's part, a tcp.Listener. It is behind an interface so that a
// program which never listens does not link it, with its SYN records and cookies.
type passive interface {
	Init(e *tcp.Env, id uint64, o tcp.Options)
	SetOptions(o tcp.Options)
	Arrive(now clock.Instant, flow tcp.Flow, in *tcp.Arrival, full bool) (tcp.Verdict, *tcp.Handshake)
	Keep(now clock.Instant, hs *tcp.Handshake)
	Cookie(now clock.Instant, flow tcp.Flow, in *tcp.Arrival, out *tcp.Segment)
	Unreachable(now clock.Instant, flow tcp.Flow, why tcp.Error, quoted wire.Seq)
	Transmit(now clock.Instant, flow *tcp.Flow, out *tcp.Segment) bool
	Deadline() clock.Instant
	Expire(now clock.Instant)
	Undecided() bool
	Held() int
	Close()
}

// maxBacklog is Linux's net.core.somaxconn.
const maxBacklog = 4096

// full reports whether the accept queue takes no more. As on Linux it holds
// one more than the backlog says.
func (l *listener) full() bool { return l.waiting > l.backlog }

// Listen makes a bound (or not: it picks a port) stream socket listen; backlog
// is what Linux takes it for: a negative one is 4096, as is any above. Calling
// again changes the backlog. ErrAddrInUse, ErrInvalid (connected), ErrNotSupported.
func (h *Host) Listen(now clock.Instant, s Handle, backlog int) error {
	e, err := h.stream(now, s)
	if err != nil {
		return err
	}
	if e.conn != nil {
		return ErrInvalid
	}
	if backlog < 0 || backlog > maxBacklog {
		backlog = maxBacklog
	}
	if e.lis != nil {
		e.lis.backlog = backlog
		return nil
	}
	if e.bound && h.listening(e) {
		return ErrAddrInUse
	}
	if !h.budget.Take(connCost) {
		return ErrNoMemory
	}
	if !e.bound {
		if err := h.bindFree(e, anyAddress); err != nil {
			h.budget.Give(connCost)
			return err
		}
	}
	e.lis = h.newListener()
	e.lis.backlog = backlog
	e.lis.tcp.Init(h.env, uint64(e.id), e.tcpOptions())
	h.listeners.add(e, uint32(e.local.Port()))
	return nil
}

// listening reports whether another socket listens where e is bound.
func (h *Host) listening(e *socket) bool {
	port := uint32(e.local.Port())
	for s := h.listeners.bucket(port); s != nil; s = s.hashNext {
		if s.hash == port && overlap(s.local.Addr(), e.local.Addr()) && !(s.has(sharesPort) && e.has(sharesPort)) {
			return true
		}
	}
	return false
}

// listenerFor returns the socket that listens for connections to local: one
// bound to the address before one bound to all, and of those that share both
// (SO_REUSEPORT) the one whose turn the flow is.
func (h *Host) listenerFor(local netip.AddrPort, flow uint32) *socket {
	var best *socket
	port := uint32(local.Port())
	for s := h.listeners.bucket(port); s != nil; s = s.hashNext {
		own := s.local.Addr() == local.Addr()
		switch {
		case s.hash != port || !own && !s.local.Addr().IsUnspecified():
		case best == nil || s.local.Addr() != best.local.Addr():
			if best == nil || own {
				best = s
			}
		case s.share(flow) > best.share(flow):
			best = s
		}
	}
	return best
}

func (h *Host) newListener() *listener {
	n := len(h.freeLis)
	if n == 0 {
		return &listener{tcp: new(tcp.Listener), accept: socketList{kind: linkAge},
			arrive: (*Host).arriveListener, close: (*Host).closeListener}
	}
	l := h.freeLis[n-1]
	h.freeLis = h.freeLis[:n-1]
	return l
}

// Accept takes a connection from the accept queue. ErrWouldBlock, ErrInvalid (not listening).
func (h *Host) Accept(now clock.Instant, s Handle) (Handle, error) {
	e, err := h.stream(now, s)
	if err != nil {
		return 0, err
	}
	if e.lis == nil {
		return 0, ErrInvalid
	}
	child := e.lis.pop()
	if child == nil {
		return 0, ErrWouldBlock
	}
	child.owned, child.parent = true, 0
	child.conn.Claim()
	if !child.ended {
		h.touch(child)
	}
	h.raise(child) // what came before there was somebody to tell
	return child.id, nil
}

// pop takes the first out of the accept queue, or returns nil.
func (l *listener) pop() *socket {
	s := l.accept.pop()
	if s != nil {
		l.waiting--
	}
	return s
}

// closeListener ends listening; connections that nobody accepted are reset (as
// on Linux).
func (h *Host) closeListener(now clock.Instant, e *socket) {
	l := e.lis
	e.lis = nil
	if e.hashed {
		h.listeners.remove(e)
	}
	h.unready(e)
	l.tcp.Close()
	h.tally(Stream, 0, -l.counted)
	for s := l.pop(); s != nil; s = l.pop() {
		h.give(now, s, true)
	}
	*l = listener{tcp: l.tcp, accept: socketList{kind: linkAge}, arrive: l.arrive, close: l.close}
	h.freeLis = append(h.freeLis, l)
	h.budget.Give(connCost)
}

// arriveListener gives the segment in h.arrival, which no connection claimed,
// to a listener. What needs an answer at once gets it as a packet of the host's
// own: a flood of SYNs is bounded by their queue.
func (h *Host) arriveListener(now clock.Instant, s *socket, flow tcp.Flow) {
	if h.arrival.Seg.Flags&(wire.SYN|wire.ACK|wire.RST) == wire.SYN && h.scarce() {
		h.env.Stats.ListenDrops++
		h.drop(trace.DropMemory)
		return
	}
	l := s.lis.tcp
	verdict, hs := l.Arrive(now, flow, &h.arrival, s.lis.full() || h.heldFull(s))
	switch verdict {
	case tcp.Answered:
		h.touch(s)
	case tcp.Held:
		h.fwd.on.held(now, s)
	case tcp.Established:
		h.establish(now, s, hs)
	case tcp.Reset:
		h.refuse(now, flow.Local, flow.Remote)
	case tcp.Cookie:
		l.Cookie(now, flow, &h.arrival, &h.segment)
		h.queueSegment(s, &flow)
	}
	if s.role == takesAll {
		h.countHeld(s)
	}
}

// newPassive takes a socket and the memory for its connection, or returns nil
// where that is for those that there are.
func (h *Host) newPassive() *socket {
	if h.scarce() {
		return nil
	}
	s, err := h.newSocket(Stream)
	if err != nil {
		return nil
	}
	if !h.budget.Take(connCost) {
		h.freeSocket(s)
		return nil
	}
	return s
}
