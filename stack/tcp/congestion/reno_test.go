package congestion

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestReno(t *testing.T) {
	const mss = 1000
	full := func(acked int) func(Controller) {
		return func(c Controller) { c.OnAck(1, &Sample{Acked: acked, CwndLimited: true}) }
	}
	recovered := func(acked int) func(Controller) {
		return func(c Controller) { c.OnAck(1, &Sample{Acked: acked, CwndLimited: true, Recovered: true}) }
	}
	for _, row := range []struct {
		rule           string
		do             []func(Controller)
		cwnd, ssthresh int
	}{
		{"slow start grows by the bytes acknowledged (RFC 3465)", []func(Controller){full(3000)}, 13000, math.MaxInt32},
		{"at most one super-segment for each ACK", []func(Controller){full(1 << 20)}, 10000 + 64<<10, math.MaxInt32},
		{"it does not grow while it is not used (RFC 7661)", []func(Controller){
			func(c Controller) { c.OnAck(1, &Sample{Acked: 3000}) }}, 10000, math.MaxInt32},
		{"nor in fast recovery", []func(Controller){
			func(c Controller) { c.OnAck(1, &Sample{Acked: 3000, CwndLimited: true, Recovering: true}) }}, 10000, math.MaxInt32},
		{"loss halves the flight (RFC 5681 3.2)", []func(Controller){
			func(c Controller) { c.OnCongestion(1, Loss, 10000) }}, 5000, 5000},
		{"two segments at least (RFC 5681 equation 4)", []func(Controller){
			func(c Controller) { c.OnCongestion(1, Loss, 1000) }}, 2000, 2000},
		{"ECN in congestion avoidance: a fifth less (RFC 8511 3)", []func(Controller){
			func(c Controller) { c.OnCongestion(1, Loss, 10000) },
			func(c Controller) { c.OnCongestion(1, ECN, 5000) }}, 4000, 4000},
		{"ECN in slow start: half (RFC 3168 6.1.2)", []func(Controller){
			func(c Controller) { c.OnCongestion(1, ECN, 10000) }}, 5000, 5000},
		{"congestion avoidance: one segment for each window (RFC 5681 3.1)", []func(Controller){
			func(c Controller) { c.OnCongestion(1, Loss, 10000); c.OnRecovered(1) },
			full(2500), full(2500)}, 6000, 5000},
		{"and not more for more than a window (RFC 5681 3.1)", []func(Controller){
			func(c Controller) { c.OnCongestion(1, Loss, 10000) },
			full(1 << 20), full(1), full(1)}, 6000, 5000},
		{"the ACK that ends fast recovery counts (RFC 3465 2.1)", []func(Controller){
			func(c Controller) { c.OnCongestion(1, Loss, 10000); c.OnRecovered(1) },
			recovered(3000), full(2000)}, 6000, 5000},
		{"so do bytes of which SACK had told before: it acknowledges them (RFC 5681 3.1)", []func(Controller){
			func(c Controller) {
				c.OnCongestion(1, Loss, 10000)
				c.OnRecovered(1)
				c.OnAck(1, &Sample{Acked: 1000, Advanced: 4000, CwndLimited: true, Recovered: true})
			}, full(1000)}, 6000, 5000},
		{"but leaves the window at ssthresh (RFC 5681 3.2 (6))", []func(Controller){
			func(c Controller) { c.OnCongestion(1, Loss, 10000); c.OnRecovered(1) },
			recovered(1 << 20)}, 5000, 5000},
		{"and gives one segment at most", []func(Controller){
			func(c Controller) { c.OnCongestion(1, Loss, 10000); c.OnRecovered(1) },
			recovered(1 << 20), full(1), full(1)}, 6000, 5000},
		{"the next one a whole window later: an MSS for each round trip (RFC 5681 3.1)", []func(Controller){
			func(c Controller) { c.OnCongestion(1, Loss, 10000); c.OnRecovered(1) },
			recovered(1 << 20), full(1), full(5999)}, 6000, 5000},
		{"what the window has grown by since its last MSS is halved with it (RFC 5681 equation 3)", []func(Controller){
			func(c Controller) { c.OnCongestion(1, Loss, 10000); c.OnRecovered(1) },
			full(2500), func(c Controller) { c.OnCongestion(1, Loss, 5000) }}, 2750, 2750},
		{"but not where the flight was smaller than the window", []func(Controller){
			func(c Controller) { c.OnCongestion(1, Loss, 10000); c.OnRecovered(1) },
			full(2500), func(c Controller) { c.OnCongestion(1, Loss, 4900) }}, 2450, 2450},
		{"timeout: one segment (RFC 5681 3.1)", []func(Controller){
			func(c Controller) { c.OnTimeout(1, 10000) }}, 1000, 5000},
		{"slow start ends at ssthresh", []func(Controller){
			func(c Controller) { c.OnTimeout(1, 10000) }, full(4000), full(1000)}, 5000, 5000},
		{"a spurious timeout is undone", []func(Controller){
			func(c Controller) { c.OnTimeout(1, 10000); c.OnSpurious() }}, 10000, math.MaxInt32},
		{"a spurious loss is undone", []func(Controller){
			func(c Controller) { c.OnCongestion(1, Loss, 10000); c.OnRecovered(1); c.OnSpurious() }}, 10000, math.MaxInt32},
		{"restart after idle (RFC 5681 4.1)", []func(Controller){
			full(50000), func(c Controller) { c.OnRestart(time.Second) }}, 10000, math.MaxInt32},
		{"and ssthresh remembers three quarters of the window (RFC 7661 4.3)", []func(Controller){
			func(c Controller) { c.OnCongestion(1, Loss, 10000) },
			full(5000), full(6000), full(7000), full(8000), full(9000), full(10000), full(11000),
			func(c Controller) { c.OnRestart(time.Second) }}, 10000, 9000},
		{"a larger segment size is the least window", []func(Controller){
			func(c Controller) { c.OnTimeout(1, 10000); c.SetMSS(1400) }}, 1400, 5000},
		{"Reset forgets", []func(Controller){
			func(c Controller) { c.OnTimeout(1, 10000); c.Reset(); c.SetMSS(mss) }}, 10000, math.MaxInt32},
	} {
		c, _ := named("reno")
		c.SetMSS(mss)
		for _, f := range row.do {
			f(c)
		}
		require.Equal(t, row.cwnd, c.Window(), row.rule)
		require.Equal(t, row.ssthresh, c.Ssthresh(), row.rule)
		require.Zero(t, c.PacingRate())
	}
}
