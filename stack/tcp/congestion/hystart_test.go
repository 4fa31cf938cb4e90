package congestion

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A line of a HyStart++ transcript: one round trip in which n ACKs bring a
// segment each and rtt is measured.
type line struct {
	rtt  time.Duration
	n    int
	grow int    // how many segments the window grows in it
	then string // "slow", "css" or "avoid"
}

func TestHyStart(t *testing.T) {
	for _, row := range []struct {
		rule  string
		lines []line
	}{
		{"steady round trips: slow start goes on", []line{
			{50 * ms, 10, 10, "slow"}, {50 * ms, 20, 20, "slow"}, {52 * ms, 40, 40, "slow"}, {54 * ms, 80, 80, "slow"}}},
		{"RTT up by an eighth: a quarter as fast for five rounds, the partial one counted, then over (RFC 9406 4.2)", []line{
			{80 * ms, 16, 16, "slow"},
			{90 * ms, 16, 7 + 9/4, "css"}, // the eighth sample decides
			{90 * ms, 16, 4, "css"}, {91 * ms, 16, 4, "css"}, {95 * ms, 16, 4, "css"}, {95 * ms, 16, 4, "css"},
			{95 * ms, 16, 0, "avoid"}}},
		{"just below an eighth: jitter (RttThresh)", []line{
			{80 * ms, 16, 16, "slow"}, {90*ms - 1, 16, 16, "slow"}}},
		{"short path: at least 4 ms (MIN_RTT_THRESH)", []line{
			{ms, 16, 16, "slow"}, {5*ms - 1, 16, 16, "slow"}, {ms, 16, 16, "slow"}, {5 * ms, 16, 7 + 9/4, "css"}}},
		{"long path: 16 ms suffice (MAX_RTT_THRESH)", []line{
			{400 * ms, 16, 16, "slow"}, {416*ms - 1, 16, 16, "slow"}, {432*ms - 1, 16, 7 + 9/4, "css"}}},
		{"RTT falls below the baseline again: slow start resumes (RFC 9406 4.2)", []line{
			{80 * ms, 16, 16, "slow"}, {90 * ms, 16, 9, "css"}, {90 * ms, 16, 4, "css"},
			{89 * ms, 16, 7/4 + 9, "slow"}, {89 * ms, 16, 16, "slow"}}},
		{"and a second rise counts five rounds anew", []line{
			{40 * ms, 16, 16, "slow"}, {60 * ms, 16, 9, "css"}, {60 * ms, 16, 4, "css"}, {60 * ms, 16, 4, "css"},
			{50 * ms, 16, 10, "slow"}, {60 * ms, 16, 9, "css"}, {60 * ms, 16, 4, "css"}, {60 * ms, 16, 4, "css"},
			{60 * ms, 16, 4, "css"}, {60 * ms, 16, 4, "css"}, {60 * ms, 16, 0, "avoid"}}},
		{"fewer than eight samples prove nothing (N_RTT_SAMPLE)", []line{
			{50 * ms, 7, 7, "slow"}, {200 * ms, 7, 7, "slow"}, {400 * ms, 7, 7, "slow"}}},
		{"the round before may have few", []line{
			{50 * ms, 1, 1, "slow"}, {60 * ms, 8, 8, "css"}}},
	} {
		for _, name := range byWindow() {
			const mss = 1000
			f := newFlow(name, mss, 0)
			w := sharedWindow(f.Controller)
			for i, l := range row.lines {
				before := f.Window()
				for j := range l.n {
					f.now++
					f.OnAck(f.now, &Sample{RTT: l.rtt, Acked: mss, Round: j == 0, CwndLimited: true})
				}
				require.InDelta(t, l.grow, float64(f.Window()-before)/mss, 0.76, "%s, %s, line %d", name, row.rule, i)
				require.Equal(t, l.then, phase(w), "%s, %s, line %d", name, row.rule, i)
			}
		}
	}
}

func phase(w *window) string {
	switch {
	case w.ssthresh != unlimited:
		return "avoid"
	case w.start.baseline != 0:
		return "css"
	}
	return "slow"
}

// sharedWindow returns what the window-based controllers have in common.
func sharedWindow(c Controller) *window {
	switch c := c.(type) {
	case *cubic:
		return &c.window
	case *reno:
		return &c.window
	}
	return nil
}

// The rounds in which the window was not used do not count, and what ended
// slow start is the window at that moment.
func TestHyStartCountsUsedRounds(t *testing.T) {
	f := newFlow("reno", 1000, 0)
	w := sharedWindow(f.Controller)
	round := func(rtt time.Duration, used bool) {
		for j := range 16 {
			f.OnAck(1, &Sample{RTT: rtt, Acked: 1000, Round: j == 0, CwndLimited: used})
		}
	}
	round(80*ms, true)
	round(100*ms, true)
	for range 20 {
		round(100*ms, false)
	}
	require.Equal(t, "css", phase(w))
	for range 5 {
		round(100*ms, true)
	}
	require.Equal(t, "avoid", phase(w))
	require.InDelta(t, f.Window(), f.Ssthresh(), 1000)
}

// Only the first slow start looks for its end (RFC 9406 4.3).
func TestHyStartFirstSlowStartOnly(t *testing.T) {
	f := newFlow("cubic", 1000, 0)
	f.slowStartTo(400)
	f.OnTimeout(f.now, f.Window())
	for i := range 100 {
		f.OnAck(f.now, &Sample{RTT: time.Duration(10+i/10*20) * ms, Acked: 1000, Round: i%10 == 0, CwndLimited: true})
	}
	require.Equal(t, 101000, f.Window())
	require.Equal(t, 280000, f.Ssthresh())
}

// Loss ends it at once, a spurious one brings back where it was, idle begins anew.
func TestHyStartAndLoss(t *testing.T) {
	for _, name := range byWindow() {
		f := newFlow(name, 1000, 0)
		w := sharedWindow(f.Controller)
		for i := range 32 {
			f.OnAck(1, &Sample{RTT: time.Duration(20+i/16*20) * ms, Acked: 1000, Round: i%16 == 0, CwndLimited: true})
		}
		require.Equal(t, "css", phase(w))
		f.OnCongestion(1, Loss, f.Window())
		require.Equal(t, "avoid", phase(w))
		f.OnSpurious()
		require.Equal(t, "css", phase(w))
		f.OnRestart(time.Second)
		require.Equal(t, "slow", phase(w), "after idle the round trips of before count no longer")
	}
}

// In conservative slow start no byte is lost by rounding (RFC 9406 4.2).
func TestHyStartShare(t *testing.T) {
	for _, size := range []int{1, 2, 3, 4, 5, 7, 1448} {
		h, grown := hystart{baseline: ms}, 0
		for range 400 {
			grown += h.share(size)
		}
		require.Equal(t, 100*size, grown)
		require.Equal(t, size, new(hystart).share(size), "all of it in slow start proper")
	}
}
