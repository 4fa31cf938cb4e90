package dns

import (
	"net/netip"
	"slices"

	"github.com/sockeye-net/sockeye/apps/internal/ascii"
)

// An asking is a zone's servers while they are asked: which are left, which have no address yet.
type asking struct {
	it      *Iterator
	j       *job
	z       *zone
	bare    []string         // names of servers without an address, not looked up yet
	fetched int              // how many were
	more    []netip.AddrPort // to try next
	again   []netip.AddrPort // silent ones, to try once more
	tried   map[netip.AddrPort]int
}

// next is the server to try next; the zero value: there is none.
func (f *asking) next() (netip.AddrPort, error) {
	for {
		if len(f.more) > 0 {
			at := f.more[0]
			f.more = f.more[1:]
			return at, nil
		}
		if len(f.bare) == 0 || f.fetched == maxFetches {
			break
		}
		if err := f.fetch(); err != nil {
			return netip.AddrPort{}, err
		}
	}
	f.more, f.again = f.again, nil
	if len(f.more) > 0 {
		return f.next()
	}
	return netip.AddrPort{}, nil
}

// failed notes that a server was of no use. One that was silent is tried once more, after all others.
func (f *asking) failed(at netip.AddrPort, x *Exchange) {
	if f.tried[at]++; x.Message == nil && timedOut(x.Err) && f.tried[at] < maxTries {
		f.again = append(f.again, at)
	}
}

// fetch looks up the address of the next server without one. Only a spent budget ends the question.
func (f *asking) fetch() error {
	name := f.bare[0]
	f.bare = f.bare[1:]
	if slices.ContainsFunc(f.j.pending, func(p string) bool { return ascii.EqualFold(p, name) }) || len(f.j.pending) == maxDepth {
		return nil // a circle, or too deep: this one cannot help
	}
	addrs, err := f.it.address(f.j, name, &f.fetched)
	if err != nil && f.j.packets == 0 {
		return errBudget
	}
	for _, at := range f.it.order(addrs, f.it.Resolver.now()) {
		if f.tried[at] == 0 && !slices.Contains(f.more, at) {
			f.more = append(f.more, at)
		}
	}
	return nil
}

// address finds the addresses of a name server, within the same budget. What is asked for counts in fetched.
func (it *Iterator) address(j *job, name string, fetched *int) ([]netip.Addr, error) {
	a := &Answer{Name: name, Type: TypeA, Canonical: name}
	done, err := it.cache().follow(a, it.Resolver.now())
	if !done {
		*fetched++
		j.pending = append(j.pending, name)
		err = it.resolve(j, a)
		j.pending = j.pending[:len(j.pending)-1]
	}
	return a.Addrs(), err
}
