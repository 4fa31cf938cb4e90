package host

import (
	"encoding/binary"

	"github.com/dchest/siphash"
)

// A secret is a SipHash key derived from the host's seed. Every use has its
// own, so that what one shows tells nothing of another.
type secret struct{ k0, k1 uint64 }

// derive makes the secret for one use out of the seed.
func derive(seed *[32]byte, use byte) secret {
	var msg [17]byte
	copy(msg[:], seed[16:])
	k0, k1 := binary.LittleEndian.Uint64(seed[0:]), binary.LittleEndian.Uint64(seed[8:])
	msg[16] = use
	a := siphash.Hash(k0, k1, msg[:])
	msg[16] = use | 0x80
	return secret{a, siphash.Hash(k0, k1, msg[:])}
}

// The uses of secrets.
const (
	useRandom byte = iota + 1
	useFlows
	useIDs
	useFragments
	usePMTU
	useShares
)

// A random is the host's one source of random choices: SipHash of a counter.
type random struct {
	key secret
	n   uint64
}

// next returns 64 random bits.
func (r *random) next() uint64 {
	var b [8]byte
	r.n++
	binary.LittleEndian.PutUint64(b[:], r.n)
	return siphash.Hash(r.key.k0, r.key.k1, b[:])
}

// below returns a random number in [0, n); n is at least 1.
func (r *random) below(n int) int { return int(r.next() % uint64(n)) }

// addresses hashes two addresses and 32 bits more.
func (s secret) addresses(a, b, c uint32) uint64 {
	var m [12]byte
	binary.BigEndian.PutUint32(m[0:], a)
	binary.BigEndian.PutUint32(m[4:], b)
	binary.BigEndian.PutUint32(m[8:], c)
	return siphash.Hash(s.k0, s.k1, m[:])
}
