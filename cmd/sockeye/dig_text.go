package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/apps/dns"
)

// shortText is the data of the records alone, the CNAME chain included.
func shortText(a *dns.Answer) string {
	var b strings.Builder
	for _, r := range append(a.Chain[:len(a.Chain):len(a.Chain)], a.Records...) {
		fmt.Fprintln(&b, a.Spelt(r).DataString())
	}
	return b.String()
}

// text is the deciding answer as dig(1) prints it.
func (o *digAsk) text(a *dns.Answer, now time.Time) string {
	x := a.Last()
	m := x.Message
	var b strings.Builder
	if !o.noCmd {
		fmt.Fprintf(&b, "\n; <<>> sockeye dig <<>> %s %s\n", typed(a), dns.TypeString(a.Type))
	}
	if m == nil {
		return b.String()
	}
	if !o.noComments {
		if slices.ContainsFunc(a.Exchanges, func(x *dns.Exchange) bool { return x.Truncated }) {
			b.WriteString(";; Truncated, retrying in TCP mode.\n")
		}
		digHeader(&b, m)
	}
	if !o.noQuestion {
		o.title(&b, "QUESTION")
		for _, q := range m.Questions {
			q.Name = a.SpeltName(q.Name)
			fmt.Fprintln(&b, o.question(q))
		}
	}
	for _, s := range []struct {
		name string
		off  bool
		rs   []dns.Record
	}{{"ANSWER", o.noAnswer, m.Answers}, {"AUTHORITY", o.noAuthority, m.Authorities}, {"ADDITIONAL", o.noAdditional, m.Additionals}} {
		if s.off || len(s.rs) == 0 {
			continue
		}
		o.title(&b, s.name)
		for _, r := range s.rs {
			fmt.Fprintln(&b, o.line(a.Spelt(r)))
		}
	}
	if !o.noStats {
		fmt.Fprintf(&b, "\n;; Query time: %d msec\n", x.RoundTrip.Milliseconds())
		fmt.Fprintf(&b, ";; SERVER: %s#%d(%s) (%s)\n", x.Server.Addr(), x.Server.Port(), x.Server.Addr(), x.Transport)
		fmt.Fprintf(&b, ";; FROM: %s\n", a.Origin())
		fmt.Fprintf(&b, ";; WHEN: %s\n", now.Format("Mon Jan 02 15:04:05 MST 2006"))
		fmt.Fprintf(&b, ";; MSG SIZE  rcvd: %d\n\n", len(x.Raw))
	}
	return b.String()
}

// digHeader is the header of a message, with what EDNS says.
func digHeader(b *strings.Builder, m *dns.Message) {
	extra := len(m.Additionals)
	if m.EDNS != nil {
		extra++
	}
	b.WriteString(";; Got answer:\n")
	fmt.Fprintf(b, ";; ->>HEADER<<- opcode: %s, status: %s, id: %d\n", opcode(m.OpCode), dns.RCodeString(m.RCode), m.ID)
	fmt.Fprintf(b, ";; flags:%s; QUERY: %d, ANSWER: %d, AUTHORITY: %d, ADDITIONAL: %d\n",
		digFlagNames(m), len(m.Questions), len(m.Answers), len(m.Authorities), extra)
	if m.RD && !m.RA {
		b.WriteString(";; WARNING: recursion requested but not available\n")
	}
	if m.EDNS != nil {
		do := ""
		if m.EDNS.DO {
			do = " do"
		}
		fmt.Fprintf(b, "\n;; OPT PSEUDOSECTION:\n; EDNS: version: %d, flags:%s; udp: %d\n", m.EDNS.Version, do, m.EDNS.UDPSize)
	}
}

// title is the line above a section.
func (o *digAsk) title(b *strings.Builder, name string) {
	if o.noComments {
		return
	}
	if s := b.String(); s != "" && !(name == "QUESTION" && strings.Contains(s, "PSEUDOSECTION")) {
		b.WriteByte('\n')
	}
	fmt.Fprintf(b, ";; %s SECTION:\n", name)
}

// line is a record, less what was not wanted, in dig's columns.
func (o *digAsk) line(r dns.Record) string {
	f := strings.SplitN(r.String(), "\t", 5) // name, TTL, class, type, data
	if o.noClass {
		f = slices.Delete(f, 2, 3)
	}
	if o.noTTL {
		f = slices.Delete(f, 1, 2)
	}
	var c tabbed
	c.put(0, f[0])
	for i, word := range f[1:] {
		c.put(24+8*i, word)
	}
	return c.String()
}

// question is a question in dig's columns, where the TTL would be left out.
func (o *digAsk) question(q dns.Question) string {
	f := strings.SplitN(q.String(), "\t", 3) // name, class, type
	column := 32
	if o.noTTL || o.noClass {
		column = 24
	}
	var c tabbed
	c.put(0, f[0])
	c.put(column, f[1])
	if !o.noTTL || !o.noClass {
		column += 8
	}
	c.put(column, f[2])
	return ";" + c.String()
}

// A tabbed line is one with words at places that are reached by tabs; past a place, a blank divides.
type tabbed struct {
	strings.Builder
	at int
}

func (c *tabbed) put(column int, word string) {
	switch {
	case column > 0 && c.at >= column:
		c.WriteByte(' ')
		c.at++
	default:
		for ; c.at < column; c.at = c.at&^7 + 8 {
			c.WriteByte('\t')
		}
	}
	c.WriteString(word)
	c.at += len(word)
}

// typed is the name as people type it: without the final dot, unless it is all.
func typed(a *dns.Answer) string {
	name := dns.Escape(a.Name)
	if len(name) > 1 {
		name = strings.TrimSuffix(name, ".")
	}
	return name
}

func opcode(n uint8) string {
	if n == 0 {
		return "QUERY"
	}
	return fmt.Sprintf("OPCODE%d", n)
}

// digFlagNames are the flags that are set, each after a blank.
func digFlagNames(m *dns.Message) string {
	var s string
	for _, f := range []struct {
		set  bool
		name string
	}{{m.Response, "qr"}, {m.AA, "aa"}, {m.TC, "tc"}, {m.RD, "rd"}, {m.RA, "ra"}, {m.AD, "ad"}, {m.CD, "cd"}} {
		if f.set {
			s += " " + f.name
		}
	}
	return s
}
