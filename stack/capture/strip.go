package capture

import "encoding/binary"

// Link types whose packets IP finds a datagram in (the registry of tcpdump.org).
const (
	linkTypeNull     = 0 // an address family of the machine that wrote it
	linkTypeEthernet = 1
	linkTypeRawBSD   = 12
	linkTypeRawOpen  = 14
	linkTypeLoop     = 108 // an address family in network order
	linkTypeSLL      = 113
	linkTypeIPv4     = 228
	linkTypeSLL2     = 276
)

const (
	etherIPv4 = 0x0800
	etherVLAN = 0x8100
	etherQinQ = 0x88A8
)

// Datagram returns the IPv4 packet in p, without the header of its link; nil: there is none.
// Bytes that the link added after it are still there.
func (p *Packet) Datagram() []byte {
	b := p.Data
	switch p.LinkType {
	case linkTypeRaw, linkTypeRawBSD, linkTypeRawOpen, linkTypeIPv4:
	case linkTypeNull, linkTypeLoop:
		b = after(b, 4)
	case linkTypeEthernet:
		b = ethernet(b, 12)
	case linkTypeSLL:
		b = ethernet(b, 14)
	case linkTypeSLL2:
		if len(b) < 20 || binary.BigEndian.Uint16(b) != etherIPv4 {
			return nil
		}
		b = b[20:]
	default:
		return nil
	}
	if len(b) == 0 || b[0]>>4 != 4 {
		return nil
	}
	return b
}

// ethernet is what follows the type at an offset, VLAN tags passed over.
func ethernet(b []byte, at int) []byte {
	for len(b) >= at+2 {
		switch binary.BigEndian.Uint16(b[at:]) {
		case etherIPv4:
			return b[at+2:]
		case etherVLAN, etherQinQ:
			at += 4
		default:
			return nil
		}
	}
	return nil
}

func after(b []byte, n int) []byte {
	if len(b) < n {
		return nil
	}
	return b[n:]
}
