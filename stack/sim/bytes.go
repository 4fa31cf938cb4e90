package sim

import "math/rand/v2"

// Bytes is an endless stream of bytes that depends on its seed alone. It never
// returns an error.
type Bytes struct {
	rng  rand.PCG
	word uint64
	left int // bytes of word not given out yet
}

// NewBytes returns the stream of a seed.
func NewBytes(seed uint64) *Bytes { return &Bytes{rng: *rand.NewPCG(seed, 0x6279746573)} }

// Read fills p with the next bytes, however many are asked for at a time.
func (b *Bytes) Read(p []byte) (int, error) {
	for i := range p {
		if b.left == 0 {
			b.word, b.left = b.rng.Uint64(), 8
		}
		p[i] = byte(b.word)
		b.word >>= 8
		b.left--
	}
	return len(p), nil
}
