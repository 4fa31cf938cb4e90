package dns

import (
	"cmp"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/sockeye-net/sockeye/apps/internal/ascii"
)

// A Hint is a root server: where an Iterator begins.
type Hint struct {
	Name string // with the final dot
	Addr netip.Addr
}

// A zone is a part of the tree with the servers that its parent says it has.
type zone struct {
	name    string
	servers []string     // their names
	bare    []string     // those that came without an address
	addrs   []netip.Addr // of theirs, as the parent gave them along
}

// maxServers is how many servers of one zone are looked at (NXNSAttack).
const maxServers = 16

// closest is the zone nearest above a name whose servers are known. The DS records of a zone are its parent's.
func (it *Iterator) closest(name string, t Type, now time.Time) *zone {
	at := ascii.Lower(name)
	if t == typeDS && at != "." {
		at = parent(at)
	}
	for ; ; at = parent(at) {
		if e := it.cache().get(key{at, 0, delegation}, now); e != nil {
			return zoneOf(at, e.rrs.records(maxTTL), e.glue.records(maxTTL))
		}
		if at == "." {
			return it.root()
		}
	}
}

// root is the zone that the hints name.
func (it *Iterator) root() *zone {
	z := &zone{name: "."}
	for _, h := range it.Roots {
		z.addrs = append(z.addrs, h.Addr)
		if !slices.Contains(z.servers, h.Name) {
			z.servers = append(z.servers, h.Name)
		}
	}
	return z
}

func zoneOf(name string, ns, glue []Record) *zone {
	z := &zone{name: name}
	for _, r := range ns {
		if d, ok := r.Data.(*dnsmessage.NSResource); ok && len(z.servers) < maxServers {
			z.servers = append(z.servers, text(&d.NS))
		}
	}
	for _, host := range z.servers {
		n := len(z.addrs)
		for i := range glue {
			if ascii.EqualFold(glue[i].Name, host) {
				z.addrs = append(z.addrs, address(&glue[i])...)
			}
		}
		if len(z.addrs) == n {
			z.bare = append(z.bare, host)
		}
	}
	return z
}

// referred reads a referral: the servers of a zone that is strictly below z, and above name or name itself.
// What z cannot know is left out: glue for hosts that are not in z (row 57 of the attacks).
func referred(m *Message, z *zone, name string) (below string, ns, glue []Record) {
	for _, r := range m.Authorities {
		if r.Type != TypeNS || r.Class != 1 || !within(r.Name, z.name) || ascii.EqualFold(r.Name, z.name) || !within(name, r.Name) {
			continue
		}
		if below == "" {
			below = ascii.Lower(r.Name)
		}
		if ascii.EqualFold(r.Name, below) && len(ns) < maxServers {
			ns = append(ns, r)
		}
	}
	for _, r := range m.Additionals {
		if r.Type == TypeA && r.Class == 1 && within(r.Name, z.name) && namesHost(ns, r.Name) && len(glue) < 2*maxServers {
			glue = append(glue, r)
		}
	}
	return below, ns, glue
}

// namesHost says whether an NS record names a host.
func namesHost(ns []Record, host string) bool {
	return slices.ContainsFunc(ns, func(r Record) bool {
		d, ok := r.Data.(*dnsmessage.NSResource)
		return ok && ascii.EqualFold(text(&d.NS), host)
	})
}

// putDelegation keeps the servers of a zone, with the addresses that its parent gave.
func (c *Cache) putDelegation(below string, ns, glue []Record, now time.Time) {
	s, g := setOf(ns), setOf(glue)
	c.put(&entry{key: key{below, 0, delegation}, what: delegation, rrs: s, glue: g}, g.ttl(s.ttl(maxTTL)), now)
}

// order puts addresses into the order to try them in: those that did not fail last time first, among them the
// near ones, in steps of 100 ms; one that is not known counts as near, so that it becomes known.
func (it *Iterator) order(addrs []netip.Addr, now time.Time) []netip.AddrPort {
	type ranked struct {
		at   netip.AddrPort
		rank int
	}
	all := make([]ranked, 0, len(addrs))
	for _, a := range addrs {
		at := netip.AddrPortFrom(a, it.port())
		m := it.cache().manner(at, now)
		all = append(all, ranked{at, min(m.fails, 10)*1000 + int(m.rtt/(100*time.Millisecond))})
	}
	// Which of equals is asked is one more thing that a forger must guess (RFC 5452 9).
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	slices.SortStableFunc(all, func(x, y ranked) int { return cmp.Compare(x.rank, y.rank) })
	out := make([]netip.AddrPort, 0, len(all))
	for _, r := range all {
		if !slices.Contains(out, r.at) {
			out = append(out, r.at)
		}
	}
	return out
}
