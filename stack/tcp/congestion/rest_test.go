package congestion

import (
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/clock"
)

// Nobody can tell whether a controller has rested: after silence one that did
// goes on as one that did not, whatever happened to both before.
func TestRestIsInvisible(t *testing.T) {
	require.LessOrEqual(t, unsafe.Sizeof(Rest{}), uintptr(24))
	for _, name := range Names() {
		c, _ := named(name)
		if _, ok := c.(rester); !ok || c.Models() {
			continue
		}
		for _, before := range []struct {
			name string
			do   func(f *flow)
		}{
			{"nothing", func(*flow) {}},
			{"slow start", func(f *flow) { f.slowStartTo(200) }},
			{"a loss", func(f *flow) { f.slowStartTo(200); f.lose(Loss) }},
			{"a loss and the way back", func(f *flow) { f.slowStartTo(200); f.lose(Loss); f.round(); f.round(); f.round() }},
			{"a timeout", func(f *flow) { f.slowStartTo(50); f.OnTimeout(f.now, 50*f.mss); f.round() }},
			{"another size", func(f *flow) { f.slowStartTo(50); f.SetMSS(700) }},
		} {
			awake, rested := newFlow(name, 1000, 100*ms), newFlow(name, 1000, 100*ms)
			before.do(awake)
			before.do(rested)
			var r Rest
			require.True(t, r.Settle(rested.Controller))
			require.Equal(t, []any{awake.Window(), awake.Ssthresh(), awake.PacingRate(), name},
				[]any{r.Window(), r.Ssthresh(), r.PacingRate(), r.Name()}, "%s after %s", name, before.name)
			awake.SetMSS(1200)
			r.SetMSS(1200)
			rested.Controller, _ = named(name)
			r.Wake(rested.Controller)
			for i := range 30 {
				if i%15 == 0 {
					awake.now, rested.now = awake.now.Add(time.Minute), rested.now.Add(time.Minute)
					awake.OnRestart(time.Minute)
					rested.OnRestart(time.Minute)
				}
				if i == 10 {
					awake.lose(Loss)
					rested.lose(Loss)
				}
				require.Equal(t, awake.Window(), rested.Window(), "%s after %s, round %d", name, before.name, i)
				require.Equal(t, awake.Ssthresh(), rested.Ssthresh(), "%s after %s, round %d", name, before.name, i)
				awake.round()
				rested.round()
			}
		}
	}
}

// A Rest that was never awake is the controller of its name as New gives it.
func TestFirstRest(t *testing.T) {
	for _, name := range Names() {
		r := NewRest(find(name))
		c, _ := named(name)
		require.Equal(t, name, r.Name())
		for _, mss := range []int{0, 100, 1460, 9000, 1460, 1 << 20} {
			require.Equal(t, c.Window(), r.Window(), "%s, %d", name, mss)
			require.Equal(t, c.Ssthresh(), r.Ssthresh(), "%s, %d", name, mss)
			r.SetMSS(mss)
			c.SetMSS(mss)
		}
		next, _ := named(name)
		r.Wake(next)
		require.Equal(t, InitialWindow(65535), next.Window())
		// What only an awake one is told does nothing.
		r.OnSend(1, 1, 1)
		r.OnAck(1, &Sample{Acked: 1000, CwndLimited: true})
		r.OnCongestion(clock.Instant(1), Loss, 1)
		r.OnRecovered(1)
		r.OnTimeout(1, 1)
		r.OnSpurious()
		r.OnRestart(1)
		require.Equal(t, c.Window(), r.Window())
		r.Reset()
		require.Equal(t, NewRest(find(name)), r)
	}
}
