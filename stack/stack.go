package stack

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/trace"
)

// ErrClosed is what calls return after the Stack or the Socket was closed.
var ErrClosed = errors.New("stack: closed")

// ErrNoLink says that Config.Link is missing.
var ErrNoLink = errors.New("stack: Config.Link is nil: put a tun.Device, or an end of a link.NewPipe, there")

// A Stack is a host that runs. Make one with New; it is safe for concurrent use.
type Stack struct {
	sh   *shard
	done chan struct{} // closed when the link's goroutine has ended
}

// New starts a stack. It owns cfg.Link from now on, also when it returns an error.
func New(cfg Config) (*Stack, error) {
	if cfg.Link == nil {
		return nil, ErrNoLink
	}
	if cfg.Seed == ([32]byte{}) {
		if err := systemSeed(cfg.Seed[:]); err != nil {
			_ = cfg.Link.Close()
			return nil, err
		}
	}
	sh := &shard{link: cfg.Link, read: cfg.Clock, deliver: cfg.Trace, over: make(chan struct{})}
	sh.lead.link, sh.lead.free.L = cfg.Link, &sh.mu
	sh.lead.nudged = make(chan struct{}, 1)
	if sh.read == nil {
		sh.read = monotonic()
	}
	if cfg.Trace != nil {
		sh.log = trace.NewLog(traceLog)
	}
	var err error
	sh.feat = cfg.Link.Features()
	if sh.host, err = host.New(cfg.host(sh.log), sh.feat); err != nil {
		_ = cfg.Link.Close()
		return nil, err
	}
	sh.timer = time.AfterFunc(time.Hour, sh.expire)
	sh.timer.Stop()
	s := &Stack{sh: sh, done: make(chan struct{})}
	go func() {
		defer close(s.done)
		sh.background()
	}()
	return s, nil
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
	s.sh.fail(ErrClosed)
	err := s.sh.link.Close()
	<-s.done
	s.sh.mu.Lock()
	defer s.sh.mu.Unlock()
	for s.sh.lead.taken { // an application that led sees the end now
		s.sh.lead.free.Wait()
	}
	return err
}

// Shutdown closes every socket in good order: what was sent is delivered and
// FINs are exchanged. When that is done, or ctx ends, it closes the stack.
// It returns ctx's error, or the link's, if connections were cut off.
func (s *Stack) Shutdown(ctx context.Context) error {
	sh := s.sh
	sh.enter()
	open := slices.Clone(sh.sockets)
	sh.leave()
	for _, k := range open {
		if k != nil {
			_ = k.release()
		}
	}
	select {
	case <-sh.drain():
	case <-sh.over:
	case <-ctx.Done():
		return errors.Join(ctx.Err(), s.Close())
	}
	if err := s.Err(); err != nil && err != ErrClosed {
		return errors.Join(err, s.Close())
	}
	return s.Close()
}

// Err returns why the stack no longer works: ErrClosed, the link's error, or nil.
func (s *Stack) Err() error {
	s.sh.enter()
	defer s.sh.leave()
	return s.sh.failed
}

// Counters returns a copy of the SNMP-named counters.
func (s *Stack) Counters() host.Counters {
	s.sh.enter()
	defer s.sh.leave()
	return *s.sh.host.Counters()
}

// Sockets describes every socket and every connection that has lost its owner.
func (s *Stack) Sockets() []host.Description {
	s.sh.enter()
	defer s.sh.leave()
	return s.sh.host.Sockets(nil)
}

// Prefixes returns our addresses with the lengths of their networks.
func (s *Stack) Prefixes() []netip.Prefix {
	s.sh.enter()
	defer s.sh.leave()
	return slices.Clone(s.sh.host.Prefixes())
}

// SetAddresses replaces our addresses and routes. A default route is one for 0.0.0.0/0.
func (s *Stack) SetAddresses(prefixes []netip.Prefix, routes []host.Route) error {
	s.sh.enter()
	defer s.sh.leave()
	return s.sh.host.SetAddresses(prefixes, routes)
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
	s.sh.enter()
	defer s.sh.leave()
	s.sh.follow()
}

// Now returns the time on the stack's clock, for comparing with trace events and a Tap's records.
func (s *Stack) Now() clock.Instant { return s.sh.read() }

// Socket makes a socket.
func (s *Stack) Socket(k host.Kind) (*Socket, error) {
	now := s.sh.enter()
	defer s.sh.leave()
	if s.sh.failed != nil {
		return nil, s.sh.failed
	}
	h, err := s.sh.host.Open(now, k)
	if err != nil {
		return nil, err
	}
	return s.sh.add(h, k), nil
}
