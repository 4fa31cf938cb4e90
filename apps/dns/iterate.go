package dns

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/sockeye-net/sockeye/apps/internal/ascii"
)

// An Iterator finds answers itself: from the root servers down the delegations to the servers that keep the
// zone (RFC 1034 5.3.3). Resolver.API (or Carry) and Roots are required. It is safe for concurrent use.
type Iterator struct {
	// Resolver says how servers are asked. Its Servers and Attempts are not looked at, and recursion is
	// never asked for. Its Timeout, here 1.5 s where it is 0, is how long one server is waited for.
	Resolver Resolver

	// Roots are the servers of the root. DefaultHints are the Internet's.
	Roots []Hint

	// Port is where servers are asked; 0: 53.
	Port uint16

	// Cache keeps zones' servers, and answers. nil: one of the Iterator's own.
	Cache *Cache

	// WholeNames tells every server the whole name, and not only what it needs to refer to the next (RFC 9156).
	WholeNames bool

	// Referral hears of each delegation on the way, in the goroutine that asks: the zone whose server
	// answered, the zone below it and the servers that it has. nil: nobody.
	Referral func(zone, below string, servers []string)

	once  sync.Once
	own   *Cache
	asked flights[*Exchange] // what servers are being asked
}

const (
	iterTimeout = 1500 * time.Millisecond
	maxDepth    = 4 // servers whose addresses are asked for, while such a one's is
	maxFetches  = 4 // servers of one zone whose addresses are asked for (NXNSAttack)
	maxTries    = 2 // of one server, for one question (RFC 9520 3.1)
)

func (it *Iterator) cache() *Cache {
	if it.Cache != nil {
		return it.Cache
	}
	it.once.Do(func() { it.own = NewCache(0) })
	return it.own
}

func (it *Iterator) port() uint16 {
	if it.Port != 0 {
		return it.Port
	}
	return Port
}

// Lookup finds the records of type t at name, as Resolver.Lookup does.
func (it *Iterator) Lookup(name string, t Type, deadline time.Time) (*Answer, error) {
	n, err := ParseName(name)
	if err != nil {
		return nil, err
	}
	a := &Answer{Name: n, Type: t, Canonical: n}
	j := newJob(deadline)
	done, err := it.cache().follow(a, it.Resolver.now())
	if !done {
		err = it.resolve(j, a)
	}
	return a, err
}

// resolve goes on from where a's chain has come to.
func (it *Iterator) resolve(j *job, a *Answer) error {
	if len(it.Roots) == 0 {
		return &Error{Kind: ErrNoServers, Name: a.Canonical, Type: a.Type}
	}
	defer func() { a.Exchanges = j.exchanges }()
	for {
		a.Left = 0
		done, err := it.descend(j, a)
		if err != nil {
			it.remember(j, a, err)
		}
		if done || err != nil {
			return err
		}
		// The chain leads elsewhere: begin again, with what is known by now.
		if done, err := it.cache().follow(a, it.Resolver.now()); done {
			return err
		}
	}
}

// remember keeps a failure that is nobody's impatience (RFC 9520 3.2).
func (it *Iterator) remember(j *job, a *Answer, err error) {
	e, ok := err.(*Error)
	if !ok || e.Err == errRemembered || j.gaveUp(it.Resolver.now()) {
		return
	}
	switch e.Kind {
	case ErrRefused, ErrLame, ErrTimeout, ErrUnreachable, ErrBadReply, ErrBudget:
		it.cache().putFailure(a.Canonical, a.Type, e.Kind, it.Resolver.now())
	}
}

// descend goes down from the closest zone known, until servers answer for the name at a's end. Each referral leads
// strictly down, so that this ends.
func (it *Iterator) descend(j *job, a *Answer) (done bool, err error) {
	z := it.closest(a.Canonical, a.Type, it.Resolver.now())
	m := &minimiser{over: it.WholeNames}
	for {
		if short := m.shorten(z.name, a.Canonical); len(short) < len(a.Canonical) {
			z = it.probe(j, z, m, short)
			continue
		}
		x, err := it.askZone(j, z, a)
		if err != nil {
			return false, err
		}
		if a.judge(x.Message, z) != referral {
			return it.settle(a, x, z)
		}
		z = it.refer(x, z, a)
	}
}

// askZone asks the servers of a zone, in the order of their manners, until one says something to go by.
func (it *Iterator) askZone(j *job, z *zone, a *Answer) (*Exchange, error) {
	f := &asking{it: it, j: j, z: z, bare: z.bare, tried: map[netip.AddrPort]int{}}
	f.more = it.order(z.addrs, it.Resolver.now())
	wrong := &Error{Kind: ErrTimeout, Name: a.Canonical, Type: a.Type}
	for {
		at, err := f.next()
		if err != nil {
			return nil, a.error(ErrBudget, netip.AddrPort{}, err)
		}
		if !at.IsValid() || j.over(it.Resolver.now()) {
			if len(f.tried) == 0 {
				wrong.Kind = ErrLame // no server of the zone has an address
			}
			return nil, wrong
		}
		x, err := it.askOne(j, at, a.Canonical, a.Type, f.tried[at])
		if err == errBudget {
			return nil, a.error(ErrBudget, netip.AddrPort{}, err)
		}
		if err != nil {
			return nil, err
		}
		if x.Message != nil && x.Err == nil && a.judge(x.Message, z) != useless {
			return x, nil
		}
		f.failed(at, x)
		if !slices.Contains(wrong.Servers, at) {
			wrong.Servers = append(wrong.Servers, at)
		}
		worsen(wrong, x)
	}
}

// worsen makes e tell of x, where that says more than what it tells.
func worsen(e *Error, x *Exchange) {
	if x.Message != nil && x.Err == nil && usable(x) {
		e.Kind, e.Servers = ErrLame, []netip.AddrPort{x.Server}
		return
	}
	if e.Kind != ErrLame {
		blame(e, x)
	}
}

// askOne asks one server without asking it to ask others. Where another question of ours has put the same to it
// already, its answer serves both.
func (it *Iterator) askOne(j *job, at netip.AddrPort, name string, t Type, tried int) (*Exchange, error) {
	k := key{at.String() + " " + ascii.Lower(name), t, peer}
	for {
		f, first := it.asked.join(k)
		if first {
			x, err := it.exchangeWith(j, at, name, t, tried)
			it.asked.land(k, f, x, err)
			return x, err
		}
		if err := j.spend(); err != nil { // nothing is sent, but it is work
			return nil, err
		}
		if <-f.landed; f.err == nil { // within the time that a server is waited for
			j.exchanges = append(j.exchanges, f.brought)
			return f.brought, nil
		}
	}
}

func (it *Iterator) exchangeWith(j *job, at netip.AddrPort, name string, t Type, tried int) (*Exchange, error) {
	r := it.Resolver
	r.Flags.NoRecursion = true
	wait := r.Timeout
	if wait == 0 {
		wait = iterTimeout
	}
	begin := r.now()
	x, err := r.try(j, at, name, t, j.until(begin.Add(wait<<tried)))
	if err == nil {
		it.cache().learn(at, x.RoundTrip, x.Err == nil, r.now())
	}
	return x, err
}
