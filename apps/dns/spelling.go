package dns

import (
	"strings"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/sockeye-net/sockeye/apps/internal/ascii"
)

// Spelt is a record of the answer for people to read: its names are spelt as the
// name was asked for, not in the random letter case of the question.
func (a *Answer) Spelt(r Record) Record {
	s := a.spelling()
	r.Name = s.name(r.Name)
	r.Data = s.data(r.Data)
	return r
}

// SpeltName is a name for people to read.
func (a *Answer) SpeltName(name string) string { return a.spelling().name(name) }

// spelling knows the name asked for and where its CNAME records lead.
func (a *Answer) spelling() spelling {
	s := spelling{labels(a.Name)}
	for _, r := range a.Chain {
		if d, ok := r.Data.(*dnsmessage.CNAMEResource); ok {
			s = append(s, labels(s.name(text(&d.CNAME))))
		}
	}
	return s
}

// A spelling gives names their letter case back. A question goes out in random
// case, and servers repeat it in their answers: what people see is the name as
// they typed it.
type spelling [][]string // the labels of the names known

// labels are the labels of a name with its final dot. Backslashes do not occur
// before Escape, so every dot divides.
func labels(name string) []string { return strings.Split(strings.TrimSuffix(name, "."), ".") }

// name is name, its end spelt as in the known name that shares most of it.
func (s spelling) name(name string) string {
	mine := labels(name)
	var best []string
	for _, known := range s {
		n := 0
		for n < len(known) && n < len(mine) && ascii.EqualFold(known[len(known)-1-n], mine[len(mine)-1-n]) {
			n++
		}
		if n > len(best) {
			best = known[len(known)-n:]
		}
	}
	copy(mine[len(mine)-len(best):], best)
	return strings.Join(mine, ".") + "."
}

// data is d with its names spelt.
func (s spelling) data(d dnsmessage.ResourceBody) dnsmessage.ResourceBody {
	respelt := func(n dnsmessage.Name) dnsmessage.Name {
		if m, err := dnsmessage.NewName(s.name(text(&n))); err == nil { // as long as it was
			return m
		}
		return n
	}
	switch d := d.(type) {
	case *dnsmessage.NSResource:
		return &dnsmessage.NSResource{NS: respelt(d.NS)}
	case *dnsmessage.CNAMEResource:
		return &dnsmessage.CNAMEResource{CNAME: respelt(d.CNAME)}
	case *dnsmessage.PTRResource:
		return &dnsmessage.PTRResource{PTR: respelt(d.PTR)}
	case *dnsmessage.MXResource:
		return &dnsmessage.MXResource{Pref: d.Pref, MX: respelt(d.MX)}
	case *dnsmessage.SRVResource:
		c := *d
		c.Target = respelt(d.Target)
		return &c
	case *dnsmessage.SOAResource:
		c := *d
		c.NS, c.MBox = respelt(d.NS), respelt(d.MBox)
		return &c
	}
	return d
}
