package dns

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// A limiter bounds how many answers go to one network over UDP, where whoever asks may be somebody else: what
// we send to a forged source must not be worth the forger's while. The zero value of rate bounds nothing.
type limiter struct {
	rate int // answers a second for each /24

	mu      sync.Mutex
	seed    maphash.Seed
	buckets []bucket
	over    uint32
}

// A bucket holds the answers that a network may still get. Networks that fall into the same one share it:
// which those are is nobody's to know, for the hash is keyed.
type bucket struct {
	tokens float32
	filled time.Time
}

const buckets = 4096

// A leave is what may be answered.
type leave uint8

const (
	full leave = iota // the answer
	slip              // that it does not fit: who is really there comes again over TCP
	none              // nothing
)

// take takes leave to answer a source.
func (l *limiter) take(from netip.Addr, now time.Time) leave {
	if l.rate <= 0 || !from.Is4() { // the stack has IPv4 only
		return full
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.buckets == nil {
		l.seed, l.buckets = maphash.MakeSeed(), make([]bucket, buckets)
	}
	net := from.As4()
	b := &l.buckets[maphash.Bytes(l.seed, net[:3])%buckets]
	if b.filled.IsZero() {
		b.tokens = float32(l.rate)
	} else {
		b.tokens = min(b.tokens+float32(now.Sub(b.filled).Seconds())*float32(l.rate), float32(l.rate))
	}
	b.filled = now
	if b.tokens >= 1 {
		b.tokens--
		return full
	}
	if l.over++; l.over%2 == 0 {
		return slip
	}
	return none
}
