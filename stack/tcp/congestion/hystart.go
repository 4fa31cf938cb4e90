package congestion

import "time"

// The constants of RFC 9406 4.3.
const (
	minRTTThresh  = 4 * time.Millisecond
	maxRTTThresh  = 16 * time.Millisecond
	minRTTDivisor = 8
	nRTTSample    = 8
	growthDivisor = 4 // CSS_GROWTH_DIVISOR
	cssRounds     = 5
)

// A hystart is HyStart++ (RFC 9406): slow start that ends when round trips
// take longer, before the queue overflows. A longer round trip begins
// conservative slow start, which five rounds later has proved it right; a
// shorter one shows that it was jitter.
type hystart struct {
	last     time.Duration // lastRoundMinRTT, 0: none
	min      time.Duration // currentRoundMinRTT, 0: none
	baseline time.Duration // cssBaselineMinRtt, 0: not in conservative slow start
	samples  uint8         // rttSampleCount, counted up to nRTTSample
	rounds   uint8         // of conservative slow start, the partial first one included
	used     bool          // the window limited the flow in this round
	rest     uint8         // bytes that share has not yet given out
}

// leave takes one ACK (RFC 9406 4.2) and reports whether slow start is over.
func (h *hystart) leave(s *Sample) bool {
	h.used = h.used || s.CwndLimited
	if s.Round && h.nextRound() {
		return true
	}
	if s.RTT > 0 {
		if h.min == 0 || s.RTT < h.min {
			h.min = s.RTT
		}
		if h.samples < nRTTSample {
			h.samples++
		}
	}
	if h.samples < nRTTSample {
		return false
	}
	switch {
	case h.baseline == 0 && h.last != 0:
		thresh := max(minRTTThresh, min(h.last/minRTTDivisor, maxRTTThresh))
		if h.min >= h.last+thresh {
			h.baseline, h.rounds = h.min, 0
		}
	case h.baseline != 0 && h.min < h.baseline:
		h.baseline = 0
	}
	return false
}

// nextRound begins a round trip and reports whether it was the last one of
// conservative slow start. A round that did not use the window has proved
// nothing and is not counted.
func (h *hystart) nextRound() bool {
	used := h.used
	h.last, h.min, h.samples, h.used = h.min, 0, 0, false
	if h.baseline == 0 || !used {
		return false
	}
	h.rounds++
	return h.rounds >= cssRounds
}

// share returns by how much the window grows for n bytes acknowledged: all, or
// a quarter in conservative slow start.
func (h *hystart) share(n int) int {
	if h.baseline == 0 {
		return n
	}
	n += int(h.rest)
	h.rest = uint8(n % growthDivisor)
	return n / growthDivisor
}
