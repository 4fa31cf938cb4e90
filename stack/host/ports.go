package host

import (
	"net/netip"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// Ports that the host picks (RFC 6056 3.3.1: a random one, then the next free),
// from Linux's range.
const (
	firstEphemeral = 32768
	numEphemeral   = 60999 - firstEphemeral + 1
)

var anyAddress = netip.AddrFrom4([4]byte{})

// table returns the table of local ports for a kind of socket.
func (h *Host) table(k Kind) *portTable {
	switch k {
	case Stream:
		return &h.tcp
	case Datagram:
		return &h.udp
	}
	return &h.echo
}

// Bind gives the socket a local address; port 0 picks a free one. An unspecified
// address means all. ErrAddrInUse, ErrAddrNotAvail, ErrInvalid (already bound).
func (h *Host) Bind(now clock.Instant, s Handle, local netip.AddrPort) error {
	e, err := h.find(now, s)
	if err != nil {
		return err
	}
	addr := local.Addr().Unmap()
	if !addr.IsValid() {
		addr = anyAddress
	}
	if !h.mayBind(e, addr) {
		return ErrAddrNotAvail
	}
	if e.bound || e.conn != nil && !e.ended || e.lis != nil || e.role != ordinary { // as on Linux one that is over may be bound
		return ErrInvalid
	}
	if local.Port() == 0 {
		err := h.bindFree(e, addr)
		e.let(fixedAddr, err == nil && !addr.IsUnspecified())
		return err
	}
	want := netip.AddrPortFrom(addr, local.Port())
	if h.conflicts(e, want) {
		return ErrAddrInUse
	}
	e.fixedPort = true
	e.let(fixedAddr, !addr.IsUnspecified())
	h.bind(e, want)
	return nil
}

// mayBind reports whether a is ours, all of ours, or, for datagrams, a broadcast address.
func (h *Host) mayBind(e *socket, a netip.Addr) bool {
	if !a.Is4() {
		return false
	}
	n := number(a)
	return n == 0 || e.has(anyAddr|through) || h.net.isOwn(n) || e.kind == Datagram && h.net.isBroadcast(n)
}

func (h *Host) bind(e *socket, local netip.AddrPort) {
	e.local, e.bound = wire.EndpointOf(local), true
	h.table(e.kind).add(e)
	h.placeUDP(e)
}

func (h *Host) unbind(e *socket) {
	if e.bound {
		h.table(e.kind).remove(e)
		h.displaceUDP(e)
		e.bound = false
	}
}

// Autobind gives a datagram socket a port, if it has none. ErrAddrInUse.
func (h *Host) Autobind(now clock.Instant, s Handle) error {
	e, err := h.find(now, s)
	if err != nil || e.kind == Stream {
		return err
	}
	return h.bindSender(e)
}

// bindSender gives a datagram socket a port before it sends, as on Linux even where
// it then does not.
func (h *Host) bindSender(e *socket) error {
	switch {
	case e.role != ordinary:
		return ErrNotSupported // SendFrom
	case e.bound:
		return nil
	}
	return h.bindAny(e)
}

// bindAny gives a datagram socket that sends a port, and leaves its address open.
func (h *Host) bindAny(e *socket) error {
	addr := e.local.Addr()
	if !addr.IsValid() {
		addr = anyAddress
	}
	return h.bindFree(e, addr)
}

// bindFree binds to a port that nobody uses.
func (h *Host) bindFree(e *socket, addr netip.Addr) error {
	start := h.rand.below(numEphemeral)
	for i := range numEphemeral {
		local := netip.AddrPortFrom(addr, uint16(firstEphemeral+(start+i)%numEphemeral))
		if !h.mine(e.kind, local.Port()) || h.taken(e, local) {
			continue
		}
		h.bind(e, local)
		return nil
	}
	return ErrAddrInUse
}

// overlap reports whether two local addresses have one in common.
func overlap(a, b netip.Addr) bool { return a == b || a.IsUnspecified() || b.IsUnspecified() }

// taken reports whether any socket has local, whatever it allows.
func (h *Host) taken(e *socket, local netip.AddrPort) bool {
	for s := h.table(e.kind).bucket(local.Port()); s != nil; s = s.portNext {
		if s != e && s.local.Port() == local.Port() && overlap(s.local.Addr(), local.Addr()) {
			return true
		}
	}
	return e.kind == Stream && h.waits.inUse(h.now, local, anyWait)
}

// conflicts reports whether e may not have local: another has it, and not both
// allow that (SO_REUSEADDR), or the other listens. As on Linux a connection in
// TIME-WAIT still has its port.
func (h *Host) conflicts(e *socket, local netip.AddrPort) bool {
	for s := h.table(e.kind).bucket(local.Port()); s != nil; s = s.portNext {
		if s == e || s.local.Port() != local.Port() || !overlap(s.local.Addr(), local.Addr()) {
			continue
		}
		if (!s.reuse || !e.reuse || s.lis != nil) && !(s.has(sharesPort) && e.has(sharesPort)) {
			return true
		}
	}
	if e.kind != Stream {
		return false
	}
	if e.reuse {
		return h.waits.inUse(h.now, local, exclusiveWait)
	}
	return h.waits.inUse(h.now, local, anyWait)
}

// pickPort gives a stream that connects to remote from addr a port: unique for
// the four-tuple, and not one that somebody chose (RFC 6056 3.3.1).
func (h *Host) pickPort(now clock.Instant, e *socket, addr netip.Addr, remote netip.AddrPort) error {
	start := h.rand.below(numEphemeral)
	for i := range numEphemeral {
		local := netip.AddrPortFrom(addr, uint16(firstEphemeral+(start+i)%numEphemeral))
		if local == remote || !h.myFlow(local, remote) || h.chosen(local) || !h.mayOpen(now, local, remote) {
			continue
		}
		h.bind(e, local)
		return nil
	}
	return ErrAddrNotAvail
}

// chosen reports whether the owner of some stream asked for local's port, or for any
// to be found at: a listener that connected to its own port would hear nobody.
func (h *Host) chosen(local netip.AddrPort) bool {
	for s := h.tcp.bucket(local.Port()); s != nil; s = s.portNext {
		if (s.fixedPort || s.conn == nil) && s.local.Port() == local.Port() && overlap(s.local.Addr(), local.Addr()) {
			return true
		}
	}
	return h.waits.inUse(h.now, local, fixedWait)
}
