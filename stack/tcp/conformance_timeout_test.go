package tcp

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp/congestion"
)

// RFC 9293 sections 3.8.1 to 3.8.3 and 3.10.8: retransmission and its end.

// fire lets the next timer fire and returns what is sent then.
func (r *rig) fire() string {
	r.t.Helper()
	require.NotEqual(r.t, clock.Never, r.c.Deadline())
	r.now = max(r.now, r.c.Deadline())
	r.c.Expire(r.now)
	return r.out()
}

// untilClosed runs the timers until the connection is closed, and returns how
// long that took and how many segments were sent.
func (r *rig) untilClosed() (time.Duration, int) {
	began, n := r.now, 0
	for r.c.State() != StateClosed {
		if s := r.fire(); s != "" && !strings.HasPrefix(s, "R") {
			n++
		}
	}
	return r.now.Sub(began), n
}

func TestReq9293_M18_RTOKarn(t *testing.T) {
	r := establishedRig(t, plain, Options{NoDelay: true})
	r.write(100)
	r.out()
	r.now = r.now.Add(400 * ms)
	r.in("A", 1, 101, 60000, 0)
	srtt, rto := r.c.rtt.srtt, r.c.timeout()
	require.NotZero(t, srtt)
	require.Equal(t, srtt+max(minRTTVar, 4*r.c.rtt.rttvar), rto, "RFC 6298 2")

	r.write(100)
	r.out()
	sent := r.now
	require.Equal(t, "P 101:201 ack 1", r.fire())
	require.Equal(t, rto, r.now.Sub(sent))
	r.now = r.now.Add(50 * ms)
	r.in("A", 1, 201, 60000, 0)
	require.Equal(t, srtt, r.c.rtt.srtt, "an ACK of what was sent twice is no sample")
	require.Equal(t, 2*rto, r.c.timeout(), "the backed-off timeout stays until there is one")
	r.write(100)
	r.out()
	r.now = r.now.Add(50 * ms)
	r.in("A", 1, 301, 60000, 0)
	require.NotEqual(t, srtt, r.c.rtt.srtt)
	require.Equal(t, r.c.rtt.srtt+max(minRTTVar, 4*r.c.rtt.rttvar), r.c.timeout())
}

// A path whose round trip is longer than the first timeout, and no timestamps:
// without Karn's second half no segment would ever give a sample.
func TestLongPathIsMeasured(t *testing.T) { // RFC 6298 5, Karn's algorithm
	w := newWorld(t, 1, plain, Options{NoDelay: true})
	w.delay = 2500 * ms
	w.establish()
	c := w.a.conn
	for range 3 {
		c.Write(w.now, make([]byte, 100))
		w.flush(w.a)
		for c.Unacked() > 0 {
			require.True(t, w.step())
		}
	}
	again := w.a.env.Stats.Retransmitted
	require.Greater(t, c.timeout(), 5*time.Second)
	for range 5 {
		c.Write(w.now, make([]byte, 100))
		w.flush(w.a)
		for c.Unacked() > 0 {
			require.True(t, w.step())
		}
	}
	require.Equal(t, again, w.a.env.Stats.Retransmitted)
}

func TestReq9293_M19_CongestionBasics(t *testing.T) {
	cfg := plain
	cfg.MTUProbing = MTUProbeOff // segments keep their size
	r := establishedRig(t, cfg, Options{NoDelay: true})
	cwnd := func() int { return r.c.Info(r.now).SndCwnd }
	r.write(500000)
	require.Len(t, r.segments(), 10)
	acked := 1
	ack := func(n int) {
		acked += n
		r.in("A", 1, acked, 60000, 0)
		r.segments()
	}
	for want := 11; want <= 20; want++ { // slow start: by what is acknowledged
		ack(1000)
		require.Equal(t, want, cwnd())
	}
	flight := r.c.inFlight()
	first := r.c.timeout()
	for i := range 4 { // exponential backoff
		at := r.now
		require.Contains(t, r.fire(), "ack 1")
		require.Equal(t, first<<i, r.now.Sub(at))
		require.Equal(t, 1, cwnd(), "the loss window")
	}
	require.Equal(t, flight/2/1000, r.c.Info(r.now).SndSsthresh)
	for cwnd() < flight/2/1000 {
		was := cwnd()
		ack(1000)
		require.Equal(t, was+1, cwnd(), "slow start up to ssthresh")
	}
	was := cwnd()
	for range was { // congestion avoidance: a segment per window
		ack(1000)
	}
	require.InDelta(t, was+1, cwnd(), 1)
}

func TestReq9293_O18_AltCC(t *testing.T) {
	for asked, got := range map[congestion.Algorithm]string{nil: congestion.Default, congestion.NewReno{}: "reno", congestion.CUBIC{}: "cubic", congestion.BBR{}: "bbr"} {
		w := newWorld(t, 1, Config{Congestion: asked}, Options{})
		w.establish()
		require.Equal(t, got, w.a.conn.Info(w.now).Congestion)
		require.Equal(t, got, w.b.conn.Info(w.now).Congestion)
	}
}

// stalled has sent a segment that nobody acknowledges.
func stalled(t *testing.T, o Options) *rig {
	r := establishedRig(t, plain, o)
	r.write(100)
	require.Equal(t, "P 1:101 ack 1", r.out())
	return r
}

// There is one link and one next hop, so that R1 has no advice to give; R2 closes.
func TestReq9293_M20_R1R2(t *testing.T) {
	r := stalled(t, Options{})
	took, _ := r.untilClosed()
	require.Greater(t, took, r2)
	require.Less(t, took, r2+2*maxRTO)
	require.Equal(t, ErrTimeout, r.c.Err())
	require.NotZero(t, r.c.Events()&EvClosed)
}

func TestReq9293_M21_SetR2(t *testing.T) {
	for _, limit := range []time.Duration{5 * time.Second, time.Minute, 10 * time.Minute, time.Hour, 24 * time.Hour} {
		r := stalled(t, Options{UserTimeout: limit})
		took, _ := r.untilClosed()
		require.Equal(t, limit, took)
		require.Equal(t, ErrTimeout, r.c.Err())
	}
	r := stalled(t, Options{}) // and later
	r.after(10 * time.Second)
	r.c.SetOptions(r.now, Options{UserTimeout: 7 * time.Second})
	took, _ := r.untilClosed()
	require.Equal(t, 7*time.Second, took)
}

// Told as Linux does, in tcp_info.
func TestReq9293_S09_ReportR1(t *testing.T) {
	r := stalled(t, Options{})
	for want := range 5 {
		i := r.c.Info(r.now)
		require.Equal(t, want, i.Retransmits)
		require.Equal(t, want, i.Backoff)
		require.Equal(t, 1, i.Unacked)
		r.fire()
	}
	r.in("A", 1, 101, 60000, 0)
	require.Zero(t, r.c.Info(r.now).Retransmits)
}

func TestReq9293_S10_R1AtLeast3(t *testing.T) {
	r := stalled(t, Options{})
	_, n := r.untilClosed()
	require.GreaterOrEqual(t, n, 3)

	r = establishedRig(t, plain, Options{})
	r.c.rtt.rto = maxRTO
	closeAll(r) // nobody is left who could give up
	require.Equal(t, "F 1:1 ack 1", r.out())
	_, n = r.untilClosed()
	require.GreaterOrEqual(t, n, 3, "with the longest timeout too")
}

func TestReq9293_S11_R2AtLeast100s(t *testing.T) {
	r := stalled(t, Options{})
	took, _ := r.untilClosed()
	require.Greater(t, took, 100*time.Second)
	r = establishedRig(t, plain, Options{})
	closeAll(r)
	r.out()
	took, _ = r.untilClosed()
	require.Greater(t, took, 100*time.Second, "an orphan's too")
}

func TestReq9293_M22_SYNRetransmit(t *testing.T) {
	r := newRig(t, plain, Options{})
	r.c.Open(r.now)
	require.Equal(t, "S 0:0", r.out())
	for i := range defaultSYNRetries {
		at := r.now
		require.Equal(t, "S 0:0", r.fire())
		require.Equal(t, time.Second<<i, r.now.Sub(at))
	}
	r.c.Events()
	require.Empty(t, r.fire(), "no RST for who never was there")
	require.Equal(t, StateClosed, r.c.State())
	require.Equal(t, ErrTimeout, r.c.Err())
	require.NotZero(t, r.c.Events()&EvClosed, "told")
}

func TestReq9293_M23_SYNR2ThreeMinutes(t *testing.T) {
	r := newRig(t, plain, Options{})
	r.c.Open(r.now)
	r.out()
	took, _ := r.untilClosed()
	require.GreaterOrEqual(t, took, 180*time.Second)
	r = newRig(t, plain, Options{SYNRetries: 2})
	r.c.Open(r.now)
	r.out()
	took, n := r.untilClosed()
	require.Equal(t, 2, n)
	require.Equal(t, 7*time.Second, took, "it may be set otherwise")
}

func TestReqX_X21_UserTimeout(t *testing.T) {
	r := establishedRig(t, plain, Options{UserTimeout: 30 * time.Second, NoDelay: true})
	r.write(50000)
	r.out()
	r.in("A", 1001, 1, 60000, 1000) // out of order
	r.out()
	r.after(30*time.Second - 1)
	require.Equal(t, StateEstablished, r.c.State())
	r.c.Events()
	require.Contains(t, r.after(1), "R ")
	require.Equal(t, StateClosed, r.c.State())
	require.Equal(t, ErrTimeout, r.c.Err())
	require.NotZero(t, r.c.Events()&EvClosed)
	require.Zero(t, r.c.Unacked())
	require.Zero(t, r.c.Write(r.now, []byte("x")))
	require.Zero(t, r.c.Readable())
	r.c.Release()
	require.Zero(t, r.env.Budget.Used(), "the TCB is free")
}
