package stack

import (
	"net/netip"
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/tcp"
)

// Sockets that take what is addressed to nobody here; stdnet.Forwarder is the
// comfortable face of them. What each call means is host's.
//
// With several shards such a socket has a sibling on each other one, as a listener has
// (spread.go), which takes what belongs there: handshakes by their four-tuple, sessions by
// the endpoint that they are for. The bounds are those of the whole stack.

// Forward makes a fresh socket take what is addressed to nobody here: a stream
// handshakes, by NextFlow and Decide; others sessions, by AcceptSession. limit
// and patience bound how many of them wait or live, and how long; 0: host.Forward says.
func (s *Socket) Forward(limit int, patience time.Duration) error {
	forward := func(sh *shard, h host.Handle) error { return sh.host.Forward(sh.now, h, limit, patience) }
	st := s.several()
	if st != nil {
		return st.forward(s, forward)
	}
	return s.call(func(clock.Instant) error { return forward(s.sh, s.handle) })
}

func (st many) forward(s *Socket, forward func(*shard, host.Handle) error) error {
	st.lock()
	defer st.unlock()
	if s.spread() != nil {
		return s.call(func(clock.Instant) error { return host.ErrInvalid })
	}
	if err := s.call(func(clock.Instant) error { return forward(s.sh, s.handle) }); err != nil {
		return err
	}
	if err := st.spreadOut(s, forward); err != nil {
		_ = s.endOne(false) // what cannot be whole must not be a part
		return err
	}
	st.lookAgain()
	return nil
}

// TakeForeign lets in what is addressed to nobody here and transparent sockets of s's kind
// may be for (host.Options.Transparent); it stays so, for the whole stack.
func (s *Socket) TakeForeign() error {
	take := func(sh *shard) { sh.host.TakeForeign(s.kind) }
	st := s.several()
	if st != nil {
		return st.takeForeign(take)
	}
	return s.call(func(clock.Instant) error { take(s.sh); return nil })
}

func (st many) takeForeign(take func(*shard)) error {
	st.lock()
	defer st.unlock()
	for _, sh := range st.shards {
		sh.enter()
		take(sh)
		sh.leave()
	}
	return nil
}

func (st many) lookAgain() {
	st.sh.enter()
	steer := st.sh.host.Steer()
	st.sh.leave()
	st.steer.Store(&steer)
}

// tally is host.Config.Tally.
func (st *Stack) tally(k host.Kind, n int) int {
	of := &st.held[k-host.Stream]
	if n == 0 {
		return int(of.Load())
	}
	return int(of.Add(int64(n)))
}

// oneOf makes try on the siblings where something may wait, or on s itself, until it
// has found something; then there may be more. try runs under the shard's lock.
func (s *Socket) oneOf(sp *spread, f Flags, try func(s *Socket) error) error {
	for {
		var there *Socket
		err := s.until(&s.rd, f, func(clock.Instant) error {
			if there = sp.take(); there != nil {
				return nil
			}
			return try(s)
		})
		if err != nil || there == nil {
			return err
		}
		if there.call(func(clock.Instant) error { return try(there) }) == nil {
			sp.again(there.place.at.Load().peers.index)
			return nil
		}
	}
}

// oneWaiting is oneOf, for who has no siblings too.
func (s *Socket) oneWaiting(f Flags, try func(s *Socket) error) error {
	if sp := s.spread(); sp != nil {
		return s.oneOf(sp, f, try)
	}
	return s.until(&s.rd, f, func(clock.Instant) error { return try(s) })
}

// holds returns the sibling that has a handshake.
func (s *Socket) holds(flow tcp.Flow) *Socket {
	sp := s.spread()
	if sp == nil {
		return s
	}
	k := s.several().owner(flow)
	sp.mu.Lock()
	defer sp.mu.Unlock()
	return sp.all[k]
}

func (st many) owner(flow tcp.Flow) int { return st.steer.Load().Flow(flow.Local, flow.Remote) }

// NextFlow waits for a handshake on which Decide has to decide.
func (s *Socket) NextFlow(f Flags) (flow tcp.Flow, err error) {
	err = s.oneWaiting(f, func(s *Socket) (err error) {
		flow, err = s.sh.host.NextFlow(s.sh.now, s.handle)
		return err
	})
	return flow, err
}

// Decide ends the wait of a handshake. With host.AcceptFlow it returns the
// socket of the connection that is being made: Established waits for that.
// Otherwise the socket is nil.
func (s *Socket) Decide(flow tcp.Flow, r host.Ruling) (got *Socket, err error) {
	s = s.holds(flow)
	err = s.call(func(now clock.Instant) error {
		h, err := s.sh.host.Decide(now, s.handle, flow, r)
		if err == nil && r == host.AcceptFlow {
			got = s.sh.add(h, host.Stream)
		}
		return err
	})
	return got, err
}

// Established waits until the connection is made that Decide has begun, and
// says how it came out.
func (s *Socket) Established(f Flags) error {
	return s.until(&s.wr, f, func(clock.Instant) error { return s.outcome() })
}

// AcceptSession waits for a session and returns its socket.
func (s *Socket) AcceptSession(f Flags) (*Socket, error) {
	var got *Socket
	err := s.oneWaiting(f, func(s *Socket) error {
		h, err := s.sh.host.AcceptSession(s.sh.now, s.handle)
		if err == nil {
			got = s.sh.add(h, s.kind)
		}
		return err
	})
	return got, err
}

// SendFrom sends a datagram to the peer of a session as if it came from there.
func (s *Socket) SendFrom(p []byte, from netip.AddrPort, f Flags) (n int, err error) {
	err = s.until(&s.wr, f, func(now clock.Instant) (err error) {
		n, err = s.sh.host.SendFrom(now, s.handle, p, from)
		return err
	})
	return n, err
}

// RefuseFrom tells the peer of a session that what it sent to dst does not arrive.
func (s *Socket) RefuseFrom(dst netip.AddrPort, r host.Ruling) error {
	return s.call(func(now clock.Instant) error { return s.sh.host.RefuseFrom(now, s.handle, dst, r) })
}
