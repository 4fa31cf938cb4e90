package congestion

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// These tables name the sections of draft-ietf-ccwg-bbr-05. A flow has a path of
// 10 MB/s and 20 ms, 200 segments of 1000 bytes.

const bdp = 200_000

func newBBR() (*flow, *bbr) {
	f := newFlow("bbr", 1000, 20*ms)
	return f, f.Controller.(*bbr)
}

// until lets round trips pass until the state is reached.
func (f *flow) until(t *testing.T, s bbrState, change ...func(*Sample)) {
	t.Helper()
	b := f.Controller.(*bbr)
	for i := 0; b.state != s; i++ {
		require.Less(t, i, 1000, "state %d is never reached from %d", s, b.state)
		f.step(change...)
	}
}

// step is one ACK of a flow that fills its path, and its pacing gain with it.
func (f *flow) step(change ...func(*Sample)) {
	b := f.Controller.(*bbr)
	inflight := min(b.cwnd, bdp)
	switch b.state {
	case startup:
		inflight = min(b.cwnd, 2*bdp)
	case probeBWUp:
		inflight = min(b.cwnd, bdp*5/4)
	case drain, probingRTT:
		inflight = b.cwnd / 2
	}
	inflight = max(inflight, 4*f.mss)
	f.now = f.now.Add(f.rtt / 4)
	n := min(inflight, bdp) / 4
	f.delivered += int64(n)
	s := Sample{LeastRTT: f.rtt, Acked: n, Arrived: n, Delivered: f.delivered, Pipe: inflight, CwndLimited: inflight >= b.cwnd, SACK: true,
		Sampled: true, Rate: min(int64(inflight)*50, f.path), Prior: max(f.delivered-int64(4*n), 0), TxInFlight: inflight}
	for _, c := range change {
		c(&s)
	}
	f.OnSend(f.now, n, inflight)
	f.OnAck(f.now, &s)
}

func (f *flow) steps(n int, change ...func(*Sample)) {
	for range n {
		f.step(change...)
	}
}

func limited(s *Sample) { s.AppLimited = true }

// loses tells of so many lost bytes with the step.
func (f *flow) loses(bytes int) {
	f.OnLost(&Lost{Delivered: f.delivered, Bytes: bytes, TxInFlight: bdp, TxLost: bytes})
}

func TestBBRStates(t *testing.T) {
	for _, row := range []struct {
		rule          string
		do            func(*testing.T, *flow, *bbr)
		state         bbrState
		pacing, least int // gains then, hundredths
	}{
		{"it begins in Startup (5.3.1.1)", func(*testing.T, *flow, *bbr) {}, startup, 277, 200},
		{"three rounds without growth end it (5.3.1.2)", func(_ *testing.T, f *flow, b *bbr) {
			for b.rs.deliveryRate < f.path {
				f.step()
			}
			f.steps(13)
		}, drain, 50, 200},
		{"two do not", func(_ *testing.T, f *flow, b *bbr) {
			for b.fullBwCount < 2 {
				f.step()
			}
		}, startup, 277, 200},
		{"nor those that had no more in flight than the product: the receiver's window (deviates from 5.3.1.2)", func(_ *testing.T, f *flow, b *bbr) {
			f.steps(60, func(s *Sample) { s.Rate, s.TxInFlight, s.CwndLimited = 5e6, 5e6/50, false })
		}, startup, 277, 200},
		{"three that had a quarter more do", func(_ *testing.T, f *flow, b *bbr) {
			f.steps(60, func(s *Sample) { s.Rate, s.TxInFlight, s.CwndLimited = 5e6, 5e6/50, false })
			for b.state == startup && b.roundCount < 40 {
				f.step(func(s *Sample) { s.Rate, s.TxInFlight = 5e6, 5e6/50*5/4 })
			}
		}, drain, 50, 200},
		{"nor those that the owner limits", func(_ *testing.T, f *flow, _ *bbr) { f.steps(100, limited) }, startup, 277, 200},
		{"growth by a quarter begins the count anew, on whichever ACK", func(_ *testing.T, f *flow, b *bbr) {
			f.steps(40, func(s *Sample) {
				s.Rate = 1e6
				if b.fullBwCount == 2 {
					s.Rate = b.fullBw*5/4 + 1
				}
			})
		}, startup, 277, 200},
		{"too many losses in six holes end it, after a round of recovery (5.3.1.3)", func(_ *testing.T, f *flow, _ *bbr) {
			f.steps(12)
			for range 6 {
				f.loses(1000)
			}
			f.OnCongestion(f.now, Loss, 0)
			f.steps(5, func(s *Sample) { s.Recovering, s.TxLost = true, s.TxInFlight/20 })
		}, drain, 50, 200},
		{"in five holes not", func(_ *testing.T, f *flow, _ *bbr) {
			f.steps(12)
			for range 5 {
				f.loses(1000)
			}
			f.OnCongestion(f.now, Loss, 0)
			f.steps(5, func(s *Sample) { s.Recovering, s.TxLost = true, s.TxInFlight/20 })
		}, startup, 277, 200},
		{"without SACK any loss ends it (5.3.1.3)", func(_ *testing.T, f *flow, _ *bbr) {
			f.steps(8)
			f.step(func(s *Sample) { s.SACK, s.Lost, s.Recovering = false, 1000, true })
		}, drain, 50, 200},
		{"and an ECN echo (3.6)", func(_ *testing.T, f *flow, _ *bbr) { f.steps(8); f.OnCongestion(f.now, ECN, 0) }, drain, 50, 200},
		{"Drain ends when the product is in flight, and down with it (5.3.2)", func(t *testing.T, f *flow, _ *bbr) { f.until(t, drain); f.step(func(s *Sample) { s.Pipe = bdp }) }, probeBWCruise, 100, 200},
		{"or after three rounds", func(t *testing.T, f *flow, b *bbr) {
			f.until(t, drain)
			for b.roundCount <= b.drainStartRound+3 {
				require.Equal(t, drain, b.state)
				f.step(func(s *Sample) { s.Pipe = 3 * bdp })
			}
		}, probeBWDown, 90, 200},
		{"down goes on while more than the product is in flight (5.3.3.1)", func(t *testing.T, f *flow, _ *bbr) {
			f.until(t, probeBWDown)
			f.steps(20, func(s *Sample) { s.Pipe = bdp * 11 / 10 })
		}, probeBWDown, 90, 200},
		{"else it cruises (5.3.3.1)", func(t *testing.T, f *flow, _ *bbr) { f.until(t, probeBWDown); f.step() }, probeBWCruise, 100, 200},
		{"63 rounds later it refills the pipe (5.3.3.6)", func(t *testing.T, f *flow, b *bbr) {
			f.until(t, probeBWCruise)
			began := b.roundCount
			f.until(t, probeBWRefill)
			require.InDelta(t, 63, int(b.roundCount-began), 1)
		}, probeBWRefill, 100, 200},
		{"or two to three seconds later", func(t *testing.T, f *flow, b *bbr) {
			f.until(t, probeBWCruise)
			f.now = f.now.Add(1900 * ms)
			f.step()
			require.Equal(t, probeBWCruise, b.state)
			f.now = f.now.Add(1100 * ms)
			f.step()
		}, probeBWRefill, 100, 200},
		{"for one round (5.3.3.3)", func(t *testing.T, f *flow, b *bbr) {
			f.until(t, probeBWRefill)
			began := b.roundCount
			f.until(t, probeBWUp)
			require.EqualValues(t, 1, b.roundCount-began)
		}, probeBWUp, 125, 225},
		{"three rounds later it knows that there is no more (5.3.3.5)", func(t *testing.T, f *flow, b *bbr) {
			f.until(t, probeBWUp)
			began := b.roundCount
			f.until(t, probeBWDown)
			require.InDelta(t, 3, int(b.roundCount-began), 1)
		}, probeBWDown, 90, 200},
		{"too many losses end it at once (5.5.10.2)", func(t *testing.T, f *flow, _ *bbr) {
			f.until(t, probeBWUp)
			f.loses(bdp / 40)
		}, probeBWDown, 90, 200},
		{"few do not", func(t *testing.T, f *flow, _ *bbr) { f.until(t, probeBWUp); f.loses(bdp / 60); f.step() }, probeBWUp, 125, 225},
		{"an ECN echo does (3.6)", func(t *testing.T, f *flow, _ *bbr) { f.until(t, probeBWUp); f.OnCongestion(f.now, ECN, bdp) }, probeBWDown, 90, 200},
		{"ten seconds without a smaller round trip begin ProbeRTT (5.3.4.1)", func(t *testing.T, f *flow, b *bbr) {
			f.until(t, probeBWCruise)
			f.now = b.minRTTStamp.Add(minRTTFilterLen)
			f.step()
		}, probingRTT, 100, 50},
		{"not after a silence (5.3.4.2)", func(t *testing.T, f *flow, b *bbr) {
			f.until(t, probeBWCruise)
			f.now = b.minRTTStamp.Add(minRTTFilterLen)
			f.OnRestart(time.Second)
			f.step()
		}, probeBWRefill, 100, 200},
		{"it lasts for 200 ms and a round, and cruises after it (5.3.4.4)", func(t *testing.T, f *flow, b *bbr) {
			f.until(t, probeBWCruise)
			f.now = b.minRTTStamp.Add(minRTTFilterLen)
			f.step()
			began := f.now
			f.until(t, probeBWCruise)
			require.InDelta(t, 210, f.now.Sub(began).Milliseconds(), 15)
		}, probeBWCruise, 100, 200},
		{"in Startup it goes back there", func(t *testing.T, f *flow, b *bbr) {
			f.step()
			f.now = b.minRTTStamp.Add(minRTTFilterLen)
			f.step()
			require.Equal(t, probingRTT, b.state)
			f.until(t, startup)
		}, startup, 277, 200},
		{"Startup that ended for nothing goes on (5.5.11.2)", func(t *testing.T, f *flow, b *bbr) {
			f.steps(8)
			f.step(func(s *Sample) { s.SACK, s.Lost, s.Recovering = false, 1000, true })
			require.Equal(t, drain, b.state)
			b.undo.saved = true
			f.OnSpurious()
		}, startup, 277, 200},
		{"a probe that ended for nothing begins anew (5.5.11.2)", func(t *testing.T, f *flow, b *bbr) {
			f.until(t, probeBWUp)
			f.loses(bdp / 10)
			f.OnCongestion(f.now, Loss, bdp)
			require.Equal(t, probeBWDown, b.state)
			f.OnSpurious()
		}, probeBWRefill, 100, 200},
	} {
		t.Run(row.rule, func(t *testing.T) {
			f, b := newBBR()
			row.do(t, f, b)
			require.Equal(t, row.state, b.state)
			pacing, cwnd := b.gains()
			require.Equal(t, [2]int{row.pacing, row.least}, [2]int{pacing, cwnd})
		})
	}
}

func TestBBRModel(t *testing.T) {
	cruising := func(t *testing.T, f *flow) { f.until(t, probeBWCruise) }
	for _, row := range []struct {
		rule string
		do   func(*testing.T, *flow, *bbr)
		of   func(*bbr) int64
		want int64
	}{
		{"the first rate is that of the initial window (5.6.2)", func(*testing.T, *flow, *bbr) {},
			func(b *bbr) int64 { return b.rate }, 10_000 * 50 * 277 / 100},
		{"of a millisecond where the round trip is unknown", func(_ *testing.T, f *flow, b *bbr) { b.Reset(); b.SetMSS(1000) },
			func(b *bbr) int64 { return b.rate }, 10_000 * 1000 * 277 / 100},
		{"until the first round trip is known", func(_ *testing.T, f *flow, b *bbr) {
			b.Reset()
			b.SetMSS(1000)
			b.OnInit(0, 1)
			f.OnAck(f.now, &Sample{LeastRTT: 10 * ms, Arrived: 1000, SACK: true})
		}, func(b *bbr) int64 { return b.rate }, 10_000 * 100 * 277 / 100},
		{"in Startup the rate never falls (5.6.2)", func(_ *testing.T, f *flow, b *bbr) {
			f.step()
			f.steps(3, func(s *Sample) { s.Rate = 1000 })
		}, func(b *bbr) int64 { return b.rate }, 10_000 * 50 * 277 / 100},
		{"cruising is a hundredth below the bandwidth (5.6.2)", func(t *testing.T, f *flow, _ *bbr) { cruising(t, f); f.step() },
			func(b *bbr) int64 { return b.rate }, 9_900_000},
		{"the window is two products, and what comes in one piece (5.6.4.2)", func(t *testing.T, f *flow, b *bbr) {
			cruising(t, f)
			f.steps(10)
			b.agg.extra = [2]int{}
			b.agg.since = f.now
			b.agg.delivered = 0
		}, func(b *bbr) int64 { return int64(b.maxInflight()) }, 2 * bdp},
		{"a slow path has four segments at least (5.6.4.3)", func(_ *testing.T, f *flow, b *bbr) {
			b.is |= fullBwReached
			b.state = probeBWCruise
			f.OnAck(f.now, &Sample{LeastRTT: ms, Arrived: 1000, Sampled: true, Rate: 1000, SACK: true})
		}, func(b *bbr) int64 { return int64(b.cwnd) }, 6000}, // three bursts of two
		{"a timeout leaves one (5.6.4.4)", func(t *testing.T, f *flow, _ *bbr) { cruising(t, f); f.OnTimeout(f.now, bdp) },
			func(b *bbr) int64 { return int64(b.cwnd) }, 1000},
		{"the first ACK after it four, and what arrived (5.6.4.6)", func(t *testing.T, f *flow, _ *bbr) {
			cruising(t, f)
			f.OnTimeout(f.now, bdp)
			f.OnAck(f.now, &Sample{Arrived: 1000, SACK: true})
		}, func(b *bbr) int64 { return int64(b.cwnd) }, 4000},
		{"app-limited samples count where they are higher (5.5.4)", func(t *testing.T, f *flow, _ *bbr) {
			cruising(t, f)
			f.step(limited, func(s *Sample) { s.Rate = 1e6 })
			f.step(limited, func(s *Sample) { s.Rate = 12e6 })
		}, (*bbr).maxBandwidth, 12e6},
		{"the bandwidth is that of this cycle and the one before (5.5.3)", func(t *testing.T, f *flow, b *bbr) {
			cruising(t, f)
			f.path = 5e6
			f.until(t, probeBWUp)
			f.until(t, probeBWCruise)
			require.EqualValues(t, 10e6, b.maxBandwidth())
			f.until(t, probeBWUp)
			f.until(t, probeBWCruise)
			f.steps(8)
		}, (*bbr).maxBandwidth, 5e6},
		{"a round that loses more than 2 % bounds the rate by what arrived (5.5.10.3)", func(t *testing.T, f *flow, _ *bbr) {
			cruising(t, f)
			f.steps(8, func(s *Sample) { s.Rate = 8e6 })
			f.loses(bdp / 20)
			f.steps(8, func(s *Sample) { s.Rate = 8e6 })
		}, func(b *bbr) int64 { return b.bw }, 8e6},
		{"at most by three tenths", func(t *testing.T, f *flow, _ *bbr) {
			cruising(t, f)
			f.steps(8, func(s *Sample) { s.Rate = 1e6 })
			f.loses(bdp / 20)
			f.steps(5, func(s *Sample) { s.Rate = 1e6 })
		}, func(b *bbr) int64 { return b.bw }, 7e6},
		{"less than 2 % do not (deviates from 5.5.10.3)", func(t *testing.T, f *flow, _ *bbr) {
			cruising(t, f)
			f.steps(8, func(s *Sample) { s.Rate = 8e6 })
			f.loses(bdp / 100)
			f.steps(8, func(s *Sample) { s.Rate = 8e6 })
		}, func(b *bbr) int64 { return b.bw }, 10e6},
		{"but any do without SACK", func(t *testing.T, f *flow, _ *bbr) {
			cruising(t, f)
			f.steps(8, func(s *Sample) { s.Rate, s.SACK = 8e6, false })
			f.loses(bdp / 100)
			f.steps(8, func(s *Sample) { s.Rate, s.SACK = 8e6, false })
		}, func(b *bbr) int64 { return b.bw }, 8e6},
		{"and an ECN echo does (3.6)", func(t *testing.T, f *flow, _ *bbr) {
			cruising(t, f)
			f.steps(8, func(s *Sample) { s.Rate = 8e6 })
			f.OnCongestion(f.now, ECN, bdp)
			f.steps(8, func(s *Sample) { s.Rate = 8e6 })
		}, func(b *bbr) int64 { return b.bw }, 8e6},
		{"the next probe forgets these bounds (5.3.3.3)", func(t *testing.T, f *flow, _ *bbr) {
			cruising(t, f)
			f.OnCongestion(f.now, ECN, bdp)
			f.steps(8, func(s *Sample) { s.Rate = 8e6 })
			f.until(t, probeBWRefill)
		}, func(b *bbr) int64 { return b.bw }, 10e6},
		{"too many losses in a probe bound what is in flight, by where they began (5.5.10.2)", func(t *testing.T, f *flow, _ *bbr) {
			f.until(t, probeBWUp)
			f.OnLost(&Lost{Delivered: f.delivered, Bytes: 64_000, TxInFlight: 264_000, TxLost: 64_000})
		}, func(b *bbr) int64 { return int64(b.inflightLongterm) }, 200_000 + 200_000*2/98},
		{"at least seven tenths of the product", func(t *testing.T, f *flow, _ *bbr) {
			f.until(t, probeBWUp)
			f.OnLost(&Lost{Delivered: f.delivered, Bytes: 1000, TxInFlight: 50_000, TxLost: 2000})
		}, func(b *bbr) int64 { return int64(b.inflightLongterm) }, bdp * 7 / 10},
		{"cruising leaves 15 % of it to others (5.6.4.7)", func(t *testing.T, f *flow, b *bbr) {
			cruising(t, f)
			b.inflightLongterm = 100_000
			f.step(func(s *Sample) { s.TxInFlight = 0 })
		}, func(b *bbr) int64 { return int64(b.cwnd) }, 85_000},
		{"what was in flight without harm raises it (5.3.3.7)", func(t *testing.T, f *flow, b *bbr) {
			cruising(t, f)
			b.inflightLongterm = 100_000
			f.step(func(s *Sample) { s.TxInFlight = 150_000 })
		}, func(b *bbr) int64 { return int64(b.inflightLongterm) }, 150_000},
		{"ProbeRTT halves what is in flight (5.6.4.5)", func(t *testing.T, f *flow, b *bbr) {
			cruising(t, f)
			f.now = b.minRTTStamp.Add(minRTTFilterLen)
			f.step(func(s *Sample) { s.LeastRTT = 40 * ms })
		}, func(b *bbr) int64 { return int64(b.cwnd) }, bdp / 2},
		{"and its low rates say nothing (5.3.4.3)", func(t *testing.T, f *flow, b *bbr) {
			cruising(t, f)
			f.now = b.minRTTStamp.Add(minRTTFilterLen)
			f.steps(12, func(s *Sample) { s.Rate = 1e6 })
		}, func(b *bbr) int64 { return truth(b.rs.appLimited) }, 1},
		{"after a silence the rate is the bandwidth, whatever the gain was (5.4.1)", func(t *testing.T, f *flow, _ *bbr) {
			f.until(t, probeBWUp)
			f.OnRestart(time.Millisecond)
		}, func(b *bbr) int64 { return b.rate }, 9_900_000},
		{"what a recovery for nothing took comes back (5.5.11.2)", func(t *testing.T, f *flow, _ *bbr) {
			cruising(t, f)
			f.loses(bdp / 20)
			f.OnCongestion(f.now, Loss, bdp)
			f.steps(8, func(s *Sample) { s.Rate = 8e6 })
			f.OnSpurious()
		}, func(b *bbr) int64 { return b.bw }, 10e6},
	} {
		t.Run(row.rule, func(t *testing.T) {
			f, b := newBBR()
			row.do(t, f, b)
			require.Equal(t, row.want, row.of(b))
		})
	}
}

func truth(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// PickProbeWait (5.3.3.6): the same seed draws the same, others spread.
func TestBBRProbeWait(t *testing.T) {
	seen := map[time.Duration]bool{}
	for seed := range uint64(200) {
		var draws [2]time.Duration
		for i := range draws {
			b := &bbr{}
			b.Reset()
			b.OnInit(20*ms, seed)
			b.pickProbeWait()
			draws[i] = b.probe.wait
			require.LessOrEqual(t, b.probe.rounds, uint32(1))
		}
		require.Equal(t, draws[0], draws[1])
		require.True(t, 2*time.Second <= draws[0] && draws[0] < 3*time.Second)
		seen[draws[0]/(100*ms)] = true
	}
	require.Len(t, seen, 10)
}
