package tcp

import (
	"github.com/sockeye-net/sockeye/stack/buffer"
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
)

// What connections do as the Budget drains; the host decides who goes when it
// has drained. See window.go for the windows that are offered.

const (
	// fewLeft: when less than an eighth of the Budget is left, nothing is kept
	// out of order: its sender has it still, and in-order data needs the room.
	fewLeft = 8

	// leastToSend is what a connection may always have in its send ring as far as
	// the Budget goes, and firstToSend the most before it has delivered anything
	// where the Budget drains; bytes.
	leastToSend = 4 << 10
	firstToSend = 64 << 10
	firstPart   = 256 // ... and no more than one of so many parts of the Budget

	// reclaimSteps bounds the connections that one Reclaim looks at.
	reclaimSteps = 16
)

// RunsLow reports whether the last part of the Budget is reached.
func (e *Env) RunsLow() bool { return e.Budget.Free() < e.Budget.Limit()/fewLeft }

// sendShare is how many bytes more the owner may queue for the sake of others:
// nobody fills his send ring beyond half of what is left. When half of the Budget
// is gone the ring grows with what the peer takes, as cwnd does and never slower,
// so that those who take nothing (attack 41) have little.
func (c *Conn) sendShare() int {
	b := c.env.Budget
	share := b.Free() / 2
	if b.Free() < b.Limit()/2 {
		delivered := int(min(c.count.delivered, maxBuffer/4)) // twice that fits any int
		share = min(share, min(b.Limit()/firstPart, firstToSend)+2*delivered)
	}
	return max(max(share, leastToSend)-c.out.Len(), 0)
}

// mayQueue returns how many of n bytes the owner may queue now, and notes where
// memory is what he has to wait for.
func (c *Conn) mayQueue(n int) int {
	share := c.sendShare()
	if n > share {
		c.has |= starved
	}
	return min(n, share)
}

// roomAgain reports whether a starved owner may try again.
func (c *Conn) roomAgain() bool {
	return c.env.Budget.Free() >= buffer.MinChunk && c.sendShare() > 0
}

// WindowShut reports whether the peer's window is closed with something to send
// behind it.
func (c *Conn) WindowShut() bool { return c.persisting() }

// Delivered returns how many bytes are known to have reached the peer.
func (c *Conn) Delivered() int64 { return c.count.delivered }

// Progresses reports whether c has something to send, and the peer takes it.
func (c *Conn) Progresses() bool {
	return c.state.sends() && c.snd.stalled == 0 && !c.persisting()
}

// GiveUp is Abort for the sake of others: why says so in the trace.
func (c *Conn) GiveUp(now clock.Instant, why trace.Reason) {
	c.env.ending = why
	c.Abort(now)
	c.env.ending = trace.None
}

// Reclaim gives up out-of-order data, which its senders have still, until the
// last part of the Budget is free or it has looked at a few connections: those
// that began to hold some first. It reports whether it is done: there is room,
// or nothing left to give up.
func (e *Env) Reclaim(now clock.Instant) bool {
	for range reclaimSteps {
		r := e.firstHolder
		if r == nil || !e.RunsLow() {
			return true
		}
		r.owner.forgetOutOfOrder(now)
	}
	return e.firstHolder == nil || !e.RunsLow()
}

// forgetOutOfOrder gives up all out-of-order data (RFC 2018 8 allows it, SACKed
// or not), and D-SACKs that are owed.
func (c *Conn) forgetOutOfOrder(now clock.Instant) {
	if c.re.n > 0 {
		c.env.Stats.Dropped[trace.DropMemory]++
		if c.env.Trace != nil {
			c.env.Trace.Add(c.event(now, trace.Dropped, trace.DropMemory))
		}
	}
	c.dropReassembly()
	c.in.Trim(c.env.Budget)
}

// hold puts r, of c, at the end of the list of those in use; letGo takes it out.
func (e *Env) hold(r *reassembly, c *Conn) {
	r.owner, r.prev, r.next = c, e.lastHolder, nil
	if r.prev == nil {
		e.firstHolder = r
	} else {
		r.prev.next = r
	}
	e.lastHolder = r
}

func (e *Env) letGo(r *reassembly) {
	if r.prev == nil {
		e.firstHolder = r.next
	} else {
		r.prev.next = r.next
	}
	if r.next == nil {
		e.lastHolder = r.prev
	} else {
		r.next.prev = r.prev
	}
	r.owner, r.prev, r.next = nil, nil, nil
}
