package congestion

import "github.com/sockeye-net/sockeye/stack/clock"

// ProbeRTT and BBR.min_rtt (5.3.4).

// A probeRTT is the state of ProbeRTT (2.15.2).
type probeRTT struct {
	cwnd int           // BBR.probe_rtt_cwnd
	done clock.Instant // BBR.probe_rtt_done_stamp; Never: the queue is not yet drained
}

// updateMinRTT is UpdateMinRTT (5.3.4.3).
func (b *bbr) updateMinRTT() {
	expired := b.now > b.minRTTStamp.Add(minRTTFilterLen)
	b.set(minRTTExpired, expired)
	if expired && b.state != probingRTT {
		b.saveProbeRTTCwnd()
	}
	if b.rs.rtt > 0 && (b.minRTT == 0 || b.rs.rtt < b.minRTT || expired) {
		b.minRTT, b.minRTTStamp = b.rs.rtt, b.now
	}
	if b.rs.rtt > 0 && !b.has(seenRTT) {
		b.srtt = b.rs.rtt
		b.initPacingRate() // the first that is known
	}
}

// saveProbeRTTCwnd is SaveProbeRTTCwnd (5.6.4.5): by the round-trip time that is
// about to be replaced, perhaps with one from behind a queue.
func (b *bbr) saveProbeRTTCwnd() {
	b.rtt.cwnd = max(b.bdpMultiple(b.bw, probeRTTCwndGain), b.minPipeCwnd())
}

// checkProbeRTT is CheckProbeRTT (5.3.4.3).
func (b *bbr) checkProbeRTT() {
	if b.state != probingRTT && b.has(minRTTExpired) && !b.has(idleRestart) {
		b.saveCwnd()
		b.state = probingRTT
		b.rtt.done = clock.Never
		b.probe.acks = acksProbeStopping
		b.startRound()
		b.limitedFrom, b.limitedTo = b.delivered, b.delivered
	}
	if b.state == probingRTT {
		b.handleProbeRTT()
	}
	if b.rs.newlyAcked > 0 {
		b.is &^= idleRestart
	}
}

// handleProbeRTT is HandleProbeRTT (5.3.4.3).
func (b *bbr) handleProbeRTT() {
	b.limitedTo = b.delivered + int64(b.inflight) // low rates are of no account
	switch {
	case b.rtt.done == clock.Never && b.inflight <= b.rtt.cwnd:
		b.rtt.done = b.now.Add(probeRTTDuration)
		b.is &^= probeRTTRoundOK
		b.startRound()
	case b.rtt.done != clock.Never:
		if b.has(roundStart) {
			b.is |= probeRTTRoundOK
		}
		if b.has(probeRTTRoundOK) {
			b.checkProbeRTTDone()
		}
	}
}

// checkProbeRTTDone is CheckProbeRTTDone (5.3.4.3).
func (b *bbr) checkProbeRTTDone() {
	if b.rtt.done == clock.Never || b.now <= b.rtt.done {
		return
	}
	b.minRTTStamp = b.now // the next one is as far away
	b.is &^= minRTTExpired
	b.cwnd = max(b.cwnd, b.priorCwnd)
	b.exitProbeRTT()
}

// exitProbeRTT is ExitProbeRTT (5.3.4.4).
func (b *bbr) exitProbeRTT() {
	b.resetShortTermModel()
	if !b.has(fullBwReached) {
		b.enterStartup()
		return
	}
	b.startProbeBWDown()
	b.state = probeBWCruise
}
