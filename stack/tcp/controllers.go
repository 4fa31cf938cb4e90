package tcp

import (
	"slices"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp/congestion"
)

// maxPooled bounds the side structures that an Env keeps for later, so that a
// moment with many busy connections does not hold memory for ever.
const maxPooled = 256

const (
	controllerSize  = 256 // about what a controller takes, bytes
	controllerShare = 64  // one of so many parts of the Budget may be kept of each kind
	maxControllers  = 4096
	maxKinds        = 8 // of controllers that are kept
)

// modelSize is how much larger one is that models its path.
const modelSize = 192

// Algorithm returns what controls congestion for a connection with these options.
func (e *Env) Algorithm(o *Options) congestion.Algorithm {
	if o.Congestion != nil {
		return o.Congestion
	}
	return e.Config.Congestion
}

// controller returns a controller of that algorithm, new or from the pool.
func (e *Env) controller(a congestion.Algorithm) congestion.Controller {
	if kind := slices.Index(congestion.Names(), a.Name()); kind >= 0 && kind < maxKinds {
		if pool := e.controllers[kind]; len(pool) > 0 {
			last := len(pool) - 1
			cc := pool[last]
			pool[last] = nil
			e.controllers[kind] = pool[:last]
			return cc
		}
	}
	return a.New()
}

func (e *Env) putController(cc congestion.Controller) {
	kind := slices.Index(congestion.Names(), cc.Name())
	if kind < 0 || kind >= maxKinds || len(e.controllers[kind]) >= e.mostControllers() {
		return
	}
	cc.Reset()
	e.controllers[kind] = append(e.controllers[kind], cc)
}

// mostControllers is how many of each kind are kept.
func (e *Env) mostControllers() int {
	return min(max(maxPooled, e.Budget.Limit()/controllerShare/controllerSize), maxControllers)
}

// changeController goes on with the controller that the options name, from the
// initial window: what another one has learnt of the path means nothing to it.
func (c *Conn) changeController(now clock.Instant) {
	if c.env.Algorithm(&c.opts.Options).Name() == c.cc.Name() {
		return
	}
	c.dropController()
	c.beginControl()
	if c.sb == nil {
		return
	}
	c.wake()
	c.sb.models = c.cc.Models()
	if c.sb.rec.mode != open {
		c.cc.OnCongestion(now, congestion.Loss, c.snd.nxt.Sub(c.snd.una)) // it has to know of the loss
	}
}
