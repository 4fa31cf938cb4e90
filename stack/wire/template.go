package wire

import (
	"encoding/binary"
	"math/bits"
)

// A Template writes one IPv4 header again and again, for packets that differ in
// their length and ID only. Set it before use.
type Template struct {
	head   [minIPv4Header]byte // length, ID and checksum are zero
	sum    uint64              // of it
	pseudo uint64              // of a pseudo-header with length zero
}

// Set makes h, but for its ID and options, what t writes.
func (t *Template) Set(h IPv4) {
	h.ID, h.Options = 0, nil
	h.Encode(t.head[:], 0)
	t.head[2], t.head[3], t.head[10], t.head[11] = 0, 0, 0, 0
	t.sum = Sum(0, t.head[:])
	t.pseudo = SumPseudo(h.Src, h.Dst, h.Protocol, 0)
}

// Put writes the header for a payload of payloadLen bytes to the front of b and
// returns its length; header and payload together have at most 65,535.
func (t *Template) Put(b []byte, payloadLen int, id uint16) int {
	b = b[:minIPv4Header]
	copy(b, t.head[:])
	total := uint16(minIPv4Header + payloadLen)
	binary.BigEndian.PutUint16(b[2:], total)
	binary.BigEndian.PutUint16(b[4:], id)
	binary.BigEndian.PutUint16(b[10:], Fold(addSums(t.sum, word(total)+word(id))))
	return minIPv4Header
}

// SumPseudo returns the sum of the pseudo-header of a segment of length bytes,
// its header included: where the Sum of that goes on.
func (t *Template) SumPseudo(length int) uint64 { return t.pseudo + word(uint16(length)) }

// word is v, as it is on the wire, in an accumulator.
func word(v uint16) uint64 { return uint64(bits.ReverseBytes16(v)) }
