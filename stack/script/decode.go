package script

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"github.com/sockeye-net/sockeye/stack/wire"
)

// decode brings a packet of the host into the script's form. Its numbers are
// those of the wire; relative makes them the script's. A packet that no peer
// would take is an error.
func decode(b []byte) (p *packet, local, remote netip.AddrPort, err error) {
	ip, body, err := wire.DecodeIPv4(b)
	if err != nil {
		return nil, local, remote, fmt.Errorf("not an IPv4 packet: %w", err)
	}
	p = &packet{out: true, attr: noAttributes(), win: -1, urg: -1, mtu: -1}
	p.attr.ecn, p.attr.tos, p.attr.ttl, p.attr.df = int(ip.TOS&3), int(ip.TOS&^3), int(ip.TTL), 0
	if ip.DF {
		p.attr.df = 1
	}
	p.attr.src, p.attr.dst = ip.Src, ip.Dst
	switch ip.Protocol {
	case wire.ProtoTCP:
		err = p.decodeTCP(&ip, body)
	case wire.ProtoUDP:
		err = p.decodeUDP(&ip, body)
	case wire.ProtoICMP:
		p.proto = protoICMP
		return p, netip.AddrPortFrom(ip.Src, 0), netip.AddrPortFrom(ip.Dst, 0), p.decodeICMP(body)
	default:
		err = fmt.Errorf("IP protocol %d", ip.Protocol)
	}
	if err != nil {
		return nil, local, remote, err
	}
	local = netip.AddrPortFrom(ip.Src, binary.BigEndian.Uint16(body[0:]))
	remote = netip.AddrPortFrom(ip.Dst, binary.BigEndian.Uint16(body[2:]))
	return p, local, remote, nil
}

func (p *packet) decodeTCP(ip *wire.IPv4, body []byte) error {
	h, data, err := wire.DecodeTCP(body)
	if err != nil {
		return fmt.Errorf("not a TCP segment: %w", err)
	}
	if !wire.TransportChecksumOK(ip.Src, ip.Dst, wire.ProtoTCP, body) {
		return fmt.Errorf("a wrong TCP checksum")
	}
	p.flags, p.seq, p.ack = h.Flags, uint32(h.Seq), uint32(h.Ack)
	p.length, p.data = len(data), slices.Clone(data)
	p.end = p.seq + uint32(len(data))
	p.win, p.urg = int(h.Window), int(h.Urgent)
	p.options, err = decodeOptions(body[20 : len(body)-len(data)])
	return err
}

// decodeOptions lists the options in their order, NOPs and all.
func decodeOptions(b []byte) (list []option, err error) {
	for len(b) > 0 {
		o := option{kind: b[0]}
		if o.kind <= kindNop {
			list, b = append(list, o), b[1:]
			continue
		}
		if len(b) < 2 || b[1] < 2 || int(b[1]) > len(b) {
			return nil, fmt.Errorf("a TCP option of a wrong length")
		}
		v := b[2:b[1]]
		switch {
		case o.kind == kindMSS && len(v) == 2:
			o.value = uint32(binary.BigEndian.Uint16(v))
		case o.kind == kindScale && len(v) == 1:
			o.value = uint32(v[0])
		case o.kind == kindSACKOK && len(v) == 0:
		case o.kind == kindTimestamp && len(v) == 8:
			o.val, o.ecr = binary.BigEndian.Uint32(v), binary.BigEndian.Uint32(v[4:])
		case o.kind == kindSACK && len(v) > 0 && len(v)%8 == 0:
			for ; len(v) > 0; v = v[8:] {
				o.blocks = append(o.blocks, [2]uint32{binary.BigEndian.Uint32(v), binary.BigEndian.Uint32(v[4:])})
			}
		default:
			o.raw = slices.Clone(b[1:b[1]])
		}
		list, b = append(list, o), b[b[1]:]
	}
	return list, nil
}

func (p *packet) decodeUDP(ip *wire.IPv4, body []byte) error {
	p.proto = protoUDP
	_, data, err := wire.DecodeUDP(body)
	if err != nil {
		return fmt.Errorf("not a UDP datagram: %w", err)
	}
	if !wire.TransportChecksumOK(ip.Src, ip.Dst, wire.ProtoUDP, body) {
		return fmt.Errorf("a wrong UDP checksum")
	}
	p.length, p.data = len(data), slices.Clone(data)
	return nil
}

func (p *packet) decodeICMP(body []byte) error {
	h, data, err := wire.DecodeICMP(body)
	if err != nil {
		return fmt.Errorf("not an ICMP message: %w", err)
	}
	p.icmp = icmpName{fmt.Sprintf("type_%d", h.Type), fmt.Sprintf("code_%d", h.Code)}
	for name, n := range icmpNames {
		if n.kind == uint8(h.Type) && n.code == h.Code {
			p.icmp = name
		}
	}
	p.length, p.data = len(data), slices.Clone(data)
	if p.icmp.isError() {
		p.length = 0 // what it quotes is not compared byte by byte
	}
	return nil
}

// relative makes the numbers of a segment those of its flow in the script.
func (p *packet) relative(f *flow) {
	if p.proto != protoTCP {
		return
	}
	if p.flags&wire.RST == 0 || p.seq != 0 { // a reset to what had no ACK has 0 for itself
		p.seq -= f.iss
	}
	p.end = p.seq + uint32(p.length)
	for i := range p.options {
		if o := &p.options[i]; o.kind == kindTimestamp {
			o.val -= f.tsOff
		}
	}
}
