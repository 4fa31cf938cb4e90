package stack

import (
	"net/netip"
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/host"
)

// What only streams know: urgent data, and when segments and ACKs go.

func sendFlags(f Flags) (to host.SendFlags) {
	if f&OOB != 0 {
		to |= host.OOB
	}
	if f&More != 0 {
		to |= host.More
	}
	return to
}

// recvUrgent takes the urgent byte, or says at once why it does not.
func (s *Socket) recvUrgent(p []byte, f Flags) (n int, err error) {
	err = s.call(func(now clock.Instant) (err error) {
		n, err = s.sh.host.Recv(now, s.handle, p, recvFlags(f)|host.RecvOOB)
		return err
	})
	return n, err
}

// RecvFault takes the first entry of a datagram socket's error queue, or says at
// once that there is none: host.ErrWouldBlock.
func (s *Socket) RecvFault(p []byte) (n int, f host.Fault, err error) {
	err = s.call(func(now clock.Instant) (err error) {
		n, f, err = s.sh.host.RecvFault(now, s.handle, p)
		return err
	})
	return n, f, err
}

// MaySend reports why a datagram socket would not send to an address, or, where it
// is invalid, to its peer.
func (s *Socket) MaySend(to netip.AddrPort) error {
	return s.call(func(now clock.Instant) error { return s.sh.host.MaySend(now, s.handle, to) })
}

// Autobind gives a datagram socket a port, if it has none.
func (s *Socket) Autobind() error {
	return s.call(func(now clock.Instant) error { return s.sh.host.Autobind(now, s.handle) })
}

// WallTime tells a time on the stack's clock, of the recent past, by the system's.
func (s *Socket) WallTime(at clock.Instant) time.Time {
	return time.Now().Add(-s.sh.read().Sub(at))
}

// AtMark reports whether the next byte to be read is the urgent one (sockatmark).
func (s *Socket) AtMark() (at bool, err error) {
	err = s.call(func(clock.Instant) (err error) {
		at, err = s.sh.host.AtMark(s.handle)
		return err
	})
	return at, err
}

// Queued says how much the socket holds, either way.
func (s *Socket) Queued() (q host.Queued, err error) {
	err = s.call(func(clock.Instant) (err error) {
		q, err = s.sh.host.Queued(s.handle)
		return err
	})
	return q, err
}

// Push lets all go that a stream has queued, full segments or not.
func (s *Socket) Push() error {
	return s.call(func(now clock.Instant) error { return s.sh.host.Push(now, s.handle) })
}

// SetQuickACK is TCP_QUICKACK: it changes how ACKs go from now on, not for good.
func (s *Socket) SetQuickACK(on bool) error {
	return s.call(func(now clock.Instant) error { return s.sh.host.SetQuickACK(now, s.handle, on) })
}

// QuickACK reports whether ACKs go without waiting for data to ride on.
func (s *Socket) QuickACK() (on bool, err error) {
	err = s.call(func(clock.Instant) (err error) {
		on, err = s.sh.host.QuickACK(s.handle)
		return err
	})
	return on, err
}

// atMark is AtMark inside the lock.
func (s *Socket) atMark() bool {
	at, err := s.sh.host.AtMark(s.handle)
	return err == nil && at
}
