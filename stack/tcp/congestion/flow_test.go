package congestion

import (
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
)

// A flow drives a controller as a connection that always fills its window,
// one ACK for each segment.
type flow struct {
	Controller
	now       clock.Instant
	rtt       time.Duration
	mss       int
	delivered int64
	path      int64 // what the path delivers at most, bytes per second, where that matters: Models
}

func newFlow(name string, mss int, rtt time.Duration) *flow {
	c, _ := named(name)
	c.SetMSS(mss)
	f := &flow{Controller: c, now: clock.Instant(time.Second), rtt: rtt, mss: mss, path: 10e6}
	f.OnInit(rtt, 1)
	return f
}

// at reads the window in segments.
func (f *flow) segments() float64 { return float64(f.Window()) / float64(f.mss) }

// round lets one round trip pass.
func (f *flow) round(change ...func(*Sample)) {
	n := max(f.Window()/f.mss, 1)
	if f.Models() {
		n = min(n, int(f.path*int64(f.rtt)/int64(time.Second))/f.mss)
	}
	for i := range n {
		f.now = f.now.Add(f.rtt / time.Duration(n))
		prior := f.delivered
		f.delivered += int64(f.mss)
		s := Sample{RTT: f.rtt, MinRTT: f.rtt, Acked: f.mss, InFlight: f.Window(), Round: i == 0, CwndLimited: true,
			LeastRTT: f.rtt, Arrived: f.mss, Delivered: f.delivered, Pipe: n * f.mss, SACK: true,
			Sampled: true, Rate: min(int64(n*f.mss)*int64(time.Second)/int64(f.rtt), f.path),
			Prior: max(prior-int64((n-1)*f.mss), 0), TxInFlight: n * f.mss}
		for _, c := range change {
			c(&s)
		}
		f.OnSend(f.now, f.mss, 2*f.mss)
		f.OnAck(f.now, &s)
	}
}

// pass lets d pass, a full window in each round trip.
func (f *flow) pass(d time.Duration, change ...func(*Sample)) {
	for end := f.now.Add(d); f.now < end; {
		f.round(change...)
	}
}

// slowStartTo grows to so many segments.
func (f *flow) slowStartTo(segments int) {
	for f.Window() < segments*f.mss {
		f.OnAck(f.now, &Sample{RTT: f.rtt, Acked: min(f.mss, segments*f.mss-f.Window()), CwndLimited: true})
	}
}

// lose is one episode of loss, or of ECN, with the whole window in flight.
func (f *flow) lose(why Signal) {
	f.OnCongestion(f.now, why, f.Window())
	f.round(recovering)
	f.OnRecovered(f.now)
}

func recovering(s *Sample) { s.Recovering = true }

func unused(s *Sample) { s.CwndLimited = false }
