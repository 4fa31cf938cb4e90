package congestion

import (
	"math"
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
)

// bbr is BBR version 3 after draft-ietf-ccwg-bbr-05, whose words and section
// numbers these files use: bbr.go is what TCP calls, bbr_startup.go,
// bbr_probebw.go and bbr_probertt.go are the state machine (5.3), bbr_model.go
// and bbr_loss.go the model of the path (5.5), bbr_control.go what follows from
// it (5.6), bbr_units.go its arithmetic.
//
// Volumes are bytes, rates bytes per second, gains hundredths.
type bbr struct {
	mss       int
	cwnd      int   // C.cwnd
	rate      int64 // C.pacing_rate
	now       clock.Instant
	rng       uint64
	delivered int64 // C.delivered
	inflight  int   // C.inflight
	srtt      time.Duration
	rs        rateSample
	probe     probeBW
	rtt       probeRTT
	agg       aggregation
	undo      undoState

	// Rounds (5.5.1).
	nextRoundDelivered int64
	roundCount         uint32
	drainStartRound    uint32

	// The model (2.9).
	maxBw             [2]int64      // BBR.max_bw_filter: of the cycle before, and of this one
	bw                int64         // BBR.bw
	bwShortterm       int64         // infiniteBw: none
	minRTT            time.Duration // 0: none yet
	minRTTStamp       clock.Instant
	inflightLongterm  int // infinite: none
	inflightShortterm int // infinite: none
	priorCwnd         int

	// Congestion signals (2.10).
	bwLatest           int64
	inflightLatest     int
	lossRoundDelivered int64
	lossEvents         int // holes that appeared in this round
	lostInRound        int64
	arrivedInRound     int64

	// The full pipe estimator (5.3.1.2).
	fullBw      int64
	fullBwCount uint8
	fullBwTried int // the most that was in flight in this round, by its ACKs so far

	state       bbrState
	is          bbrFacts
	limitedFrom int64 // what left from here to limitedTo counts as app-limited: ProbeRTT's
	limitedTo   int64
}

// bbrState is BBR.state.
type bbrState uint8

const (
	startup bbrState = iota
	drain
	probeBWDown
	probeBWCruise
	probeBWRefill
	probeBWUp
	probingRTT // ProbeRTT
	noState    // of undoState
)

// bbrFacts are single bits.
type bbrFacts uint16

const (
	sized           bbrFacts = 1 << iota // SetMSS was called
	seenRTT                              // the pacing rate follows a round-trip time
	roundStart                           // BBR.round_start
	lossRoundStart                       // BBR.loss_round_start
	lossInRound                          // BBR.is_loss_in_round
	fullBwNow                            // BBR.full_bw_now
	fullBwReached                        // BBR.full_bw_reached
	idleRestart                          // BBR.idle_restart
	restarting                           // OnRestart came, and OnSend has not yet
	woken                                // it was at rest
	inRecovery                           // InLossRecovery()
	markInRound                          // an ECN echo or a timeout came in this round
	lossNoted                            // the state before this loss is saved
	minRTTExpired                        // BBR.min_rtt_expired
	probeRTTRoundOK                      // BBR.probe_rtt_round_done
)

// The parameters (2.5 to 2.14).
const (
	startupPacingGain   = 277
	drainPacingGain     = 50
	downPacingGain      = 90
	cruisePacingGain    = 100
	upPacingGain        = 125
	defaultCwndGain     = 200
	upCwndGain          = 225
	probeRTTCwndGain    = 50
	pacingMarginPercent = 1
	lossThresh          = 2  // hundredths
	bbrBeta             = 70 // BBR.Beta
	bbrHeadroom         = 15 // BBR.Headroom
	startupFullLossCnt  = 6
	minPipeSegments     = 4 // BBR.MinPipeCwnd
	extraAckedFilterLen = 10
	minRTTFilterLen     = 10 * time.Second
	probeRTTDuration    = 200 * time.Millisecond
)

func (b *bbr) Reset() {
	*b = bbr{mss: 536}
	b.inflightLongterm, b.inflightShortterm, b.bwShortterm = infinite, infinite, infiniteBw
	b.probe.ackedPerInc = infinite
	b.undo.state = noState
	b.cwnd = InitialWindow(b.mss)
	b.initPacingRate()
}

func (b *bbr) Name() string      { return "bbr" }
func (b *bbr) Models() bool      { return true }
func (b *bbr) Window() int       { return b.cwnd }
func (b *bbr) Ssthresh() int     { return unlimited }
func (b *bbr) PacingRate() int64 { return b.rate }

// SetMSS keeps the window in bytes when the size changes later on.
func (b *bbr) SetMSS(bytes int) {
	b.mss = min(max(bytes, 1), math.MaxUint16)
	if !b.has(sized) {
		b.is |= sized
		b.cwnd = InitialWindow(b.mss)
		b.initPacingRate()
	}
	b.cwnd = max(b.cwnd, b.mss)
}

// OnInit is 5.2.1; Reset has done what needs no knowledge of the connection, and
// the first call that brings the time does the rest.
func (b *bbr) OnInit(srtt time.Duration, seed uint64) {
	b.rng = seed
	if b.has(woken) {
		return
	}
	b.srtt = min(max(srtt, 0), longest)
	b.minRTT = b.srtt
	b.initPacingRate()
}

// OnSend is 5.2.2: what HandleRestartFromIdle does with the time.
func (b *bbr) OnSend(now clock.Instant, bytes, inFlight int) {
	b.tick(now)
	b.inflight = volume(inFlight)
	if b.has(restarting) {
		b.is &^= restarting
		b.agg.since = b.now
		if b.state == probingRTT {
			b.checkProbeRTTDone()
		}
	}
}

// OnRestart is HandleRestartFromIdle (5.4.1): a flow that knows its path goes on
// at its rate, and an idle one needs no ProbeRTT to drain the queue.
func (b *bbr) OnRestart(time.Duration) {
	b.is |= idleRestart | restarting
	if b.inProbeBW() {
		b.setPacingRateWithGain(cruisePacingGain)
	}
}

// OnAck is 5.2.3.
func (b *bbr) OnAck(now clock.Instant, s *Sample) {
	b.tick(now)
	b.take(s)
	b.updateModelAndState()
	b.updateControlParameters()
	b.set(lossNoted, b.has(inRecovery))
}

func (b *bbr) updateModelAndState() {
	b.updateLatestDeliverySignals()
	b.updateCongestionSignals()
	b.updateACKAggregation()
	b.checkFullBWReached()
	b.checkStartupDone()
	b.checkDrainDone()
	b.updateProbeBWCyclePhase()
	b.updateMinRTT()
	b.checkProbeRTT()
	b.advanceLatestDeliverySignals()
	b.boundBWForModel()
}

func (b *bbr) updateControlParameters() {
	b.setPacingRate()
	b.setCwnd()
}

// OnCongestion is OnEnterFastRecovery (5.6.4.4) for a loss. The draft leaves the
// response to ECN open but for that there has to be one (3.6): a mark counts as
// a loss, and while the flow accelerates as too many of them.
func (b *bbr) OnCongestion(now clock.Instant, why Signal, inFlight int) {
	b.tick(now)
	if why != ECN {
		b.enterLossRecovery()
		b.noteLoss()
		return
	}
	b.noteLoss()
	b.is |= markInRound
	switch {
	case b.state == startup:
		b.startupTooHigh()
	case b.probe.sampleIs:
		b.rs.txInFlight, b.rs.appLimited = volume(inFlight), false
		b.handleInflightTooHigh()
	}
	b.boundBWForModel()
}

// OnRecovered ends loss recovery: what the window was before it comes back, as
// far as the model allows (5.6.4.4).
func (b *bbr) OnRecovered(now clock.Instant) {
	b.tick(now)
	if !b.has(inRecovery) {
		return
	}
	b.is &^= inRecovery | lossNoted
	b.restoreCwnd()
}

// OnTimeout is OnEnterRTO (5.6.4.4): one segment goes.
func (b *bbr) OnTimeout(now clock.Instant, _ int) {
	b.tick(now)
	b.enterLossRecovery()
	b.noteLoss()
	b.is |= markInRound
	b.cwnd = b.mss
}

// OnSpurious is HandleSpuriousLossDetection (5.5.11).
func (b *bbr) OnSpurious() { b.handleSpuriousLossDetection() }

// tick takes the time over; it does not run back.
func (b *bbr) tick(now clock.Instant) {
	if b.now == clock.Never {
		b.agg.since, b.minRTTStamp, b.probe.cycleStamp = now, now, now
		if b.has(woken) {
			b.minRTTStamp = 1 // long ago
			b.pickProbeWait()
		}
	}
	b.now = max(b.now, now)
}

func (b *bbr) has(f bbrFacts) bool { return b.is&f != 0 }

func (b *bbr) set(f bbrFacts, on bool) {
	b.is &^= f
	if on {
		b.is |= f
	}
}

// isProbingBW is IsProbingBW (5.3.3.7).
func (b *bbr) isProbingBW() bool {
	return b.state == startup || b.state == probeBWRefill || b.state == probeBWUp
}

func (b *bbr) inProbeBW() bool { return b.state >= probeBWDown && b.state <= probeBWUp }
