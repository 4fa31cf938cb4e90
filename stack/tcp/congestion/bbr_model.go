package congestion

import (
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
)

// The model of the path (5.5): rounds, BBR.max_bw, BBR.extra_acked; BBR.min_rtt
// is ProbeRTT's.

// A rateSample is RS (4.1.2.1.3), within bounds.
type rateSample struct {
	deliveryRate int64
	prior        int64         // RS.prior_delivered
	rtt          time.Duration // 0: none
	delivered    int           // RS.delivered
	newlyAcked   int
	txInFlight   int
	lost         int
	newlyLost    int
	sampled      bool // something of the above is known
	appLimited   bool
	cwndLimited  bool
	recovering   bool // in fast recovery
	sack         bool // C.has_selective_acks
}

// take makes RS of an ACK.
func (b *bbr) take(s *Sample) {
	b.delivered = max(b.delivered, s.Delivered)
	b.inflight = volume(s.Pipe)
	b.rs = rateSample{
		rtt: min(max(s.LeastRTT, 0), longest), newlyAcked: volume(s.Arrived), newlyLost: volume(s.Lost),
		sampled: s.Sampled, cwndLimited: s.CwndLimited, recovering: s.Recovering, sack: s.SACK,
	}
	if !s.Sampled {
		return
	}
	rs := &b.rs
	rs.deliveryRate = min(max(s.Rate, 0), fastest)
	rs.prior = min(max(s.Prior, 0), b.delivered)
	rs.delivered = int(min(b.delivered-rs.prior, maxWindow))
	rs.txInFlight, rs.lost = volume(s.TxInFlight), volume(s.TxLost)
	// What left in ProbeRTT is so by our own doing (MarkConnectionAppLimited).
	rs.appLimited = s.AppLimited || rs.prior >= b.limitedFrom && rs.prior < b.limitedTo
}

// updateRound is UpdateRound (5.5.1).
func (b *bbr) updateRound() {
	b.is &^= roundStart
	if b.rs.sampled && b.rs.prior >= b.nextRoundDelivered {
		b.startRound()
		b.roundCount++
		b.probe.rounds++
		b.is |= roundStart
	}
}

func (b *bbr) startRound() { b.nextRoundDelivered = b.delivered }

// updateMaxBw is UpdateMaxBw (5.5.5).
func (b *bbr) updateMaxBw() {
	b.updateRound()
	r := b.rs.deliveryRate
	if r > 0 && (r >= b.maxBandwidth() || !b.rs.appLimited) {
		b.maxBw[1] = max(b.maxBw[1], r)
	}
}

// maxBandwidth is BBR.max_bw.
func (b *bbr) maxBandwidth() int64 { return max(b.maxBw[0], b.maxBw[1]) }

// advanceMaxBwFilter is AdvanceMaxBwFilter (5.5.6). A cycle that has measured
// nothing displaces none that has.
func (b *bbr) advanceMaxBwFilter() {
	if b.maxBw[1] > 0 {
		b.maxBw = [2]int64{b.maxBw[1], 0}
	}
}

func (b *bbr) boundBWForModel() { b.bw = min(b.maxBandwidth(), b.bwShortterm) }

// An aggregation is the state of BBR.extra_acked (5.5.9).
type aggregation struct {
	since     clock.Instant // BBR.extra_acked_interval_start
	delivered int64         // BBR.extra_acked_delivered
	extra     [2]int        // BBR.extra_acked_filter: of the window before, and of this one
	rounds    uint8         // of this window
}

// updateACKAggregation is UpdateACKAggregation (5.5.9). The filter's window is
// two halves, of which the older goes when the younger is full.
func (b *bbr) updateACKAggregation() {
	if b.rs.newlyAcked == 0 {
		return
	}
	a := &b.agg
	if b.has(roundStart) {
		length := uint8(extraAckedFilterLen)
		if !b.has(fullBwReached) {
			length = 1
		}
		if a.rounds++; a.rounds >= length {
			a.rounds = 0
			a.extra = [2]int{a.extra[1], 0}
		}
	}
	expected := over(b.bw, max(b.now.Sub(a.since), 0))
	if a.delivered <= expected {
		a.delivered, a.since, expected = 0, b.now, 0
	}
	a.delivered = min(a.delivered+int64(b.rs.newlyAcked), maxWindow)
	a.extra[1] = max(a.extra[1], int(min(a.delivered-expected, int64(b.cwnd))))
}

func (b *bbr) extraAcked() int { return max(b.agg.extra[0], b.agg.extra[1]) }
