package host

import (
	"encoding/binary"
	"net/netip"

	"github.com/dchest/siphash"
)

// numIDCounters is how many counters all destinations share.
const numIDCounters = 256

// nextID returns an identification for a packet that may be fragmented. Each
// (source, destination, protocol) has a counter, shared with few others, and a
// keyed permutation of its own that it goes through: no value comes again before
// 65536 packets (RFC 6864 4.3; faster than that within a lifetime, the
// transports' checksums tell fragments of two datagrams apart, 5.2), and neither
// a value nor the distance of two says what else the host sends (RFC 7739).
func (h *Host) nextID(src, dst netip.Addr, protocol uint8) uint16 {
	tweak := h.idKey.addresses(number(src), number(dst), uint32(protocol))
	c := &h.ids[tweak%numIDCounters]
	*c++
	return h.idKey.permute(tweak, *c*h.idStep+h.idFirst)
}

// permute is a permutation of 16 bits, for each tweak another: four rounds of a
// Feistel network whose function is SipHash (Luby and Rackoff).
func (s secret) permute(tweak uint64, x uint16) uint16 {
	l, r := uint8(x>>8), uint8(x)
	var m [10]byte
	binary.LittleEndian.PutUint64(m[:], tweak)
	for round := range uint8(4) {
		m[8], m[9] = round, r
		l, r = r, l^uint8(siphash.Hash(s.k0, s.k1, m[:]))
	}
	return uint16(l)<<8 | uint16(r)
}
