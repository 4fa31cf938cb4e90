package script

import (
	"encoding/binary"
	"fmt"

	"github.com/sockeye-net/sockeye/stack/wire"
)

// encode makes the bytes of a packet from the peer.
func (m *machine) encode(p *packet) ([]byte, error) {
	f := m.flow(p.proto, p.attr.flow)
	m.reach(f, p.attr.flow)
	ip := p.attr.header(f)
	var body []byte
	var err error
	switch p.proto {
	case protoTCP:
		ip.Protocol = wire.ProtoTCP
		body = f.encodeSegment(p)
	case protoUDP:
		ip.Protocol = wire.ProtoUDP
		body = f.encodeUDP(p)
	case protoICMP:
		ip.Protocol = wire.ProtoICMP
		body, err = m.encodeICMP(p)
	}
	if err != nil {
		return nil, err
	}
	b := assemble(ip, body)
	if p.proto != protoICMP && !p.attr.nosum {
		wire.SetTransportChecksum(b, [2][]byte{})
	}
	if p.attr.badsum {
		b[len(b)-1] ^= 0x55
	}
	return p.attr.spoil(ip, b, len(b)-len(body))
}

// header makes the IP header of a packet from the peer of f.
func (a *attributes) header(f *flow) wire.IPv4 {
	ip := wire.IPv4{TTL: 64, Src: f.remote.Addr(), Dst: f.local.Addr(), DF: a.df == 1, ID: uint16(a.id), Options: a.options}
	if a.src.IsValid() {
		ip.Src = a.src
	}
	if a.dst.IsValid() {
		ip.Dst = a.dst
	}
	if a.ttl >= 0 {
		ip.TTL = uint8(a.ttl)
	}
	ip.TOS = uint8(max(a.tos, 0) | max(a.ecn, 0))
	return ip
}

func assemble(ip wire.IPv4, body []byte) []byte {
	b := make([]byte, ip.HeaderLen()+len(body))
	n := ip.Encode(b, len(body))
	copy(b[n:], body)
	return b
}

// spoil cuts a fragment out of a packet, and writes a wrong version.
func (a *attributes) spoil(ip wire.IPv4, b []byte, header int) ([]byte, error) {
	if from, to := a.frag[0], a.frag[1]; to != 0 {
		body := b[header:]
		if from%8 != 0 || from >= to || to > len(body) {
			return nil, fmt.Errorf("no fragment %d:%d in %d bytes", from, to, len(body))
		}
		ip.FragOff, ip.MF = uint16(from), to < len(body)
		b = assemble(ip, body[from:to])
	}
	if a.version >= 0 {
		b[0] = uint8(a.version)<<4 | b[0]&0xF
		b[10], b[11] = 0, 0
		binary.BigEndian.PutUint16(b[10:], wire.Fold(wire.Sum(0, b[:int(b[0]&0xF)*4])))
	}
	return b, nil
}

// encodeSegment makes a TCP segment with the options as they are written.
func (f *flow) encodeSegment(p *packet) []byte {
	if p.flags&(wire.SYN|wire.RST) == wire.SYN && (!f.irsKnown || f.irs != p.seq) {
		f.irs, f.irsKnown, f.renewed = p.seq, true, true
	}
	opts := f.encodeOptions(p.options)
	b := make([]byte, 20+len(opts)+p.length)
	binary.BigEndian.PutUint16(b[0:], f.remote.Port())
	binary.BigEndian.PutUint16(b[2:], f.local.Port())
	binary.BigEndian.PutUint32(b[4:], p.seq)
	binary.BigEndian.PutUint32(b[8:], p.ack)
	if p.flags&wire.ACK != 0 {
		binary.BigEndian.PutUint32(b[8:], p.ack+f.iss)
	}
	b[12] = uint8((20+len(opts))/4) << 4
	b[13] = uint8(p.flags)
	binary.BigEndian.PutUint16(b[14:], uint16(max(p.win, 0)))
	binary.BigEndian.PutUint16(b[18:], uint16(max(p.urg, 0)))
	copy(b[20:], opts)
	at := p.seq - f.irs - 1
	if p.flags&wire.SYN != 0 {
		at++
	}
	fill(b[20+len(opts):], at)
	return b
}

// encodeOptions writes the options one after the other, padded to whole words.
func (f *flow) encodeOptions(options []option) []byte {
	var b []byte
	for _, o := range options {
		switch o.kind {
		case kindEnd, kindNop:
			b = append(b, o.kind)
		case kindMSS:
			b = binary.BigEndian.AppendUint16(append(b, o.kind, 4), uint16(o.value))
		case kindScale:
			b = append(b, o.kind, 3, uint8(o.value))
		case kindSACKOK:
			b = append(b, o.kind, 2)
		case kindSACK:
			b = append(b, o.kind, uint8(2+8*len(o.blocks)))
			for _, s := range o.blocks {
				b = binary.BigEndian.AppendUint32(b, s[0]+f.iss)
				b = binary.BigEndian.AppendUint32(b, s[1]+f.iss)
			}
		case kindTimestamp:
			b = binary.BigEndian.AppendUint32(append(b, o.kind, 10), o.val)
			b = binary.BigEndian.AppendUint32(b, o.ecr+f.tsOff)
		default:
			b = append(append(b, o.kind), o.raw...)
		}
	}
	for len(b)%4 != 0 {
		b = append(b, kindEnd)
	}
	return b[:min(len(b), 40)]
}

func (f *flow) encodeUDP(p *packet) []byte {
	b := make([]byte, 8+p.length)
	u := wire.UDP{SrcPort: f.remote.Port(), DstPort: f.local.Port(), Length: uint16(len(b))}
	if p.attr.length >= 0 {
		u.Length = uint16(p.attr.length)
	}
	u.Encode(b)
	fill(b[8:], 0)
	return b
}

// encodeICMP makes an ICMP message; an error quotes the IP header and the first
// 8 bytes of the packet that it is about (RFC 792).
func (m *machine) encodeICMP(p *packet) ([]byte, error) {
	n := icmpNames[p.icmp]
	msg := wire.ICMP{Type: wire.ICMPType(n.kind), Code: n.code, Rest: uint32(max(p.mtu, 0))}
	body := make([]byte, p.length)
	switch {
	case !p.icmp.isError():
		msg.Rest = echoID<<16 | 1
		fill(body, 0)
	case p.quote == nil:
		return nil, fmt.Errorf("an ICMP error quotes a packet: [1:1461(1460)]")
	default:
		body = m.quote(p.quote, p.attr.flow)
	}
	b := make([]byte, 8+len(body))
	msg.Encode(b, [2][]byte{body})
	copy(b[8:], body)
	return b, nil
}

func (m *machine) quote(q *packet, number int) []byte {
	f := m.flow(q.proto, number)
	m.reach(f, number)
	b := make([]byte, 28)
	ip := wire.IPv4{TTL: 63, Src: f.local.Addr(), Dst: f.remote.Addr(), DF: true, Protocol: wire.ProtoTCP}
	size := 20
	if q.proto == protoUDP {
		ip.Protocol, size = wire.ProtoUDP, 8
	}
	ip.Encode(b, size+q.length)
	binary.BigEndian.PutUint16(b[20:], f.local.Port())
	binary.BigEndian.PutUint16(b[22:], f.remote.Port())
	if q.proto == protoTCP {
		binary.BigEndian.PutUint32(b[24:], q.seq+f.iss)
	} else {
		binary.BigEndian.PutUint16(b[24:], uint16(size+q.length))
	}
	return b
}
