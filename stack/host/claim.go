package host

import (
	"net/netip"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// What a stream needs whose port must be its own on several Hosts (share.go): a
// socket on each of them that has the port too.

// Claim binds a stream to a port that nobody uses, and leaves it to be shared as one
// that Bind picked. ErrAddrInUse, ErrInvalid (bound already).
func (h *Host) Claim(now clock.Instant, s Handle, local netip.AddrPort) error {
	e, err := h.stream(now, s)
	switch {
	case err != nil:
		return err
	case e.bound || e.conn != nil || e.lis != nil:
		return ErrInvalid
	case h.taken(e, local):
		return ErrAddrInUse
	}
	h.bind(e, local)
	return nil
}

// ClaimFree is Claim of the next free port after after; 0: after a random one.
func (h *Host) ClaimFree(now clock.Instant, s Handle, addr netip.Addr, after uint16) (netip.AddrPort, error) {
	e, err := h.stream(now, s)
	if err != nil {
		return netip.AddrPort{}, err
	}
	addr = addr.Unmap()
	if !addr.IsValid() {
		addr = anyAddress
	}
	if !h.mayBind(e, addr) {
		return netip.AddrPort{}, ErrAddrNotAvail
	}
	start := int(after) - firstEphemeral + 1
	if after == 0 {
		start = h.rand.below(numEphemeral)
	}
	for i := range numEphemeral {
		local := netip.AddrPortFrom(addr, uint16(firstEphemeral+(start+i)%numEphemeral))
		if err := h.Claim(now, s, local); err != ErrAddrInUse {
			return local, err
		}
	}
	return netip.AddrPort{}, ErrAddrInUse
}

// Unclaim takes Bind, Claim or ClaimFree of a stream that has done nothing else back.
func (h *Host) Unclaim(s Handle) {
	if e := h.lookup(s); e != nil && e.kind == Stream && e.conn == nil && e.lis == nil {
		h.unbind(e)
		e.local, e.fixedPort = wire.Endpoint{}, false
	}
}

// ConnectOwner returns the index of the Host that a connection from the bound
// stream s to remote belongs to; its own where the stream cannot connect now,
// as Connect will say.
func (h *Host) ConnectOwner(now clock.Instant, s Handle, remote netip.AddrPort) int {
	own := h.cfg.Share.Index
	e, err := h.stream(now, s)
	if err != nil || !e.bound || e.lis != nil || e.conn != nil && !e.ended {
		return own
	}
	to, err := peerAddress(remote)
	if err != nil {
		return own
	}
	src, err := h.sourceFor(e, to.Addr())
	if err != nil {
		return own
	}
	return h.flowOwner(netip.AddrPortFrom(src, e.local.Port()), to)
}

// Alarms returns what SetAlarm has set.
func (h *Host) Alarms(s Handle) (read, write clock.Instant) {
	if e := h.lookup(s); e != nil {
		return e.alarms[0], e.alarms[1]
	}
	return clock.Never, clock.Never
}

// Bound reports whether the socket has a local port.
func (h *Host) Bound(s Handle) bool {
	e := h.lookup(s)
	return e != nil && e.bound
}

// Listening reports whether s is a stream that listens.
func (h *Host) Listening(s Handle) bool {
	e := h.lookup(s)
	return e != nil && e.streamState() == tcp.StateListen
}
