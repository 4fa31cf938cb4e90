package host

import (
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp"
)

// Mask is a set of conditions of a socket, poll(2)'s in our words.
type Mask uint16

// The conditions.
const (
	Readable   Mask = 1 << iota // Recv or Accept has something to give: data, EOF, a connection
	Writable                    // Send takes something; Connect has ended
	Urgent                      // an urgent byte has come and was not read (POLLPRI); as an event also: it was announced
	HangupRead                  // the peer's FIN arrived (POLLRDHUP)
	Hangup                      // over both ways (POLLHUP)
	Failed                      // an error is pending, or queued (POLLERR): the next call gives it
	AlarmRead                   // event only: the alarm of that direction went off
	AlarmWrite
	Gone // event only: after Close, the peer has acknowledged all, or the connection was given up

	// ForReaders and ForWriters, as events, say whom the news is for: what came may be
	// received, or there is room to send. Both: it is for everybody, as most is.
	ForReaders
	ForWriters
)

// Ready tells that something new happened to a socket: the conditions that
// hold now. Edge-triggered: one Ready for each news.
type Ready struct {
	Socket Handle
	Mask   Mask
}

// raise notes that there is news about s.
func (h *Host) raise(s *socket) { h.raiseFor(s, ForReaders|ForWriters) }

// raiseFor notes news about s for some.
// Not inlined: its callers are many.
//
//go:noinline
func (h *Host) raiseFor(s *socket, whom Mask) {
	if s.news |= whom; s.noted || !s.owned {
		return
	}
	s.noted = true
	h.noted = append(h.noted, s.id)
}

// Events returns the news since the last call, each socket at most once; valid until the next call.
func (h *Host) Events() []Ready {
	h.events = h.events[:0]
	for _, id := range h.noted {
		s := h.lookup(id)
		if s == nil {
			continue
		}
		s.noted = false
		m := h.conditions(s) | s.news&^(ForReaders|ForWriters)
		if h.reads(s) {
			m |= Readable
		}
		if m != 0 {
			h.events = append(h.events, Ready{id, m | s.news})
		}
		s.news = 0
	}
	for _, id := range h.gone {
		h.events = append(h.events, Ready{id, Gone})
	}
	h.noted, h.gone = h.noted[:0], h.gone[:0]
	return h.events
}

// Poll returns the conditions that hold now. A stale handle gives 0, ErrBadHandle.
func (h *Host) Poll(s Handle) (Mask, error) {
	e := h.lookup(s)
	if e == nil {
		return 0, ErrBadHandle
	}
	if e.conn != nil && !e.ended {
		if e.conn.NoteStarved(); e.conn.Starved() {
			h.touch(e) // Transmit sees to it that memory is told of
		}
	}
	return h.conditions(e), nil
}

// conditions returns what holds now, as Linux's poll says it.
func (h *Host) conditions(s *socket) Mask {
	var m Mask
	if s.err != nil && s.lis == nil {
		m |= Failed
	}
	switch {
	case s.dg != nil && s.role == takesAll:
		if s.connected { // a session waits
			m |= Readable
		}
		return m
	case s.dg != nil:
		return m | s.datagramConditions()
	case s.lis != nil:
		if s.lis.accept.head != nil || s.lis.tcp.Undecided() {
			m |= Readable
		}
		return m
	case s.conn == nil:
		if s.shutRead {
			m |= Readable | HangupRead
		}
		return m | Writable | Hangup // as Linux says of a stream that was never connected
	}
	return m | h.streamConditions(s)
}

func (s *socket) datagramConditions() Mask {
	var m Mask
	if s.dg.errs.n > 0 {
		m |= Failed
	}
	if s.dg.in.n > 0 || s.shutRead {
		m |= Readable
	}
	if s.shutRead {
		m |= HangupRead
	}
	if s.shutRead && s.shutWrite {
		m |= Hangup
	}
	if s.dg.sendRoom() > 0 && !s.dg.blocked {
		m |= Writable
	}
	return m
}

func (h *Host) streamConditions(s *socket) Mask {
	var m Mask
	c := s.conn
	st := c.State()
	if st == tcp.StateSynSent || st == tcp.StateSynReceived {
		if s.shutRead { // before it began to connect
			m |= Readable | HangupRead
		}
		if s.shutRead && s.shutWrite {
			m |= Hangup
		}
		return m
	}
	closed := st == tcp.StateClosed
	if s.enough(h.lowat(s)) || s.shutRead || c.AtEOF() || closed {
		m |= Readable
	}
	if s.shutRead || closed || peerClosed(st) {
		m |= HangupRead
	}
	if closed || s.shutWrite && (s.shutRead || peerClosed(st)) {
		m |= Hangup
	}
	if closed || s.shutWrite || c.WritableSoon() {
		m |= Writable
	}
	if c.HasUrgent() {
		m |= Urgent
	}
	return m
}

// enough reports whether there is as much to read as the owner waits for: SO_RCVLOWAT,
// as far as the buffer can hold it, or all that will ever come.
func (s *socket) enough(lowat int) bool {
	n := s.conn.Readable()
	return n > 0 && (n >= lowat || peerClosed(s.conn.State()) || n >= s.conn.RecvLimit()/2)
}

// peerClosed reports whether the peer's FIN has arrived in state st.
func peerClosed(st tcp.State) bool {
	switch st {
	case tcp.StateCloseWait, tcp.StateLastAck, tcp.StateClosing, tcp.StateTimeWait:
		return true
	}
	return false
}

// SetAlarm makes the host tell AlarmRead or AlarmWrite (one of them) of the
// socket at a time; Never disarms it. ErrInvalid: neither of them.
func (h *Host) SetAlarm(s Handle, which Mask, at clock.Instant) error {
	e := h.lookup(s)
	switch {
	case e == nil:
		return ErrBadHandle
	case which == AlarmRead:
		e.alarms[0] = at
	case which == AlarmWrite:
		e.alarms[1] = at
	default:
		return ErrInvalid
	}
	h.due.set(&e.timer, at)
	return nil
}

// Deadline returns when Expire has to be called next; re-read it after any call.
func (h *Host) Deadline() clock.Instant { return h.due.next() }

// Paced reports whether Deadline may be that of a flow that waits for its rate:
// a timer that is late there costs some of it.
func (h *Host) Paced() bool { return h.due.next() <= h.env.PacedUntil }

// Expire runs what is due. Early and repeated calls are harmless.
func (h *Host) Expire(now clock.Instant) {
	h.now = max(h.now, now)
	for t := h.due.pop(now); t != nil; t = h.due.pop(now) {
		switch {
		case t.owner >= 0:
			h.expireSocket(now, h.sockets[t.owner])
		case t.owner == rankFragments:
			h.expireFragments(now)
		case t.owner == rankWaits:
			h.expireWaits(now)
		case t.owner == rankRelief:
			h.relieve(now)
		case t.owner == rankSessions, t.owner == rankEchoSessions:
			h.fwd.on.expire(now, t.owner)
		case t.owner == rankRest:
			h.restIdle(now)
		}
	}
}

// expireSocket runs the timers and alarms of s that are due.
func (h *Host) expireSocket(now clock.Instant, s *socket) {
	for i := range s.alarms {
		if s.alarms[i].Due(now) {
			s.alarms[i] = clock.Never
			s.news |= AlarmRead << i
			h.raise(s)
		}
	}
	switch {
	case s.conn != nil && !s.ended && s.conn.Deadline().Due(now):
		s.conn.Expire(now)
		h.collect(now, s)
		h.touch(s)
	case s.lis != nil && s.lis.tcp.Deadline().Due(now):
		s.lis.tcp.Expire(now)
		if s.role == takesAll {
			h.countHeld(s)
		}
		h.touch(s)
	}
	h.rearm(now, s)
}

// rearm sets the timer of s to its earliest deadline. What stays due although
// it was run has something to send: the ready queue sees to it.
func (h *Host) rearm(now clock.Instant, s *socket) {
	at := clock.Earliest(s.alarms[0], s.alarms[1])
	if s.conn != nil && !s.ended {
		at = clock.Earliest(at, s.later(now, s.conn.Deadline()))
	}
	if s.lis != nil {
		at = clock.Earliest(at, s.later(now, s.lis.tcp.Deadline()))
	}
	h.due.set(&s.timer, at)
}

// later keeps a deadline of a socket in the ready queue out of the past.
func (s *socket) later(now, at clock.Instant) clock.Instant {
	if at.Due(now) && s.queued {
		return clock.Never
	}
	return at
}
