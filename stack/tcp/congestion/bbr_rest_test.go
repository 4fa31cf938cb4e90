package congestion

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A flow that was silent goes on at its bandwidth and with its window, by a
// round-trip time that is measured anew, and without ProbeRTT (5.4.1, 5.3.4.2).
func TestBBRRests(t *testing.T) {
	for _, state := range []bbrState{startup, drain, probeBWDown, probeBWCruise, probeBWRefill, probeBWUp} {
		f, b := newBBR()
		f.until(t, state)
		f.steps(2)
		var r Rest
		require.True(t, r.Settle(b))
		require.Equal(t, "bbr", r.Name())
		require.True(t, r.Models())
		require.Equal(t, b.Window(), r.Window())
		c, _ := named("bbr")
		r.Wake(c)
		c.OnInit(20*ms, 7)
		n := c.(*bbr)
		require.InDelta(t, b.maxBandwidth(), n.bw, restRate)
		require.Equal(t, b.Window(), n.Window())
		if b.has(fullBwReached) {
			require.Equal(t, probeBWCruise, n.state)
			require.InDelta(t, b.maxBandwidth()*99/100, n.rate, restRate)
		} else {
			require.Equal(t, startup, n.state)
		}
		f.Controller, f.now, f.rtt = c, f.now.Add(time.Minute), 30*ms
		c.OnRestart(time.Minute)
		f.step()
		require.Equal(t, 30*ms, n.minRTT)
		require.NotEqual(t, probingRTT, n.state)
		f.until(t, probeBWUp)
	}
}
