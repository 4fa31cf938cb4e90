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

// A TCPTemplate writes one TCP header again and again, for segments that differ
// in their sequence number, flags and payload only. Set it before use.
type TCPTemplate struct {
	head [maxTCPHeader]byte // sequence number, flags and checksum are zero
	n    int
	sum  uint64 // of it
}

// Set makes h, but for its sequence number and flags, what t writes.
func (t *TCPTemplate) Set(h *TCP) {
	t.n = h.Encode(t.head[:])
	binary.BigEndian.PutUint32(t.head[4:], 0)
	t.head[13] = 0
	t.sum = Sum(0, t.head[:t.n])
}

// Len returns the length of the header.
func (t *TCPTemplate) Len() int { return t.n }

// Put writes the header, checksum field zero, to the front of b; it returns its
// length, and acc with the header's sum added.
func (t *TCPTemplate) Put(b []byte, acc uint64, seq Seq, flags Flags) (n int, sum uint64) {
	b = b[:t.n]
	copy(b, t.head[:t.n])
	binary.BigEndian.PutUint32(b[4:], uint32(seq))
	b[13] = uint8(flags)
	differs := uint64(bits.ReverseBytes32(uint32(seq))) + uint64(flags)<<8
	return t.n, addSums(acc, addSums(t.sum, differs))
}
