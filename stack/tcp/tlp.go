package tcp

import (
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp/congestion"
	"github.com/sockeye-net/sockeye/stack/trace"
)

// The tail loss probe (RFC 8985 7): when the last segments of a flight are lost
// nothing comes that would tell RACK, so one segment goes to draw a SACK.

const (
	maxAckDelay = 200 * time.Millisecond // TLP.max_ack_delay

	// Deviates from RFC 8985 s.7.2: a probe waits 10 ms at least. Where two
	// round trips are shorter than the host takes to look at its packets, it
	// would repeat what was never lost.
	minPTO = 10 * time.Millisecond
)

// mayProbeTail reports whether a probe may be scheduled, and sent: none is out,
// there was a round-trip time since the last one, and neither recovery nor
// RACK's own timer is at work (RFC 8985 7.2, 7.3).
func (c *Conn) mayProbeTail() bool {
	return c.opt.sack && c.has&(measured|tailOut) == measured && c.state.sends() &&
		c.snd.wnd > 0 && c.snd.una != c.snd.nxt &&
		c.sb != nil && c.sb.rec.mode == open && !c.sb.anySack
}

// armTail schedules a probe after new data or an ACK of some (RFC 8985 7.2).
func (c *Conn) armTail(now clock.Instant) {
	if !c.mayProbeTail() {
		if c.has&tailTimer != 0 {
			c.has &^= tailTimer
			c.timers[timerReorder] = clock.Never
		}
		return
	}
	if c.has&tailTimer == 0 && c.timers[timerReorder] != clock.Never {
		return // RACK waits for something: it will tell
	}
	at := now.Add(c.tailAfter())
	c.timers[timerReorder] = clock.Earliest(at, c.timers[timerRetransmit])
	c.has |= tailTimer
}

// tailAfter is TLP_calc_PTO without its bound (RFC 8985 7.2).
func (c *Conn) tailAfter() time.Duration {
	if c.rtt.srtt == 0 {
		return time.Second
	}
	pto := max(2*c.rtt.srtt, minPTO)
	if c.snd.nxt.Sub(c.snd.una) <= c.sendMSS(0) {
		pto += maxAckDelay
	}
	return pto
}

// tailTimeout owes the probe, and gives it a whole RTO (RFC 8985 7.3).
func (c *Conn) tailTimeout(now clock.Instant) {
	c.has &^= tailTimer
	if !c.mayProbeTail() {
		return
	}
	c.traceTimer(now, trace.TimerTLP)
	c.has |= owesTail
	c.timers[timerRetransmit] = now.Add(c.timeout())
}

// transmitTail is TLP_send_probe (RFC 8985 7.3): a new segment if there is one
// that the peer's window takes, or the last one again.
func (c *Conn) transmitTail(now clock.Instant, out *Segment) bool {
	if !c.mayProbeTail() {
		return false
	}
	mss := c.sendMSS(0)
	edge := c.snd.una.Add(int(c.snd.wnd))
	n := min(c.unsent(), mss, edge.Sub(c.snd.nxt))
	switch {
	case n > 0 && c.sb.room(c.env, 1):
		fin := c.has&(finQueued|finSent) == finQueued && n == c.unsent() && c.snd.nxt.Add(n).Less(edge)
		c.probed(false)
		c.sendRange(now, out, n, fin, mss, false)
	case c.snd.nxt.LessEq(edge) && c.cutTail(mss):
		c.probed(true)
		c.sendAgain(now, out, c.sb.n-1, mss, false)
	default:
		return false
	}
	c.snd.tail = c.snd.nxt
	return true
}

// probed notes that a probe leaves.
func (c *Conn) probed(again bool) {
	c.has = c.has&^(measured|tailAgain) | tailOut
	if again {
		c.has |= tailAgain
	}
}

// cutTail makes the last wire segment, of at most mss bytes, a record of its
// own and reports whether it is one.
func (c *Conn) cutTail(mss int) bool {
	s := c.sb
	r := s.at(s.n - 1)
	text := int(r.len)
	if c.has&finSent != 0 {
		text--
	}
	seg := max(int(r.seg), 1)
	keep := text - min(text-(text-1)/seg*seg, mss)
	if text <= 0 || keep <= 0 {
		return true
	}
	if !s.room(c.env, 1) {
		return false
	}
	s.split(s.n-1, keep)
	return true
}

// tailACKed is TLP_process_ack (RFC 8985 7.4.2). A probe that repeated the last
// segment and drew no D-SACK repaired a loss that would otherwise go
// unanswered by congestion control.
func (c *Conn) tailACKed(now clock.Instant, s *arriving, n int) {
	if c.has&tailOut == 0 || s.ack.Less(c.snd.tail) {
		return
	}
	duplicate := n == 0 && len(s.in.Payload) == 0 && s.in.Seg.Options.NumSACK == 0
	switch told := s.dsack.r == c.snd.tail || s.dsack.r.Add(1) == c.snd.tail; {
	case c.has&tailAgain == 0: // new data has arrived: RACK judges the rest
	case s.dsack != (span{}) && told: // both copies arrived
	case c.snd.tail.Less(s.ack):
		if c.sb != nil && c.sb.rec.mode == open {
			c.beginEpisode(false, 0)
			c.cc.OnCongestion(now, congestion.Loss, c.snd.nxt.Sub(c.snd.una))
			c.cc.OnRecovered(now)
			c.traceCwnd(now, trace.CwndFastRecovery)
		}
	case duplicate: // both copies arrived, and the peer sends no D-SACK
	default:
		return
	}
	c.has &^= tailOut
}
