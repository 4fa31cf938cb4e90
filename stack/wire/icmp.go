package wire

import "encoding/binary"

// ICMPType is the type of an ICMP message (RFC 792).
type ICMPType uint8

// The types in use.
const (
	ICMPEchoReply    ICMPType = 0
	ICMPUnreachable  ICMPType = 3
	ICMPSourceQuench ICMPType = 4 // deprecated (RFC 6633): never sent, silently dropped
	ICMPRedirect     ICMPType = 5
	ICMPEcho         ICMPType = 8
	ICMPTimeExceeded ICMPType = 11
	ICMPParamProblem ICMPType = 12
)

// Codes of ICMPUnreachable (RFC 792, RFC 1122 3.2.2.1).
const (
	UnreachNet             = 0
	UnreachHost            = 1
	UnreachProtocol        = 2
	UnreachPort            = 3
	UnreachFragNeeded      = 4 // Rest carries the next-hop MTU in its low 16 bits (RFC 1191 4)
	UnreachSourceRoute     = 5
	UnreachAdminProhibited = 13
)

// ICMP is a decoded ICMP header: the first 8 bytes, without the checksum.
type ICMP struct {
	Type ICMPType
	Code uint8
	Rest uint32 // bytes 4 to 7: ID and sequence number of an echo, next-hop MTU, pointer
}

// ICMPHeaderLen is the length of an ICMP header in bytes.
const ICMPHeaderLen = 8

// DecodeICMP decodes the message b, whose checksum it verifies, and returns
// the header and what follows it.
func DecodeICMP(b []byte) (h ICMP, body []byte, err error) {
	if len(b) < ICMPHeaderLen {
		return ICMP{}, nil, ErrShort
	}
	if Fold(Sum(0, b)) != 0 {
		return ICMP{}, nil, ErrChecksum
	}
	h.Type = ICMPType(b[0])
	h.Code = b[1]
	h.Rest = binary.BigEndian.Uint32(b[4:])
	return h, b[ICMPHeaderLen:], nil
}

// Encode writes h with the checksum over itself and body to the front of b
// (8 bytes) and returns 8. Body's second span follows the first, whose length
// may be odd.
func (h *ICMP) Encode(b []byte, body [2][]byte) int {
	b = b[:ICMPHeaderLen]
	b[0] = uint8(h.Type)
	b[1] = h.Code
	b[2], b[3] = 0, 0
	binary.BigEndian.PutUint32(b[4:], h.Rest)
	binary.BigEndian.PutUint16(b[2:], Fold(SumPair(Sum(0, b), body)))
	return ICMPHeaderLen
}
