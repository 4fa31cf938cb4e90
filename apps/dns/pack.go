package dns

import (
	"encoding/binary"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/sockeye-net/sockeye/apps/internal/ascii"
)

// A packer writes a message. Names that it has written it points back at (RFC 1035 4.1.4), without regard
// to letter case, as servers do.
type packer struct {
	b     []byte
	names []uint16 // where names and their ends begin
}

// mostNames is how many of them are remembered: looking them through is work.
const mostNames = 48

// head begins a message. The counts follow with each record.
func (p *packer) head(id uint16, bits uint16) {
	p.b, p.names = appendHead(p.b[:0], id, bits), p.names[:0]
}

// appendHead appends a header that counts nothing.
func appendHead(b []byte, id, bits uint16) []byte {
	return append(b, byte(id>>8), byte(id), byte(bits>>8), byte(bits), 0, 0, 0, 0, 0, 0, 0, 0)
}

// Where the header counts the records of each section.
const (
	inQuestion   = 4
	inAnswer     = 6
	inAuthority  = 8
	inAdditional = 10
)

func (p *packer) counted(section int) {
	binary.BigEndian.PutUint16(p.b[section:], binary.BigEndian.Uint16(p.b[section:])+1)
}

// question writes a question: the name in wire form, type and class.
func (p *packer) question(name []byte, t Type, class uint16) {
	p.name(name)
	p.b = append(p.b, byte(t>>8), byte(t), byte(class>>8), byte(class))
	p.counted(inQuestion)
}

// name writes a name that is there in wire form, uncompressed.
func (p *packer) name(wire []byte) {
	for len(wire) > 0 && wire[0] != 0 {
		for _, at := range p.names {
			if p.sameAt(int(at), wire) {
				p.b = append(p.b, 0xC0|byte(at>>8), byte(at))
				return
			}
		}
		if len(p.b) < 0x4000 && len(p.names) < mostNames {
			p.names = append(p.names, uint16(len(p.b)))
		}
		n := 1 + int(wire[0])
		p.b = append(p.b, wire[:n]...)
		wire = wire[n:]
	}
	p.b = append(p.b, 0)
}

// sameAt compares the name that is written at off with one in wire form.
func (p *packer) sameAt(off int, wire []byte) bool {
	for {
		for p.b[off]&0xC0 == 0xC0 {
			off = int(binary.BigEndian.Uint16(p.b[off:]) & 0x3FFF)
		}
		n := int(p.b[off])
		if n != int(wire[0]) {
			return false
		}
		if n == 0 {
			return true
		}
		if off+1+n >= len(p.b) { // it is being written
			return false
		}
		for i := 1; i <= n; i++ {
			if ascii.LowerByte(p.b[off+i]) != ascii.LowerByte(wire[i]) {
				return false
			}
		}
		off, wire = off+1+n, wire[1+n:]
	}
}

// record writes a record: the owner in wire form, the data as a set has it.
func (p *packer) record(section int, owner []byte, t Type, class uint16, ttl uint32, data []byte) {
	p.name(owner)
	p.b = appendFixed(p.b, t, class, ttl)
	at := len(p.b)
	p.data(t, data)
	binary.BigEndian.PutUint16(p.b[at-2:], uint16(len(p.b)-at))
	p.counted(section)
}

// appendFixed appends what stands between a record's owner and its data: type, class, TTL and, of no data, the length.
func appendFixed(b []byte, t Type, class uint16, ttl uint32) []byte {
	return append(b, byte(t>>8), byte(t), byte(class>>8), byte(class), byte(ttl>>24), byte(ttl>>16), byte(ttl>>8), byte(ttl), 0, 0)
}

// data writes a record's data. Only the types of RFC 1035 may have their names compressed (RFC 3597 4).
func (p *packer) data(t Type, d []byte) {
	before, n := 0, 0
	switch t {
	case TypeNS, TypeCNAME, TypePTR:
		n = 1
	case TypeMX:
		before, n = 2, 1
	case TypeSOA:
		n = 2
	}
	if n == 0 || len(d) < before {
		p.b = append(p.b, d...)
		return
	}
	p.b = append(p.b, d[:before]...)
	for d = d[before:]; n > 0; n-- {
		l := wireLen(d)
		if l == 0 {
			break
		}
		p.name(d[:l])
		d = d[l:]
	}
	p.b = append(p.b, d...)
}

// wireLen is how many bytes an uncompressed name takes, 0 if there is none.
func wireLen(b []byte) int {
	for i := 0; i < len(b) && i < maxName && b[i] <= maxLabel; i += 1 + int(b[i]) {
		if b[i] == 0 {
			return i + 1
		}
	}
	return 0
}

// opt writes an OPT record.
func (p *packer) opt(udp uint16, extended uint8, version uint8, do bool) {
	p.b = appendOPT(p.b, udp, extended, version, do)
	p.counted(inAdditional)
}

// appendOPT appends an OPT record, which is the root's and has no data.
func appendOPT(b []byte, udp uint16, extended uint8, version uint8, do bool) []byte {
	says := uint32(extended)<<24 | uint32(version)<<16
	if do {
		says |= doBit
	}
	return appendFixed(append(b, 0), dnsmessage.TypeOPT, udp, says)
}

// Append appends the message in wire form.
func (m *Message) Append(b []byte) []byte {
	p := &packer{}
	p.head(m.ID, m.bits())
	for _, q := range m.Questions {
		p.question(appendName(nil, q.Name), q.Type, q.Class)
	}
	for _, s := range []struct {
		at int
		rs []Record
	}{{inAnswer, m.Answers}, {inAuthority, m.Authorities}, {inAdditional, m.Additionals}} {
		for i := range s.rs {
			r := &s.rs[i]
			p.record(s.at, appendName(nil, r.Name), r.Type, r.Class, r.TTL, appendData(nil, r.Data))
		}
	}
	if m.EDNS != nil {
		p.opt(m.EDNS.UDPSize, uint8(m.RCode>>4), m.EDNS.Version, m.EDNS.DO)
	}
	return append(b, p.b...)
}

// bits are the header's second sixteen.
func (m *Message) bits() uint16 {
	b := uint16(m.RCode)&15 | uint16(m.OpCode)&15<<11
	for _, f := range []struct {
		set bool
		bit uint16
	}{{m.Response, bitQR}, {m.AA, bitAA}, {m.TC, bitTC}, {m.RD, bitRD}, {m.RA, bitRA}, {m.AD, bitAD}, {m.CD, bitCD}} {
		if f.set {
			b |= f.bit
		}
	}
	return b
}
