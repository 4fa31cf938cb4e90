package congestion

import (
	"math"
	"math/big"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCubeRoot(t *testing.T) {
	for _, n := range []uint64{0, 1, 2, 7, 8, 9, 26, 27, 28, 63, 64, 65, 999, 1000, 1 << 30, 1<<30 - 1,
		1<<60 - 1, 1 << 60, 1<<60 + 1, math.MaxInt64, math.MaxUint64} {
		requireRoot(t, n)
	}
	for n := uint64(1); n < 1<<63; n += n/3 + 1 {
		requireRoot(t, n)
	}
}

// requireRoot asks for x^3 <= n < (x+1)^3.
func requireRoot(t *testing.T, n uint64) {
	t.Helper()
	cube := func(x uint64) *big.Int {
		b := new(big.Int).SetUint64(x)
		return new(big.Int).Mul(b, new(big.Int).Mul(b, b))
	}
	x, want := cbrt(n), new(big.Int).SetUint64(n)
	require.True(t, cube(x).Cmp(want) <= 0 && cube(x+1).Cmp(want) > 0, "n %d, root %d", n, x)
}

// cubicAt is W_cubic(t) of RFC 9438 4.2 in segments, exactly.
func cubicAt(t, wMax, cwndEpoch float64) float64 {
	d := t - math.Cbrt((wMax-cwndEpoch)/0.4)
	return 0.4*d*d*d + wMax
}

func TestK(t *testing.T) { // RFC 9438 4.2, K in seconds
	for _, row := range []struct {
		rule       string
		cwnd, wMax int64 // segments
		k          float64
	}{
		{"at the plateau already: 0", 100, 100, 0},
		{"above it: 0 (RFC 9438 4.8)", 100, 70, 0},
		{"10 segments down to 7: cbrt(3/0.4)", 7, 10, 1.957},
		{"100 down to 70: cbrt(30/0.4)", 70, 100, 4.217},
		{"1000 down to 700: cbrt(300/0.4)", 700, 1000, 9.086},
		{"ABE, 1000 down to 850: cbrt(150/0.4)", 850, 1000, 7.211},
		{"100,000 down to 70,000", 70000, 100000, 42.172},
	} {
		for _, mss := range []int64{536, 1448, 8948} {
			c := newCurve(row.cwnd*mss, row.wMax*mss, mss)
			require.InDelta(t, row.k, float64(c.k)/1024, 0.002, "%s, MSS %d", row.rule, mss)
		}
	}
}

func TestCurve(t *testing.T) { // W_cubic(t) within 1 % of RFC 9438 figure 1
	for _, w := range []struct{ cwnd, wMax int64 }{
		{7, 10}, {70, 100}, {700, 1000}, {85, 100}, {7000, 10000}, {70000, 100000}, {1, 100000},
	} {
		const mss = 1448
		c := newCurve(w.cwnd*mss, w.wMax*mss, mss)
		for _, at := range []float64{0, 0.001, 0.02, 0.1, 0.5, 1, 2, 4, 5, 9, 10, 20, 45, 60, 100} {
			want := cubicAt(at, float64(w.wMax), float64(w.cwnd)) * mss
			if want > maxWindow {
				continue
			}
			got := float64(c.at(time.Duration(at*1e9), mss))
			tick := mss * (cubicAt(at+1.0/1024, float64(w.wMax), float64(w.cwnd)) - want/mss)
			require.InDelta(t, want, got, 0.01*want+1.1*tick+1, "%+v at %v s", w, at)
		}
	}
}

func TestCurveShape(t *testing.T) {
	const mss, step = 1448, time.Second / 4
	c := newCurve(700*mss, 1000*mss, mss)
	k := time.Duration(c.k) * time.Second / 1024
	growth := func(t time.Duration) int64 { return c.at(t+step, mss) - c.at(t, mss) }
	for at := time.Duration(0); at < k-3*step; at += step {
		require.Less(t, growth(at+step), growth(at), "concave below W_max (RFC 9438 4.4), %v", at)
	}
	for at := k + step; at < 3*k; at += step {
		require.Greater(t, growth(at+step), growth(at), "convex above W_max (RFC 9438 4.5), %v", at)
	}
	require.InDelta(t, 1000*mss, c.at(k, mss), mss, "W_max at K")
}

// Nothing overflows at the ends of every range.
func TestCurveExtremes(t *testing.T) {
	for _, mss := range []int64{1, 536, 65535} {
		for _, w := range [][2]int64{{1, maxWindow}, {maxWindow, maxWindow}, {maxWindow, 1}, {1, 1}} {
			c := newCurve(w[0], w[1], mss)
			prev := int64(math.MinInt64)
			for _, at := range []time.Duration{math.MinInt64, -1, 0, 1, time.Second, time.Hour, math.MaxInt64} {
				got := c.at(at, mss)
				require.GreaterOrEqual(t, got, prev, "never falls: MSS %d, %v at %v", mss, w, at)
				prev = got
			}
			require.Greater(t, prev, int64(0))
		}
	}
}
