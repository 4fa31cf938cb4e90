package congestion

import (
	"math"
	"math/bits"
	"time"
)

// What stands for the draft's Infinity.
const (
	infinite   = math.MaxInt32 // of volumes, all of which are below maxWindow
	infiniteBw = math.MaxInt64 // of rates
)

// The bounds of what is believed, so that nothing overflows.
const (
	longest = time.Hour
	fastest = 1 << 40 // bytes per second
)

// volume brings a number of bytes into its bounds.
func volume(n int) int { return min(max(n, 0), maxWindow) }

// mulDiv returns a*b/c, rounded down and at most most; c is above 0.
func mulDiv(a, b, c, most int64) int64 {
	hi, lo := bits.Mul64(uint64(max(a, 0)), uint64(max(b, 0)))
	if hi >= uint64(c) {
		return most
	}
	q, _ := bits.Div64(hi, lo, uint64(c))
	return int64(min(q, uint64(most)))
}

// over is how many bytes a rate delivers in d.
func over(rate int64, d time.Duration) int64 {
	return mulDiv(rate, int64(d), int64(time.Second), maxWindow)
}

// percent is so many hundredths of n, which is finite.
func percent(n, gain int) int { return int(int64(n) * int64(gain) / 100) }

// random returns the next number drawn (SplitMix64).
func (b *bbr) random() uint64 {
	b.rng += 0x9e3779b97f4a7c15
	z := b.rng
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
