package congestion

import (
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
)

// ProbeBW (5.3.3): down, cruise, refill, up.

// ackPhase is BBR.ack_phase (2.13): what the ACKs tell of bandwidth probing.
type ackPhase uint8

const (
	acksInit ackPhase = iota
	acksRefilling
	acksProbeStarting
	acksProbeFeedback
	acksProbeStopping
)

// A probeBW is the state of ProbeBW (2.13).
type probeBW struct {
	cycleStamp    clock.Instant
	wait          time.Duration // BBR.bw_probe_wait
	upAcked       int64         // BBR.bw_probe_up_acked
	ackedPerInc   int           // BBR.probe_up_acked_per_inc
	rounds        uint32        // BBR.rounds_since_probe_up
	upRounds      uint8         // BBR.bw_probe_up_rounds
	acks          ackPhase
	sampleIs      bool // BBR.is_bw_probe_sample
	tooHigh       bool // BBR.prev_probe_too_high
	precautionary bool // BBR.prev_probe_precautionary
}

// updateProbeBWCyclePhase is UpdateProbeBWCyclePhase (5.3.3.7).
func (b *bbr) updateProbeBWCyclePhase() {
	if !b.has(fullBwReached) || b.adaptLongTermModel() {
		return
	}
	switch b.state {
	case probeBWDown:
		if !b.isTimeToProbeBW() && b.isTimeToCruise() {
			b.state = probeBWCruise
		}
	case probeBWCruise:
		b.isTimeToProbeBW()
	case probeBWRefill:
		if b.has(roundStart) {
			b.probe.sampleIs = true
			b.startProbeBWUp()
		}
	case probeBWUp:
		if b.isTimeToGoDown() {
			b.probe.tooHigh = false
			b.startProbeBWDown()
		}
	}
}

func (b *bbr) startProbeBWDown() {
	b.resetCongestionSignals()
	b.probe.ackedPerInc = infinite
	b.pickProbeWait()
	b.probe.cycleStamp = b.now
	b.probe.acks = acksProbeStopping
	b.startRound()
	b.state = probeBWDown
}

func (b *bbr) startProbeBWRefill() {
	b.resetShortTermModel()
	b.probe.upRounds, b.probe.upAcked = 0, 0
	b.probe.precautionary = false
	b.probe.acks = acksRefilling
	b.startRound()
	b.state = probeBWRefill
}

func (b *bbr) startProbeBWUp() {
	b.probe.acks = acksProbeStarting
	b.startRound()
	b.resetFullBW()
	b.fullBw = b.rs.deliveryRate
	b.state = probeBWUp
	b.raiseInflightLongtermSlope()
}

// isTimeToProbeBW is IsTimeToProbeBW (5.3.3.6): it starts the probe.
func (b *bbr) isTimeToProbeBW() bool {
	p := &b.probe
	if b.now <= p.cycleStamp.Add(p.wait) && !b.isRenoCoexistenceProbeTime() {
		return false
	}
	b.startProbeBWRefill()
	return true
}

// pickProbeWait is PickProbeWait (5.3.3.6).
func (b *bbr) pickProbeWait() {
	r := b.random()
	b.probe.rounds = uint32(r & 1)
	b.probe.wait = 2*time.Second + time.Duration(r>>1%uint64(time.Second))
}

// isRenoCoexistenceProbeTime is IsRenoCoexistenceProbeTime (5.3.3.6): a Reno
// flow would have lost something by now.
func (b *bbr) isRenoCoexistenceProbeTime() bool {
	return b.probe.rounds >= uint32(min(b.targetInflight()/b.mss, 63))
}

// targetInflight is TargetInflight (5.3.3.6).
func (b *bbr) targetInflight() int { return min(b.bdp(), b.cwnd) }

// isTimeToCruise is IsTimeToCruise (5.3.3.7).
func (b *bbr) isTimeToCruise() bool {
	return b.inflight <= b.inflightWithHeadroom() && b.inflight <= b.inflightFor(b.maxBandwidth(), 100)
}

// isTimeToGoDown is IsTimeToGoDown (5.3.3.7).
func (b *bbr) isTimeToGoDown() bool {
	if b.probe.tooHigh && b.inflight >= b.inflightLongterm {
		b.probe.precautionary = true
		return true
	}
	if b.rs.cwndLimited && b.cwnd >= b.inflightLongterm {
		b.resetFullBW() // it is not the path that bounds the rate
		b.fullBw = b.rs.deliveryRate
		return false
	}
	return b.has(fullBwNow)
}

// inflightWithHeadroom is InflightWithHeadroom (5.3.3.7).
func (b *bbr) inflightWithHeadroom() int {
	if b.inflightLongterm == infinite {
		return infinite
	}
	headroom := max(b.mss, percent(b.inflightLongterm, bbrHeadroom))
	return max(b.inflightLongterm-headroom, b.minPipeCwnd())
}

// raiseInflightLongtermSlope is RaiseInflightLongtermSlope (5.3.3.7): 1, 2, 4, 8
// segments in a round.
func (b *bbr) raiseInflightLongtermSlope() {
	p := &b.probe
	p.ackedPerInc = max(b.cwnd>>p.upRounds, b.mss)
	p.upRounds = min(p.upRounds+1, 30)
}

// probeInflightLongtermUpward is ProbeInflightLongtermUpward (5.3.3.7).
func (b *bbr) probeInflightLongtermUpward() {
	if !b.rs.cwndLimited || b.cwnd < b.inflightLongterm {
		return
	}
	p := &b.probe
	p.upAcked += int64(b.rs.newlyAcked)
	if per := int64(p.ackedPerInc); p.upAcked >= per {
		delta := p.upAcked / per
		p.upAcked -= delta * per
		b.inflightLongterm = int(min(int64(b.inflightLongterm)+delta*int64(b.mss), maxWindow))
	}
	if b.has(roundStart) {
		b.raiseInflightLongtermSlope()
	}
}

// adaptLongTermModel is AdaptLongTermModel (5.3.3.7). It reports whether it
// changed the state.
func (b *bbr) adaptLongTermModel() bool {
	p := &b.probe
	if p.acks == acksProbeStarting && b.has(roundStart) {
		p.acks = acksProbeFeedback
	}
	if p.acks == acksProbeStopping && b.has(roundStart) {
		p.sampleIs = false
		p.acks = acksInit
		if b.inProbeBW() && !b.rs.appLimited {
			b.advanceMaxBwFilter()
		}
		if b.inProbeBW() && p.precautionary && !p.tooHigh {
			b.startProbeBWRefill() // what was only approached may be held
			return true
		}
	}
	if b.inflightLongterm == infinite || !b.rs.sampled || b.isInflightTooHigh() {
		return false
	}
	b.inflightLongterm = max(b.inflightLongterm, b.rs.txInFlight)
	if b.state == probeBWUp {
		b.probeInflightLongtermUpward()
	}
	return false
}
