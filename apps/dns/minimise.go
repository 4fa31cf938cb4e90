package dns

import (
	"strings"
)

// Query name minimisation (RFC 9156): a server is told of a name no more than it must know to refer to the next
// one. The root hears which top-level zone is asked for, and not which host.

const (
	minimiseSteps = 10 // questions with a shortened name, for one name (RFC 9156 2.3: MAX_MINIMISE_COUNT)
	minimiseOne   = 4  // of these lengthen it by one label (MINIMISE_ONE_LAB); the others share what is left
)

// A minimiser shortens one name on its way down.
type minimiser struct {
	steps int  // that were made
	over  bool // from now on the whole name is asked for
	at    string
}

// shorten gives the name to ask z's servers for: name itself, or its end, longer than z's and than what was asked for.
func (m *minimiser) shorten(z, name string) string {
	from := z
	if m.at != "" && within(m.at, z) {
		from = m.at
	}
	left := strings.Count(name, ".") - strings.Count(from, ".")
	if from == "." {
		left++
	}
	if m.over || left <= 1 {
		m.over = true
		return name
	}
	more := 1
	if m.steps >= minimiseOne {
		rest := minimiseSteps - m.steps
		more = (left + rest - 1) / rest
	}
	if m.steps++; more >= left {
		m.over = true
		return name
	}
	m.at = name
	for range left - more {
		m.at = parent(m.at)
	}
	return m.at
}

// probe asks z's servers for a shortened name, unless it is known, and says what the next zone is: z itself where the
// servers know the name; the whole name is next where they fail, or say that there is nothing (RFC 9156 2.3, last).
func (it *Iterator) probe(j *job, z *zone, m *minimiser, short string) *zone {
	if e := it.cache().find(short, TypeA, it.Resolver.now()); e != nil && (e.what == noData || e.what == present) {
		return z
	}
	p := &Answer{Type: TypeA, Canonical: short}
	x, err := it.askZone(j, z, p)
	if err != nil {
		m.over = true
		return z
	}
	if p.judge(x.Message, z) == referral {
		return it.refer(x, z, p)
	}
	_, err = it.settle(p, x, z)
	if e, ok := err.(*Error); len(p.Chain) > 0 || ok && e.Kind != ErrNoData {
		m.over = true
	}
	return z
}

// refer goes down to the zone that a referral names.
func (it *Iterator) refer(x *Exchange, z *zone, a *Answer) *zone {
	below, ns, glue := referred(x.Message, z, a.Canonical)
	it.cache().putDelegation(below, ns, glue, it.Resolver.now())
	next := zoneOf(below, ns, glue)
	if it.Referral != nil {
		it.Referral(z.name, below, next.servers)
	}
	return next
}
