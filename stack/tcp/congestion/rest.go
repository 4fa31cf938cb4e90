package congestion

import (
	"slices"
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
)

// A Rest is a controller at rest: the little that stays of one when its
// connection is silent for so long that OnRestart is due, or has not sent yet. It
// answers what a controller is asked; before it is told anything but SetMSS, a
// real one takes over (Wake). A connection without data is no more than this.
type Rest struct {
	cwnd, ssthresh uint32 // bytes
	plateau        uint32 // of cubic: W_max, bytes; 0: none. Of bbr: its bandwidth, in restRate
	prior          uint32 // of cubic: cwnd_prior, bytes; 0: never. Of bbr: its round-trip time, us
	mss            uint16
	kind           uint8 // in Names
	sized          bool  // SetMSS was called
	filled         bool  // of bbr: BBR.full_bw_reached
	began          bool  // it was a real one's; else it is as New gives it
}

// A rester is a controller that can rest: whatever else it knows does not
// survive OnRestart either, so that nobody can tell whether it did; or, where it
// models its path, is of no use after silence.
type rester interface {
	settle(*Rest)
	wake(*Rest)
}

// Rests reports whether c is a controller that can rest.
func Rests(c Controller) bool {
	_, ok := c.(rester)
	return ok
}

// NewRest returns the Rest of an algorithm's controller, as New gives it.
func NewRest(a Algorithm) Rest { return newRest(a.kind()) }

func newRest(kind int) Rest {
	return Rest{cwnd: uint32(InitialWindow(defaultMSS)), ssthresh: unlimited, mss: defaultMSS,
		kind: uint8(kind)}
}

// Settle makes r the rest of c and reports whether c can rest at all.
func (r *Rest) Settle(c Controller) bool {
	if _, at := c.(*Rest); at {
		return true
	}
	real, ok := c.(rester)
	if !ok {
		return false
	}
	*r = newRest(max(slices.Index(Names(), c.Name()), 0))
	r.sized, r.began = true, true
	real.settle(r)
	return true
}

// Wake lets c, as New gives it and of r's name, go on where r is.
func (r *Rest) Wake(c Controller) {
	if r.sized {
		c.SetMSS(int(r.mss))
	}
	if real, ok := c.(rester); ok && r.began {
		real.wake(r)
	}
}

func (r *Rest) Window() int       { return int(r.cwnd) }
func (r *Rest) Ssthresh() int     { return int(r.ssthresh) }
func (r *Rest) PacingRate() int64 { return 0 }
func (r *Rest) Name() string      { return Names()[r.kind] }
func (r *Rest) Models() bool      { return r.kind == kindBBR }

// SetMSS is window.SetMSS.
func (r *Rest) SetMSS(bytes int) {
	w := window{mss: int(r.mss), cwnd: int(r.cwnd), ssthresh: int(r.ssthresh), sized: r.sized}
	w.SetMSS(bytes)
	r.window(&w)
}

// window keeps what a window has.
func (r *Rest) window(w *window) {
	r.mss, r.sized, r.cwnd, r.ssthresh = uint16(w.mss), w.sized, uint32(w.cwnd), uint32(w.ssthresh)
}

// Reset makes r as NewRest gave it.
func (r *Rest) Reset() { *r = newRest(int(r.kind)) }

// At rest there is nothing to be told of.

func (r *Rest) OnInit(time.Duration, uint64)            {}
func (r *Rest) OnLost(*Lost)                            {}
func (r *Rest) OnSend(clock.Instant, int, int)          {}
func (r *Rest) OnAck(clock.Instant, *Sample)            {}
func (r *Rest) OnCongestion(clock.Instant, Signal, int) {}
func (r *Rest) OnRecovered(clock.Instant)               {}
func (r *Rest) OnTimeout(clock.Instant, int)            {}
func (r *Rest) OnSpurious()                             {}
func (r *Rest) OnRestart(time.Duration)                 {}

func (r *reno) settle(to *Rest) { to.window(&r.window) }
func (r *reno) wake(from *Rest) { r.adopt(from) }

func (c *cubic) settle(to *Rest) {
	to.window(&c.window)
	to.plateau, to.prior = uint32(c.wMax), uint32(c.prior)
}

func (c *cubic) wake(from *Rest) {
	c.adopt(from)
	c.wMax, c.prior = int64(from.plateau), int64(from.prior)
}

func (w *window) adopt(from *Rest) {
	w.cwnd, w.ssthresh = int(from.cwnd), int(from.ssthresh)
}
