package wire

import "encoding/binary"

// UDP is a decoded UDP header (RFC 768).
type UDP struct {
	SrcPort, DstPort uint16
	Length           uint16 // of header and payload, in bytes
	Checksum         uint16 // as received; 0: the sender computed none
}

// UDPHeaderLen is the length of a UDP header in bytes.
const UDPHeaderLen = 8

// DecodeUDP decodes the datagram b and returns the header and the payload, cut
// to the header's length. It does not verify the checksum: see TransportChecksumOK.
func DecodeUDP(b []byte) (h UDP, payload []byte, err error) {
	if len(b) < UDPHeaderLen {
		return UDP{}, nil, ErrShort
	}
	h.SrcPort = binary.BigEndian.Uint16(b[0:])
	h.DstPort = binary.BigEndian.Uint16(b[2:])
	h.Length = binary.BigEndian.Uint16(b[4:])
	h.Checksum = binary.BigEndian.Uint16(b[6:])
	if h.Length < UDPHeaderLen {
		return UDP{}, nil, ErrHeader
	}
	if int(h.Length) > len(b) {
		return UDP{}, nil, ErrShort
	}
	return h, b[UDPHeaderLen:h.Length], nil
}

// Encode writes h as it is to the front of b (8 bytes) and returns 8; for the
// checksum see SetTransportChecksum.
func (h *UDP) Encode(b []byte) int {
	b = b[:UDPHeaderLen]
	binary.BigEndian.PutUint16(b[0:], h.SrcPort)
	binary.BigEndian.PutUint16(b[2:], h.DstPort)
	binary.BigEndian.PutUint16(b[4:], h.Length)
	binary.BigEndian.PutUint16(b[6:], h.Checksum)
	return UDPHeaderLen
}
