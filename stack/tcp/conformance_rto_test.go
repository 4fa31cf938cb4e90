package tcp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// Tests of testdata/conformance.md, part C: RFC 6298, and who may end a
// connection whose peer keeps its window closed.

func TestReqC_RTOFormula(t *testing.T) { // RFC 6298 2
	const us = time.Microsecond
	for _, row := range []struct {
		rule    string
		samples []time.Duration
		rto     time.Duration
	}{
		{"no sample: 1 s (2.1)", nil, time.Second},
		{"the first: R + 4*R/2 (2.2)", []time.Duration{200 * ms}, 600 * ms},
		{"alpha 1/8, beta 1/4, RTTVAR before SRTT (2.3)", []time.Duration{200 * ms, 100 * ms}, 187500*us + 4*100*ms},
		{"... and a third", []time.Duration{200 * ms, 100 * ms, 300 * ms}, 201562500 + 4*103125*us},
		{"RTTVAR has a floor of 200 ms (a deviation from 2.4's 1 s)", []time.Duration{10 * ms}, 210 * ms},
		{"... also on a path without any delay", []time.Duration{1}, 200*ms + us},
		{"a path of minutes: the maximum of 120 s (2.5)", []time.Duration{100 * time.Second}, maxRTO},
	} {
		var r rtt
		r.init()
		for _, s := range row.samples {
			r.sample(s)
		}
		require.Equal(t, row.rto, r.rto, row.rule)
	}
	// The timer itself is set to it: the handshake took no time, this 80 ms.
	r := establishedRig(t, plain, Options{NoDelay: true})
	r.write(100)
	r.out()
	r.now = r.now.Add(80 * ms)
	r.in("A", 1, 101, 60000, 0)
	r.write(100)
	r.out()
	require.Equal(t, 280*ms, r.c.timers[timerRetransmit].Sub(r.now).Round(ms))
}

func TestReqC_RTOBackoff(t *testing.T) { // RFC 6298 5.5, 2.5
	r := establishedRig(t, plain, Options{NoDelay: true})
	r.write(100)
	require.Equal(t, "P 1:101 ack 1", r.out())
	want, last := time.Second, r.now
	var waits []time.Duration
	for r.c.State() == StateEstablished && len(waits) < 10 {
		require.Equal(t, "P 1:101 ack 1", r.fire())
		waits = append(waits, r.now.Sub(last))
		last = r.now
	}
	require.Len(t, waits, 10)
	for i, w := range waits {
		require.Equal(t, want, w, "timeout %d", i+1)
		want = min(2*want, maxRTO)
	}
	require.GreaterOrEqual(t, maxRTO, 60*time.Second)
	// Karn: it stays backed off until something new is acknowledged.
	r.in("A", 1, 1, 60000, 0)
	require.Equal(t, maxRTO, r.c.timeout())
}

func TestReqC_RTOAfterSYNLoss(t *testing.T) { // RFC 6298 5.7
	answer := func(cfg Config, lost int, delay time.Duration) *rig {
		r := newRig(t, cfg, Options{NoDelay: true})
		r.c.Open(r.now)
		syn := r.segment()
		for range lost {
			r.now = r.c.Deadline()
			r.c.Expire(r.now)
			syn = r.segment()
		}
		r.now = r.now.Add(delay)
		r.opt = wire.TCPOptions{HasTimestamps: true, TSVal: 1, TSEcr: syn.Seg.Options.TSVal}
		r.in("SA", 0, 1, 60000, 0)
		r.out()
		r.write(10)
		r.out()
		return r
	}
	rto := func(r *rig) time.Duration { return r.c.timers[timerRetransmit].Sub(r.now) }
	require.Equal(t, 300*ms, rto(answer(plain, 0, 100*ms)), "no SYN lost: its round trip is the first sample")
	require.Equal(t, 3*time.Second, rto(answer(plain, 1, 100*ms)), "one lost: which was answered is not known")
	require.Equal(t, 3*time.Second, rto(answer(plain, 2, 5*ms)))
	require.Equal(t, 300*ms, rto(answer(Config{}, 1, 100*ms)), "with timestamps it is known (RFC 7323 4.1)")
}

// A peer that answers every probe and never opens its window keeps the
// connection (MUST-37), but not against its owner's will.
func TestReqC_PersistAbort(t *testing.T) {
	// answered lets d pass in which every probe is answered at once.
	answered := func(r *rig, d time.Duration) {
		for end := r.now.Add(d); r.c.State() != StateClosed; {
			at := r.c.Deadline()
			if at == clock.Never || at > end {
				r.now = end
				return
			}
			r.now = at
			r.c.Expire(r.now)
			if len(r.segments()) > 0 && r.c.State() != StateClosed {
				r.in("A", 1, 1, 0, 0)
			}
		}
	}
	t.Run("it stays while the probes are answered", func(t *testing.T) {
		r := probing(t, Options{})
		answered(r, 30*24*time.Hour)
		require.Equal(t, StateEstablished, r.c.State())
	})
	t.Run("Abort ends it at once, with a RST", func(t *testing.T) {
		r := probing(t, Options{})
		answered(r, time.Hour)
		r.c.Abort(r.now)
		require.Equal(t, StateClosed, r.c.State())
		require.NotZero(t, r.segment().Seg.Flags&wire.RST)
		require.Equal(t, ErrAborted, r.c.Err())
	})
	t.Run("so does the user timeout (RFC 5482)", func(t *testing.T) {
		r := probing(t, Options{UserTimeout: 10 * time.Minute})
		begin := r.now
		answered(r, time.Hour)
		require.Equal(t, StateClosed, r.c.State())
		require.Equal(t, ErrTimeout, r.c.Err())
		require.InDelta(t, (10 * time.Minute).Seconds(), r.now.Sub(begin).Seconds(), 60)
	})
	t.Run("once its owner has closed it, it ends by R2 (RFC 6429 3)", func(t *testing.T) {
		r := probing(t, Options{})
		r.c.Close(r.now)
		r.out()
		begin := r.now
		answered(r, time.Hour)
		require.Equal(t, StateClosed, r.c.State())
		require.GreaterOrEqual(t, r.now.Sub(begin), r2Orphan)
		require.Less(t, r.now.Sub(begin), r2Orphan*2, "though its probes are answered")
	})
	t.Run("and by R2 where the probes are not answered", func(t *testing.T) {
		r := probing(t, Options{})
		begin := r.now
		for r.c.State() != StateClosed {
			r.fire()
		}
		require.Equal(t, ErrTimeout, r.c.Err())
		require.GreaterOrEqual(t, r.now.Sub(begin), 100*time.Second)
	})
}
