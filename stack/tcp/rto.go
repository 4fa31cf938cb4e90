package tcp

import (
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// The bounds of the retransmission timeout.
const (
	minRTTVar  = 200 * time.Millisecond
	maxRTO     = 120 * time.Second // RFC 6298 2.5: at least 60 s
	synLossRTO = 3 * time.Second   // RFC 6298 5.7
	clockG     = time.Millisecond  // G of RFC 6298
)

// R2 of RFC 9293 3.8.3 (SHLD-11: at least 100 s). An orphan has nobody who
// could give up for it.
const (
	r2       = 15 * time.Minute
	r2Orphan = 100 * time.Second
)

// rtt is the estimator of RFC 6298 2.
type rtt struct {
	srtt   time.Duration // 0: no sample yet
	rttvar time.Duration
	rto    time.Duration // without backoff
	min    time.Duration // smallest sample of the last minutes, 0: none
	minAt  clock.Tick    // when it was taken
	next   wire.Seq      // one sample per round trip: the next is beyond here
}

func (r *rtt) init() { *r = rtt{rto: initialRTO} }

// sample takes one measurement.
func (r *rtt) sample(m time.Duration) {
	m = max(m, time.Microsecond)
	if r.srtt == 0 {
		r.srtt, r.rttvar = m, m/2 // RFC 6298 2.2
	} else {
		d := r.srtt - m
		if d < 0 {
			d = -d
		}
		r.rttvar = (3*r.rttvar + d) / 4 // RFC 6298 2.3, before SRTT
		r.srtt = (7*r.srtt + m) / 8
	}
	// Deviates from RFC 6298 s.2.4: the floor is 200 ms of variance, not 1 s
	// in all, as Linux does; waiting a second on a LAN helps nobody.
	r.rto = min(r.srtt+max(minRTTVar, 4*r.rttvar, clockG), maxRTO)
}

// timeout is the RTO with backoff (RFC 6298 5.5); the cap keeps probing a peer
// that may return.
func (c *Conn) timeout() time.Duration {
	rto := c.rtt.rto
	for i := uint8(0); i < c.snd.backoff && rto < maxRTO; i++ {
		rto *= 2
	}
	return min(rto, maxRTO)
}

// armRetransmit starts or stops the timer for what is outstanding (RFC 6298
// 5.1 to 5.3).
func (c *Conn) armRetransmit(now clock.Instant, restart bool) {
	if c.snd.una == c.snd.nxt || c.persisting() {
		c.timers[timerRetransmit] = clock.Never
		return
	}
	if restart || c.timers[timerRetransmit] == clock.Never {
		c.timers[timerRetransmit] = now.Add(c.timeout())
	}
}

// retransmitTimeout is RFC 6298 5.4 to 5.7.
func (c *Conn) retransmitTimeout(now clock.Instant) {
	c.traceTimer(now, trace.TimerRetransmit)
	if c.state == StateSynSent || c.state == StateSynReceived {
		c.synTimeout(now)
		return
	}
	if c.persisting() {
		c.armPersist(now)
		return
	}
	if c.giveUp(now) {
		return
	}
	c.suspectPath(now)
	c.countTimeout(c.snd.backoff == 0)
	c.enterLoss(now)
	c.backOff()
	c.timers[timerRetransmit] = now.Add(c.timeout())
	c.armUser(now)
}

func (c *Conn) backOff() {
	if c.snd.backoff < 30 {
		c.snd.backoff++
	}
}

// giveUp ends the connection when the peer was silent for R2 (RFC 9293
// 3.8.3), and notes when the silence began.
func (c *Conn) giveUp(now clock.Instant) bool {
	if c.snd.stalled == 0 {
		c.snd.stalled = now.Tick()
		return false
	}
	limit := max(r2, c.opts.UserTimeout) // the owner's may be the longer one (MUST-21); a shorter one has its timer
	if c.has&orphan != 0 {
		limit = r2Orphan
	}
	// A RTO near R2 must not end it before three retransmissions (SHLD-10).
	if now.Since(c.snd.stalled) < limit || c.snd.backoff < 3 {
		return false
	}
	c.timedOut(now)
	return true
}

// timedOut ends the connection for want of an answer. A soft ICMP error is the
// better explanation where there was one (RFC 1122 4.2.3.9).
func (c *Conn) timedOut(now clock.Instant) {
	why := ErrTimeout
	if c.soft != 0 {
		why = c.soft
	}
	c.abort(now, why)
}

// progress notes that the peer acknowledged something new.
func (c *Conn) progress(now clock.Instant) {
	c.snd.backoff = 0
	c.snd.stalled = 0
	c.timers[timerUser] = clock.Never
	c.soft = 0
	c.armUser(now)
}

// moveUser follows a change of the user timeout from old: what runs counts from
// when it began.
func (c *Conn) moveUser(now clock.Instant, old time.Duration) {
	if t := &c.timers[timerUser]; *t != clock.Never && c.opts.UserTimeout != old {
		*t = max(t.Add(c.opts.UserTimeout-old), now)
	}
	c.armUser(now)
}

// armUser starts the user timeout while something is outstanding or cannot be
// sent (RFC 9293 3.9.1, RFC 5482).
func (c *Conn) armUser(now clock.Instant) {
	if c.opts.UserTimeout <= 0 || (c.snd.una == c.snd.nxt && c.waiting() == 0) {
		c.timers[timerUser] = clock.Never
		return
	}
	if c.timers[timerUser] == clock.Never {
		c.timers[timerUser] = now.Add(c.opts.UserTimeout)
	}
}
