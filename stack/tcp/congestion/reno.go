package congestion

import (
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
)

// The parts of the flight that stay, in thousandths.
const (
	betaReno    = 500 // RFC 5681 equation 4
	betaRenoECN = 800 // RFC 8511 3
)

// reno is the algorithm of RFC 5681 with the byte counting of RFC 3465;
// RFC 6582's partial ACKs are a matter of recovery, which is TCP's.
type reno struct {
	window
	acked int64 // bytes acknowledged towards the next MSS of congestion avoidance
	undo  snapshot
}

func (r *reno) Reset() {
	*r = reno{}
	r.reset()
}

func (r *reno) Name() string { return "reno" }

func (r *reno) OnSend(clock.Instant, int, int) {}

func (r *reno) OnAck(_ clock.Instant, s *Sample) {
	if s.Recovering || s.Acked <= 0 {
		return
	}
	if s.Recovered {
		r.resume(s)
		return
	}
	if left := r.slowStart(s); left > 0 {
		r.avoid(min(left, r.cwnd))
	}
}

// resume counts what the ACK that ended fast recovery delivered towards the
// next MSS, as Linux does. It leaves the window at ssthresh itself (RFC 5681
// 3.2 (6), a MUST), so less than a window of it counts.
func (r *reno) resume(s *Sample) {
	if s.CwndLimited {
		r.acked = min(int64(s.Acked), r.full()-1)
	}
}

// avoid grows by one MSS per window acknowledged (RFC 5681 3.1, RFC 3465 2.1).
func (r *reno) avoid(acked int) {
	r.acked += int64(acked)
	full := r.full()
	if r.acked >= full {
		r.acked -= full
		r.setCwnd(int64(r.cwnd) + int64(r.mss))
	}
}

func (r *reno) OnCongestion(_ clock.Instant, why Signal, inFlight int) {
	r.undo, r.acked = r.save(), 0
	r.onCongestion(why, inFlight, r.beta(why, betaReno, betaRenoECN))
}

func (r *reno) OnRecovered(clock.Instant) { r.onRecovered() }

func (r *reno) OnTimeout(_ clock.Instant, inFlight int) {
	r.undo, r.acked = r.save(), 0
	r.onTimeout(inFlight, betaReno)
}

func (r *reno) OnSpurious() { r.restore(&r.undo) }

// OnRestart leaves nothing but the window, so that a controller may rest.
func (r *reno) OnRestart(time.Duration) {
	r.restart()
	r.undo, r.acked = snapshot{}, 0
}
