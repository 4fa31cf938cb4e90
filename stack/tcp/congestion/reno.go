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

// resume takes the ACK that ended fast recovery. It leaves the window at
// ssthresh itself (RFC 5681 3.2 (6), a MUST), but the bytes that it acknowledges
// count towards the next MSS like those of any ACK of new data (3.1; RFC 3465 2.1
// forgets nothing at a reduction). They are up to all that was in flight before,
// twice the window: less than a window of them counts, so that the MSS which the
// next ACK opens is the only one of that round trip.
func (r *reno) resume(s *Sample) {
	if s.CwndLimited {
		r.acked = min(int64(max(s.Advanced, s.Acked)), r.full()-1)
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
	was := r.save()
	r.onCongestion(why, r.grown(inFlight), r.beta(why, betaReno, betaRenoECN))
	r.undo, r.acked = was, 0
}

// grown is a flight that filled the window, with what the window has grown by
// since it was last a whole MSS larger. Equation (3) of RFC 5681 3.1 adds that
// ACK by ACK, so a reduction halves it with the rest; counting bytes must not lose it.
//
// Deviates from RFC 5681 s.3.1: equation (4) halves what is outstanding, which
// has no such part of a segment. It is what remains of the window that counts
// as a whole where it was full (tcp's flightSize says why).
func (r *reno) grown(inFlight int) int {
	if r.cwnd < r.ssthresh || inFlight < r.cwnd {
		return inFlight
	}
	return r.cwnd + int(min(r.acked*int64(r.mss)/r.full(), int64(r.mss)))
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
