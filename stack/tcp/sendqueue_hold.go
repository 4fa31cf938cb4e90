package tcp

import (
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
)

// What holds back a segment that is not full: the owner, who says that more
// comes (Cork, MoreSoon), and Nagle's algorithm.

// corkTime is how long partial segments are held back for the owner's sake, as Linux.
const corkTime = 200 * time.Millisecond

// MoreSoon says that more data follows the next Write at once (MSG_MORE): a
// partial segment waits for it, until a Write without it, an ACK that lets it go
// by Nagle's rule, or 200 ms have passed.
func (c *Conn) MoreSoon(more bool) {
	if more {
		c.calls |= moreSoon
		return
	}
	c.noMore()
}

func (c *Conn) noMore() {
	if c.calls&moreSoon == 0 {
		return
	}
	c.calls &^= moreSoon
	if !c.opts.Cork {
		c.uncork()
	}
}

// Push lets all go that is queued now, whatever Nagle and Cork say: what Linux
// does each time TCP_NODELAY is set.
func (c *Conn) Push(now clock.Instant) {
	if c.state != StateClosed && c.unsent() > 0 {
		c.calls |= pushAll
		c.armPersist(now)
	}
}

// holdUntil starts the time for which partial segments are held back.
func (c *Conn) holdUntil(now clock.Instant) {
	if (c.opts.Cork || c.calls&moreSoon != 0) && c.timers[timerCork] == clock.Never {
		c.timers[timerCork] = now.Add(corkTime)
	}
}

// allSent follows when the last queued byte has left: what comes next is held
// back anew.
func (c *Conn) allSent() {
	c.calls &^= pushAll
	c.uncork()
}

func (c *Conn) uncork() {
	c.timers[timerCork] = clock.Never
	c.has &^= corkOver
}

// corked reports whether partial segments are held back.
func (c *Conn) corked() bool {
	return (c.opts.Cork || c.calls&moreSoon != 0) && c.has&(corkOver|finQueued) == 0
}

// mayBePartial reports whether a segment below full size may go now.
func (c *Conn) mayBePartial() bool {
	switch {
	case c.has&(finQueued|overrideSWS) != 0, c.calls&(urgentOut|pushAll) != 0:
		return true
	case c.corked():
		return false
	case c.opts.NoDelay:
		return true
	}
	// Deviates from RFC 9293 s.3.7.4: only an outstanding segment that was
	// itself small holds the next one back, as Linux (Minshall's variant); the
	// last piece of a large write does not wait for the ACK of the others.
	return c.snd.small.LessEq(c.snd.una)
}

// lowRoom bounds what Write takes to Options.NotSentLowat bytes that were never sent.
func (c *Conn) lowRoom(room int) int {
	if low := c.opts.NotSentLowat; low > 0 {
		return min(room, low-c.unsent())
	}
	return room
}

// WritableSoon reports whether it is worth to wake an owner who wants to write
// (poll's POLLOUT): there is room, memory was not refused to him, and less than
// half of NotSentLowat is unsent, as on Linux.
func (c *Conn) WritableSoon() bool {
	if c.has&starved != 0 || c.Writable() == 0 || c.opts.NotSentLowat != 0 && 2*c.unsent() >= c.opts.NotSentLowat {
		c.calls |= wantsRoom
		return false
	}
	return true
}

// roomCame tells an owner who found no room that there is some. To others each ACK
// would be news (Linux's SOCK_NOSPACE).
func (c *Conn) roomCame() {
	if c.calls&wantsRoom != 0 {
		c.calls &^= wantsRoom
		c.events |= EvWritable
	}
}

// lowSent tells the owner when enough of what he wrote has left.
func (c *Conn) lowSent(n int) {
	low := c.opts.NotSentLowat
	if low == 0 {
		return
	}
	if unsent := c.unsent(); 2*unsent < low && 2*(unsent+n) >= low {
		c.roomCame()
	}
}
