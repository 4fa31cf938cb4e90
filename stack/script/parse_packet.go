package script

import (
	"encoding/hex"
	"net/netip"
	"strings"

	"github.com/sockeye-net/sockeye/stack/wire"
)

// packet takes a packet after its < or >.
func (s *scanner) packet(out bool) *packet {
	p := &packet{out: out, attr: noAttributes(), win: -1, urg: -1, mtu: -1}
	if s.accept("[") {
		s.attributes(&p.attr)
	}
	switch {
	case s.keyword("udp"):
		p.proto = protoUDP
		s.udp(p)
	case s.keyword("icmp"):
		p.proto = protoICMP
		s.icmp(p)
	default:
		s.segment(p)
	}
	return p
}

// attributes takes what stands in brackets before the flags.
func (s *scanner) attributes(a *attributes) {
	for first := true; !s.accept("]"); first = false {
		if !first {
			s.expect(",")
		}
		s.attribute(a)
	}
}

func (s *scanner) attribute(a *attributes) {
	switch word := s.ident(); word {
	case "noecn":
		a.ecn = 0
	case "ect1":
		a.ecn = 1
	case "ect0":
		a.ecn = 2
	case "ce":
		a.ecn = 3
	case "ttl":
		a.ttl = s.number()
	case "tos":
		a.tos = s.number()
	case "df":
		a.df = 1
	case "nodf":
		a.df = 0
	case "flow":
		a.flow = s.number()
	case "src":
		a.src = s.address()
	case "dst":
		a.dst = s.address()
	case "badsum":
		a.badsum = true
	case "nosum":
		a.nosum = true
	case "length":
		a.length = s.number()
	case "version":
		a.version = s.number()
	case "id":
		a.id = s.number()
	case "frag":
		a.frag[0] = int(s.uint32())
		s.expect(":")
		a.frag[1] = int(s.uint32())
	case "ipopt":
		a.options = s.hex(",]")
	case "more":
		a.more = true
	default:
		s.fail("no attribute %q", word)
	}
}

func (s *scanner) address() netip.Addr {
	a, err := netip.ParseAddr(strings.TrimSpace(s.until(",]")))
	if err != nil {
		s.fail("an address expected")
	}
	return a
}

// hex takes bytes in hexadecimal, up to one of the stops.
func (s *scanner) hex(stops string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s.until(stops), " ", ""))
	if err != nil || len(b) == 0 {
		s.fail("bytes in hexadecimal expected")
	}
	return b
}

func (s *scanner) udp(p *packet) {
	s.expect("(")
	p.length = s.number()
	s.expect(")")
}

// segment takes a TCP segment: flags seq:end(len) ack n win n urg n <options>.
func (s *scanner) segment(p *packet) {
	p.flags = s.flags()
	s.sequence(p)
	for {
		switch {
		case s.keyword("ack"):
			p.ack = s.uint32()
		case s.keyword("win"):
			p.win = s.number()
		case s.keyword("urg"):
			p.urg = s.number()
		case s.accept("<"):
			s.options(p)
		default:
			return
		}
	}
}

const flagLetters = "FSRP.UEW"

func (s *scanner) flags() (f wire.Flags) {
	s.space()
	word := s.until(" \t")
	if word == "-" {
		return 0
	}
	for i := range len(word) {
		bit := strings.IndexByte(flagLetters, word[i])
		if bit < 0 {
			s.fail("no flag %q", word[i])
		}
		f |= 1 << bit
	}
	if f == 0 {
		s.fail("flags expected")
	}
	return f
}

func (s *scanner) sequence(p *packet) {
	p.seq = s.uint32()
	s.expect(":")
	p.end = s.uint32()
	s.expect("(")
	p.length = s.number()
	s.expect(")")
	if p.end != p.seq+uint32(p.length) {
		s.fail("%d:%d are not %d bytes", p.seq, p.end, p.length)
	}
}

// Option kinds (IANA).
const (
	kindEnd       = 0
	kindNop       = 1
	kindMSS       = 2
	kindScale     = 3
	kindSACKOK    = 4
	kindSACK      = 5
	kindTimestamp = 8
)

func (s *scanner) options(p *packet) {
	if s.accept("...") {
		p.anyOptions = true
		s.expect(">")
		return
	}
	for first := true; !s.accept(">"); first = false {
		if !first {
			s.expect(",")
		}
		p.options = append(p.options, s.option())
	}
}

func (s *scanner) option() option {
	switch word := s.ident(); word {
	case "eol":
		return option{kind: kindEnd}
	case "nop":
		return option{kind: kindNop}
	case "mss":
		return option{kind: kindMSS, value: s.uint32()}
	case "wscale":
		return option{kind: kindScale, value: s.uint32()}
	case "sackOK":
		return option{kind: kindSACKOK}
	case "sack":
		return s.sack()
	case "TS":
		return s.timestamp()
	case "raw": // all bytes of an option, for what no honest peer sends
		b := s.hex(",>")
		return option{kind: b[0], raw: b[1:]}
	default:
		s.fail("no option %q", word)
	}
	return option{}
}

func (s *scanner) sack() option {
	o := option{kind: kindSACK}
	for {
		l := s.uint32()
		s.expect(":")
		o.blocks = append(o.blocks, [2]uint32{l, s.uint32()})
		if s.has(",") || s.has(">") {
			return o
		}
	}
}

func (s *scanner) timestamp() option {
	o := option{kind: kindTimestamp}
	s.expect("val")
	if o.anyVal = s.accept("*"); !o.anyVal {
		o.val = s.uint32()
	}
	s.expect("ecr")
	if o.anyEcr = s.accept("*"); !o.anyEcr {
		o.ecr = s.uint32()
	}
	return o
}
