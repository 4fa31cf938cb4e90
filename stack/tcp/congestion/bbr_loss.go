package congestion

// What loss says of the path (5.5.10), and what it said for nothing (5.5.11).

// OnLost is HandleLostPacket (5.5.10.2).
func (b *bbr) OnLost(l *Lost) {
	b.delivered = max(b.delivered, l.Delivered)
	b.noteLoss()
	b.lostInRound += int64(volume(l.Bytes))
	if !l.Adjacent {
		b.lossEvents = min(b.lossEvents+1, 1000)
	}
	if !b.probe.sampleIs {
		return
	}
	rs := b.rs
	b.rs.txInFlight, b.rs.lost, b.rs.appLimited = volume(l.TxInFlight), volume(l.TxLost), l.AppLimited
	if b.isInflightTooHigh() {
		b.rs.txInFlight = b.inflightAtLoss(volume(l.Bytes))
		b.handleInflightTooHigh()
	}
	b.rs = rs
}

// noteLoss is NoteLoss (5.5.10.2).
func (b *bbr) noteLoss() {
	if !b.has(lossInRound) {
		b.lossRoundDelivered = b.delivered
	}
	b.is |= lossInRound
	b.saveStateUponLoss()
}

// isInflightTooHigh is IsInflightTooHigh (5.5.10.2).
func (b *bbr) isInflightTooHigh() bool {
	return b.rs.lost > percent(b.rs.txInFlight, lossThresh) || b.rs.lost > 0 && !b.rs.sack
}

// handleInflightTooHigh is HandleInflightTooHigh (5.5.10.2).
func (b *bbr) handleInflightTooHigh() {
	b.probe.tooHigh = true
	b.probe.sampleIs = false // once for each probe
	if !b.rs.appLimited {
		b.inflightLongterm = max(b.rs.txInFlight, percent(b.targetInflight(), bbrBeta), b.mss)
	}
	if b.state == probeBWUp {
		b.undo.state = probeBWUp
		b.startProbeBWDown()
	}
}

// inflightAtLoss is InflightAtLoss (5.5.10.2): where in the transmission of
// size bytes, RS.tx_in_flight and RS.lost with it, the losses became too many.
func (b *bbr) inflightAtLoss(size int) int {
	inflightPrev, lostPrev := max(b.rs.txInFlight-size, 0), max(b.rs.lost-size, 0)
	prefix := (int64(inflightPrev)*lossThresh - int64(lostPrev)*100) / (100 - lossThresh)
	return volume(inflightPrev + int(max(prefix, 0)))
}

// updateLatestDeliverySignals is UpdateLatestDeliverySignals (5.5.10.3).
func (b *bbr) updateLatestDeliverySignals() {
	b.is &^= lossRoundStart
	if !b.rs.sampled {
		return
	}
	b.bwLatest = max(b.bwLatest, b.rs.deliveryRate)
	b.inflightLatest = max(b.inflightLatest, b.rs.delivered)
	if b.rs.prior >= b.lossRoundDelivered {
		b.lossRoundDelivered = b.delivered
		b.is |= lossRoundStart
	}
}

func (b *bbr) advanceLatestDeliverySignals() {
	if b.has(lossRoundStart) {
		b.bwLatest, b.inflightLatest = b.rs.deliveryRate, b.rs.delivered
	}
}

func (b *bbr) resetCongestionSignals() {
	b.is &^= lossInRound
	b.bwLatest, b.inflightLatest = 0, 0
}

// updateCongestionSignals is UpdateCongestionSignals (5.5.10.3).
func (b *bbr) updateCongestionSignals() {
	b.updateMaxBw()
	b.arrivedInRound += int64(b.rs.newlyAcked)
	if !b.has(lossRoundStart) {
		return
	}
	b.adaptLowerBoundsFromCongestion()
	b.is &^= lossInRound | markInRound
}

// adaptLowerBoundsFromCongestion is AdaptLowerBoundsFromCongestion (5.5.10.3).
//
// Deviates from draft-ietf-ccwg-bbr s.5.5.10.3: a round that lost less than
// BBR.LossThresh of its data is within the objective of 3.2 and changes nothing.
// Else a path with 1 % of random loss, which the draft sets out to use in full
// (3.1), would cost 2 % of the rate in each of up to 63 rounds: half of it.
func (b *bbr) adaptLowerBoundsFromCongestion() {
	lost, arrived := b.lostInRound, b.arrivedInRound
	b.lostInRound, b.arrivedInRound = 0, 0
	if b.isProbingBW() || !b.has(lossInRound) || b.rs.sack && !b.has(markInRound) && lost*100 <= (lost+arrived)*lossThresh {
		return
	}
	if b.bwShortterm == infiniteBw {
		b.bwShortterm = b.maxBandwidth()
	}
	if b.inflightShortterm == infinite {
		b.inflightShortterm = b.cwnd
	}
	b.bwShortterm = max(b.bwLatest, mulDiv(b.bwShortterm, bbrBeta, 100, infiniteBw))
	b.inflightShortterm = max(b.inflightLatest, percent(b.inflightShortterm, bbrBeta))
}

func (b *bbr) resetShortTermModel() {
	b.bwShortterm, b.inflightShortterm = infiniteBw, infinite
}

// An undoState is what a recovery that was for nothing gives back (2.14).
type undoState struct {
	bwShortterm       int64
	inflightShortterm int
	inflightLongterm  int
	state             bbrState // noState: none
	saved             bool
}

// saveStateUponLoss is SaveStateUponLoss (5.5.11.1), once for each recovery: its
// first loss comes before OnCongestion, and may change the state at once.
func (b *bbr) saveStateUponLoss() {
	if b.has(lossNoted) {
		return
	}
	b.is |= lossNoted
	b.saveCwnd()
	b.undo = undoState{b.bwShortterm, b.inflightShortterm, b.inflightLongterm, noState, true}
}

// enterLossRecovery begins a recovery, or goes on with one.
func (b *bbr) enterLossRecovery() {
	if b.has(inRecovery) {
		b.saveCwnd()
		return
	}
	b.saveStateUponLoss()
	b.is |= inRecovery
}

// handleSpuriousLossDetection is HandleSpuriousLossDetection (5.5.11.2). Bounds
// that did not exist come back as such: they are above all others.
func (b *bbr) handleSpuriousLossDetection() {
	u := b.undo
	if !u.saved {
		return
	}
	b.undo = undoState{state: noState}
	b.is &^= inRecovery | lossNoted | lossInRound
	b.resetFullBW()
	b.bwShortterm = max(b.bwShortterm, u.bwShortterm)
	b.inflightShortterm = max(b.inflightShortterm, u.inflightShortterm)
	b.inflightLongterm = max(b.inflightLongterm, u.inflightLongterm)
	b.boundBWForModel()
	switch {
	case u.state == startup && b.state != startup:
		b.is &^= fullBwReached
		if b.state != probingRTT {
			b.enterStartup()
		}
	case u.state == probeBWUp && b.state != probeBWUp && b.state != probingRTT:
		b.startProbeBWRefill()
	}
	b.restoreCwnd()
}
