package congestion

import "time"

// restRate is in what unit a Rest keeps a bandwidth, bytes per second.
const restRate = 256

// settle keeps what a flow needs to go on where it was (5.4): its bandwidth and
// round-trip time, and what may be in flight.
func (b *bbr) settle(to *Rest) {
	to.mss, to.cwnd, to.ssthresh = uint16(b.mss), uint32(b.cwnd), uint32(b.inflightLongterm)
	to.plateau = uint32(min(b.maxBandwidth()/restRate, 1<<32-1))
	to.prior = uint32(b.minRTT / time.Microsecond)
	to.filled = b.has(fullBwReached)
}

// wake goes on at that bandwidth. The round-trip time gives way to the first that
// is measured: the silence has drained the queue (5.3.4.2).
func (b *bbr) wake(from *Rest) {
	b.cwnd, b.inflightLongterm = int(from.cwnd), int(from.ssthresh)
	b.maxBw = [2]int64{0, int64(from.plateau) * restRate}
	b.minRTT = time.Duration(from.prior) * time.Microsecond
	b.is |= woken
	b.boundBWForModel()
	if from.filled {
		b.is |= fullBwReached
		b.state = probeBWCruise
		b.setPacingRateWithGain(cruisePacingGain)
	}
}
