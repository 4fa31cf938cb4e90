package wire

import "net/netip"

// Protocol numbers of the IPv4 header (IANA).
const (
	ProtoICMP = 1
	ProtoTCP  = 6
	ProtoUDP  = 17
)

// IPv4 is a decoded IPv4 header (RFC 791 3.1).
type IPv4 struct {
	TOS      uint8
	ID       uint16
	DF, MF   bool
	FragOff  uint16 // in bytes, a multiple of 8
	TTL      uint8
	Protocol uint8
	Src, Dst netip.Addr
	Options  []byte // as received, borrowed; when encoding, padded to 4 bytes
}

// DecodeIPv4 decodes the header of the packet b strictly and returns it with
// the payload, cut to the header's total length. It verifies the header checksum.
func DecodeIPv4(b []byte) (h IPv4, payload []byte, err error) { panic("contract") }

// HeaderLen returns the encoded length of h in bytes: 20 plus its options.
func (h *IPv4) HeaderLen() int { panic("contract") }

// Encode writes h with its checksum to the front of b, for a payload of
// payloadLen bytes, and returns the header length. b must have room for HeaderLen bytes.
func (h *IPv4) Encode(b []byte, payloadLen int) int { panic("contract") }

// Flags are the control bits of the TCP header (RFC 9293 3.1).
type Flags uint8

// The flags.
const (
	FIN Flags = 1 << iota
	SYN
	RST
	PSH
	ACK
	URG
	ECE
	CWR
)

// TCP is a decoded TCP header (RFC 9293 3.1) with its options.
type TCP struct {
	SrcPort, DstPort uint16
	Seq, Ack         Seq
	Flags            Flags
	Window           uint16 // as on the wire: unscaled
	Urgent           uint16
	Options          TCPOptions
}

// MaxSACKBlocks is the most SACK blocks that fit beside nothing else (RFC 2018 3).
const MaxSACKBlocks = 4

// A SACKBlock is one isolated block of received data: from Left up to, and not
// including, Right.
type SACKBlock struct{ Left, Right Seq }

// TCPOptions are the options of one segment. The zero value is none.
type TCPOptions struct {
	MSS            uint16 // maximum segment size (RFC 9293 3.7.1), where HasMSS
	WindowScale    uint8  // shift as on the wire (RFC 7323 2.2), where HasWindowScale
	NumSACK        uint8  // how many of SACK are set
	HasMSS         bool
	HasWindowScale bool
	SACKPermitted  bool // RFC 2018 2
	HasTimestamps  bool // RFC 7323 3.2
	TSVal, TSEcr   uint32
	SACK           [MaxSACKBlocks]SACKBlock
}

// DecodeTCP decodes the TCP segment b strictly and returns its header and
// payload. It does not verify the checksum; see VerifyTCP... Unknown options are skipped;
// an option whose length does not fit ends the parsing, keeping what came before (RFC 9293 3.1, MUST-7).
func DecodeTCP(b []byte) (h TCP, payload []byte, err error) { panic("contract") }

// Len returns the sequence numbers that a segment with this header and
// payloadLen bytes occupies: SYN and FIN count one each.
func (h *TCP) SegLen(payloadLen int) int { panic("contract") }

// HeaderLen returns the encoded length of h in bytes with its options, padded to 4.
func (h *TCP) HeaderLen() int { panic("contract") }

// Encode writes h, checksum field zero, to the front of b and returns the header length.
func (h *TCP) Encode(b []byte) int { panic("contract") }

// UDP is a decoded UDP header (RFC 768).
type UDP struct {
	SrcPort, DstPort uint16
	Length           uint16
	Checksum         uint16 // as received; 0: the sender computed none
}

// UDPHeaderLen is the length of a UDP header in bytes.
const UDPHeaderLen = 8

// DecodeUDP decodes the datagram b and returns the header and the payload, cut
// to the header's length.
func DecodeUDP(b []byte) (h UDP, payload []byte, err error) { panic("contract") }

// Encode writes h to the front of b (8 bytes) and returns 8.
func (h *UDP) Encode(b []byte) int { panic("contract") }

// ICMPType is the type of an ICMP message (RFC 792).
type ICMPType uint8

// The types in use.
const (
	ICMPEchoReply    ICMPType = 0
	ICMPUnreachable  ICMPType = 3
	ICMPSourceQuench ICMPType = 4
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
	UnreachFragNeeded      = 4 // Rest carries the next-hop MTU in its low 16 bits (RFC 1191)
	UnreachSourceRoute     = 5
	UnreachAdminProhibited = 13
)

// ICMP is a decoded ICMP header: the first 8 bytes.
type ICMP struct {
	Type ICMPType
	Code uint8
	Rest uint32 // bytes 4 to 7: ID and sequence number of an echo, next-hop MTU, pointer
}

// ICMPHeaderLen is the length of an ICMP header in bytes.
const ICMPHeaderLen = 8

// DecodeICMP decodes the message b, whose checksum it verifies, and returns
// the header and what follows it.
func DecodeICMP(b []byte) (h ICMP, body []byte, err error) { panic("contract") }

// Encode writes h with the checksum over itself and body to the front of b and returns 8.
func (h *ICMP) Encode(b []byte, body [2][]byte) int { panic("contract") }

// Sum adds b to the one's-complement sum (RFC 1071) acc, with 64-bit
// accumulation. b must begin at an even offset of what is summed.
func Sum(acc uint64, b []byte) uint64 { panic("contract") }

// SumCopy copies src to dst and adds it to acc in one pass.
func SumCopy(acc uint64, dst, src []byte) uint64 { panic("contract") }

// Fold folds acc to the 16-bit checksum to be written in a header (complemented).
func Fold(acc uint64) uint16 { panic("contract") }

// SumPseudo returns the sum of the pseudo-header of a transport segment of length bytes.
func SumPseudo(src, dst netip.Addr, protocol uint8, length int) uint64 { panic("contract") }

// SetTransportChecksum completes the checksum of the TCP or UDP packet whose
// headers are head (IP first, transport header complete) and whose payload is body. A UDP sum of 0 becomes 0xFFFF.
func SetTransportChecksum(head []byte, body [2][]byte) { panic("contract") }

// TransportChecksumOK reports whether the TCP, UDP or ICMP message b between
// src and dst has a correct checksum; a UDP checksum of 0 counts as correct (RFC 768).
func TransportChecksumOK(src, dst netip.Addr, protocol uint8, b []byte) bool { panic("contract") }

// An Error says why bytes are not the header they should be. Its values are comparable constants.
type Error uint8

// The errors of decoding.
const (
	_           Error = iota
	ErrShort          // shorter than its headers say
	ErrVersion        // not IPv4
	ErrHeader         // header length, total length or options do not fit
	ErrChecksum       // checksum does not match
)

func (e Error) Error() string { panic("contract") }
