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

// Forward makes a fresh socket take what is addressed to nobody here: a stream
// handshakes, by NextFlow and Decide; others sessions, by AcceptSession. limit
// and patience bound how many of them wait or live, and how long; 0: host.Forward says.
func (s *Socket) Forward(limit int, patience time.Duration) error {
	return s.call(func(now clock.Instant) error { return s.sh.host.Forward(now, s.handle, limit, patience) })
}

// NextFlow waits for a handshake on which Decide has to decide.
func (s *Socket) NextFlow(f Flags) (flow tcp.Flow, err error) {
	err = s.until(&s.rd, f, func(now clock.Instant) (err error) {
		flow, err = s.sh.host.NextFlow(now, s.handle)
		return err
	})
	return flow, err
}

// Decide ends the wait of a handshake. With host.AcceptFlow it returns the
// socket of the connection that is being made: Established waits for that.
// Otherwise the socket is nil.
func (s *Socket) Decide(flow tcp.Flow, r host.Ruling) (got *Socket, err error) {
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
	err := s.until(&s.rd, f, func(now clock.Instant) error {
		h, err := s.sh.host.AcceptSession(now, s.handle)
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
