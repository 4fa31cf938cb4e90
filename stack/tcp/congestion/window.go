package congestion

import (
	"math"
	"time"
)

const (
	// superSegment is the most that one ACK of a peer that receives
	// super-segments ordinarily covers, bytes.
	superSegment = 64 << 10

	// maxWindow is the largest window that TCP can offer, rounded up: more in
	// flight is never of use (RFC 7323 2.3).
	maxWindow = 1 << 30

	// unlimited is the slow-start threshold before there was congestion
	// (RFC 5681 3.1: arbitrarily high).
	unlimited = math.MaxInt32

	// defaultMSS is what counts before SetMSS (RFC 9293 MUST-15).
	defaultMSS = 536
)

// A window is what the window-based controllers share: the two variables of
// RFC 5681 and how slow start moves them.
type window struct {
	mss      int
	cwnd     int
	ssthresh int
	start    hystart
	sized    bool // SetMSS was called
}

// A snapshot is what undoing a reduction brings back.
type snapshot struct {
	cwnd, ssthresh int // cwnd 0: nothing to undo
}

func (w *window) reset() {
	*w = window{mss: defaultMSS, ssthresh: unlimited}
	w.cwnd = InitialWindow(w.mss)
}

func (w *window) Window() int       { return w.cwnd }
func (w *window) Ssthresh() int     { return w.ssthresh }
func (w *window) PacingRate() int64 { return 0 }
func (w *window) Models() bool      { return false }

func (w *window) OnInit(time.Duration, uint64) {}
func (w *window) OnLost(*Lost)                 {}

// SetMSS keeps the window in bytes when the size changes later on, except that
// it never falls below one segment.
func (w *window) SetMSS(bytes int) {
	w.mss = min(max(bytes, 1), math.MaxUint16)
	if !w.sized {
		w.sized = true
		w.cwnd = InitialWindow(w.mss)
	}
	w.cwnd = max(w.cwnd, w.mss)
	w.ssthresh = max(w.ssthresh, 2*w.mss)
}

// slowStart grows the window by the bytes acknowledged, never by the count of
// ACKs (RFC 3465), below ssthresh, and only while the connection uses it (RFC
// 7661 3). It returns how many bytes are left for congestion avoidance.
func (w *window) slowStart(s *Sample) (left int) {
	// Only the first slow start looks for its own end (RFC 9406 4.3): a later
	// one has learnt its ssthresh.
	if w.ssthresh == unlimited && w.start.leave(s) {
		w.ssthresh = max(w.cwnd, 2*w.mss)
	}
	if !s.CwndLimited {
		return 0
	}
	if w.cwnd >= w.ssthresh {
		return s.Acked
	}
	// Deviates from RFC 9406 s.4.3: L is 8 segments, or one super-segment where
	// that is more. A cap bounds the burst that one ACK sets free without
	// pacing, but peers that take super-segments acknowledge 64 KiB at a time
	// and a smaller cap would starve them.
	n := min(s.Acked, max(8*w.mss, superSegment))
	if w.ssthresh == unlimited {
		n = w.start.share(n)
	}
	grown := min(n, w.ssthresh-w.cwnd)
	w.setCwnd(int64(w.cwnd) + int64(grown))
	return n - grown
}

// full is how much of the window is acknowledged in a round trip: its whole
// segments, for no others are sent. What is left of the half of an odd window
// would else slow small ones down.
func (w *window) full() int64 { return int64(max(w.cwnd-w.cwnd%w.mss, w.mss)) }

// setCwnd keeps the bounds.
func (w *window) setCwnd(bytes int64) {
	w.cwnd = int(min(max(bytes, int64(w.mss)), maxWindow))
}

// reduce sets ssthresh to so many thousandths of the flight (RFC 5681 equation
// 4, with RFC 8511's and RFC 9438's factors) and returns that share before its
// floor of two segments.
func (w *window) reduce(inFlight int, permille int64) (share int) {
	share = int(int64(min(max(inFlight, 0), maxWindow)) * permille / 1000)
	w.ssthresh = max(share, 2*w.mss)
	return share
}

// beta chooses the factor of a reduction. An ECN mark says that the queue is
// short, so a gentler one does (RFC 8511 3) -- in congestion avoidance only:
// slow start overshoots by half its window whoever says so.
func (w *window) beta(why Signal, loss, ecn int64) int64 {
	if why == ECN && w.cwnd >= w.ssthresh {
		return ecn
	}
	return loss
}

// onCongestion brings cwnd down; in fast recovery TCP's own window goes there
// step by step (RFC 9937). An ECN echo may bring it below the two segments that
// a loss leaves (RFC 9438 4.6).
func (w *window) onCongestion(why Signal, inFlight int, permille int64) {
	least := w.reduce(inFlight, permille)
	if why != ECN {
		least = w.ssthresh
	}
	w.setCwnd(int64(min(w.cwnd, least)))
}

// onTimeout begins again with the loss window (RFC 5681 3.1).
func (w *window) onTimeout(inFlight int, permille int64) {
	w.reduce(inFlight, permille)
	w.cwnd = w.mss
}

// onRecovered leaves at most ssthresh (RFC 9937 4, at the end).
func (w *window) onRecovered() { w.setCwnd(int64(min(w.cwnd, w.ssthresh))) }

// restart limits the first burst after idle to the restart window (RFC 5681
// 4.1), remembers in ssthresh what the path had carried (RFC 7661 4.3).
func (w *window) restart() {
	w.start = hystart{}
	if rw := InitialWindow(w.mss); w.cwnd > rw {
		w.ssthresh = max(w.ssthresh, w.cwnd-w.cwnd/4)
		w.cwnd = rw
	}
}

func (w *window) save() snapshot { return snapshot{w.cwnd, w.ssthresh} }

// restore undoes a reduction; what has grown since stays. It reports whether
// there was something to undo, and forgets it. HyStart++ goes on where it was:
// nothing moved it once ssthresh was set.
func (w *window) restore(was *snapshot) bool {
	if was.cwnd == 0 {
		return false
	}
	w.cwnd = max(w.cwnd, was.cwnd)
	w.ssthresh = max(w.ssthresh, was.ssthresh)
	*was = snapshot{}
	return true
}
