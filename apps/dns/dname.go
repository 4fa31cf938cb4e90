package dns

import (
	"net/netip"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/sockeye-net/sockeye/apps/internal/ascii"
)

// A DNAME record moves all that is below its owner (RFC 6672). Servers make a CNAME record of it for who does not know
// it, and so does this package: only an Iterator and the cache look at the DNAME itself.

// dname is where a DNAME record leads, "" if it is none.
func dname(r *Record) string {
	u, ok := r.Data.(*dnsmessage.UnknownResource)
	if !ok || r.Type != typeDNAME {
		return ""
	}
	name, rest, ok := readName(u.Data)
	if !ok || len(rest) > 0 {
		return ""
	}
	return name
}

// dnameOf is the DNAME record that a name is below.
func dnameOf(m *Message, name, zone string) (Record, bool) {
	for _, r := range m.Answers {
		if r.Class == 1 && within(r.Name, zone) && within(name, r.Name) && !ascii.EqualFold(name, r.Name) && dname(&r) != "" {
			return r, true
		}
	}
	return Record{}, false
}

// redirect is alias over a CNAME record or over the DNAME record of what Canonical is below (RFC 6672 2.2), for which
// a CNAME record is made. done: that one was what was asked for, or it cannot be gone.
func (a *Answer) redirect(r *Record) (done bool, err error) {
	if to := dname(r); to != "" && len(a.Chain) < maxChain {
		a.DNAMEs = append(a.DNAMEs, *r)
		to = substitute(a.Canonical, r.Name, to)
		n, err := dnsmessage.NewName(to)
		if err != nil || len(to)+1 > maxName {
			return true, a.error(ErrTooLong, netip.AddrPort{}, nil)
		}
		r = &Record{Name: a.Canonical, Type: TypeCNAME, Class: 1, TTL: r.TTL, Data: &dnsmessage.CNAMEResource{CNAME: n}}
		if a.Type == TypeCNAME {
			a.Records = []Record{*r}
			return true, nil
		}
	}
	err = a.alias(r)
	return err != nil, err
}

// substitute puts to in the place of the end of name that is owner.
func substitute(name, owner, to string) string {
	if to == "." {
		to = ""
	}
	if owner == "." {
		return name + to
	}
	if out := name[:len(name)-len(owner)] + to; out != "" {
		return out
	}
	return "."
}
