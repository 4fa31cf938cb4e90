package congestion

import (
	"math/bits"
	"time"
)

// Time on the curve is counted in ticks of 1/1024 s, so that the cube of the
// longest span fits 64 bits. C is 0.4 segments per cubic second (RFC 9438 5).
const (
	tickShift = 10
	cNum      = 2
	cDen      = 5

	maxTicks   = 1 << 19 // 512 s from the plateau: 53 million segments
	maxElapsed = 2 * maxTicks * time.Second >> tickShift
)

// A curve is W_cubic of one congestion avoidance stage (RFC 9438 4.2).
type curve struct {
	wMax int64 // W_max, bytes: the plateau; 0: none
	k    int64 // K, ticks from the beginning of the stage to the plateau
}

// newCurve returns the curve that begins at cwnd and has its plateau at wMax,
// both in bytes, or at cwnd where that is more.
func newCurve(cwnd, wMax, mss int64) curve {
	if wMax <= cwnd {
		return curve{wMax: cwnd}
	}
	// K = cbrt((W_max - cwnd_epoch) / C), in ticks: a tick cubed is 2^-30 s^3.
	cube := uint64(wMax-cwnd) * cDen << (3 * tickShift) / (cNum * uint64(mss))
	return curve{wMax: wMax, k: min(int64(cbrt(cube)), maxTicks)}
}

// at returns W_cubic(t) = C*(t-K)^3 + W_max in bytes; it may be negative where
// the segment size has changed.
func (c curve) at(t time.Duration, mss int64) int64 {
	t = min(max(t, 0), maxElapsed)
	d := int64(t)<<tickShift/int64(time.Second) - c.k
	d = min(max(d, -maxTicks), maxTicks)
	// d^3 is below 2^57 and has 30 bits of fraction; 20 of them stay until the
	// segments have become bytes.
	segments := d * d * d * cNum / cDen >> tickShift
	return c.wMax + segments*mss>>(2*tickShift)
}

// cbrt returns the cube root of n, rounded down, by Newton's method from above.
func cbrt(n uint64) uint64 {
	if n < 2 {
		return n
	}
	x := uint64(1) << ((bits.Len64(n) + 2) / 3) // above the root, and at most twice as much
	for {
		y := (2*x + n/(x*x)) / 3
		if y >= x {
			return x
		}
		x = y
	}
}
