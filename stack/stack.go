package stack

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/trace"
)

// ErrClosed is what calls return after the Stack or the Socket was closed.
var ErrClosed = errors.New("stack: closed")

// ErrManyLinks says that Config.Links are more than 128.
var ErrManyLinks = errors.New("stack: more than 128 links: a shard for each is as much as there is")

// ErrNoLink says that Config.Link is missing.
var ErrNoLink = errors.New("stack: Config.Link is nil: put a tun.Device, or an end of a link.NewPipe, there")

// A Stack is a host that runs. Make one with New; it is safe for concurrent use.
type Stack struct {
	sh     *shard   // the first one; the only one as a rule
	shards []*shard // all of them
	done   sync.WaitGroup

	several several // nil: there is one shard

	// Where there are several (shards.go, spread.go).
	mu   sync.Mutex      // lock and unlock: who changes what all shards must agree on; taken before a shard's
	post *postman        // nil: no Trace
	held [3]atomic.Int64 // flows of each kind that are held for a forwarder, on all shards
	next atomic.Uint32   // whose turn the next socket is
}

// New starts a stack. It owns cfg.Link, or cfg.Links, from now on, also when it returns an error.
func New(cfg Config) (*Stack, error) {
	var links []link.Link
	if cfg.Links != nil {
		links = cfg.Links.links()
	}
	if len(links) == 0 {
		if cfg.Link == nil {
			return nil, ErrNoLink
		}
		links = []link.Link{cfg.Link}
	}
	s, err := newStack(&cfg, links)
	if err != nil {
		for _, l := range links {
			_ = l.Close()
		}
		return nil, err
	}
	for _, sh := range s.shards {
		s.done.Go(func() {
			sh.background()
			s.endOthers(sh)
		})
	}
	return s, nil
}

func newStack(cfg *Config, links []link.Link) (*Stack, error) {
	if len(links) > host.MaxShares {
		return nil, ErrManyLinks
	}
	if cfg.Seed == ([32]byte{}) {
		if err := systemSeed(cfg.Seed[:]); err != nil {
			return nil, err
		}
	}
	real := cfg.Clock == nil
	if real {
		cfg.Clock = monotonic()
	}
	s := &Stack{}
	if len(links) > 1 {
		s.several = cfg.Links.join(s, cfg)
	}
	for i, l := range links {
		var share host.Share
		if s.several != nil {
			share = s.several.share(i)
		}
		sh, err := s.newShard(cfg, l, share)
		if err != nil {
			return nil, err
		}
		sh.runs, sh.fine.off = &s.done, !real
		if len(links) > 1 {
			sh.peers = &peers{several: s.several, index: i}
		}
		s.shards = append(s.shards, sh)
	}
	s.sh = s.shards[0]
	return s, nil
}

// newShard makes a host with what runs it; nothing runs yet.
func (s *Stack) newShard(cfg *Config, l link.Link, share host.Share) (*shard, error) {
	sh := &shard{link: l, read: cfg.Clock, deliver: cfg.Trace, over: make(chan struct{})}
	sh.lead.link, sh.lead.free.L = l, &sh.mu
	sh.lead.patience, sh.lead.nudged = idleTime, make(chan struct{}, 1)
	if cfg.Trace != nil {
		sh.log = trace.NewLog(traceLog)
	}
	var err error
	sh.feat = l.Features()
	c := cfg.host(sh.log, share)
	if share.Count > 1 {
		c.Tally = s.tally
	}
	if sh.host, err = host.New(c, sh.feat); err != nil {
		return nil, err
	}
	sh.timer, sh.lead.idle = newAlarm(sh.expire), newAlarm(sh.nudge)
	return sh, nil
}

// monotonic returns a clock that starts now, a nanosecond after never.
func monotonic() func() clock.Instant {
	start := time.Now()
	return func() clock.Instant { return clock.Instant(time.Since(start)) + 1 }
}

// Close resets every connection, ends every blocked call with ErrClosed and
// closes the link. It returns when nothing of the stack reads the link any
// more. Config.Trace must not call it.
func (s *Stack) Close() error {
	for _, sh := range s.shards {
		sh.fail(ErrClosed)
	}
	var err error
	for _, sh := range s.shards {
		if e := sh.link.Close(); err == nil {
			err = e
		}
	}
	s.done.Wait()
	for _, sh := range s.shards {
		sh.abdicated()
	}
	return err
}

// abdicated waits until nobody leads any more: an application that led has seen the end.
func (sh *shard) abdicated() {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for sh.lead.taken {
		sh.lead.free.Wait()
	}
}

// Shutdown closes every socket in good order: blocked calls end with ErrClosed,
// what was sent is delivered, what still comes is thrown away, and FINs are
// exchanged. When that is done, or ctx ends, it closes the stack. It returns ctx's
// error, or the link's, if connections were cut off.
func (s *Stack) Shutdown(ctx context.Context) error {
	d := newDrain()
	for _, sh := range s.shards {
		sh.enter()
		open := slices.Clone(sh.sockets)
		sh.leave()
		for _, k := range open {
			if k != nil {
				d.take(k)
			}
		}
	}
	if err := d.run(ctx, s.sh.over); err != nil {
		return errors.Join(err, s.Close())
	}
	for _, sh := range s.shards {
		select {
		case <-sh.drain():
		case <-sh.over:
		case <-ctx.Done():
			return errors.Join(ctx.Err(), s.Close())
		}
	}
	if err := s.Err(); err != nil && err != ErrClosed {
		return errors.Join(err, s.Close())
	}
	return s.Close()
}

// Done returns a channel that is closed when the stack no longer works; Err says why.
func (s *Stack) Done() <-chan struct{} { return s.sh.over }

// Err returns why the stack no longer works: ErrClosed, the link's error, or nil.
func (s *Stack) Err() error {
	for _, sh := range s.shards {
		if err := sh.err(); err != nil {
			return err
		}
	}
	return nil
}

func (sh *shard) err() error {
	sh.enter()
	defer sh.leave()
	return sh.failed
}

// Counters returns a copy of the SNMP-named counters.
func (s *Stack) Counters() host.Counters {
	var sum host.Counters
	for _, sh := range s.shards {
		sh.enter()
		sum.Add(sh.host.Counters())
		sh.leave()
	}
	return sum
}

// Sockets describes every socket and every connection that has lost its owner.
func (s *Stack) Sockets() []host.Description {
	return s.describe()
}

// Prefixes returns our addresses with the lengths of their networks.
func (s *Stack) Prefixes() []netip.Prefix {
	s.sh.enter()
	defer s.sh.leave()
	return slices.Clone(s.sh.host.Prefixes())
}

// SetAddresses replaces our addresses and routes. A default route is one for 0.0.0.0/0.
func (s *Stack) SetAddresses(prefixes []netip.Prefix, routes []host.Route) error {
	s.lock()
	defer s.unlock()
	for _, sh := range s.shards {
		if err := sh.setAddresses(prefixes, routes); err != nil {
			return err // of the first one: all see the same
		}
	}
	if s.several != nil {
		s.several.lookAgain()
	}
	return nil
}

func (sh *shard) setAddresses(prefixes []netip.Prefix, routes []host.Route) error {
	sh.enter()
	defer sh.leave()
	return sh.host.SetAddresses(prefixes, routes)
}

// Source returns the address that packets to dst leave from and the next hop:
// dst itself where it is on-link.
func (s *Stack) Source(dst netip.Addr) (src, via netip.Addr, err error) {
	s.sh.enter()
	defer s.sh.leave()
	return s.sh.host.Source(dst)
}

// Refresh looks at the link's features (its MTU, above all) at once; the stack
// otherwise follows them when it next sends.
func (s *Stack) Refresh() {
	for _, sh := range s.shards {
		sh.enter()
		sh.follow()
		sh.leave()
	}
}

// Now returns the time on the stack's clock, for comparing with trace events and a Tap's records.
func (s *Stack) Now() clock.Instant { return s.sh.read() }

// Socket makes a socket.
func (s *Stack) Socket(k host.Kind) (*Socket, error) {
	sh := s.sh
	if n := uint32(len(s.shards)); n > 1 {
		sh = s.shards[s.next.Add(1)%n]
	}
	now := sh.enter()
	defer sh.leave()
	if sh.failed != nil {
		return nil, sh.failed
	}
	h, err := sh.host.Open(now, k)
	if err != nil {
		return nil, err
	}
	return sh.add(h, k), nil
}
