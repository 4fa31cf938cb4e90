package dns

import (
	"context"
	"net/netip"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/sockeye-net/sockeye/apps/internal/ascii"
)

// An Upstream is who a Client asks where it does not know itself: a *Resolver or an *Iterator.
type Upstream interface {
	resolve(j *job, a *Answer) error
	now() time.Time
}

var (
	_ Upstream = (*Resolver)(nil)
	_ Upstream = (*Iterator)(nil)
)

func (it *Iterator) now() time.Time { return it.Resolver.now() }

// A Client turns names into what is known of them, in three ways: the hosts file, the cache, and whoever is
// asked. Upstream is required; every other zero value is a default. It is safe for concurrent use.
type Client struct {
	Upstream Upstream

	// Hosts is looked at first. nil: none.
	Hosts *Hosts

	// Cache keeps answers. nil: an Iterator's is shared, and of what a Resolver brings nothing is kept.
	Cache *Cache

	// Search are domains, each with the final dot, that a name with less than Ndots dots is looked for in.
	Search []string
	Ndots  int // 0: 1

	// Patience is how long one question may take, whoever waits for it. 0: 10 s.
	Patience time.Duration

	flights flights[*Answer]
}

// Lookup finds the records of type t at name, which is taken as it is. It ends when ctx does; the question goes
// on then, for others that may wait for it and for the cache. The error is an *Error, or ctx's; the Answer
// is there in the first case even then, unless the name was bad. It is shared: do not change it.
func (c *Client) Lookup(ctx context.Context, name string, t Type) (*Answer, error) {
	n, err := ParseName(name)
	if err != nil {
		return nil, err
	}
	return c.lookupName(ctx, n, t)
}

// lookupName is Lookup of a name that came in a message, or has been parsed: any bytes but a dot are in its labels.
func (c *Client) lookupName(ctx context.Context, name string, t Type) (*Answer, error) {
	a := &Answer{Name: name, Type: t, Canonical: name}
	if done, err := c.known(a); done {
		return a, err
	}
	k := key{ascii.Lower(a.Canonical), t, present}
	f, first := c.flights.join(k)
	if first {
		go c.fly(k, f)
	}
	select {
	case <-f.landed:
		mine := *f.brought
		mine.Name = name
		return &mine, f.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Known is what the hosts file or the cache says of a name, without asking anybody. ok is false where neither
// does, and where they say that there is nothing.
func (c *Client) Known(name string, t Type) (a *Answer, ok bool) {
	n, err := ParseName(name)
	if err != nil {
		return nil, false
	}
	a = &Answer{Name: n, Type: t, Canonical: n}
	done, err := c.known(a)
	return a, done && err == nil
}

// known answers from the hosts file and the cache.
func (c *Client) known(a *Answer) (done bool, err error) {
	if done, err := c.Hosts.answer(a); done {
		return done, err
	}
	cache := c.cache()
	if cache == nil {
		return false, nil
	}
	b := *a
	done, err = cache.follow(&b, c.Upstream.now())
	if done {
		*a = b
	}
	return done, err
}

// cache is where answers are kept, nil for nowhere.
func (c *Client) cache() *Cache {
	if it, ok := c.Upstream.(*Iterator); ok && c.Cache == nil {
		return it.cache()
	}
	return c.Cache
}

// fly asks. It is the one that does.
func (c *Client) fly(k key, f *flight[*Answer]) {
	a := &Answer{Name: k.name, Type: k.t, Canonical: k.name}
	patience := c.Patience
	if patience <= 0 {
		patience = 10 * time.Second
	}
	j := &job{deadline: c.Upstream.now().Add(patience), packets: maxPackets}
	var done bool
	var err error
	cache := c.cache()
	if cache != nil { // it may have come while we joined, and a part of the chain may be known
		done, err = cache.follow(a, c.Upstream.now())
	}
	if !done {
		a.Left = 0
		err = c.Upstream.resolve(j, a)
		if r, ok := c.Upstream.(*Resolver); ok && cache != nil {
			cache.keep(a, err, r.now())
		}
	}
	c.flights.land(k, f, a, err)
}

// keep keeps what a recursive server said. An Iterator keeps its answers itself, each by the zone it is from.
func (c *Cache) keep(a *Answer, err error, now time.Time) {
	if a.Type == dnsmessage.TypeALL {
		return
	}
	for i := range a.Chain {
		c.putRecords(a.Chain[i].Name, a.Chain[i:i+1], a.Source, now)
	}
	e, ok := err.(*Error)
	switch {
	case err == nil:
		c.putRecords(a.Canonical, a.Records, a.Source, now)
	case !ok || e.Err == errRemembered:
	case e.Kind == ErrNoData || e.Kind == ErrNXDomain:
		c.putNothing(a.Canonical, a.Type, e.Kind, a.Negative, a.Source, now)
	case e.Kind != ErrNoServers:
		c.putFailure(a.Canonical, a.Type, e.Kind, now)
	}
}

// search looks a name up as a person types it, in the domains to search. The first that exists counts; if
// none does, what was said of the name as it is.
func (c *Client) search(ctx context.Context, name string, t Type) (a *Answer, err error) {
	ndots := c.Ndots
	if ndots == 0 {
		ndots = 1
	}
	if _, err := ParseName(name); err != nil {
		return nil, err
	}
	var plain *Answer
	var plainErr error
	for _, full := range SearchNames(name, c.Search, ndots) {
		a, err = c.Lookup(ctx, full, t)
		if e, ok := err.(*Error); err == nil || !ok || e.Kind != ErrNXDomain && e.Kind != ErrNoData && e.Kind != ErrBadName {
			return a, err
		}
		if len(full) <= len(name)+1 {
			plain, plainErr = a, err
		}
	}
	return plain, plainErr
}

// addrs finds the addresses of a host, IPv4 first. An address in digits stands for itself.
func (c *Client) addrs(ctx context.Context, host string, types ...Type) (*Answer, []netip.Addr, error) {
	if at, err := netip.ParseAddr(host); err == nil {
		return &Answer{Canonical: host, Source: Source{Kind: FromDigits}}, []netip.Addr{at}, nil
	}
	var first *Answer
	var firstErr error
	var out []netip.Addr
	for _, t := range types {
		a, err := c.search(ctx, host, t)
		if first == nil || len(out) == 0 && err == nil {
			first, firstErr = a, err
		}
		if err == nil {
			out = append(out, a.Addrs()...)
		}
	}
	if len(out) == 0 {
		return first, nil, firstErr
	}
	return first, out, nil
}
