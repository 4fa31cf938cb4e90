package stack

import (
	"net/netip"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/host"
)

// SendFromTo is SendTo of a datagram that leaves from an address of ours that the caller
// chooses; with an invalid to, to the peer. host.ErrNoRoute: it is not ours.
func (s *Socket) SendFromTo(p []byte, from netip.Addr, to netip.AddrPort, f Flags) (n int, err error) {
	err = s.until(&s.wr, f, func(now clock.Instant) (err error) {
		n, err = s.sh.host.SendFromTo(now, s.handle, p, from, to)
		return err
	})
	return n, err
}

// AnswerFrom returns the address of ours that the answer to a datagram leaves from that
// RecvMsg has given; invalid: none.
func (s *Socket) AnswerFrom(m *host.Meta) (a netip.Addr) {
	_ = s.call(func(clock.Instant) error {
		a = s.sh.host.AnswerFrom(m)
		return nil
	})
	return a
}
