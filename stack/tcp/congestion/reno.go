package congestion

import (
	"math"
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
)

// superSegment is the most that one ACK of a peer that receives super-segments
// ordinarily covers, bytes.
const superSegment = 64 << 10

// reno is the algorithm of RFC 5681 with the byte counting of RFC 3465;
// RFC 6582's partial ACKs are a matter of recovery, which is TCP's.
type reno struct {
	mss      int
	cwnd     int
	ssthresh int
	acked    int // bytes acknowledged towards the next MSS of congestion avoidance
	prior    struct{ cwnd, ssthresh int }
	started  bool // SetMSS was called
}

func (r *reno) Reset() {
	*r = reno{mss: 536, ssthresh: math.MaxInt32}
	r.cwnd = InitialWindow(r.mss)
}

func (r *reno) Name() string      { return "reno" }
func (r *reno) Window() int       { return r.cwnd }
func (r *reno) Ssthresh() int     { return r.ssthresh }
func (r *reno) PacingRate() int64 { return 0 }

func (r *reno) OnSend(clock.Instant, int, int) {}

// SetMSS keeps the window in bytes when the size changes later on, except that
// it never falls below one segment.
func (r *reno) SetMSS(bytes int) {
	r.mss = bytes
	if !r.started {
		r.started = true
		r.cwnd = InitialWindow(bytes)
	}
	r.cwnd = max(r.cwnd, bytes)
}

// OnAck grows the window by bytes acknowledged, never by the count of ACKs
// (RFC 3465), and only while the connection uses it (RFC 7661 3).
func (r *reno) OnAck(_ clock.Instant, s *Sample) {
	if s.Recovering || !s.CwndLimited || s.Acked <= 0 {
		return
	}
	acked := s.Acked
	if r.cwnd < r.ssthresh {
		// Deviates from RFC 3465 s.2.3: the cap that bounds the burst which one ACK
		// sets free is more than two segments. Peers that take super-segments
		// acknowledge 64 KiB at a time and would starve.
		grow := min(acked, max(8*r.mss, superSegment))
		if r.cwnd+grow <= r.ssthresh {
			r.cwnd += grow
			return
		}
		acked -= r.ssthresh - r.cwnd
		r.cwnd = r.ssthresh
	}
	r.avoid(min(acked, r.cwnd))
}

// avoid grows by one MSS per window acknowledged (RFC 5681 3.1, RFC 3465 2.1).
func (r *reno) avoid(acked int) {
	r.acked += acked
	if r.acked >= r.cwnd {
		r.acked -= r.cwnd
		r.cwnd += r.mss
	}
}

// halve is equation 4 of RFC 5681 3.1.
func (r *reno) halve(inFlight int) {
	r.prior.cwnd, r.prior.ssthresh = r.cwnd, r.ssthresh
	r.ssthresh = max(inFlight/2, 2*r.mss)
	r.acked = 0
}

func (r *reno) OnCongestion(_ clock.Instant, _ Signal, inFlight int) {
	r.halve(inFlight)
	r.cwnd = min(r.cwnd, r.ssthresh)
}

func (r *reno) OnRecovered(clock.Instant) { r.cwnd = max(min(r.cwnd, r.ssthresh), r.mss) }

// OnTimeout begins again with the loss window (RFC 5681 3.1).
func (r *reno) OnTimeout(_ clock.Instant, inFlight int) {
	r.halve(inFlight)
	r.cwnd = r.mss
}

func (r *reno) OnSpurious() {
	if r.prior.cwnd == 0 {
		return
	}
	r.cwnd = max(r.cwnd, r.prior.cwnd)
	r.ssthresh = max(r.ssthresh, r.prior.ssthresh)
}

// OnRestart limits the first burst after idle to the restart window (RFC 5681 4.1).
func (r *reno) OnRestart(time.Duration) {
	r.cwnd = min(r.cwnd, InitialWindow(r.mss))
	r.acked = 0
}
