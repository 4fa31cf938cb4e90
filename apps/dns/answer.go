package dns

import (
	"net/netip"

	"golang.org/x/net/dns/dnsmessage"
)

// An Answer is what a Lookup found.
type Answer struct {
	Name      dnsmessage.Name // asked for
	Type      Type
	Chain     []Record    // the CNAME records from Name to Canonical, in order
	Canonical string      // the name that the records belong to, with the final dot
	Records   []Record    // of the type asked for, at Canonical
	Exchanges []*Exchange // all that was sent, in order; Last is what decided
}

// Last is the last exchange that brought a message, nil if none did.
func (a *Answer) Last() *Exchange {
	for i := len(a.Exchanges) - 1; i >= 0; i-- {
		if a.Exchanges[i].Message != nil {
			return a.Exchanges[i]
		}
	}
	return nil
}

// Addrs are the addresses among the records.
func (a *Answer) Addrs() []netip.Addr {
	var out []netip.Addr
	for _, r := range a.Records {
		switch d := r.Data.(type) {
		case *dnsmessage.AResource:
			out = append(out, netip.AddrFrom4(d.A))
		case *dnsmessage.AAAAResource:
			out = append(out, netip.AddrFrom16(d.AAAA))
		}
	}
	return out
}

// follow walks the CNAME chain in a message from Canonical on, and takes the records at its end.
// Only what the chain reaches is taken: records of other names in the answer mean nothing.
func (a *Answer) follow(x *Exchange) error {
	for {
		if a.take(x.Message); len(a.Records) > 0 || a.Type == dnsmessage.TypeALL {
			return nil
		}
		next, ok := alias(x.Message, a.Canonical)
		if !ok {
			return nil
		}
		if len(a.Chain) == maxChain {
			return a.error(ErrLoop, x.Server, nil)
		}
		a.Chain = append(a.Chain, next)
		a.Canonical = text(next.Data.(*dnsmessage.CNAMEResource).CNAME)
	}
}

// take collects the records of Canonical that were asked for.
func (a *Answer) take(m *Message) {
	for _, rec := range m.Answers {
		if rec.Class == uint16(dnsmessage.ClassINET) && (rec.Type == a.Type || a.Type == dnsmessage.TypeALL) &&
			equalName(rec.Name, a.Canonical) {
			a.Records = append(a.Records, rec)
		}
	}
}

// alias is the CNAME record of a name.
func alias(m *Message, name string) (Record, bool) {
	for _, rec := range m.Answers {
		_, ok := rec.Data.(*dnsmessage.CNAMEResource)
		if ok && rec.Class == uint16(dnsmessage.ClassINET) && equalName(rec.Name, name) {
			return rec, true
		}
	}
	return Record{}, false
}

// nothing says why a message without the records asked for has none (RFC 2308 2).
func (a *Answer) nothing(x *Exchange) error {
	m := x.Message
	switch {
	case m.RCode == dnsmessage.RCodeNameError:
		return a.error(ErrNXDomain, x.Server, nil)
	case !m.AA && !m.RA && !hasSOA(m):
		return a.error(ErrLame, x.Server, nil)
	}
	return a.error(ErrNoData, x.Server, nil)
}

// hasSOA: the server gives the zone's SOA along, which only a final "nothing here" has.
func hasSOA(m *Message) bool {
	for _, rec := range m.Authorities {
		if rec.Type == TypeSOA {
			return true
		}
	}
	return false
}

func (a *Answer) error(k Kind, server netip.AddrPort, cause error) *Error {
	e := &Error{Kind: k, Name: a.Canonical, Type: a.Type, Servers: []netip.AddrPort{server}, Err: cause}
	if k == ErrNXDomain {
		e.RCode = dnsmessage.RCodeNameError
	}
	return e
}
