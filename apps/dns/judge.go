package dns

import (
	"golang.org/x/net/dns/dnsmessage"

	"github.com/sockeye-net/sockeye/apps/internal/ascii"
)

// A sort is what the message of a zone's server is to a question.
type sort uint8

const (
	useless  sort = iota // the server failed, or does not keep the zone (lame)
	answered             // records, an alias, or that there is nothing
	referral             // another zone's servers know
)

// judge says what a message is to the question at a's end, coming from a server of z.
func (a *Answer) judge(m *Message, z *zone) sort {
	switch m.RCode {
	case dnsmessage.RCodeNameError:
		if m.AA {
			return answered
		}
		return useless
	case rcodeYXDomain:
		if _, ok := dnameOf(m, a.Canonical, z.name); ok && m.AA {
			return answered // the new name is too long: alias says so
		}
		return useless
	case dnsmessage.RCodeSuccess:
	default:
		return useless
	}
	if below, _, _ := referred(m, z, a.Canonical); below != "" && !hasSOA(m) && !a.answeredBy(m, z.name) {
		return referral
	}
	if m.AA {
		return answered
	}
	return useless // neither its own, nor a way down
}

// answeredBy says whether a message has records for the name at a's end, or an alias of it.
func (a *Answer) answeredBy(m *Message, zone string) bool {
	for _, r := range m.Answers {
		if r.Class == 1 && within(r.Name, zone) && ascii.EqualFold(r.Name, a.Canonical) && (r.Type == a.Type || r.Type == TypeCNAME) {
			return true
		}
	}
	_, ok := dnameOf(m, a.Canonical, zone)
	return ok
}

// settle takes what an answer of z's server says, as far as it is z's to say, and keeps it.
// not done: the chain leads out of z, and has to be gone on with.
func (it *Iterator) settle(a *Answer, x *Exchange, z *zone) (done bool, err error) {
	a.from(x)
	m, now, c := x.Message, it.Resolver.now(), it.cache()
	for {
		if !within(a.Canonical, z.name) {
			return false, nil // records of other zones are not this server's to give
		}
		next, ok := dnameOf(m, a.Canonical, z.name)
		if !ok { // or a CNAME in the message would be taken for more than made of the DNAME
			if a.take(m); len(a.Records) > 0 {
				a.along(m, z.name)
				if a.Type != dnsmessage.TypeALL {
					c.putRecords(a.Canonical, a.Records, a.Source, now)
				}
				return true, nil
			}
			next, ok = cnameOf(m, a.Canonical)
		}
		if !ok {
			return it.nothing(a, x, z)
		}
		c.putRecords(next.Name, []Record{next}, a.Source, now)
		if done, err := a.redirect(&next); done {
			return true, err
		}
	}
}

// nothing is the end of an answer without the records asked for.
func (it *Iterator) nothing(a *Answer, x *Exchange, z *zone) (done bool, err error) {
	m := x.Message
	k := ErrNoData
	if m.RCode == dnsmessage.RCodeNameError {
		k = ErrNXDomain
	}
	a.keepSOA(m, z.name)
	// At the end of a chain only its SOA shows that the server speaks of the name there, and not of what it delegated.
	if a.Negative == nil && len(a.Chain) > 0 && !a.askedFor(x) {
		return false, nil
	}
	it.cache().putNothing(a.Canonical, a.Type, k, a.Negative, a.Source, it.Resolver.now())
	return true, a.error(k, x.Server, nil)
}

// askedFor says whether the name at a's end is the one that x asked for.
func (a *Answer) askedFor(x *Exchange) bool {
	return len(x.Message.Questions) == 1 && ascii.EqualFold(x.Message.Questions[0].Name, a.Canonical)
}
