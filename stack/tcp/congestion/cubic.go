package congestion

import (
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
)

// The parts of the flight that stay, in thousandths.
const (
	betaCubic    = 700 // RFC 9438 4.6
	betaCubicECN = 850 // RFC 8511 3
)

// alpha_cubic is 3*(1-beta)/(1+beta) (RFC 9438 4.3): 9/17.
const (
	alphaNum = 9
	alphaDen = 17
)

// cubic is RFC 9438 in integers. Windows are bytes.
type cubic struct {
	window
	stage
	srtt  time.Duration // 0: none yet
	heard clock.Instant // of the last ACK, or of the first segment after silence
	undo  struct {
		snapshot
		stage
	}
}

// A stage is one stage of congestion avoidance and what it inherits.
type stage struct {
	on      bool          // the stage has begun; else its first ACK begins it
	elapsed time.Duration // t: only time in which the window limited the flow
	curve                 // before the stage has begun, W_max of the next one
	prior   int64         // cwnd_prior: cwnd when ssthresh was last set; 0: never
	est     int64         // W_est
	estRest int64         // of est, in parts of alphaDen*full
	rest    int64         // of cwnd, in parts of cwnd
}

func (c *cubic) Reset() {
	*c = cubic{}
	c.reset()
}

func (c *cubic) Name() string { return "cubic" }

// SetMSS begins a new stage when the size changes: the curve counts segments.
func (c *cubic) SetMSS(bytes int) {
	if bytes != c.mss {
		c.on = false
	}
	c.window.SetMSS(bytes)
}

// OnSend keeps silence out of t: it counts on from the first segment after it.
func (c *cubic) OnSend(now clock.Instant, bytes, inFlight int) {
	if inFlight <= bytes {
		c.heard = now
	}
}

func (c *cubic) OnAck(now clock.Instant, s *Sample) {
	c.pass(now, s)
	if s.Recovering || s.Recovered || s.Acked <= 0 { // the stage begins after it (RFC 9438 4.2)
		return
	}
	if left := c.slowStart(s); left > 0 {
		c.avoid(min(left, c.cwnd))
	}
}

// pass lets time go by. While the application, or the peer's window, limits
// the flow, t stands still: else W_cubic would run away meanwhile and the
// window leap when the flow needs it (RFC 9438 5.8).
func (c *cubic) pass(now clock.Instant, s *Sample) {
	if c.heard != clock.Never && now > c.heard && s.CwndLimited && c.on {
		c.elapsed = min(c.elapsed+min(now.Sub(c.heard), maxElapsed), maxElapsed)
	}
	c.heard = now
	if s.RTT <= 0 {
		return
	}
	rtt := min(s.RTT, maxElapsed)
	if c.srtt == 0 {
		c.srtt = rtt
	}
	c.srtt += (rtt - c.srtt) / 8
}

// avoid is congestion avoidance for acked bytes, at most a window of them (RFC 9438 4.2 to 4.5).
func (c *cubic) avoid(acked int) {
	if !c.on {
		c.begin()
	}
	cwnd, mss := int64(c.cwnd), int64(c.mss)
	c.estimate(int64(acked))
	if c.at(c.elapsed, mss) < c.est { // the Reno-friendly region
		c.setCwnd(max(cwnd, c.est))
		return
	}
	// Concave and convex region: towards where the curve is a round trip from
	// now, at most half as fast as slow start.
	target := min(max(c.at(c.elapsed+c.srtt, mss), cwnd), cwnd+cwnd/2)
	c.rest += (target - cwnd) * int64(acked)
	c.setCwnd(cwnd + c.rest/cwnd)
	c.rest %= cwnd
}

// begin starts a stage. Without a W_max above cwnd, as after a timeout or when
// HyStart++ ended slow start, the curve begins at its plateau: K is 0
// (RFC 9438 4.8, 4.10).
func (c *cubic) begin() {
	cwnd := int64(c.cwnd)
	c.curve = newCurve(cwnd, c.wMax, int64(c.mss))
	c.on, c.elapsed = true, 0
	c.est, c.estRest, c.rest = cwnd, 0, 0
}

// estimate is W_est, the window that Reno would have (RFC 9438 4.3): alpha
// segments for each window acknowledged, and a whole one once it has come back
// to where the last reduction was, or where there was none (4.10).
func (c *cubic) estimate(acked int64) {
	alpha := int64(alphaNum)
	if c.est >= c.prior {
		alpha = alphaDen
	}
	c.estRest += alpha * int64(c.mss) * acked
	whole := alphaDen * c.full()
	c.est = min(c.est+c.estRest/whole, maxWindow)
	c.estRest %= whole
}

func (c *cubic) OnCongestion(_ clock.Instant, why Signal, inFlight int) {
	c.remember()
	beta := c.beta(why, betaCubic, betaCubicECN)
	c.wMax = int64(c.cwnd)
	if c.wMax < c.undo.wMax {
		// Fast convergence (RFC 9438 4.7): we lose ground, so leave room for
		// the newcomer. The plateau lies half way down to the new window.
		c.wMax = c.wMax * (1000 + beta) / 2000
	}
	if why != Loss {
		c.onCongestion(why, inFlight, beta)
		return
	}
	c.onCongestion(why, c.whole(inFlight), beta)
	c.ssthresh = c.whole(c.ssthresh)
	c.setCwnd(int64(min(c.cwnd, c.ssthresh)))
}

// whole takes from a flight, and from the ssthresh that it leaves, what is less
// than a segment, as Linux: RFC 9438 counts windows in segments. It is never
// sent, but W_est would grow from it, and small windows be larger than Reno's, to
// which W_est is to be fair.
func (c *cubic) whole(bytes int) int { return bytes - bytes%c.mss }

func (c *cubic) OnRecovered(clock.Instant) { c.onRecovered() }

// OnTimeout forgets the plateau: the path is not what it was (RFC 9438 4.8).
func (c *cubic) OnTimeout(_ clock.Instant, inFlight int) {
	c.remember()
	c.wMax = 0
	c.onTimeout(c.whole(inFlight), betaCubic)
	c.ssthresh = c.whole(c.ssthresh)
}

// remember keeps what OnSpurious brings back, and ends the stage.
func (c *cubic) remember() {
	c.undo.snapshot, c.undo.stage = c.save(), c.stage
	c.prior = int64(c.cwnd)
	c.on = false
}

// OnSpurious goes on as if nothing had happened (RFC 9438 4.9); t has stood
// still meanwhile.
func (c *cubic) OnSpurious() {
	if c.restore(&c.undo.snapshot) {
		c.stage = c.undo.stage
	}
}

// OnRestart ends the stage: the next begins where the window is, below the same
// plateau. Nothing else survives silence, so that a controller may rest.
func (c *cubic) OnRestart(time.Duration) {
	c.restart()
	wMax, prior := c.wMax, c.prior
	c.stage, c.undo.snapshot, c.undo.stage = stage{curve: curve{wMax: wMax}, prior: prior}, snapshot{}, stage{}
	c.srtt, c.heard = 0, clock.Never
}
