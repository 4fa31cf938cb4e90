package dns

import (
	"net/netip"
	"sync"
	"time"

	"github.com/sockeye-net/sockeye/apps/internal/ascii"
)

// How long things are known, in seconds.
const (
	maxTTL      = 86400 // whatever a record says
	maxNegative = 10800 // RFC 2308 5: one to three hours
	minFailure  = 5     // RFC 9520 3.2: one second to five minutes
	maxFailure  = 300
)

// DefaultCache is how many bytes a cache takes where nothing is said.
const DefaultCache = 4 << 20

// A Cache keeps what servers said for as long as they said. It is safe for concurrent use.
//
// Four sorts of thing are kept: records, and that there are none (RFC 2308), that a question leads to
// nothing (RFC 9520), and the servers of a zone. The addresses that came with the latter serve to ask
// those servers and nothing else: they never answer a question (RFC 2181 5.4.1).
type Cache struct {
	mu    sync.Mutex
	known lru
}

// NewCache makes a cache that takes at most about most bytes; 0: DefaultCache.
func NewCache(most int) *Cache {
	if most <= 0 {
		most = DefaultCache
	}
	return &Cache{known: lru{most: most}}
}

// Size is how many entries there are, and how many bytes they take.
func (c *Cache) Size() (entries, bytes int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.known.entries), c.known.bytes
}

// put keeps e for ttl seconds. What is of this moment only is not kept, and what was there is forgotten.
func (c *Cache) put(e *entry, ttl uint32, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ttl == 0 {
		if old := c.known.entries[e.key]; old != nil {
			c.known.remove(old)
		}
		return
	}
	e.expires = now.Add(time.Duration(ttl) * time.Second)
	c.known.put(e)
}

// get finds what is still known.
func (c *Cache) get(k key, now time.Time) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.live(k, now)
}

func (c *Cache) live(k key, now time.Time) *entry {
	if e := c.known.get(k); e != nil && now.Before(e.expires) {
		return e
	}
	return nil
}

// putRecords keeps all records of one owner and type.
func (c *Cache) putRecords(name string, rs []Record, from Source, now time.Time) {
	if len(rs) == 0 {
		return
	}
	s := setOf(rs)
	low := ascii.Lower(name)
	c.put(&entry{key: key{low, rs[0].Type, present}, what: present, rrs: s, mark: name, source: from}, s.ttl(maxTTL), now)
	c.forget(key{low, 0, noName})
}

// putNothing keeps that there is nothing, for as long as the zone's SOA says (RFC 2308 5); without one, not at all.
func (c *Cache) putNothing(name string, t Type, k Kind, soa *Record, from Source, now time.Time) {
	if soa == nil {
		return
	}
	least, ok := minTTL(soa)
	if !ok {
		return
	}
	r := *soa
	r.TTL = min(soa.TTL, least, maxNegative)
	e := &entry{key: key{ascii.Lower(name), t, present}, what: noData, rrs: set(nil).add(&r), mark: name, source: from}
	if k == ErrNXDomain {
		e.what, e.key = noName, key{e.key.name, 0, noName}
	}
	c.put(e, r.TTL, now)
}

// putFailure keeps that asking led to nothing: at first shortly, twice as long each time in a row (RFC 9520 3.2).
func (c *Cache) putFailure(name string, t Type, k Kind, now time.Time) {
	id := key{ascii.Lower(name), t, present}
	e := &entry{key: id, what: failed, kind: k, mark: name}
	c.mu.Lock()
	old := c.known.entries[id]
	c.mu.Unlock()
	if old != nil && old.what == failed {
		e.count = min(old.count+1, 10)
	}
	c.put(e, uint32(min(minFailure<<e.count, maxFailure)), now)
}

func (c *Cache) forget(k key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.known.entries[k]; e != nil {
		c.known.remove(e)
	}
}

// find looks for what answers a question about name: its records, an alias of it, that there is nothing.
func (c *Cache) find(name string, t Type, now time.Time) *entry {
	low := ascii.Lower(name)
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.live(key{low, t, present}, now); e != nil {
		return e
	}
	if t != TypeCNAME {
		if e := c.live(key{low, TypeCNAME, present}, now); e != nil && e.what == present {
			return e
		}
	}
	for at := low; ; at = parent(at) {
		// What does not exist has nothing below it either (RFC 8020).
		if e := c.live(key{at, 0, noName}, now); e != nil {
			return e
		}
		if at == "." {
			return nil
		}
		if e := c.live(key{parent(at), typeDNAME, present}, now); e != nil && e.what == present {
			return e
		}
	}
}

// follow goes on with a as far as is known. done: nothing needs to be asked; err says why there are no records.
func (c *Cache) follow(a *Answer, now time.Time) (done bool, err error) {
	for {
		e := c.find(a.Canonical, a.Type, now)
		if e == nil {
			return false, nil
		}
		left := uint32((e.expires.Sub(now) + time.Second - 1) / time.Second)
		a.Source = Source{Kind: FromCache}
		if a.Left == 0 || left < a.Left {
			a.Left = left
		}
		switch e.what {
		case failed:
			return true, a.error(e.kind, netip.AddrPort{}, errRemembered)
		case noData, noName:
			if rs := e.rrs.records(left); len(rs) > 0 {
				a.Negative = &rs[0]
			}
			k := ErrNoData
			if e.what == noName {
				k = ErrNXDomain
			}
			return true, a.error(k, netip.AddrPort{}, nil)
		}
		rs := e.rrs.records(left)
		if e.key.t == a.Type && e.key.name == ascii.Lower(a.Canonical) {
			a.Records = rs
			return true, nil
		}
		if done, err := a.redirect(&rs[0]); done {
			return true, err
		}
	}
}

// A manner is how a name server behaved.
type manner struct {
	rtt   time.Duration // smoothed; 0: not known
	fails int           // in a row
}

const keepServer = 900 // seconds

func (c *Cache) manner(addr netip.AddrPort, now time.Time) manner {
	if e := c.get(key{addr.String(), 0, peer}, now); e != nil {
		return e.info
	}
	return manner{}
}

// learn notes how a server behaved: how long it took, or that it failed.
func (c *Cache) learn(addr netip.AddrPort, took time.Duration, ok bool, now time.Time) {
	s := c.manner(addr, now)
	switch {
	case !ok:
		s.fails++
	case s.rtt == 0:
		s.rtt, s.fails = took, 0
	default:
		s.rtt, s.fails = s.rtt+(took-s.rtt)/8, 0 // as SRTT, RFC 6298 2.3
	}
	c.put(&entry{key: key{addr.String(), 0, peer}, what: peer, info: s}, keepServer, now)
}
