package host

import (
	"net/netip"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// Transparent sockets (IP_TRANSPARENT) have what is addressed to nobody here, by the port
// that they are bound to, and may be bound to an address that is not ours: a listener on
// all addresses takes the connections to everybody's port, and each says as its own
// address whom its peer wanted. Linux needs a rule that routes such packets to the
// host; here they come, as the peers' routes say so, and are let in from the first such
// socket on. A Forwarder has what no transparent socket takes.

// TakeForeign lets in what transparent sockets of a kind may be for. It stays so.
func (h *Host) TakeForeign(k Kind) {
	switch k {
	case Stream:
		h.fwd.lifted |= liftTCP
	case Datagram:
		h.fwd.lifted |= liftUDP
	default:
		return // an echo request is for who is asked
	}
	if h.fwd.on == nil {
		h.fwd.on = &foreign{h}
	}
	h.net.lifted = h.fwd.lifted
}

// A foreign is the taker of a host on which nobody forwards.
type foreign struct{ h *Host }

func (t *foreign) listener(local, _ netip.AddrPort, flow uint32) *socket {
	if t.h.owns(local.Addr()) {
		return t.h.listenerFor(local, flow)
	}
	return t.h.transparentListener(local, flow)
}

func (t *foreign) udp(_ clock.Instant, in datagram, _ []byte, from, to netip.AddrPort) bool {
	if in.cast != unicast || t.h.owns(to.Addr()) || t.h.transparentUDP(to, from) {
		return false
	}
	t.h.drop(trace.DropNotOurs)
	return true
}

func (t *foreign) echo(_ clock.Instant, in datagram, _ wire.ICMP) bool {
	if in.cast != unicast || t.h.owns(in.ip.Dst) {
		return false
	}
	t.h.drop(trace.DropNotOurs)
	return true
}

func (t *foreign) lost(local netip.AddrPort) bool { return t.h.lostAbroad(local) }

func (*foreign) held(clock.Instant, *socket) {}

func (*foreign) report(report) bool { return false }

func (*foreign) expire(clock.Instant, int32) {}

func (*foreign) closed(*socket) {}

// transparentListener returns who takes connections to an address of nobody here, or nil.
func (h *Host) transparentListener(local netip.AddrPort, flow uint32) *socket {
	if s := h.listenerFor(local, flow); s != nil && s.has(through) {
		return s
	}
	return nil
}

// transparentUDP reports whether somebody takes datagrams to an address of nobody here.
func (h *Host) transparentUDP(local, remote netip.AddrPort) bool {
	s := h.udpSocket(local, remote)
	return s != nil && s.has(through)
}

// lostAbroad drops a segment for an address that is not ours and that nobody takes, and
// reports whether it is one.
func (h *Host) lostAbroad(local netip.AddrPort) bool {
	if h.owns(local.Addr()) {
		return false
	}
	h.drop(trace.DropNotOurs)
	return true
}
