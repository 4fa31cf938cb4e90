package wire

import "encoding/binary"

const (
	minTCPHeader = 20
	maxTCPHeader = minTCPHeader + maxTCPOptions
)

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

// flagLetters are the flags' letters from FIN up, as tcpdump and packetdrill write them.
const flagLetters = "FSRP.UEW"

// String returns the flags as tcpdump and packetdrill write them, "S." for SYN
// and ACK; "-" for none.
func (f Flags) String() string {
	if f == 0 {
		return "-"
	}
	var buf [len(flagLetters)]byte
	n := 0
	for i := range len(flagLetters) {
		if f&(1<<i) != 0 {
			buf[n] = flagLetters[i]
			n++
		}
	}
	return string(buf[:n])
}

// TCP is a decoded TCP header (RFC 9293 3.1) with its options. The checksum and
// the reserved bits are not part of it.
type TCP struct {
	SrcPort, DstPort uint16
	Seq, Ack         Seq
	Flags            Flags
	Window           uint16 // as on the wire: unscaled
	Urgent           uint16
	Options          TCPOptions
}

// DecodeTCP decodes the TCP segment b strictly and returns its header and
// payload. It does not verify the checksum: see TransportChecksumOK. Unknown
// options are skipped (RFC 9293 3.1, MUST-6); an option whose length does not
// fit ends the parsing of options, keeping what came before (MUST-7).
func DecodeTCP(b []byte) (h TCP, payload []byte, err error) {
	payload, err = h.Decode(b)
	return h, payload, err
}

// Decode is DecodeTCP into h, whatever that was; SACK blocks beyond NumSACK are
// left as they were.
func (h *TCP) Decode(b []byte) (payload []byte, err error) {
	if len(b) < minTCPHeader {
		return nil, ErrShort
	}
	off := int(b[12]>>4) * 4
	if off < minTCPHeader {
		return nil, ErrHeader
	}
	if off > len(b) {
		return nil, ErrShort
	}
	h.SrcPort = binary.BigEndian.Uint16(b[0:])
	h.DstPort = binary.BigEndian.Uint16(b[2:])
	h.Seq = Seq(binary.BigEndian.Uint32(b[4:]))
	h.Ack = Seq(binary.BigEndian.Uint32(b[8:]))
	h.Flags = Flags(b[13])
	h.Window = binary.BigEndian.Uint16(b[14:])
	h.Urgent = binary.BigEndian.Uint16(b[18:])
	h.Options.reset()
	if off > minTCPHeader {
		h.Options.decode(b[minTCPHeader:off])
	}
	return b[off:], nil
}

// SegLen returns the sequence numbers that a segment with this header and
// payloadLen bytes occupies, SEG.LEN: SYN and FIN count one each.
func (h *TCP) SegLen(payloadLen int) int {
	if h.Flags&SYN != 0 {
		payloadLen++
	}
	if h.Flags&FIN != 0 {
		payloadLen++
	}
	return payloadLen
}

// HeaderLen returns the encoded length of h in bytes with its options, a
// multiple of 4 from 20 to 60.
func (h *TCP) HeaderLen() int { return minTCPHeader + h.Options.Len() }

// Encode writes h, checksum field zero, to the front of b and returns the
// header length. b must have room for HeaderLen bytes.
func (h *TCP) Encode(b []byte) int {
	n := h.HeaderLen()
	b = b[:n]
	binary.BigEndian.PutUint16(b[0:], h.SrcPort)
	binary.BigEndian.PutUint16(b[2:], h.DstPort)
	binary.BigEndian.PutUint32(b[4:], uint32(h.Seq))
	binary.BigEndian.PutUint32(b[8:], uint32(h.Ack))
	b[12] = uint8(n/4) << 4
	b[13] = uint8(h.Flags)
	binary.BigEndian.PutUint16(b[14:], h.Window)
	b[16], b[17] = 0, 0
	binary.BigEndian.PutUint16(b[18:], h.Urgent)
	h.Options.encode(b[minTCPHeader:])
	return n
}
