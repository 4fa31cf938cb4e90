package tcp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp/congestion"
)

// pacedRig may send a byte per microsecond, in segments of 1000: a burst is two
// of them, every 2 ms.
func pacedRig(t *testing.T, rate int64) *rig {
	r := establishedRig(t, Config{NoSACK: true, NoTimestamps: true}, Options{NoDelay: true, MaxPacingRate: rate})
	r.now = r.now.Add(time.Second)
	return r
}

func TestPacing(t *testing.T) {
	held := func(d time.Duration) func(*rig) {
		return func(r *rig) {
			require.NotZero(r.t, r.c.has&paceHeld)
			require.Equal(r.t, d, r.c.Deadline().Sub(r.now))
		}
	}
	free := func(r *rig) {
		require.Zero(r.t, r.c.has&paceHeld)
		require.Greater(r.t, r.c.Deadline().Sub(r.now), 100*ms, "the retransmission timer's")
	}
	for _, row := range []struct {
		rule  string
		steps steps
	}{
		{"a burst is two segments at least, and the deadline says when the next begins", steps{
			{write(5000), ". 1:1001 ack 1; . 1001:2001 ack 1"},
			{both(held(2*ms), wait(2*ms)), ". 2001:3001 ack 1; . 3001:4001 ack 1"},
			{both(held(2*ms), wait(ms)), ""},
			{both(held(ms), wait(ms)), "P 4001:5001 ack 1"},
			{free, ""},
		}},
		{"a timer that is late carries one burst more, and no second one", steps{
			{write(10000), ". 1:1001 ack 1; . 1001:2001 ack 1"},
			{wait(50 * ms), ". 2001:3001 ack 1; . 3001:4001 ack 1; . 4001:5001 ack 1; . 5001:6001 ack 1"},
			{held(2 * ms), ""},
		}},
		{"one that is a little late makes up for it", steps{
			{write(10000), ". 1:1001 ack 1; . 1001:2001 ack 1"},
			{wait(3 * ms), ". 2001:3001 ack 1; . 3001:4001 ack 1; . 4001:5001 ack 1"},
			{both(held(2*ms), wait(2*ms)), ". 5001:6001 ack 1; . 6001:7001 ack 1"},
		}},
		{"there is no deadline where nothing waits", steps{{write(2000), ". 1:1001 ack 1; P 1001:2001 ack 1"}, {free, ""}}},
		{"what is left of a burst may follow at once", steps{
			{write(1000), "P 1:1001 ack 1"},
			{write(2000), ". 1001:2001 ack 1"},
			{both(held(2*ms), wait(2*ms)), "P 2001:3001 ack 1"},
		}},
		{"silence carries nothing", steps{
			{write(2000), ". 1:1001 ack 1; P 1001:2001 ack 1"},
			{both(wait(100*ms), in("A", 1, 2001, 60000, 0), write(6000)), ". 2001:3001 ack 1; . 3001:4001 ack 1"},
			{held(2 * ms), ""},
		}},
		{"the rate holds although all is acknowledged", steps{
			{write(2000), ". 1:1001 ack 1; P 1001:2001 ack 1"},
			{both(wait(ms/2), in("A", 1, 2001, 60000, 0)), ""},
			{write(1000), ""},
			{both(held(3*ms/2), wait(3*ms/2)), "P 2001:3001 ack 1"},
		}},
		{"the receiver's window goes on bounding what leaves", steps{
			{both(write(5000), in("A", 1, 1, 1500, 0)), ". 1:1001 ack 1"},
			{free, ""},
		}},
		{"ACKs do not wait", steps{
			{write(5000), ". 1:1001 ack 1; . 1001:2001 ack 1"},
			{both(in("AP", 1, 1, 60000, 10), in("AP", 11, 1, 60000, 1000), in("AP", 1011, 1, 60000, 1000)), ". 2001:2001 ack 2011"},
			{wait(2 * ms), ". 2001:3001 ack 2011; . 3001:4001 ack 2011"},
		}},
		{"what is lost waits like anything else", steps{
			{write(8000), ". 1:1001 ack 1; . 1001:2001 ack 1"},
			{wait(2 * ms), ". 2001:3001 ack 1; . 3001:4001 ack 1"},
			{both(in("A", 1, 1, 60000, 0), in("A", 1, 1, 60000, 0), in("A", 1, 1, 60000, 0)), ""},
			{both(held(2*ms), wait(2*ms)), ". 1:1001 ack 1; P 4001:5001 ack 1"},
		}},
		{"a FIN alone does not wait", steps{
			{both(write(2000), closeWrite), ". 1:1001 ack 1; FP 1001:2001 ack 1"},
			{free, ""},
		}},
		{"a bound that goes lets all go", steps{
			{write(6000), ". 1:1001 ack 1; . 1001:2001 ack 1"},
			{func(r *rig) { r.c.SetOptions(r.now, Options{NoDelay: true}) },
				". 2001:3001 ack 1; . 3001:4001 ack 1; . 4001:5001 ack 1; P 5001:6001 ack 1"},
		}},
	} {
		t.Run(row.rule, func(t *testing.T) { pacedRig(t, 1e6).run(row.steps) })
	}
}

// Bursts are max(2 MSS, min(64 KiB, 1 ms of the rate)).
func TestBursts(t *testing.T) {
	for _, row := range []struct {
		rate      int64
		gso       int
		burst     int // bytes
		transmits int
	}{
		{1e6, 0, 2000, 2}, {1e6, 65535, 2000, 1}, {5e6, 0, 5000, 5}, {5_500_000, 65535, 5500, 1},
		{1e9, 0, 65000, 65}, {1e9, 65535, 65000, 1}, {1e9, 20000, 19000, 1}, {100, 65535, 2000, 1},
	} {
		r := pacedRig(t, row.rate)
		r.env.MaxGSO = row.gso
		r.c.wake()
		r.c.cc.OnAck(r.now, &sample{Acked: 60000, CwndLimited: true})
		r.c.cc.OnAck(r.now, &sample{Acked: 60000, CwndLimited: true})
		r.c.snd.wnd = 200_000
		r.write(150_000)
		var out Segment
		n := 0
		for ; r.c.Transmit(r.now, &out); n++ {
			require.LessOrEqual(t, out.Len(), row.burst)
		}
		sent := r.c.snd.nxt.Sub(r.c.snd.una)
		require.Equal(t, row.transmits, n, row)
		require.LessOrEqual(t, sent, row.burst, row)
		require.Greater(t, sent, row.burst-1000, row)
		require.NotZero(t, r.c.has&paceHeld, row)
		require.Equal(t, min(time.Duration(int64(sent)*int64(time.Second)/row.rate), time.Second), r.c.sb.pace.next.Sub(r.now), row)
	}
}

// However late the timers are and however the owner writes, what leaves in any
// time is at most what the rate gives in it, a burst, and one that was late.
func TestPacingBound(t *testing.T) {
	const rate, burst = 1_000_000, 2000
	r := pacedRig(t, rate)
	r.c.snd.wnd = 1 << 20
	began, x := r.now, uint32(1)
	random := func(n uint32) int { x = x*1664525 + 1013904223; return int(x >> 8 % n) }
	level, last := 0.0, r.now
	for range 20_000 {
		r.now = r.now.Add(time.Duration(random(3_000_000)))
		level = max(level-r.now.Sub(last).Seconds()*rate, 0)
		last = r.now
		r.c.Expire(r.now)
		if r.c.unsent() < 1<<16 {
			r.write(1 + random(5000))
		}
		before := r.c.snd.nxt
		r.out()
		level += float64(r.c.snd.nxt.Sub(before))
		require.LessOrEqual(t, level, 2*burst+1.0, "at %v", r.now.Sub(began))
		if random(4) == 0 && r.c.snd.una != r.c.snd.nxt {
			r.in("A", 1, r.c.snd.nxt.Sub(r.c.snd.iss), 60000, 0)
		}
	}
	require.Greater(t, float64(r.c.Info(r.now).BytesSent), .8*rate*r.now.Sub(began).Seconds(), "and it uses its rate")
}

// Where all is acknowledged the scoreboard stays until the rate has caught up, and
// not longer: an idle connection has none.
func TestPacingLeavesNothing(t *testing.T) {
	r := pacedRig(t, 1e6)
	r.write(2000)
	r.out()
	r.in("A", 1, 2001, 60000, 0)
	r.out()
	require.NotNil(t, r.c.sb)
	require.Equal(t, 2*ms, r.c.Deadline().Sub(r.now))
	require.Empty(t, r.after(3*ms))
	require.Nil(t, r.c.sb)
	require.Equal(t, clock.Never, r.c.Deadline())
	require.Zero(t, r.env.Budget.Used())
}

// What BBR says is obeyed, and the owner's bound where that is lower.
func TestPacingRateOfController(t *testing.T) {
	r := establishedRig(t, Config{Congestion: congestion.BBR{}}, Options{})
	r.c.wake()
	own := r.c.cc.PacingRate()
	require.Positive(t, own)
	require.Equal(t, own, r.c.Info(r.now).PacingRate)
	r.c.SetOptions(r.now, Options{MaxPacingRate: 12345})
	i := r.c.Info(r.now)
	require.EqualValues(t, 12345, i.PacingRate)
	require.EqualValues(t, 12345, i.MaxPacingRate)
	r.write(3000)
	r.out()
	require.EqualValues(t, 12345, r.c.pacingRate())
	r.c.SetOptions(r.now, Options{MaxPacingRate: 1 << 50})
	require.Equal(t, own, r.c.pacingRate())
}
