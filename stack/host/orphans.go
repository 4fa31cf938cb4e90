package host

import (
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
)

// Who may be given up so that others live: orphans, which nobody will miss, and
// connections whose peers' windows are closed, which hold what their owners
// wrote. Both are kept in lists by age, so that finding the oldest costs nothing.

// The bounds of orphans: as Linux's net.ipv4.tcp_max_orphans, and a share of the
// Budget. Beyond them the oldest that does not progress is reset.
const (
	maxOrphans  = 16384
	orphanShare = 4 // a quarter, were they all without data
)

// watched says which list by age a socket is in.
type watched uint8

const (
	unwatched watched = iota
	inOrphans
	inStalled
)

// watch puts a connection into the list by age that it belongs to now.
func (h *Host) watch(now clock.Instant, s *socket) {
	w := s.category()
	if w == s.watched {
		return
	}
	h.unwatch(s)
	s.watched = w
	switch w {
	case inStalled:
		s.agedBytes = uint32(s.conn.Delivered())
		h.age(now, &h.stalled, s)
	case inOrphans:
		h.age(now, &h.orphans, s)
		if h.orphans.n > h.orphanLimit() {
			h.counters.TCP.AbortOnOrphans++
			h.sacrifice(now, h.idlestOrphan(now), trace.EndOrphans)
		}
	}
}

// age puts s at the end of a list by age: it comes there now.
func (h *Host) age(now clock.Instant, l *socketList, s *socket) {
	s.agedAt = now
	l.push(s)
}

// secondChances is how many orphans that progress one new orphan may put behind
// the others.
const secondChances = 16

// idlestOrphan returns the oldest orphan that makes no progress. Those that do
// and are older get a second chance, behind the others; but only so many.
func (h *Host) idlestOrphan(now clock.Instant) *socket {
	for range secondChances {
		if !h.orphans.head.conn.Progresses() {
			break
		}
		h.spare(now, h.orphans.head)
	}
	return h.orphans.head
}

// spare puts an orphan behind the others.
func (h *Host) spare(now clock.Instant, s *socket) {
	h.orphans.remove(s)
	h.age(now, &h.orphans, s)
}

// category says which list by age s belongs to.
func (s *socket) category() watched {
	switch {
	case s.ended || s.state == tcp.StateClosed || s.state == tcp.StateTimeWait:
		return unwatched
	case s.parent != 0: // on its way to the accept queue, or there; it has nothing to send
		return unwatched
	case !s.owned:
		return inOrphans
	case s.conn.WindowShut():
		return inStalled
	case s.watched == inStalled && s.conn.Unacked() > 0 && uint32(s.conn.Delivered())-s.agedBytes < uint32(s.conn.MSS()):
		return inStalled // a byte now and then is no progress
	}
	return unwatched
}

// unwatch takes s out of the list by age that it is in.
func (h *Host) unwatch(s *socket) {
	switch s.watched {
	case inOrphans:
		h.orphans.remove(s)
	case inStalled:
		h.stalled.remove(s)
	}
	s.watched = unwatched
}

// orphanLimit is how many orphans there may be.
func (h *Host) orphanLimit() int {
	return min(maxOrphans, max(h.cfg.Memory/orphanShare/(socketCost+connCost), 1))
}

// sacrifice resets a connection for the sake of others. Its RST waits in Transmit.
func (h *Host) sacrifice(now clock.Instant, s *socket, why trace.Reason) {
	s.conn.GiveUp(now, why)
	h.collect(now, s)
	h.touch(s)
}
