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
	etherIPv6 = 0x86DD
	etherVLAN = 0x8100
	etherQinQ = 0x88A8
)

// Datagram returns the IPv4 packet in p, without the header of its link; nil: there is none.
// Bytes that the link added after it are still there.
func (p *Packet) Datagram() []byte {
	b, content := p.unwrap()
	if content != IPv4 {
		return nil
	}
	return b
}

// A Content is what a packet carries.
type Content uint8

// The contents.
const (
	IPv4        Content = 1 + iota // see Datagram
	IPv6                           // which is not decoded here
	Another                        // ARP and other protocols, and what is too short to say
	UnknownLink                    // its LinkType is none of those above
)

// Content says what p carries.
func (p *Packet) Content() Content {
	_, content := p.unwrap()
	return content
}

// unwrap takes the header of the link off.
func (p *Packet) unwrap() ([]byte, Content) {
	b, kind := p.Data, uint16(0) // kind: by the first bits
	switch p.LinkType {
	case linkTypeRaw, linkTypeRawBSD, linkTypeRawOpen, linkTypeIPv4:
	case linkTypeNull, linkTypeLoop:
		b = after(b, 4)
	case linkTypeEthernet:
		b, kind = ethernet(b, 12)
	case linkTypeSLL:
		b, kind = ethernet(b, 14)
	case linkTypeSLL2:
		if len(b) < 20 {
			return nil, Another
		}
		b, kind = b[20:], binary.BigEndian.Uint16(b)
	default:
		return nil, UnknownLink
	}
	switch {
	case len(b) == 0:
		return nil, Another
	case b[0]>>4 == 4 && (kind == 0 || kind == etherIPv4):
		return b, IPv4
	case b[0]>>4 == 6 && (kind == 0 || kind == etherIPv6):
		return nil, IPv6
	}
	return nil, Another
}

// ethernet is what follows the type at an offset, and the type, VLAN tags passed over.
func ethernet(b []byte, at int) ([]byte, uint16) {
	for len(b) >= at+2 {
		switch kind := binary.BigEndian.Uint16(b[at:]); kind {
		case etherVLAN, etherQinQ:
			at += 4
		default:
			return b[at+2:], max(kind, 1) // 0 would be none
		}
	}
	return nil, 1
}

func after(b []byte, n int) []byte {
	if len(b) < n {
		return nil
	}
	return b[n:]
}
