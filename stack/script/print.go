package script

import (
	"fmt"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/stack/wire"
)

// String writes a packet as a script does.
func (p *packet) String() string {
	var b strings.Builder
	b.WriteString(map[bool]string{false: "< ", true: "> "}[p.out])
	if a := p.attr.String(); a != "" && !p.out {
		b.WriteString(a + " ")
	}
	switch p.proto {
	case protoTCP:
		p.writeSegment(&b)
	case protoUDP:
		fmt.Fprintf(&b, "udp (%d)", p.length)
	case protoICMP:
		b.WriteString(strings.TrimSpace("icmp " + p.icmp.kind + " " + p.icmp.code))
		if p.mtu >= 0 {
			fmt.Fprintf(&b, " mtu %d", p.mtu)
		}
		if p.length > 0 {
			fmt.Fprintf(&b, " (%d)", p.length)
		}
		if q := p.quote; q != nil && q.proto == protoUDP {
			fmt.Fprintf(&b, " [udp (%d)]", q.length)
		} else if q != nil {
			fmt.Fprintf(&b, " [%d:%d(%d)]", q.seq, q.end, q.length)
		}
	}
	return b.String()
}

func (p *packet) writeSegment(b *strings.Builder) {
	fmt.Fprintf(b, "%v %d:%d(%d)", p.flags, p.seq, p.end, p.length)
	if p.flags&wire.ACK != 0 {
		fmt.Fprintf(b, " ack %d", p.ack)
	}
	if p.win >= 0 {
		fmt.Fprintf(b, " win %d", p.win)
	}
	if p.urg > 0 {
		fmt.Fprintf(b, " urg %d", p.urg)
	}
	switch {
	case p.anyOptions:
		b.WriteString(" <...>")
	case len(p.options) > 0:
		b.WriteString(" <" + optionsText(p.options) + ">")
	}
}

func optionsText(options []option) string {
	words := make([]string, len(options))
	for i := range options {
		words[i] = options[i].String()
	}
	return strings.Join(words, ",")
}

// String writes an option as a script does.
func (o *option) String() string {
	star := func(n uint32, wild bool) string {
		if wild {
			return "*"
		}
		return fmt.Sprint(n)
	}
	switch {
	case o.raw != nil:
		return fmt.Sprintf("raw %02x%x", o.kind, o.raw)
	case o.kind == kindEnd:
		return "eol"
	case o.kind == kindNop:
		return "nop"
	case o.kind == kindMSS:
		return fmt.Sprintf("mss %d", o.value)
	case o.kind == kindScale:
		return fmt.Sprintf("wscale %d", o.value)
	case o.kind == kindSACKOK:
		return "sackOK"
	case o.kind == kindTimestamp:
		return "TS val " + star(o.val, o.anyVal) + " ecr " + star(o.ecr, o.anyEcr)
	}
	text := "sack"
	for _, s := range o.blocks {
		text += fmt.Sprintf(" %d:%d", s[0], s[1])
	}
	return text
}

var ecnNames = [...]string{"noecn", "ect1", "ect0", "ce"}

// String writes the attributes that are said.
func (a *attributes) String() string {
	var words []string
	add := func(yes bool, format string, args ...any) {
		if yes {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	if a.ecn >= 0 {
		words = append(words, ecnNames[a.ecn])
	}
	add(a.ttl >= 0, "ttl %d", a.ttl)
	add(a.tos >= 0, "tos %d", a.tos)
	add(a.df == 1, "df")
	add(a.df == 0, "nodf")
	add(a.flow != 1, "flow %d", a.flow)
	add(a.src.IsValid(), "src %v", a.src)
	add(a.dst.IsValid(), "dst %v", a.dst)
	add(a.badsum, "badsum")
	add(a.nosum, "nosum")
	add(a.length >= 0, "length %d", a.length)
	add(a.version >= 0, "version %d", a.version)
	add(a.id != 0, "id %d", a.id)
	add(a.frag[1] != 0, "frag %d:%d", a.frag[0], a.frag[1])
	add(a.options != nil, "ipopt %x", a.options)
	add(a.more, "more")
	if len(words) == 0 {
		return ""
	}
	return "[" + strings.Join(words, ", ") + "]"
}

// seconds writes a script's time.
func seconds(d time.Duration) string { return fmt.Sprintf("%.6f", d.Seconds()) }

// sideBySide puts what the script says above what came, with a mark where they part.
func sideBySide(expected, actual string) string {
	at := 0
	for at < len(expected) && at < len(actual) && expected[at] == actual[at] {
		at++
	}
	return fmt.Sprintf("\texpected: %s\n\tactual:   %s\n\t          %s^", expected, actual, strings.Repeat(" ", at))
}
