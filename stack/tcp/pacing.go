package tcp

import (
	"math"
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
)

// Pacing: a controller that models its path, or the owner (MaxPacingRate), says
// how fast data may leave. It leaves in bursts, after each of which the next one
// waits until the rate has caught up; the connection's Deadline says until when,
// and only while there is something that waits.
//
// A burst is at most max(2 MSS, min(64 KiB, 1 ms of the rate)). A timer that is
// late carries at most one more of them. Where nothing waited, because the window
// or the owner had no more to give, nothing is carried: a flow that was silent
// begins with one burst.
//
// Without pacing all that an ACK sets free leaves at once; undoing a reduction
// then is a burst of what it had taken.

// A pacer is the state of it: with the scoreboard, which therefore stays until
// the rate has caught up.
type pacer struct {
	next clock.Instant // when the next burst may begin
	left int           // bytes that this one may still have
	late bool          // it is the timer that is awaited, or was
}

const (
	maxBurst     = 64 << 10
	burstTime    = time.Millisecond
	maxPaceDelay = time.Second // whatever the rate
	hiccup       = 2 * time.Millisecond
)

// notePaced follows a change of the controller or of the owner's bound.
func (c *Conn) notePaced() {
	c.calls &^= paced
	if c.opts.MaxPacingRate > 0 || c.cc != nil && c.cc.Models() {
		c.calls |= paced
	}
}

// pacingRate is the rate in bytes per second at which data leaves, where paced;
// 0 while the controller is at rest.
func (c *Conn) pacingRate() int64 {
	rate, bound := c.cc.PacingRate(), c.opts.MaxPacingRate
	if rate == 0 || bound > 0 && bound < rate {
		return bound
	}
	return rate
}

// paceBurst is the most that leaves at once.
func paceBurst(rate int64, mss int) int {
	n := min(mulDiv(rate, int64(burstTime), int64(time.Second)), maxBurst)
	return max(int(n), 2*mss)
}

// mulDiv is a*b/c for a rate, a time and a second, bounded.
func mulDiv(a, b, c int64) int64 {
	if a > math.MaxInt64/b {
		return math.MaxInt64
	}
	return a * b / c
}

// paceTime is how long the rate takes for n bytes.
func paceTime(n int, rate int64) time.Duration {
	return min(time.Duration(int64(n)*int64(time.Second)/max(rate, 1)), maxPaceDelay)
}

// pace returns how many of n bytes may leave now, where paced; 0 where they have
// to wait.
func (c *Conn) pace(now clock.Instant, n, mss int) int {
	p := &c.scoreboard().pace
	rate := c.pacingRate()
	if p.next <= now {
		c.noteHiccup(now.Sub(p.next))
		p.left = c.wholeBurst(rate, mss)
	}
	if p.left < min(n, mss) {
		p.late = true
		c.has |= paceHeld
		c.env.PacedUntil = max(c.env.PacedUntil, p.next)
		return 0
	}
	if n > p.left {
		n = p.left - p.left%mss
	}
	return n
}

// noteHiccup follows a timer that was late by so much that what could not be
// carried leaves a gap on the path: the host's doing, and not the path's, so the
// rates around it count as those of an owner who had nothing to send (4.1.1.4).
func (c *Conn) noteHiccup(late time.Duration) {
	if s := c.sb; s.pace.late && late > max(burstTime+hiccup, c.rtt.srtt/8) {
		s.rates.limited = max(c.count.delivered+int64(s.inFlight()), 1)
	}
}

// wholeBurst is paceBurst, no more than a whole super-segment where the link takes any.
func (c *Conn) wholeBurst(rate int64, mss int) int {
	n := paceBurst(rate, mss)
	if most := c.superSegment(mss); c.env.MaxGSO > 0 && most > mss {
		n = min(n, most)
	}
	return n
}

// paceSent counts n bytes that leave, where paced.
func (c *Conn) paceSent(now clock.Instant, n int) {
	rate := c.pacingRate()
	p, from := &c.sb.pace, now
	if p.late {
		from = now.Add(-paceTime(c.wholeBurst(rate, c.sendMSS(0)), rate))
	}
	p.next = max(p.next, from).Add(paceTime(n, rate))
	p.left = max(p.left-n, 0)
}

// settlePace follows a Transmit that had nothing more to give. The scoreboard of a
// connection with nothing outstanding stays until the rate has caught up.
func (c *Conn) settlePace(now clock.Instant) {
	s := c.sb
	if s == nil || c.has&paceHeld != 0 || c.calls&paced == 0 && s.pace.next == clock.Never {
		return
	}
	s.pace.late = false
	if c.snd.una != c.snd.nxt {
		return
	}
	if s.pace.next > now {
		c.has |= paceHeld
		return
	}
	c.emptied(now)
}

// emptied gives the scoreboard back when nothing is outstanding, at once or by
// settlePace.
func (c *Conn) emptied(now clock.Instant) {
	if c.sb.pace.next > now {
		return
	}
	c.dropScoreboard()
	if c.waiting() > 0 {
		c.has |= backlog
	}
}

// expirePace lets what waited go.
func (c *Conn) expirePace(now clock.Instant) {
	if c.has&paceHeld != 0 && c.sb.pace.next <= now {
		c.has &^= paceHeld
	}
}
