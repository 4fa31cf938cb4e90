package link

import "math/bits"

// A pool keeps buffers of a link's packets for re-use, by size class: powers of
// two from 128 bytes (an ACK) up to 64 KiB (a super-segment). It never holds
// more than was in use at once, and nothing before first use.
type pool struct {
	free [poolClasses][][]byte
}

const (
	poolMinShift = 7
	poolMaxShift = 16
	poolClasses  = poolMaxShift - poolMinShift + 1
)

// poolClass returns the class whose buffers hold n bytes.
func poolClass(n int) int {
	return max(bits.Len(uint(max(n, 1)-1))-poolMinShift, 0)
}

// get returns a buffer of length 0 that holds n bytes. One that is larger than
// any class is made for its packet alone.
func (p *pool) get(n int) []byte {
	c := poolClass(n)
	if c >= poolClasses {
		return make([]byte, 0, n)
	}
	if l := p.free[c]; len(l) > 0 {
		b := l[len(l)-1]
		l[len(l)-1] = nil
		p.free[c] = l[:len(l)-1]
		return b
	}
	return make([]byte, 0, 1<<(c+poolMinShift))
}

// put takes back what get gave.
func (p *pool) put(b []byte) {
	c := poolClass(cap(b))
	if c < poolClasses && cap(b) == 1<<(c+poolMinShift) {
		p.free[c] = append(p.free[c], b[:0])
	}
}
