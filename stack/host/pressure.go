package host

import (
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
)

// What happens as the Budget drains, in this order:
//
//	half        a send buffer grows only as its peer takes what is in it (at any
//	            time to half of what is left, and the window offered to a quarter
//	            of it: package tcp)
//	an eighth   data out of order is not kept any more, and what is kept goes
//	a sixteenth new connections are refused; orphans that make no progress, and
//	            connections whose peer's window has been closed for more than a
//	            minute, are reset, the oldest first, until an eighth is free
//
// So the last of the memory is for connections that progress. Everything else
// of the host has bounds of its own. The work is done in small steps by a timer
// that only runs meanwhile.
const (
	scarceLeft = 16 // one of the Budget's parts is left

	stalledFor = 60 * time.Second // with a closed window, before it may be reset

	reliefEvery = time.Second           // how often relieve looks
	reliefSoon  = 10 * time.Millisecond // ... when it had more to do
	reliefSteps = 64                    // connections that one look may end or pass over
)

// scarce reports whether no new connection may be made.
func (h *Host) scarce() bool { return h.budget.Free() < h.budget.Limit()/scarceLeft }

// notePressure starts relieve when the Budget has drained.
func (h *Host) notePressure(now clock.Instant) {
	if h.relief.pos == 0 && h.env.RunsLow() && !h.closed {
		h.counters.TCP.MemoryPressures++
		h.due.set(&h.relief, now)
	}
}

// relieve makes room, and comes again while there is too little.
func (h *Host) relieve(now clock.Instant) {
	if !h.env.RunsLow() {
		return
	}
	again := reliefEvery
	if !h.env.Reclaim(now) || h.scarce() && !h.resetOldest(now) {
		again = reliefSoon
	}
	h.due.set(&h.relief, now.Add(again))
}

// resetOldest resets connections until enough is free. It reports whether it is
// done: nothing is left that may be reset, or there is room.
func (h *Host) resetOldest(now clock.Instant) bool {
	for range reliefSteps {
		if !h.env.RunsLow() {
			return true
		}
		s := h.oldest(now)
		if s == nil {
			return true
		}
		if s.watched == inOrphans && s.conn.Progresses() {
			h.spare(now, s) // it progresses
			continue
		}
		h.counters.TCP.AbortOnMemory++
		h.sacrifice(now, s, trace.EndMemory)
	}
	return false
}

// oldest returns the connection that is to go first, or nil. An orphan that was
// passed over in this moment ends the search.
func (h *Host) oldest(now clock.Instant) *socket {
	o, s := h.orphans.head, h.stalled.head
	if o != nil && o.agedAt == now {
		o = nil
	}
	if s != nil && now.Sub(s.agedAt) <= stalledFor {
		s = nil
	}
	if o == nil || s != nil && s.agedAt < o.agedAt {
		return s
	}
	return o
}

// How often restIdle looks at the connections that are not at rest, and how soon
// again where there are more than one look is for.
const (
	restEvery = 2 * time.Second
	restSoon  = 10 * time.Millisecond
)

// noteAwake starts restIdle when there is a connection that is not at rest.
func (h *Host) noteAwake(now clock.Instant) {
	if h.rest.pos == 0 && h.env.Awake() && !h.closed {
		h.due.set(&h.rest, now.Add(restEvery))
	}
}

// restIdle puts what is silent to rest, and comes again while there is more.
func (h *Host) restIdle(now clock.Instant) {
	switch left, all := h.env.RestIdle(now); {
	case !left:
	case all:
		h.due.set(&h.rest, now.Add(restEvery))
	default:
		h.due.set(&h.rest, now.Add(restSoon))
	}
}
