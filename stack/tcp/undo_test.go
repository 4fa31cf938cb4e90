package tcp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// undoRig is a connection with a round-trip time of 100 ms and an RTO of 300 ms.
func undoRig(t *testing.T, cfg Config) *rig {
	cfg.NoScale = true
	r := newRig(t, cfg, Options{NoDelay: true})
	r.env.Trace = trace.NewLog(1000)
	r.c.Open(r.now)
	r.out()
	r.now = r.now.Add(100 * ms)
	r.opt = wire.TCPOptions{SACKPermitted: true, HasTimestamps: true, HasMSS: true, MSS: 1012, TSVal: 1, TSEcr: r.clock()}
	if !r.c.env.Config.NoTimestamps {
		r.opt.TSEcr -= 100
	} else {
		r.opt.MSS = 1000
	}
	r.in("SA", 0, 1, 60000, 0)
	r.out()
	r.opt = wire.TCPOptions{}
	r.c.rcv.quick = 0
	return r
}

// clock is our timestamp clock now.
func (r *rig) clock() uint32 { return tsClock(r.now, r.c.tsOff) }

// undone holds how many reductions were undone so far.
func undone(want int) func(*rig) {
	return func(r *rig) {
		r.t.Helper()
		events, _ := r.env.Trace.Take(nil)
		got := 0
		for _, e := range events {
			if e.Kind == trace.CwndChanged && e.Reason == trace.CwndUndo {
				got++
			}
		}
		require.Equal(r.t, want, got, "undone since the last look")
	}
}

func threshold(want int) func(*rig) {
	return func(r *rig) {
		r.t.Helper()
		require.Equal(r.t, want, min(r.c.cc.Ssthresh(), 1<<30), "ssthresh")
	}
}

// timeout lets the retransmission timer run out, and any probe before it.
func timeout(r *rig) {
	r.now = r.c.timers[timerRetransmit]
	r.c.timers[timerReorder] = 0
	r.c.Expire(r.now)
}

// echo is an ACK that echoes our timestamp of so long ago.
func echo(ago time.Duration, ack int, edges ...int) func(*rig) {
	return func(r *rig) {
		r.opt = wire.TCPOptions{HasTimestamps: true, TSVal: 1, TSEcr: r.clock() - uint32(ago/ms)}
		sack(ack, edges...)(r)
	}
}

const (
	flight10 = ". 1:1001 ack 1; . 1001:2001 ack 1; . 2001:3001 ack 1; . 3001:4001 ack 1; . 4001:5001 ack 1; " +
		". 5001:6001 ack 1; . 6001:7001 ack 1; . 7001:8001 ack 1; . 8001:9001 ack 1; P 9001:10001 ack 1"
	infinite = 1 << 30
)

type undoRow struct {
	rule string
	s    steps
}

func runUndo(t *testing.T, cfg Config, rows []undoRow) {
	for _, row := range rows {
		t.Run(row.rule, func(t *testing.T) {
			r := undoRig(t, cfg)
			r.t = t
			r.run(row.s)
			r.c.Release()
			require.Zero(t, r.env.Budget.Used())
		})
	}
}

func TestForwardRTO(t *testing.T) {
	first := []struct {
		do   func(*rig)
		want string
	}{
		{write(14000), flight10},
		{timeout, ". 1:1001 ack 1"},
	}
	then := func(s steps) steps { return append(append(steps{}, first...), s...) }
	runUndo(t, Config{NoSACK: true, NoTimestamps: true}, []undoRow{
		{"two ACKs of originals: spurious, new data went and no more is repeated (RFC 5682 2.1, steps 1, 2b, 3b)", then(steps{
			{both(window(1000), wait(50*ms), sack(1001)), ". 10001:11001 ack 1; P 11001:12001 ack 1"},
			{both(undone(0), sack(2001), undone(1), window(11000), threshold(infinite)), "P 12001:13001 ack 1"},
			{both(sack(10001), undone(0)), "P 13001:14001 ack 1"},
			{func(r *rig) { require.Equal(r.t, int64(1000), r.c.count.retrans) }, ""},
		})},
		{"the first ACK of all says nothing (RFC 5682 2.1, step 2a)", then(steps{
			{both(wait(50*ms), sack(10001), undone(0), window(6000)), ". 10001:11001 ack 1; . 11001:12001 ack 1; . 12001:13001 ack 1; P 13001:14001 ack 1"},
			{both(sack(11001), undone(0)), ""},
		})},
		{"a duplicate ACK first: conventional recovery (RFC 5682 2.1, step 2a)", then(steps{
			{both(sack(1), wait(50*ms), sack(1001)), ". 1001:2001 ack 1; . 2001:3001 ack 1; . 3001:4001 ack 1"},
			{both(sack(2001), undone(0)), ". 4001:5001 ack 1; . 5001:6001 ack 1"},
		})},
		{"a duplicate ACK for the new data: the rest was lost (RFC 5682 2.1, step 3a)", then(steps{
			{both(wait(100*ms), sack(1001)), ". 10001:11001 ack 1; P 11001:12001 ack 1"},
			{both(wait(100*ms), sack(1001), undone(0), threshold(5000)), ". 1001:2001 ack 1"},
		})},
		{"at its second timeout nothing is tried (RFC 5682 2.1, step 1)", then(steps{
			{timeout, ". 1:1001 ack 1"},
			{both(wait(50*ms), sack(1001)), ". 1001:2001 ack 1; . 2001:3001 ack 1"},
			{both(sack(2001), undone(0)), ". 3001:4001 ack 1; . 4001:5001 ack 1"},
		})},
		{"nothing new to send: conventional recovery (RFC 5682 2.1, step 2b)", steps{
			{write(10000), flight10},
			{timeout, ". 1:1001 ack 1"},
			{both(wait(50*ms), sack(1001)), ". 1001:2001 ack 1; . 2001:3001 ack 1"},
			{both(sack(2001), undone(0)), ". 3001:4001 ack 1; . 4001:5001 ack 1"},
		}},
	})
	runUndo(t, Config{NoTimestamps: true}, []undoRow{
		{"an original SACKed after the first ACK: spurious (RFC 5682 3.1, step 3b)", then(steps{
			{both(wait(50*ms), sack(1001)), ". 10001:11001 ack 1; P 11001:12001 ack 1"},
			{both(sack(1001, 2001, 3001), undone(1), threshold(infinite)), ""},
		})},
		{"SACKs before the first ACK decide nothing (RFC 5682 3.1, step 2)", then(steps{
			{both(wait(50*ms), sack(1, 1001, 2001), undone(0), sack(2001)), ". 10001:11001 ack 1; P 11001:12001 ack 1"},
			{both(sack(3001), undone(1)), ". 12001:13001 ack 1; P 13001:14001 ack 1"},
		})},
		{"new data SACKed and no original: the rest was lost (RFC 5682 3.1, step 3a)", then(steps{
			{both(wait(100*ms), sack(1001)), ". 10001:11001 ack 1; P 11001:12001 ack 1"},
			{both(wait(100*ms), sack(1001, 10001, 11001), undone(0), threshold(5000)), ". 1001:2001 ack 1"},
			{both(sack(1001, 10001, 12001), undone(0)), ". 2001:3001 ack 1"},
		})},
	})
}

func TestEifel(t *testing.T) {
	runUndo(t, Config{}, []undoRow{
		{"the ACK of a late original echoes its time: the timeout is undone (RFC 3522 3.2, steps 3 to 6)", steps{
			{write(10000), flight10},
			{both(timeout, undone(0)), ". 1:1001 ack 1"},
			{both(wait(10*ms), echo(310*ms, 2001), undone(1), window(12000), threshold(infinite)), ""},
			{both(wait(10*ms), echo(320*ms, 10001), undone(0)), ""},
		}},
		{"the ACK of the retransmission: the loss was real (RFC 3522 3.2, step 4)", steps{
			{write(10000), flight10},
			{timeout, ". 1:1001 ack 1"},
			{both(wait(100*ms), echo(100*ms, 1001), undone(0), threshold(5000)), ". 1001:2001 ack 1; . 2001:3001 ack 1"},
			{both(wait(10*ms), echo(410*ms, 2001), undone(0)), ". 3001:4001 ack 1; . 4001:5001 ack 1"}, // only the first counts
		}},
		{"an ACK of everything may follow lost ACKs (RFC 3522 3.2, step 5)", steps{
			{write(1000), "P 1:1001 ack 1"},
			{timeout, "P 1:1001 ack 1"},
			{both(wait(10*ms), echo(310*ms, 1001), undone(0)), ""},
		}},
		{"but not where the peer is known to send D-SACKs (RFC 3522 3.2, step 5)", steps{
			{write(1000), "P 1:1001 ack 1"},
			{echo(100*ms, 1, -99, 1), ""},
			{timeout, "P 1:1001 ack 1"},
			{both(wait(10*ms), echo(310*ms, 1001), undone(1)), ""},
		}},
		{"a segment that came late: fast retransmit is undone (RFC 3522 3.2; RFC 8985 6.2, step 3)", steps{
			{write(10000), flight10},
			{both(wait(100*ms), echo(100*ms, 1, 1001, 4001)), ". 1:1001 ack 1"},
			{both(threshold(5000), wait(10*ms), echo(110*ms, 4001), undone(1), window(11000), threshold(infinite)), ""},
			{func(r *rig) { require.NotZero(r.t, r.c.has&reordered) }, ""},
		}},
		{"a segment that was lost: nothing is undone", steps{
			{write(10000), flight10},
			{both(wait(100*ms), echo(100*ms, 1, 1001, 4001)), ". 1:1001 ack 1"},
			{both(wait(100*ms), echo(100*ms, 10001), undone(0), threshold(5000)), ""},
		}},
	})
}

func TestUndoByDSACK(t *testing.T) {
	runUndo(t, Config{NoTimestamps: true}, []undoRow{
		{"the one retransmission arrived twice: undone, after the recovery too (RFC 2883 5, RFC 3708 3)", steps{
			{write(6000), flight10[:len(". 1:1001 ack 1; . 1001:2001 ack 1; . 2001:3001 ack 1; . 3001:4001 ack 1; . 4001:5001 ack 1; ")] + "P 5001:6001 ack 1"},
			{both(wait(100*ms), sack(1, 1001, 4001)), ". 1:1001 ack 1"},
			{both(wait(10*ms), sack(6001), window(3000), undone(0)), ""},
			{both(wait(90*ms), sack(6001, 1, 1001), undone(1), window(10000), threshold(infinite)), ""},
			{both(sack(6001, 1, 1001), undone(0)), ""},
		}},
		{"all of two retransmissions, not one of them (RFC 3708 3)", steps{
			{write(6000), flight10[:len(". 1:1001 ack 1; . 1001:2001 ack 1; . 2001:3001 ack 1; . 3001:4001 ack 1; . 4001:5001 ack 1; ")] + "P 5001:6001 ack 1"},
			{both(wait(100*ms), sack(1, 1001, 2001, 3001, 6001)), ". 1:1001 ack 1; . 2001:3001 ack 1"},
			{both(wait(10*ms), sack(6001)), ""},
			{both(wait(90*ms), sack(6001, 1, 1001), sack(6001, 1, 1001), undone(0)), ""},
			{both(sack(6001, 2001, 3001), undone(1)), ""},
		}},
		{"D-SACKs of what was not sent again count nothing", steps{
			{write(6000), flight10[:len(". 1:1001 ack 1; . 1001:2001 ack 1; . 2001:3001 ack 1; . 3001:4001 ack 1; . 4001:5001 ack 1; ")] + "P 5001:6001 ack 1"},
			{both(wait(100*ms), sack(1, 1001, 4001)), ". 1:1001 ack 1"},
			{both(wait(100*ms), sack(6001), sack(6001, 1001, 2001), sack(6001, -999, 1), undone(0)), ""},
		}},
		{"a retransmission that was lost: a second episode is never undone", steps{
			{write(6000), flight10[:len(". 1:1001 ack 1; . 1001:2001 ack 1; . 2001:3001 ack 1; . 3001:4001 ack 1; . 4001:5001 ack 1; ")] + "P 5001:6001 ack 1"},
			{both(wait(100*ms), sack(1, 1001, 4001)), ". 1:1001 ack 1"},
			{both(wait(ms), write(1000), sack(1, 1001, 6001)), "P 6001:7001 ack 1"},
			{both(wait(100*ms), sack(1, 1001, 7001)), ". 1:1001 ack 1"},
			{both(wait(100*ms), sack(7001), sack(7001, 1, 1001), undone(0), window(2000)), ""},
		}},
		{"a timeout whose retransmission was a duplicate (RFC 3708 3)", steps{
			{write(1000), "P 1:1001 ack 1"},
			{timeout, "P 1:1001 ack 1"},
			{both(window(1000), wait(10*ms), sack(1001), undone(0)), ""},
			{both(wait(100*ms), sack(1001, 1, 1001), undone(1), window(10000)), ""},
		}},
		{"two timeouts: bytes that went three times are not counted", steps{
			{write(1000), "P 1:1001 ack 1"},
			{timeout, "P 1:1001 ack 1"},
			{timeout, "P 1:1001 ack 1"},
			{both(wait(10*ms), sack(1001, 1, 1001), sack(1001, 1, 1001), undone(0)), ""},
		}},
	})
}

// On a path that only delays, what congestion control lost comes back; on one
// that loses, nothing does.
func TestUndoNeedsNoLoss(t *testing.T) {
	for _, row := range []struct {
		rule  string
		sack  bool
		lossy bool
	}{{"delay spikes", true, false}, {"delay spikes without SACK", false, false}, {"loss", true, true}, {"loss without SACK", false, true}} {
		undos, reductions := 0, 0
		for seed := range uint64(8) {
			w := newWorld(t, seed, Config{NoSACK: !row.sack}, Options{})
			if row.lossy {
				w.loss = 0.02
			}
			w.a.env.Trace = trace.NewLog(1 << 16)
			n, until := 0, w.now
			w.see = func(*peer, *Segment) {
				if n++; !row.lossy && n%400 == 399 { // nothing arrives for a while, then all in order
					until = w.now.Add(400 * ms)
					for i := range w.air {
						w.air[i].at = until
					}
				}
				w.delay = max(10*ms, until.Sub(w.now))
			}
			w.transfer(1<<20, 0)
			events, lost := w.a.env.Trace.Take(nil)
			require.Zero(t, lost)
			for _, e := range events {
				switch {
				case e.Kind != trace.CwndChanged:
				case e.Reason == trace.CwndUndo:
					undos++
				case e.Reason == trace.CwndTimeout, e.Reason == trace.CwndFastRecovery:
					reductions++
				}
			}
		}
		require.NotZero(t, reductions, row.rule)
		if row.lossy {
			require.LessOrEqual(t, undos*20, reductions, row.rule)
		} else {
			require.GreaterOrEqual(t, undos*2, reductions, row.rule)
		}

	}
}
