package tcp

import (
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
)

// The timers of a connection. Each is independent of the others.
const (
	timerReorder = iota // RACK's, and the loss probe's: before the retransmission timer, which the probe puts off
	timerRetransmit
	timerDelACK
	timerPersist
	timerKeepalive
	timerTimeWait // TIME-WAIT, and an orphan's FIN-WAIT-2
	timerUser
	timerCork
	timerMemory // looks for room in the Budget
	numTimers
)

// Deadline returns when Expire or Transmit has to be called next; re-read it after any call.
func (c *Conn) Deadline() clock.Instant {
	var first clock.Instant
	for _, t := range &c.timers {
		first = clock.Earliest(first, t)
	}
	if c.has&paceHeld != 0 {
		first = clock.Earliest(first, c.sb.pace.next)
	}
	return first
}

// Expire runs the timers that are due. Early and repeated calls are harmless.
func (c *Conn) Expire(now clock.Instant) {
	c.expirePace(now)
	for i := range c.timers {
		if c.timers[i].Due(now) {
			c.timers[i] = clock.Never
			c.checkAppLimited()
			c.expire(now, i)
		}
	}
}

func (c *Conn) expire(now clock.Instant, timer int) {
	switch timer {
	case timerReorder:
		c.reorderTimeout(now)
	case timerRetransmit:
		c.retransmitTimeout(now)
	case timerDelACK:
		c.delayedACKTimeout(now)
	case timerPersist:
		c.persistTimeout(now)
	case timerKeepalive:
		c.keepaliveTimeout(now)
	case timerTimeWait:
		c.lingerTimeout(now)
	case timerUser:
		c.traceTimer(now, trace.TimerUser)
		c.timedOut(now)
	case timerCork:
		c.has |= corkOver
		c.armPersist(now) // the window may hold back what the cork no longer does
	case timerMemory:
		c.memoryTimeout(now)
	}
}
