package tcp

import (
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// The override timeout of the sender's silly-window avoidance.
const (
	minOverride = 100 * time.Millisecond
	maxOverride = time.Second
)

// persisting reports whether the peer's window is closed with something to
// send behind it: then the persist timer runs and not the retransmission
// timer, so that nobody times out for data beyond the edge (RFC 9293 3.8.6, SHLD-17).
func (c *Conn) persisting() bool {
	return c.snd.wnd == 0 && c.state.sends() && (c.snd.una != c.snd.nxt || c.waiting() > 0)
}

// armPersist starts the timer where the window keeps us from sending and
// nothing outstanding will bring an ACK. It also overrides silly-window
// avoidance (RFC 9293 3.8.6.2.1).
func (c *Conn) armPersist(now clock.Instant) {
	held := c.snd.una == c.snd.nxt && c.waiting() > 0 && c.state.sends() && c.has&paceHeld == 0
	if !held && !c.persisting() {
		c.timers[timerPersist] = clock.Never
		return
	}
	if c.timers[timerPersist] == clock.Never {
		// The first probe comes after one RTO (SHLD-29), the next ones later and
		// later (SHLD-30). What is only too little for the window waits for 0.1 to
		// 1 s, however long the RTO is (RFC 9293 3.8.6.2.1).
		wait := c.timeout()
		if !c.persisting() {
			wait = min(max(wait, minOverride), maxOverride)
		}
		c.timers[timerPersist] = now.Add(wait)
	}
	c.armUser(now)
}

// persistTimeout sends a probe (RFC 9293 3.8.6.1), or what fits when the window
// is only too small.
func (c *Conn) persistTimeout(now clock.Instant) {
	c.traceTimer(now, trace.TimerPersist)
	if !c.persisting() {
		if c.snd.una == c.snd.nxt && c.waiting() > 0 {
			c.has |= overrideSWS
		}
		return
	}
	if c.giveUp(now) {
		return
	}
	c.has |= owesProbe
	c.backOff()
	c.timers[timerPersist] = now.Add(c.timeout())
	c.armUser(now)
}

// windowOpened ends probing. What the peer did not take goes again at once.
func (c *Conn) windowOpened(now clock.Instant) {
	c.timers[timerPersist] = clock.Never
	c.has &^= owesProbe
	if c.sb != nil && c.snd.una != c.snd.nxt {
		c.sb.markAll()
		c.sb.rec.refused = span{c.snd.una, c.snd.nxt}
	}
	c.armRetransmit(now, true)
}

// pureSeq is SEG.SEQ of a segment without text: SND.NXT.
//
// Deviates from RFC 9293 s.3.10: not beyond the peer's window, as Linux. Behind
// a closed one a probe is out, and the peer takes an ACK or RST only at its
// RCV.NXT (3.4, MUST-66), which is the edge; all others it would drop, and time
// out for want of the ACKs in them. What a scaled window loses by rounding
// (RFC 7323 2.4) has arrived.
func (c *Conn) pureSeq() wire.Seq {
	edge := c.snd.una.Add(int(c.snd.wnd))
	over := c.snd.nxt.Sub(edge)
	if over <= 0 || !c.state.synchronized() || c.snd.wnd > 0 && over < 1<<c.opt.sndShift {
		return c.snd.nxt
	}
	return edge
}
