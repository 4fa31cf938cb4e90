package dns

import (
	"net/netip"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/sockeye-net/sockeye/apps/internal/ascii"
)

// An Answer is what a Lookup found.
type Answer struct {
	Name      string // asked for, with the final dot
	Type      Type
	Chain     []Record    // the CNAME records from Name to Canonical, in order
	DNAMEs    []Record    // the DNAME records that some of Chain were made of
	Canonical string      // the name that the records belong to, with the final dot
	Records   []Record    // of the type asked for, at Canonical
	Along     []Record    // addresses of the hosts that Records name, where they came along (MX, SRV, NS)
	Negative  *Record     // the SOA that says how long there is nothing (RFC 2308), nil if none came
	Source    Source      // who says so
	Left      uint32      // seconds that it may still be kept; what is in the cache only
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
	for i := range a.Records {
		out = append(out, address(&a.Records[i])...)
	}
	return out
}

// follow walks the CNAME chain in a message from Canonical on, and takes the records at its end.
// Only what the chain reaches is taken: records of other names in the answer mean nothing.
func (a *Answer) follow(x *Exchange) error {
	for {
		if a.take(x.Message); len(a.Records) > 0 || a.Type == dnsmessage.TypeALL {
			a.along(x.Message, ".")
			return nil
		}
		next, ok := cnameOf(x.Message, a.Canonical)
		if !ok {
			return nil
		}
		if err := a.alias(&next); err != nil {
			return err
		}
	}
}

// alias goes one step along the chain: from Canonical, over its CNAME record.
func (a *Answer) alias(r *Record) error {
	if len(a.Chain) == maxChain {
		return a.error(ErrLoop, netip.AddrPort{}, nil)
	}
	c, ok := r.Data.(*dnsmessage.CNAMEResource)
	if !ok { // it leads to a name with a dot inside a label, which cannot be asked for
		return a.error(ErrBadReply, a.Source.Server, nil)
	}
	a.Chain = append(a.Chain, *r)
	a.Canonical = text(&c.CNAME)
	return nil
}

// along collects the addresses that came along for the hosts that the records name, as far as zone may give them.
func (a *Answer) along(m *Message, zone string) {
	for i := range a.Records {
		host := target(&a.Records[i])
		if host == "" || len(a.Records) > maxServers || !within(host, zone) {
			continue
		}
		a.Along = pick(a.Along, m.Additionals, host, TypeA)
		a.Along = pick(a.Along, m.Additionals, host, TypeAAAA)
	}
}

// take collects the records of Canonical that were asked for.
func (a *Answer) take(m *Message) { a.Records = pick(a.Records, m.Answers, a.Canonical, a.Type) }

// cnameOf is the CNAME record of a name.
func cnameOf(m *Message, name string) (Record, bool) {
	for _, r := range pick(nil, m.Answers, name, TypeCNAME) {
		if _, ok := r.Data.(*dnsmessage.CNAMEResource); ok {
			return r, true
		}
	}
	return Record{}, false
}

// pick appends the records of a name and a type, which may be all types.
func pick(out, from []Record, name string, t Type) []Record {
	for i := range from {
		r := &from[i]
		if r.Class == 1 && (r.Type == t || t == dnsmessage.TypeALL) && ascii.EqualFold(r.Name, name) {
			out = append(out, *r)
		}
	}
	return out
}

// nothing says why a message without the records asked for has none (RFC 2308 2).
func (a *Answer) nothing(x *Exchange) error {
	m, kind := x.Message, ErrNoData
	switch {
	case m.RCode == dnsmessage.RCodeNameError:
		kind = ErrNXDomain
	case !m.AA && !m.RA && !hasSOA(m):
		kind = ErrLame
	}
	return a.error(kind, x.Server, nil)
}

// from notes who answered.
func (a *Answer) from(x *Exchange) {
	a.Source = Source{Kind: FromRecursive, Server: x.Server}
	if x.Message.AA {
		a.Source.Kind = FromAuthority
	}
}

// keepSOA notes the SOA of an answer that has nothing else, where zone may give it: the owner is in the zone,
// and the name at the chain's end is in the owner (RFC 2308 5).
func (a *Answer) keepSOA(m *Message, zone string) {
	for _, rec := range m.Authorities {
		if _, ok := minTTL(&rec); ok && rec.Class == uint16(dnsmessage.ClassINET) &&
			within(rec.Name, zone) && within(a.Canonical, rec.Name) {
			a.Negative = &rec
			return
		}
	}
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
	e := &Error{Kind: k, Name: a.Canonical, Type: a.Type, Err: cause, cached: a.Source.Kind == FromCache}
	if server.IsValid() {
		e.Servers = []netip.AddrPort{server}
	}
	if k == ErrNXDomain {
		e.RCode = dnsmessage.RCodeNameError
	}
	return e
}
