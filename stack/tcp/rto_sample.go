package tcp

import (
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
)

// minWindow is how long the smallest round-trip time counts: a path may become
// longer (RFC 8985 6.2; Linux's tcp_min_rtt_wlen).
const minWindow = 5 * time.Minute

// noteMin keeps the smallest round-trip time. One that is too old gives way to
// the present one, whatever that is.
func (r *rtt) noteMin(now clock.Instant, m time.Duration) {
	if m > 0 && (r.min == 0 || m <= r.min || now.Since(r.minAt) > minWindow) {
		r.min, r.minAt = m, now.Tick()
	}
}

// takeSample follows a measurement of the round-trip time.
func (c *Conn) takeSample(m time.Duration) {
	if c.calls&adaptRTO != 0 {
		c.calls &^= adaptRTO
		c.rtt.adapt(c.rtt.srtt, c.rtt.rttvar, m)
		return
	}
	c.rtt.sample(m)
}

// adapt is what follows a spurious timeout (RFC 4015 3.2, step 5): the path was
// slower than the estimate allowed for, so that begins anew from the sample,
// and is not below what it was before the timeout, prevSRTT and prevVar.
func (r *rtt) adapt(prevSRTT, prevVar, m time.Duration) {
	r.srtt = max(prevSRTT+2*clockG, m)
	r.rttvar = max(prevVar, m/2)
	r.rto = min(r.srtt+max(minRTTVar, 4*r.rttvar), maxRTO)
}

// afterSpurious adapts the retransmission timeout to a timeout that was for
// nothing: by this ACK's sample, or by the next (RFC 4015 3.2, step 5).
func (c *Conn) afterSpurious(now clock.Instant, s *arriving) {
	m := c.env.sample.RTT
	if m == 0 {
		c.calls |= adaptRTO
		return
	}
	c.rtt.adapt(s.srtt, s.rttvar, m)
	c.armRetransmit(now, true)
}
