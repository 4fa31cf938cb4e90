package tcp

import (
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
)

// armKeepalive starts or stops the timer. It is set late on purpose: an
// arrival only notes its time, and the timer moves on when it fires.
func (c *Conn) armKeepalive(now clock.Instant) {
	if !c.opts.KeepAlive || !c.state.synchronized() || c.state == StateTimeWait {
		c.timers[timerKeepalive] = clock.Never
		c.snd.probes = 0
		return
	}
	idle := orDefault(c.opts.KeepIdle, defaultKeepIdle)
	if c.snd.probes > 0 {
		idle = orDefault(c.opts.KeepIntvl, defaultKeepIntvl)
		c.timers[timerKeepalive] = now.Add(idle)
		return
	}
	c.timers[timerKeepalive] = now.Add(max(idle-c.idle(now), time.Millisecond))
}

// idle is how long the peer has been silent.
func (c *Conn) idle(now clock.Instant) time.Duration {
	if c.rcv.lastRecv == clock.Never {
		return 0
	}
	return now.Sub(c.rcv.lastRecv)
}

// keepaliveTimeout probes an idle peer (RFC 9293 3.8.4). One unanswered probe
// proves nothing (MUST-29).
func (c *Conn) keepaliveTimeout(now clock.Instant) {
	c.traceTimer(now, trace.TimerKeepalive)
	// Only an idle connection is probed (MUST-26); others have their own timers.
	idle := orDefault(c.opts.KeepIdle, defaultKeepIdle)
	if c.snd.una != c.snd.nxt || c.waiting() > 0 {
		c.snd.probes = 0
		c.timers[timerKeepalive] = now.Add(idle)
		return
	}
	if c.snd.probes == 0 && c.idle(now) < idle {
		c.timers[timerKeepalive] = now.Add(idle - c.idle(now))
		return
	}
	if c.keptEnough(now) {
		c.timedOut(now)
		return
	}
	c.snd.probes++
	c.has |= owesKeepalive
	c.armKeepalive(now)
}

// keptEnough reports whether the peer has left enough probes unanswered: as many
// as KeepCount says or, where there is a user timeout, for that long (RFC 5482
// 3, as Linux).
func (c *Conn) keptEnough(now clock.Instant) bool {
	if t := c.opts.UserTimeout; t > 0 {
		return c.snd.probes > 0 && c.idle(now) >= t
	}
	return int(c.snd.probes) >= min(orDefault(c.opts.KeepCount, defaultKeepCount), 255)
}
