package congestion

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const ms = time.Millisecond

func TestCubicReductions(t *testing.T) {
	for _, row := range []struct {
		rule                 string
		do                   func(*flow)
		cwnd, ssthresh, wMax float64 // segments; wMax that of the next stage
	}{
		{"loss: beta is 0.7, W_max the window (RFC 9438 4.6)",
			func(f *flow) { f.slowStartTo(1000); f.lose(Loss) }, 700, 700, 1000},
		{"ssthresh comes from the flight, not from cwnd (RFC 9438 4.6)",
			func(f *flow) { f.slowStartTo(1000); f.OnCongestion(f.now, Loss, 500*1000) }, 350, 350, 1000},
		{"whole segments (RFC 9438 4.1), as on Linux",
			func(f *flow) { f.OnCongestion(f.now, Loss, 9*1000) }, 6, 6, 10},
		{"whole segments of the flight, too: 0.7 of 8, not of 8.6",
			func(f *flow) { f.OnCongestion(f.now, Loss, 8600) }, 5, 5, 10},
		{"an ECN echo's as it is: 0.7 of 8.6 in slow start",
			func(f *flow) { f.OnCongestion(f.now, ECN, 8600) }, 6.02, 6.02, 10},
		{"whole segments of a timeout's flight",
			func(f *flow) { f.OnTimeout(f.now, 8600) }, 1, 5, 0},
		{"whole segments of a timeout",
			func(f *flow) { f.OnTimeout(f.now, 9*1000) }, 1, 6, 0},
		{"the stage begins after the ACK that ended recovery (RFC 9438 4.2)",
			func(f *flow) {
				f.lose(Loss)
				f.OnRecovered(f.now)
				f.OnAck(f.now, &Sample{Acked: 1 << 20, CwndLimited: true, Recovered: true})
			}, 7, 7, 10},
		{"two segments at least (RFC 9438 4.6)",
			func(f *flow) { f.OnCongestion(f.now, Loss, 1000) }, 2, 2, 10},
		{"an ECN echo may leave one (RFC 9438 4.6)",
			func(f *flow) { f.OnCongestion(f.now, ECN, 1000) }, 1, 2, 10},
		{"ECN in slow start: as loss (RFC 8511 3: congestion avoidance only)",
			func(f *flow) { f.slowStartTo(1000); f.lose(ECN) }, 700, 700, 1000},
		{"ECN in congestion avoidance: 0.85 (RFC 8511 3), fast convergence to 0.925",
			func(f *flow) { f.slowStartTo(1000); f.lose(Loss); f.lose(ECN) }, 595, 595, 647.5},
		{"fast convergence below W_max: W_max is 0.85 of the window (RFC 9438 4.7)",
			func(f *flow) { f.slowStartTo(1000); f.lose(Loss); f.lose(Loss) }, 490, 490, 595},
		{"timeout: one segment, ssthresh by 0.7, no W_max (RFC 9438 4.8)",
			func(f *flow) { f.slowStartTo(2000); f.lose(Loss); f.OnTimeout(f.now, 1000*1000) }, 1, 700, 0},
		{"a spurious loss is undone (RFC 9438 4.9.2)",
			func(f *flow) { f.slowStartTo(1000); f.lose(Loss); f.OnSpurious() }, 1000, math.MaxInt32 / 1000.0, 0},
		{"a spurious timeout is undone (RFC 9438 4.9.1)",
			func(f *flow) { f.slowStartTo(1000); f.lose(Loss); f.OnTimeout(f.now, f.Window()); f.OnSpurious() }, 700, 700, 1000},
		{"once only",
			func(f *flow) {
				f.slowStartTo(100)
				f.lose(Loss)
				f.OnSpurious()
				f.OnRestart(time.Hour)
				f.OnSpurious()
			},
			10, math.MaxInt32 / 1000.0, 0},
		{"idle: the restart window, ssthresh three quarters (RFC 5681 4.1, RFC 7661 4.3)",
			func(f *flow) { f.slowStartTo(1000); f.lose(Loss); f.OnRestart(time.Second) }, 10, 700, 1000},
		{"idle below the restart window changes nothing",
			func(f *flow) { f.OnTimeout(f.now, 10000); f.OnRestart(time.Second) }, 1, 7, 0},
		{"a new segment size keeps the bytes",
			func(f *flow) { f.slowStartTo(1000); f.lose(Loss); f.SetMSS(500) }, 700, 700, 1000},
		{"Reset forgets",
			func(f *flow) { f.slowStartTo(1000); f.lose(Loss); f.Reset(); f.SetMSS(1000) }, 10, math.MaxInt32 / 1000.0, 0},
	} {
		f := newFlow("cubic", 1000, 50*ms)
		row.do(f)
		require.Equal(t, row.cwnd, f.segments(), row.rule)
		require.Equal(t, row.ssthresh, float64(f.Ssthresh())/1000, row.rule)
		require.Equal(t, row.wMax, float64(f.Controller.(*cubic).wMax)/1000, row.rule)
		require.Zero(t, f.PacingRate(), row.rule)
	}
}

// The window follows W_cubic(t + RTT), never leaping (RFC 9438 4.2).
func TestCubicFollowsTheCurve(t *testing.T) {
	for _, w := range []int{200, 1000, 20000} {
		f := newFlow("cubic", 1448, 100*ms)
		f.slowStartTo(w)
		f.lose(Loss)
		begin := f.now
		epoch, wMax := f.segments(), float64(w)
		for f.now.Sub(begin) < 30*time.Second && f.segments() < 2*wMax {
			before := f.segments()
			f.round()
			require.LessOrEqual(t, f.segments(), 1.5*before+1, "at most half a window in a round trip")
			at := f.now.Sub(begin).Seconds()
			want := cubicAt(at, wMax, epoch)
			next := cubicAt(at+0.1, wMax, epoch)
			require.InDelta(t, (want+next)/2, f.segments(), 0.01*want+(next-want)/2+1, "W_max %d at %v s", w, at)
		}
		require.Greater(t, f.segments(), wMax, "it went beyond the plateau")
	}
}

// Where RTT or window is small, the window is that which Reno would have with
// the same average (RFC 9438 4.3): 9/17 of a segment for each window up to
// cwnd_prior, then a whole one.
func TestCubicRenoFriendly(t *testing.T) {
	f := newFlow("cubic", 1000, ms)
	f.slowStartTo(40)
	f.lose(Loss)
	epoch := f.segments()
	require.Equal(t, 28.0, epoch)
	for range 17 {
		f.round()
	}
	require.InDelta(t, epoch+9, f.segments(), 0.3)
	for f.segments() < 40.5 {
		f.round()
	}
	was := f.segments()
	for range 10 {
		f.round()
	}
	require.InDelta(t, was+10, f.segments(), 0.5, "as fast as Reno from cwnd_prior on")
}

// The average windows of RFC 9438 5.1 with one loss in 1/p packets:
// 1.054 * (RTT/p)^0.75 where that is above Reno's 1.22/sqrt(p).
func TestCubicAverageWindow(t *testing.T) {
	for _, row := range []struct {
		rtt  time.Duration
		gap  int // packets from loss to loss
		want float64
	}{
		{100 * ms, 10_000, 187}, {100 * ms, 100_000, 1054}, {100 * ms, 1_000_000, 5926},
		{10 * ms, 1_000_000, 1200}, // 1.22/sqrt(p) is more than CUBIC's 1054
		{10 * ms, 10_000, 120}, {ms, 10_000, 120},
	} {
		f := newFlow("cubic", 1000, row.rtt)
		f.slowStartTo(int(row.want))
		var sum, n float64
		for epoch := range 10 {
			f.lose(Loss)
			for sent := 0.0; sent < float64(row.gap); {
				sent += f.segments()
				if epoch >= 6 {
					sum += f.segments()
					n++
				}
				f.round()
			}
		}
		require.InDelta(t, row.want, sum/n, 0.12*row.want, "RTT %v, p 1/%d", row.rtt, row.gap)
	}
}

// After a timeout, and after HyStart++, the stage begins at its own plateau
// (RFC 9438 4.8, 4.10).
func TestCubicStageWithoutPlateau(t *testing.T) {
	f := newFlow("cubic", 1000, 100*ms)
	f.slowStartTo(1500)
	f.lose(Loss)
	f.OnTimeout(f.now, 1000*1000)
	f.slowStartTo(700)
	begin := f.now
	for range 100 {
		f.round()
		at := f.now.Sub(begin).Seconds()
		require.InDelta(t, cubicAt(at+0.05, 700, 700), f.segments(), 0.02*f.segments(), "K is 0, at %v s", at)
	}
}

// Time that the application, or the peer, wastes is not on the curve, nor is
// silence: the window does not leap afterwards (RFC 9438 5.8).
func TestCubicTimeStandsStill(t *testing.T) {
	reference := newFlow("cubic", 1000, 100*ms)
	reference.slowStartTo(1000)
	reference.lose(Loss)
	reference.pass(3 * time.Second)
	want := reference.Window()
	reference.pass(2 * time.Second)
	later := reference.Window()
	for _, row := range []struct {
		rule  string
		waste func(f *flow)
	}{
		{"limited by the application for a minute", func(f *flow) { f.pass(time.Minute, unused) }},
		{"silent for a minute", func(f *flow) {
			f.now = f.now.Add(time.Minute)
			f.OnSend(f.now, 1000, 1000)
		}},
		{"a spurious recovery of ten seconds", func(f *flow) {
			f.OnCongestion(f.now, Loss, f.Window())
			f.pass(10*time.Second, recovering)
			f.OnSpurious()
		}},
		{"a spurious timeout", func(f *flow) {
			f.OnTimeout(f.now, f.Window())
			f.pass(time.Second)
			f.OnSpurious()
		}},
	} {
		f := newFlow("cubic", 1000, 100*ms)
		f.slowStartTo(1000)
		f.lose(Loss)
		f.pass(3 * time.Second)
		row.waste(f)
		require.Equal(t, want, f.Window(), row.rule)
		f.pass(2 * time.Second)
		require.InDelta(t, later, f.Window(), 0.01*float64(later), row.rule)
	}
}

// The target is at most one and a half windows away, however long the round
// trip (RFC 9438 4.2).
func TestCubicGrowthPerRound(t *testing.T) {
	for _, rtt := range []time.Duration{ms, 10 * ms, 30 * ms, 100 * ms, 300 * ms, time.Second} {
		for _, w := range []int{10, 15, 30, 100, 300} {
			f := newFlow("cubic", 1000, rtt)
			f.slowStartTo(w)
			f.lose(Loss)
			for range 40 {
				// One ACK for each window, so that the target is computed once.
				before := f.Window()
				f.now = f.now.Add(rtt)
				f.OnAck(f.now, &Sample{RTT: rtt, Acked: before, CwndLimited: true})
				require.LessOrEqual(t, f.Window(), before+before/2, "RTT %v, %d segments", rtt, w)
				require.GreaterOrEqual(t, f.Window(), before, "RTT %v, %d segments", rtt, w)
			}
		}
	}
}

// No ACK makes the window smaller, neither where the regions meet.
func TestCubicNeverFallsOnACK(t *testing.T) {
	for _, rtt := range []time.Duration{ms, 10 * ms, 30 * ms, 100 * ms} {
		for _, w := range []int{10, 15, 30, 100, 300} {
			f := newFlow("cubic", 1000, rtt)
			f.slowStartTo(w)
			f.lose(Loss)
			least := f.Window()
			for range 100 {
				f.round(func(*Sample) {
					require.GreaterOrEqual(t, f.Window(), least, "RTT %v, %d segments", rtt, w)
					least = f.Window()
				})
			}
		}
	}
}

func TestCubicSmoothedRTT(t *testing.T) { // RFC 9438 4.2: the RTT of the target is SRTT
	f := newFlow("cubic", 1000, 100*ms)
	for _, row := range []struct{ sample, want time.Duration }{
		{0, 0}, {100 * ms, 100 * ms}, {0, 100 * ms}, {900 * ms, 200 * ms}, {120 * ms, 190 * ms},
	} {
		f.OnAck(f.now, &Sample{RTT: row.sample, Acked: 1000})
		require.Equal(t, row.want, f.Controller.(*cubic).srtt)
	}
}

// The curve counts segments: with another size it begins anew from where the
// window is.
func TestCubicNewSegmentSize(t *testing.T) {
	f := newFlow("cubic", 1000, 100*ms)
	f.slowStartTo(10000)
	f.lose(Loss)
	f.pass(time.Second)
	f.SetMSS(500)
	f.mss = 500
	begin, epoch := f.now, f.segments()
	for range 50 {
		f.round()
		at := f.now.Sub(begin).Seconds()
		require.InEpsilon(t, cubicAt(at+0.05, 20000, epoch), f.segments(), 0.01, "at %v s", at)
	}
}

// After idle the curve begins anew where slow start has ended, with the
// plateau of before.
func TestCubicAfterIdle(t *testing.T) {
	f := newFlow("cubic", 1000, 100*ms)
	f.slowStartTo(1000)
	f.lose(Loss)
	f.pass(5 * time.Second)
	f.now = f.now.Add(time.Minute)
	f.OnRestart(time.Minute)
	f.slowStartTo(f.Ssthresh() / 1000)
	begin, epoch := f.now, f.segments()
	for range 50 {
		f.round()
		at := f.now.Sub(begin).Seconds()
		require.InEpsilon(t, cubicAt(at+0.05, 1000, epoch), f.segments(), 0.02, "at %v s", at)
	}
}
