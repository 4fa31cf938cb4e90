package host

import (
	"net/netip"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// Disconnect dissolves what a socket has with a peer, as Linux's connect with
// AF_UNSPEC does: a datagram socket may hear from anybody again; a listener stops; a
// connection, or an attempt at one, is reset, and the owner has a stream as new,
// with its options, its own port if he chose it, and ErrReset pending if
// something was cut off. The socket may have another Handle from now on.
func (h *Host) Disconnect(now clock.Instant, s Handle) (Handle, error) {
	e, err := h.find(now, s)
	switch {
	case err != nil:
		return s, err
	case e.role != ordinary:
		return s, ErrInvalid
	case e.kind != Stream:
		h.dissolve(e)
		return s, nil
	case e.lis != nil:
		h.stopListening(now, e)
		return s, nil
	case e.conn == nil:
		e.shutRead, e.shutWrite = false, false
		return s, nil
	case !e.ended && e.state != tcp.StateSynSent:
		return h.cutOff(now, e)
	}
	h.cancel(now, e)
	return s, nil
}

// stopListening makes a listener a stream as new.
func (h *Host) stopListening(now clock.Instant, e *socket) {
	e.lis.close(h, now, e)
	if !e.fixedPort {
		h.unbind(e)
	}
	h.unname(e)
	h.raise(e)
}

// cancel ends an attempt to connect, or what is left of a connection, in place.
func (h *Host) cancel(now clock.Instant, e *socket) {
	pending := e.err
	if !e.ended {
		pending = tcp.ErrReset
		e.conn.Abort(now) // nobody has to hear of it
		h.collect(now, e)
		h.unready(e)
		h.finish(now, e)
	}
	h.discard(e)
	e.err = pending
	h.raise(e)
}

// cutOff leaves a living connection to end as an orphan with a reset, and gives
// its owner another socket.
func (h *Host) cutOff(now clock.Instant, e *socket) (Handle, error) {
	n, err := h.newSocket(Stream)
	if err != nil {
		return e.id, err
	}
	n.owned, n.err = true, tcp.ErrReset
	if e.state == tcp.StateTimeWait {
		n.err = nil // it was over
	}
	n.ttl, n.tos, n.reuse, n.rights = e.ttl, e.tos, e.reuse, e.rights&^lowered
	h.setLowat(n, h.lowat(e))
	n.linger, n.lingerOn, n.discover, n.recvErr = e.linger, e.lingerOn, e.discover, e.recvErr
	n.broadcast, n.alarms = e.broadcast, e.alarms
	h.setPreset(n, e.conn.Options())
	local, fixedPort := e.local, e.fixedPort
	h.give(now, e, e.state != tcp.StateTimeWait)
	n.fixedPort, n.local = fixedPort, local
	if fixedPort {
		h.bind(n, local.AddrPort())
	}
	h.unname(n)
	h.rearm(now, n)
	h.raise(n)
	return n.id, nil
}

// discard forgets a connection that is over; the stream is as new. As on Linux
// it goes on telling the port that it had.
func (h *Host) discard(e *socket) {
	h.setPreset(e, e.conn.Options())
	h.dropConn(e)
	e.ended, e.connected, e.shutRead, e.shutWrite, e.err = false, false, false, false, nil
	e.state = tcp.StateClosed
	e.remote = wire.Endpoint{}
	h.unname(e)
}

// unname takes back the local address that the host, not the owner, chose.
func (h *Host) unname(e *socket) {
	if !e.has(fixedAddr) && e.local.IsValid() {
		e.local = wire.EndpointOf(netip.AddrPortFrom(anyAddress, e.local.Port()))
	}
}

// dissolve takes the peer of a datagram socket away, and the port if the owner
// did not choose it.
func (h *Host) dissolve(e *socket) {
	local := wire.EndpointOf(netip.AddrPortFrom(anyAddress, e.local.Port()))
	if e.has(fixedAddr) {
		local = e.local
	}
	if e.fixedPort {
		h.setEnds(e, local, wire.Endpoint{})
	} else {
		h.unbind(e)
		e.local, e.remote = wire.EndpointOf(netip.AddrPortFrom(local.Addr(), 0)), wire.Endpoint{}
	}
	e.connected = false
}
