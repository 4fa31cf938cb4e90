package congestion

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// find is the algorithm of that name, nil if there is none.
func find(name string) Algorithm {
	a, _ := Find(name)
	return a
}

// named is a new controller of that name.
func named(name string) (Controller, bool) {
	a, ok := Find(name)
	if !ok {
		return nil, false
	}
	return a.New(), true
}

func TestNew(t *testing.T) {
	require.Equal(t, Default, Names()[0])
	for _, name := range Names() {
		c, ok := named(name)
		require.True(t, ok)
		require.Equal(t, name, c.Name())
	}
	_, ok := named("nosuch")
	require.False(t, ok)
}

func TestInitialWindow(t *testing.T) { // RFC 6928 2
	for _, row := range []struct{ mss, want int }{
		{536, 5360}, {1460, 14600}, {1448, 14480}, {4000, 14600}, {9000, 18000},
	} {
		require.Equal(t, row.want, InitialWindow(row.mss))
	}
}

// byWindow are the controllers that know the path by their window alone.
func byWindow() (names []string) {
	for _, name := range Names() {
		if c, _ := named(name); !c.Models() {
			names = append(names, name)
		}
	}
	return names
}

// The rules that hold for every controller that has a window and no model.
func TestEveryWindow(t *testing.T) {
	const mss = 1000
	ack := func(acked int) Sample { return Sample{Acked: acked, CwndLimited: true, RTT: 20 * ms} }
	for _, row := range []struct {
		rule string
		do   func(*flow) // what came before
		ack  Sample
		min  int // by how much the window grows, bytes
		max  int
	}{
		{"it begins with ten segments, and slow start grows by the bytes acknowledged (RFC 6928, RFC 3465)",
			func(f *flow) {}, ack(3000), 3000, 3000},
		{"at most one super-segment for one ACK",
			func(f *flow) {}, ack(1 << 20), 64 << 10, 64 << 10},
		{"or eight large segments",
			func(f *flow) { f.SetMSS(9000) }, ack(1 << 20), 72000, 72000},
		{"not while the flow does not use it (RFC 7661 3)",
			func(f *flow) {}, Sample{Acked: 3000}, 0, 0},
		{"nor in congestion avoidance", func(f *flow) { f.lose(Loss); f.pass(time.Second) }, Sample{Acked: 3000}, 0, 0},
		{"nor in fast recovery", func(f *flow) {}, Sample{Acked: 3000, CwndLimited: true, Recovering: true}, 0, 0},
		{"nor for an ACK that brings nothing", func(f *flow) {}, ack(0), 0, 0},
		{"slow start stops at ssthresh: the rest is congestion avoidance, a segment at most (RFC 5681 3.1)",
			func(f *flow) { f.slowStartTo(40); f.OnTimeout(f.now, 8000) }, ack(8000), 3000, 6000},
		{"congestion avoidance grows by less than half a window for a window",
			func(f *flow) { f.slowStartTo(100); f.lose(Loss); f.pass(10 * time.Second) }, ack(1 << 30), 0, 1 << 20},
		{"it stays below TCP's largest window",
			func(f *flow) {
				for f.Window() < maxWindow {
					s := ack(1 << 20)
					f.OnAck(f.now, &s)
				}
			}, ack(1 << 20), 0, 0},
	} {
		for _, name := range byWindow() {
			f := newFlow(name, mss, 20*ms)
			row.do(f)
			before := f.Window()
			s := row.ack
			f.OnAck(f.now.Add(ms), &s)
			grown := f.Window() - before
			require.True(t, row.min <= grown && grown <= row.max, "%s, %s: grew by %d, want %d to %d",
				name, row.rule, grown, row.min, row.max)
		}
	}
}

// The rules that hold for every controller, whatever its algorithm.
func TestEveryController(t *testing.T) {
	const mss = 1000
	fill := func(f *flow) { f.pass(120 * ms) }
	for _, row := range []struct {
		rule string
		do   func(*flow)
		min  int // of the window then, bytes
		max  int
	}{
		{"it begins with ten segments (RFC 6928 2)", func(*flow) {}, 10 * mss, 10 * mss},
		{"it grows where it is used, until something is lost", fill, 20 * mss, maxWindow},
		{"never beyond TCP's largest window (RFC 7323 2.3)", func(f *flow) {
			f.OnAck(f.now, &Sample{Acked: 1 << 30, Arrived: 1 << 30,
				Delivered: 1 << 40, Rate: 1 << 40, LeastRTT: time.Minute, Sampled: true, CwndLimited: true})
		}, mss, maxWindow},
		{"a timeout leaves one segment (RFC 5681 3.1)", func(f *flow) { fill(f); f.OnTimeout(f.now, f.Window()) }, mss, mss},
		{"what was lost for nothing comes back (RFC 4015 3.2)", func(f *flow) {
			fill(f)
			f.OnTimeout(f.now, f.Window())
			f.OnSpurious()
		}, 20 * mss, maxWindow},
		{"once", func(f *flow) {
			fill(f)
			f.OnTimeout(f.now, f.Window())
			f.OnSpurious()
			f.OnTimeout(f.now, f.Window())
			f.OnSpurious()
			f.OnTimeout(f.now, f.Window())
		}, mss, mss},
		{"a larger segment is the least window", func(f *flow) { f.OnTimeout(f.now, f.Window()); f.SetMSS(9000) }, 9000, 9000},
		{"a loss episode leaves two segments at least (RFC 5681 equation 4)", func(f *flow) {
			for range 30 {
				f.OnLost(&Lost{Bytes: mss, TxInFlight: 2 * mss, TxLost: mss})
				f.lose(Loss)
			}
		}, 2 * mss, 500 * mss},
	} {
		for _, name := range Names() {
			f := newFlow(name, mss, 20*ms)
			require.Equal(t, math.MaxInt32, f.Ssthresh(), name)
			row.do(f)
			require.True(t, row.min <= f.Window() && f.Window() <= row.max, "%s, %s: window %d, want %d to %d",
				name, row.rule, f.Window(), row.min, row.max)
		}
	}
}

// A peer that splits its ACKs gains nothing: bytes count, not ACKs (RFC 3465,
// RFC 5681 3.1).
func TestAckDivision(t *testing.T) {
	for _, name := range byWindow() {
		for _, begin := range []func(*flow){
			func(*flow) {},
			func(f *flow) { f.slowStartTo(50); f.lose(Loss); f.pass(time.Second) },
		} {
			grown := func(pieces int) int {
				f := newFlow(name, 1000, 20*ms)
				begin(f)
				before := f.Window()
				for range 16_000 / pieces {
					f.OnAck(f.now, &Sample{Acked: pieces, CwndLimited: true})
				}
				return f.Window() - before
			}
			whole := grown(1000)
			for _, piece := range []int{1, 10, 500} {
				require.InDelta(t, whole, grown(piece), 5, "%s in pieces of %d", name, piece)
			}
		}
	}
}

// What Reset gives is what New gives.
func TestResetIsNew(t *testing.T) {
	for _, name := range Names() {
		f := newFlow(name, 1000, 20*ms)
		f.pass(120 * ms)
		f.lose(Loss)
		f.pass(time.Second)
		f.OnTimeout(f.now, 10000)
		f.Reset()
		fresh, _ := named(name)
		require.Equal(t, fresh, f.Controller)
	}
}

func TestNoAllocations(t *testing.T) {
	for _, name := range Names() {
		f := newFlow(name, 1000, 20*ms)
		s := &Sample{Acked: 1000, Arrived: 1000, CwndLimited: true, RTT: 20 * ms, LeastRTT: 20 * ms, Round: true,
			Sampled: true, Rate: 1e6, SACK: true}
		l := &Lost{Bytes: 1000, TxInFlight: 5000, TxLost: 1000}
		require.Zero(t, testing.AllocsPerRun(100, func() {
			f.now++
			f.OnSend(f.now, 1000, 1000)
			s.Delivered += 1000
			f.OnAck(f.now, s)
			f.OnLost(l)
			f.OnCongestion(f.now, Loss, 5000)
			f.OnRecovered(f.now)
			f.OnAck(f.now, s)
			f.OnTimeout(f.now, 5000)
			f.OnSpurious()
			f.OnRestart(time.Second)
		}), name)
	}
}
