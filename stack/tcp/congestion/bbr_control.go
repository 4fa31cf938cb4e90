package congestion

import "time"

// The control parameters that follow from the model (5.6).

// gains returns BBR.pacing_gain and BBR.cwnd_gain (5.6.1).
func (b *bbr) gains() (pacing, cwnd int) {
	switch b.state {
	case startup:
		return startupPacingGain, defaultCwndGain
	case drain:
		return drainPacingGain, defaultCwndGain
	case probeBWDown:
		return downPacingGain, defaultCwndGain
	case probeBWUp:
		return upPacingGain, upCwndGain
	case probingRTT:
		return cruisePacingGain, probeRTTCwndGain
	}
	return cruisePacingGain, defaultCwndGain
}

// initPacingRate is InitPacingRate (5.6.2).
func (b *bbr) initPacingRate() {
	rtt := b.srtt
	if rtt > 0 {
		b.is |= seenRTT
	} else {
		rtt = time.Millisecond
	}
	nominal := mulDiv(int64(InitialWindow(b.mss)), int64(time.Second), int64(rtt), fastest)
	b.rate = max(mulDiv(nominal, startupPacingGain, 100, fastest), int64(b.mss))
}

func (b *bbr) setPacingRate() {
	gain, _ := b.gains()
	b.setPacingRateWithGain(gain)
}

// setPacingRateWithGain is SetPacingRateWithGain (5.6.2).
func (b *bbr) setPacingRateWithGain(gain int) {
	if b.bw == 0 {
		return
	}
	rate := mulDiv(b.bw, int64(gain)*(100-pacingMarginPercent), 100*100, fastest)
	if b.has(fullBwReached) || rate > b.rate {
		b.rate = max(rate, int64(b.mss))
	}
}

// sendQuantum is C.send_quantum (5.6.3).
func (b *bbr) sendQuantum() int {
	return int(max(min(b.rate/1000, superSegment), int64(2*b.mss)))
}

func (b *bbr) minPipeCwnd() int { return minPipeSegments * b.mss }

// bdpMultiple is BDPMultiple (5.6.4.2).
func (b *bbr) bdpMultiple(bw int64, gain int) int {
	if b.minRTT == 0 {
		return InitialWindow(b.mss)
	}
	return int(mulDiv(over(bw, b.minRTT), int64(gain), 100, maxWindow))
}

// bdp is BBR.bdp.
func (b *bbr) bdp() int { return b.bdpMultiple(b.bw, 100) }

// quantizationBudget is QuantizationBudget (5.6.4.2).
func (b *bbr) quantizationBudget(inflightCap int) int {
	inflightCap = max(inflightCap, 3*b.sendQuantum(), b.minPipeCwnd())
	if b.state == probeBWUp {
		inflightCap += 2 * b.mss
	}
	return inflightCap
}

// inflightFor is Inflight (5.6.4.2).
func (b *bbr) inflightFor(bw int64, gain int) int {
	return b.quantizationBudget(b.bdpMultiple(bw, gain))
}

// maxInflight is UpdateMaxInflight (5.6.4.2).
func (b *bbr) maxInflight() int {
	_, gain := b.gains()
	bdp := b.bdpMultiple(b.bw, gain)
	return b.quantizationBudget(bdp + min(b.extraAcked(), maxWindow-bdp))
}

// setCwnd is SetCwnd (5.6.4.6).
func (b *bbr) setCwnd() {
	most, n := b.maxInflight(), min(b.rs.newlyAcked, maxWindow-b.cwnd)
	switch {
	case b.has(fullBwReached):
		b.cwnd = min(b.cwnd+n, most)
	case b.cwnd < most || b.delivered < int64(InitialWindow(b.mss)):
		b.cwnd += n
	}
	if n > 0 || b.cwnd > b.mss { // one segment goes after a timeout, until something arrives
		b.cwnd = max(b.cwnd, b.minPipeCwnd())
	}
	b.boundCwnd()
}

// boundCwnd is BoundCwndForProbeRTT and BoundCwndForModel (5.6.4.5, 5.6.4.7).
func (b *bbr) boundCwnd() {
	if b.state == probingRTT {
		b.cwnd = min(b.cwnd, b.rtt.cwnd)
	}
	bound := infinite
	switch b.state {
	case probeBWDown, probeBWRefill, probeBWUp:
		bound = b.inflightLongterm
	case probingRTT, probeBWCruise:
		bound = b.inflightWithHeadroom()
	}
	bound = max(min(bound, b.inflightShortterm), b.minPipeCwnd())
	b.cwnd = max(min(b.cwnd, bound, maxWindow), b.mss)
}

// saveCwnd is SaveCwnd (5.6.4.4).
func (b *bbr) saveCwnd() {
	if !b.has(inRecovery) && b.state != probingRTT {
		b.priorCwnd = b.cwnd
	} else {
		b.priorCwnd = max(b.priorCwnd, b.cwnd)
	}
}

// restoreCwnd is RestoreCwnd (5.6.4.4) within the bounds of the model.
func (b *bbr) restoreCwnd() {
	b.cwnd = max(b.cwnd, b.priorCwnd)
	b.boundCwnd()
}
