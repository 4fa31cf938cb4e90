package tcp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/trace"
)

func window(want int) func(*rig) {
	return func(r *rig) { require.Equal(r.t, want, r.c.cc.Window(), "congestion window") }
}

// TestRACK are transcripts with a round-trip time of 100 ms.
func TestRACK(t *testing.T) {
	const (
		three = ". 1:1001 ack 1; . 1001:2001 ack 1; P 2001:3001 ack 1"
		six   = ". 1:1001 ack 1; . 1001:2001 ack 1; . 2001:3001 ack 1; . 3001:4001 ack 1; . 4001:5001 ack 1; P 5001:6001 ack 1"
	)
	for _, row := range []struct {
		rule string
		s    steps
	}{
		{"one SACKed: a quarter of the round-trip time later the hole is lost (RFC 8985 6.2, step 5)", steps{
			{write(6000), six},
			{both(wait(100*ms), sack(1, 1001, 2001)), ""},
			{wait(24 * ms), ""},
			{wait(ms), ". 1:1001 ack 1"},
			{both(wait(100*ms), sack(6001)), ""},
		}},
		{"what was sent later is not judged (RFC 8985 6.1)", steps{
			{write(2000), ". 1:1001 ack 1; P 1001:2001 ack 1"},
			{both(wait(50*ms), write(4000)), ". 2001:3001 ack 1; . 3001:4001 ack 1; . 4001:5001 ack 1; P 5001:6001 ack 1"},
			{both(wait(50*ms), sack(1, 1001, 2001)), ""},
			{wait(25 * ms), ". 1:1001 ack 1"},
			{wait(25 * ms), ""},
		}},
		{"a lost retransmission goes again when something later arrives (RFC 8985 3.1)", steps{
			{write(6000), six},
			{both(wait(100*ms), sack(1, 1001, 4001)), ". 1:1001 ack 1"},
			{both(wait(ms), write(1000), sack(1, 1001, 6001)), "P 6001:7001 ack 1"},
			{both(window(3000), wait(100*ms), sack(1, 1001, 7001)), ". 1:1001 ack 1"},
			{window(2000), ""}, // two signs of congestion (RFC 5681 4.3)
			{both(wait(100*ms), sack(7001)), ""},
		}},
		{"an ACK within less than the least round trip is of the first transmission (RFC 8985 6.2, step 2)", steps{
			{write(6000), six},
			{both(wait(100*ms), sack(1, 1001, 4001)), ". 1:1001 ack 1"},
			{both(wait(ms), sack(5001)), ""},
			{wait(24 * ms), ""},
		}},
		{"what arrived late shows reordering, and then only time tells (RFC 8985 6.2, steps 3 and 4)", steps{
			{write(6000), six},
			{both(wait(100*ms), sack(1, 1001, 2001)), ""},
			{sack(2001), ""},
			{sack(2001, 3001, 6001), ""},
			{wait(24 * ms), ""},
			{wait(ms), ". 2001:3001 ack 1"},
		}},
		{"a hole that the same ACK fills is no reordering", steps{
			{write(6000), six},
			{both(wait(100*ms), sack(2001, 4001, 6001, 3001, 4001)), ". 2001:3001 ack 1"},
			{func(r *rig) { require.Zero(r.t, r.c.has&reordered) }, ""},
		}},
		{"a tail loss probe after two round trips, and what it tells (RFC 8985 7.3)", steps{
			{write(3000), three},
			{wait(199 * ms), ""},
			{wait(ms), "P 2001:3001 ack 1"},
			{both(wait(100*ms), sack(1, 2001, 3001)), ". 1:1001 ack 1"},
			{both(wait(100*ms), sack(1001, 2001, 3001)), ". 1001:2001 ack 1"},
		}},
		{"one segment: time for a delayed ACK, but not beyond the RTO; then a whole RTO (RFC 8985 7.2, 7.3)", steps{
			{write(1000), "P 1:1001 ack 1"},
			{wait(299 * ms), ""},
			{both(wait(ms), window(10000)), "P 1:1001 ack 1"},
			{wait(299 * ms), ""},
			{both(wait(ms), window(1000)), "P 1:1001 ack 1"},
		}},
		{"the probe is new data where there is some (RFC 8985 7.3)", steps{
			{write(12000), ". 1:1001 ack 1; . 1001:2001 ack 1; . 2001:3001 ack 1; . 3001:4001 ack 1; . 4001:5001 ack 1; " +
				". 5001:6001 ack 1; . 6001:7001 ack 1; . 7001:8001 ack 1; . 8001:9001 ack 1; P 9001:10001 ack 1"},
			{wait(200 * ms), "P 10001:11001 ack 1"},
			{both(wait(100*ms), sack(11001)), "P 11001:12001 ack 1"},
			{func(r *rig) { require.Zero(r.t, r.c.has&tailOut) }, ""},
		}},
		{"duplicate ACKs count where the peer sends no SACK (RFC 5681 3.2, RFC 6582 3.2)", steps{
			{write(6000), six},
			{both(wait(100*ms), sack(1), sack(1)), ""},
			{sack(1), ". 1:1001 ack 1"},
			{both(wait(100*ms), sack(2001)), ". 2001:3001 ack 1; . 3001:4001 ack 1"}, // all of that age, by RACK
			{both(wait(100*ms), sack(6001)), ""},
		}},
		{"a FIN may be the probe", steps{
			{both(write(1000), closeWrite), "FP 1:1001 ack 1"},
			{wait(300 * ms), "FP 1:1001 ack 1"},
		}},
		{"a probe that repaired a loss halves the window (RFC 8985 7.4.2)", steps{
			{write(4000), ". 1:1001 ack 1; . 1001:2001 ack 1; . 2001:3001 ack 1; P 3001:4001 ack 1"},
			{both(wait(100*ms), sack(3001)), ""},
			{wait(300 * ms), "P 3001:4001 ack 1"},
			{both(wait(100*ms), sack(4001), window(10000)), ""},
			{write(2000), ". 4001:5001 ack 1; P 5001:6001 ack 1"},
			{both(wait(100*ms), sack(6001), window(2000)), ""},
		}},
		{"a D-SACK says that the probe repaired nothing (RFC 8985 7.4.2)", steps{
			{write(1000), "P 1:1001 ack 1"},
			{wait(300 * ms), "P 1:1001 ack 1"},
			{both(wait(100*ms), sack(1001), sack(1001, 1, 1001)), ""},
			{write(1000), "P 1001:2001 ack 1"},
			{both(wait(100*ms), sack(2001), window(10000)), ""},
		}},
	} {
		t.Run(row.rule, func(t *testing.T) { runSACK(t, row.s) })
	}
}

// RFC 8985 6.2, step 4: each round trip with a D-SACK widens the window by a
// quarter of the least round-trip time, up to SRTT; 16 recoveries take it back.
func TestReorderingWindow(t *testing.T) {
	r := sackRig(t)
	r.c.has |= reordered
	r.write(6000)
	r.out()
	for _, want := range []time.Duration{50 * ms, 75 * ms, 100 * ms, 100 * ms} {
		sack(1, -999, 1)(r)
		sack(1, -999, 1)(r) // the same round
		require.Equal(t, want, r.c.reorderWindow())
		r.now = r.now.Add(100 * ms)
		sack(r.c.snd.nxt.Sub(r.c.snd.iss))(r)
		r.write(6000)
		r.out()
	}
	for range reoPersist {
		require.Equal(t, 100*ms, r.c.reorderWindow())
		r.c.settleReorder()
	}
	require.Equal(t, 25*ms, r.c.reorderWindow())
	r.c.has &^= reordered
	require.Equal(t, 25*ms, r.c.reorderWindow(), "before reordering was seen")
	r.c.enterRecovery(r.now, 0)
	require.Zero(t, r.c.reorderWindow(), "and in recovery none")
}

// Reordering costs no retransmission once it was seen.
func TestReorderingIsNoLoss(t *testing.T) {
	w := newWorld(t, 5, Config{}, Options{})
	w.jitter = 4 * ms
	w.transfer(2<<20, 0)
	require.Less(t, w.a.env.Stats.Retransmitted, uint64(20))
}

// No retransmission timeout is needed while something later arrives, whatever
// retransmissions are lost.
func TestLossWithoutTimeouts(t *testing.T) {
	w := newWorld(t, 9, Config{}, Options{})
	w.loss = 0.01
	w.see = func(p *peer, s *Segment) {
		require.NotEqual(t, trace.SendRTO, s.Why, "%s: %v", p.name, w)
	}
	w.transfer(4<<20, 0)
	require.NotZero(t, w.a.env.Stats.Retransmitted)
	require.Less(t, w.now.Sub(epoch), 8*time.Second)
}

// RFC 9937 5: RecoverFS is what can still be delivered, so that the window is
// at ssthresh when all of it is.
func TestRecoverFS(t *testing.T) {
	for _, row := range []struct {
		rule   string
		do     func(*rig)
		flight int
	}{
		{"what this ACK SACKs counts", sack(1, 1001, 6001), 6000},
		{"what was SACKed before does not", both(sack(1, 1001, 2001), sack(1, 1001, 4001)), 5000},
		{"what this ACK acknowledges counts", sack(2001, 3001, 6001), 6000},
		{"a timer's episode begins with what is not SACKed", both(sack(1, 1001, 2001), wait(25*ms)), 5000},
	} {
		r := sackRig(t)
		r.write(6000)
		r.out()
		both(wait(100*ms), row.do)(r)
		require.Equal(t, fastRecovery, r.c.sb.rec.mode, row.rule)
		require.Equal(t, row.flight, r.c.sb.rec.flight, row.rule)
	}
}
