package tcp

import (
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
)

// maxQuickACKs is how many ACKs go without delay at the start and after a gap:
// a peer in slow start grows by them.
const maxQuickACKs = 16

func (c *Conn) oweACK() { c.has |= owesACK }

// ackText decides about the ACK for in-order data that has just been taken
// (RFC 5681 4.2, RFC 9293 3.8.6.3).
func (c *Conn) ackText(now clock.Instant) {
	unacked := c.rcv.nxt.Sub(c.rcv.acked)
	switch {
	case c.opts.QuickACK, c.re != nil:
		c.oweACK() // after a gap each segment is acknowledged at once
	case c.rcv.quick > 0 && c.has&pingpong == 0:
		c.oweACK()
	case unacked >= 2*int(c.rcv.mss): // SHLD-19
		c.oweACK()
	default:
		c.has |= owesDelayed
		if c.timers[timerDelACK] == clock.Never {
			c.timers[timerDelACK] = now.Add(c.env.Config.DelayedACK)
		}
	}
}

func (c *Conn) delayedACKTimeout(now clock.Instant) {
	if c.has&owesDelayed == 0 {
		return
	}
	c.traceTimer(now, trace.TimerDelACK)
	// The owner did not answer in time: data does not answer data here.
	c.has &^= pingpong
	c.oweACK()
}

// ackSent settles what an outgoing segment with an ACK settles.
func (c *Conn) ackSent() {
	if c.rcv.quick > 0 && c.rcv.acked != c.rcv.nxt {
		c.rcv.quick--
	}
	c.rcv.acked = c.rcv.nxt
	c.has &^= owesACK | owesDelayed | owesWindow
	c.timers[timerDelACK] = clock.Never
}
