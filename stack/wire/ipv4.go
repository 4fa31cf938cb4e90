package wire

import (
	"encoding/binary"
	"net/netip"
)

// Protocol numbers of the IPv4 header (IANA).
const (
	ProtoICMP = 1
	ProtoTCP  = 6
	ProtoUDP  = 17
)

const (
	minIPv4Header  = 20
	maxIPv4Options = 40 // what a header length of 15 words leaves

	flagDF = 0x4000 // of the 16 bits that hold flags and fragment offset
	flagMF = 0x2000

	maskFragOff = 0x1FFF // in units of 8 bytes
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
	Options  []byte // as received, borrowed; nil: none. When encoding, padded to 4 bytes
}

// DecodeIPv4 decodes the header of the packet b strictly and returns it with
// the payload, cut to the header's total length: what a link padded reaches
// nobody. It verifies the header checksum (RFC 1122 3.2.1.2) and that the
// options can be walked.
func DecodeIPv4(b []byte) (h IPv4, payload []byte, err error) {
	payload, err = h.Decode(b)
	return h, payload, err
}

// Decode is DecodeIPv4 into h, which was zero; with an error h stays so.
func (h *IPv4) Decode(b []byte) (payload []byte, err error) {
	ihl, err := ipv4HeaderLen(b)
	if err != nil {
		return nil, err
	}
	// The checksum comes first: behind a wrong one, no other field means anything.
	if Fold(Sum(0, b[:ihl])) != 0 {
		return nil, ErrChecksum
	}
	total := int(binary.BigEndian.Uint16(b[2:]))
	if total < ihl {
		return nil, ErrHeader
	}
	if total > len(b) {
		return nil, ErrShort
	}
	if ihl > minIPv4Header {
		if _, bad := walkIPv4Options(b[minIPv4Header:ihl]); bad >= 0 {
			return nil, ErrOptions
		}
	}
	h.read(b, ihl)
	return b[ihl:total], nil
}

// DecodeIPv4Quote decodes the header of a packet that an ICMP error quotes.
// A quote is cut short, and routers on its way changed fields without
// completing the checksum; so checksum, options and a total length beyond b are
// accepted, and the payload is what there is of it (RFC 792: at least 8 bytes;
// here, perhaps none).
func DecodeIPv4Quote(b []byte) (h IPv4, payload []byte, err error) {
	ihl, err := ipv4HeaderLen(b)
	if err != nil {
		return IPv4{}, nil, err
	}
	payload = b[ihl:]
	// What follows a short packet inside the quote is padding (RFC 4884 4).
	if total := int(binary.BigEndian.Uint16(b[2:])); ihl <= total && total < len(b) {
		payload = b[ihl:total]
	}
	h.read(b, ihl)
	return h, payload, nil
}

// ipv4HeaderLen checks version and header length and returns the latter in bytes.
func ipv4HeaderLen(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, ErrShort
	}
	if b[0]>>4 != 4 {
		return 0, ErrVersion
	}
	if len(b) < minIPv4Header {
		return 0, ErrShort
	}
	ihl := int(b[0]&0xF) * 4
	if ihl < minIPv4Header {
		return 0, ErrHeader
	}
	if ihl > len(b) {
		return 0, ErrShort
	}
	return ihl, nil
}

// read fills h from the header at the front of b, which is ihl bytes long.
func (h *IPv4) read(b []byte, ihl int) {
	frag := fragmentField(b)
	h.TOS = b[1]
	h.ID = binary.BigEndian.Uint16(b[4:])
	h.DF = frag&flagDF != 0
	h.MF = frag&flagMF != 0
	h.FragOff = frag << 3 // the three flags fall off
	h.TTL = b[8]
	h.Protocol = b[9]
	h.Src = netip.AddrFrom4([4]byte(b[12:16]))
	h.Dst = netip.AddrFrom4([4]byte(b[16:20]))
	if ihl > minIPv4Header {
		h.Options = b[minIPv4Header:ihl:ihl]
	}
}

// fragmentField returns the 16 bits that hold flags and fragment offset.
func fragmentField(b []byte) uint16 { return binary.BigEndian.Uint16(b[6:]) }

// HeaderLen returns the encoded length of h in bytes: 20 plus its options,
// padded to 4. Options longer than 40 bytes fit no header and are left off.
func (h *IPv4) HeaderLen() int {
	if len(h.Options) > maxIPv4Options {
		return minIPv4Header
	}
	return minIPv4Header + (len(h.Options)+3)&^3
}

// Encode writes h with its checksum to the front of b, for a payload of
// payloadLen bytes, and returns the header length. b must have room for
// HeaderLen bytes; header and payload together may have at most 65,535. An
// address that is not IPv4 is written as 0.0.0.0.
func (h *IPv4) Encode(b []byte, payloadLen int) int {
	n := h.HeaderLen()
	b = b[:n]
	b[0] = 4<<4 | uint8(n/4)
	b[1] = h.TOS
	binary.BigEndian.PutUint16(b[2:], uint16(n+payloadLen))
	binary.BigEndian.PutUint16(b[4:], h.ID)
	frag := h.FragOff >> 3
	if h.DF {
		frag |= flagDF
	}
	if h.MF {
		frag |= flagMF
	}
	binary.BigEndian.PutUint16(b[6:], frag)
	b[8] = h.TTL
	b[9] = h.Protocol
	b[10], b[11] = 0, 0
	src, dst := addr4(h.Src), addr4(h.Dst)
	copy(b[12:16], src[:])
	copy(b[16:20], dst[:])
	if n > minIPv4Header {
		used := copy(b[minIPv4Header:], h.Options)
		clear(b[minIPv4Header+used:]) // end of option list (RFC 791 3.1)
	}
	binary.BigEndian.PutUint16(b[10:], Fold(Sum(0, b)))
	return n
}

// Option types of the IPv4 header (RFC 791 3.1).
const (
	ipOptEnd         = 0
	ipOptNop         = 1
	ipOptLooseSource = 131 // LSRR
	ipOptStrictRoute = 137 // SSRR
)

// SourceRouted reports whether the options hold a source route, loose or
// strict: such packets are dropped unread (RFC 6274 3.13.2.3 and 3.13.2.4).
func (h *IPv4) SourceRouted() bool {
	routed, _ := walkIPv4Options(h.Options)
	return routed
}

// BadOption returns the place in the header of the byte that makes the options
// nonsense, for the pointer of a Parameter Problem (RFC 792); 0 where they are well.
func (h *IPv4) BadOption() int {
	_, bad := walkIPv4Options(h.Options)
	if bad < 0 {
		return 0
	}
	return minIPv4Header + bad
}

// walkIPv4Options goes through the options to their end and says whether there
// was a source route among them, and at which byte they stop making sense: a
// length below 2 or over the end, or a kind without one. bad is -1 where they
// are well.
func walkIPv4Options(o []byte) (routed bool, bad int) {
	for at := 0; at < len(o) && o[at] != ipOptEnd; {
		if o[at] == ipOptNop {
			at++
			continue
		}
		if at+1 == len(o) {
			return routed, at
		}
		n := int(o[at+1])
		if n < 2 || at+n > len(o) {
			return routed, at + 1
		}
		if o[at] == ipOptLooseSource || o[at] == ipOptStrictRoute {
			routed = true
		}
		at += n
	}
	return routed, -1
}
