package tcp

import (
	"slices"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp/congestion"
)

// maxPooled bounds the side structures that an Env keeps for later, so that a
// moment with many busy connections does not hold memory for ever.
const maxPooled = 256

// controllerSize is about what a controller takes, bytes.
const controllerSize = 256

// modelSize is how much larger one is that models its path.
const modelSize = 192

// controller returns the controller of that name, or the configured one where
// there is none of that name, new or from the pool.
func (e *Env) controller(name string) congestion.Controller {
	if name != "" {
		if cc := e.named(name); cc != nil {
			return cc
		}
	}
	return e.named(e.Config.Congestion)
}

// CongestionName returns which controller a connection with these options will have.
func (e *Env) CongestionName(o Options) string {
	if slices.Contains(congestion.Names(), o.Congestion) {
		return o.Congestion
	}
	return e.Config.Congestion
}

// named returns a controller by its name, or nil.
func (e *Env) named(name string) congestion.Controller {
	for i := len(e.controllers) - 1; i >= 0; i-- {
		if cc := e.controllers[i]; cc.Name() == name {
			last := len(e.controllers) - 1
			e.controllers[i] = e.controllers[last]
			e.controllers[last] = nil
			e.controllers = e.controllers[:last]
			return cc
		}
	}
	if cc, ok := congestion.New(name); ok {
		return cc
	}
	return nil
}

func (e *Env) putController(cc congestion.Controller) {
	if len(e.controllers) < maxPooled {
		cc.Reset()
		e.controllers = append(e.controllers, cc)
	}
}

// changeController goes on with the controller that the options name, from the
// initial window: what another one has learnt of the path means nothing to it.
func (c *Conn) changeController(now clock.Instant) {
	if c.env.CongestionName(c.opts.Options) == c.cc.Name() {
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
