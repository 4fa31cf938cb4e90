package congestion

// Startup and Drain (5.3.1, 5.3.2).

func (b *bbr) enterStartup() { b.state = startup }

// resetFullBW is ResetFullBW (5.3.1.2).
func (b *bbr) resetFullBW() {
	b.fullBw, b.fullBwCount, b.fullBwTried = 0, 0, 0
	b.is &^= fullBwNow
}

// checkFullBWReached is CheckFullBWReached (5.3.1.2). An ACK without a rate
// says nothing of the pipe.
//
// Deviates from draft-ietf-ccwg-bbr s.5.3.1.2: growth counts on whichever ACK of a
// round it shows, as on Linux, not on the first alone: one ACK that was late
// would else be taken for a full pipe. And Startup counts no round that did not
// try for more: where the receiver's window, not cwnd, let nothing beyond the present
// product out, the rate could not grow whatever the path is. The draft has three
// rounds for a window that grows too late; one that waits behind a hole in each
// of them stands still for longer.
func (b *bbr) checkFullBWReached() {
	if b.has(fullBwNow) || b.rs.appLimited || b.rs.deliveryRate == 0 {
		return
	}
	if b.rs.deliveryRate >= mulDiv(b.fullBw, 125, 100, infiniteBw) {
		b.resetFullBW()
		b.fullBw = b.rs.deliveryRate
		return
	}
	tried := max(b.fullBwTried, b.rs.txInFlight)
	b.fullBwTried = tried
	if !b.has(roundStart) {
		return
	}
	b.fullBwTried = 0
	if b.state == startup && !b.rs.cwndLimited && tried < b.bdpMultiple(b.fullBw, 125) {
		return
	}
	b.fullBwCount++
	if b.fullBwCount >= 3 {
		b.is |= fullBwNow | fullBwReached
	}
}

// checkStartupDone is CheckStartupDone (5.3.1.1).
func (b *bbr) checkStartupDone() {
	b.checkStartupHighLoss()
	if b.state == startup && b.has(fullBwReached) {
		b.enterDrain()
	}
}

// checkStartupHighLoss is CheckStartupHighLoss (5.3.1.3): a whole round of fast
// recovery, too high a rate of loss, and not in one piece.
func (b *bbr) checkStartupHighLoss() {
	events := b.lossEvents
	if b.has(lossRoundStart) {
		b.lossEvents = 0
	}
	if b.state != startup || b.has(fullBwReached) || !b.rs.recovering {
		return
	}
	switch {
	case !b.rs.sack && b.rs.newlyLost > 0:
	case b.has(lossRoundStart) && events >= startupFullLossCnt && b.isInflightTooHigh():
	default:
		return
	}
	b.startupTooHigh()
}

// startupTooHigh ends Startup for want of room on the path (5.3.1.3).
func (b *bbr) startupTooHigh() {
	b.undo.state = startup
	b.is |= fullBwReached
	b.inflightLongterm = max(b.bdp(), b.inflightLatest)
	if b.state == startup {
		b.enterDrain()
	}
}

// enterDrain is EnterDrain (5.3.2).
func (b *bbr) enterDrain() {
	b.state = drain
	b.drainStartRound = b.roundCount
}

// checkDrainDone is CheckDrainDone (5.3.2).
func (b *bbr) checkDrainDone() {
	if b.state == drain && (b.inflight <= b.inflightFor(b.bw, 100) || b.roundCount > b.drainStartRound+3) {
		b.startProbeBWDown()
	}
}
