package tcp

import (
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp/congestion"
)

// A connection that is silent needs no controller: what it will know when it
// sends again (RFC 5681 4.1) fits a few bytes, its congestion.Rest. With the first
// thing that it sends it takes a real one out of the pool, and gives it back when
// it has been silent for longer than its retransmission timeout.

const (
	// restAfter is the least silence after which a controller rests: it is taken
	// again at the price of a few pool operations.
	restAfter = time.Second

	// restSteps bounds the connections that one RestIdle looks at.
	restSteps = 256
)

// beginControl gives a new connection its controller, at rest.
func (c *Conn) beginControl() {
	c.rest = congestion.NewRest(c.env.Algorithm(&c.opts.Options))
	c.cc = &c.rest
	c.cc.SetMSS(c.sendMSS(0))
	c.notePaced()
}

// resting reports whether the controller is at rest.
func (c *Conn) resting() bool { return c.awake == 0 }

// An awake is what only a connection that sends has, its controller apart.
type awake struct {
	conn *Conn
	ep   episode // the latest reduction for loss
}

// wake sees to it that the controller is a real one.
func (c *Conn) wake() {
	if c.cc == nil || !c.resting() {
		return
	}
	cc := c.env.controller(c.env.Algorithm(&c.opts.Options))
	c.rest.Wake(cc)
	cc.OnInit(c.rtt.srtt, uint64(c.tsOff)<<32|uint64(c.snd.iss))
	c.cc = cc
	if !congestion.Rests(cc) {
		c.env.sleepless++
	}
	c.env.awake = append(c.env.awake, awake{conn: c})
	c.awake = int32(len(c.env.awake))
}

// episode returns the latest reduction for loss; of a connection at rest there is
// none.
// Not inlined: its callers are many.
//
//go:noinline
func (c *Conn) episode() *episode {
	if c.resting() {
		c.env.noEpisode = episode{}
		return &c.env.noEpisode
	}
	return &c.env.awake[c.awake-1].ep
}

// dropController gives a real controller back to the pool.
func (c *Conn) dropController() {
	if c.resting() {
		return
	}
	e := c.env
	if !congestion.Rests(c.cc) {
		e.sleepless--
	}
	e.putController(c.cc)
	i, last := c.awake-1, len(e.awake)-1
	e.awake[i] = e.awake[last]
	e.awake[i].conn.awake = i + 1
	e.awake[last] = awake{}
	e.awake = e.awake[:last]
	c.awake = 0
}

// restControl puts the controller to rest where the connection has been silent for
// long enough.
func (c *Conn) restControl(now clock.Instant) {
	if c.sb != nil || c.unsent() > 0 || now.Sub(c.snd.lastSend) <= max(c.rtt.rto, restAfter) || !c.rest.Settle(c.cc) {
		return
	}
	c.dropController()
	c.cc = &c.rest
}

// Awake reports whether there are connections whose controllers will rest, and do
// not yet.
func (e *Env) Awake() bool { return len(e.awake) > e.sleepless }

// RestIdle puts the controllers of connections that are silent to rest, those of
// a few at each call. It reports whether there are awake ones left, and whether
// it has looked at all of them.
func (e *Env) RestIdle(now clock.Instant) (left, all bool) {
	n := min(restSteps, len(e.awake))
	all = n == len(e.awake)
	for range n {
		if e.hand--; e.hand < 0 || e.hand >= len(e.awake) {
			e.hand = len(e.awake) - 1 // from the end: what takes the place of one that leaves was looked at
		}
		e.awake[e.hand].conn.restControl(now)
	}
	return e.Awake(), all
}
