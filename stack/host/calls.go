package host

import (
	"net/netip"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// RecvFlags modify a Recv.
type RecvFlags uint8

// The flags.
const (
	Peek    RecvFlags = 1 << iota // leave it in the queue
	RecvOOB                       // streams: the urgent byte (MSG_OOB); on others ErrNotSupported
)

// How says which directions Shutdown ends.
type How uint8

// The directions.
const (
	ShutRead How = 1 << iota
	ShutWrite
)

// Connect begins a connection: ErrInProgress for a Stream (Writable tells the end,
// SocketError how), nil for others. ErrAlready, ErrIsConnected, ErrNoRoute, ErrAddrNotAvail (no port left), ErrAddrInUse.
// For datagrams it fixes the peer; an invalid remote dissolves that.
func (h *Host) Connect(now clock.Instant, s Handle, remote netip.AddrPort) error {
	e, err := h.find(now, s)
	if err != nil {
		return err
	}
	if e.kind != Stream {
		return h.connectDatagram(e, remote)
	}
	to, err := peerAddress(remote)
	if err != nil {
		return err
	}
	return h.connectStream(now, e, to)
}

// peerAddress brings an address that a caller gave into the form used here.
// Like Linux it takes 0.0.0.0 for ourselves.
func peerAddress(a netip.AddrPort) (netip.AddrPort, error) {
	addr := a.Addr().Unmap()
	if !addr.Is4() {
		return a, ErrInvalid
	}
	if addr.IsUnspecified() {
		addr = loopback
	}
	return netip.AddrPortFrom(addr, a.Port()), nil
}

// connectDatagram fixes or dissolves the peer of a datagram or echo socket.
func (h *Host) connectDatagram(e *socket, remote netip.AddrPort) error {
	if e.role != ordinary {
		return ErrInvalid
	}
	if !remote.Addr().IsValid() {
		h.dissolve(e)
		return nil
	}
	to, err := peerAddress(remote)
	if err != nil {
		return err
	}
	if err := h.bindSender(e); err != nil { // first, as on Linux
		return err
	}
	src, err := h.sourceFor(e, to.Addr())
	if err != nil {
		return err
	}
	ours := e.local
	if ours.Addr().IsUnspecified() {
		ours = wire.EndpointOf(netip.AddrPortFrom(src, e.local.Port()))
	}
	h.setEnds(e, ours, wire.EndpointOf(to))
	e.connected = true
	return nil
}

// Send queues p on a connected socket and returns how much was taken: at least
// 1 byte of a non-empty stream, all of a datagram. ErrWouldBlock, ErrPipe,
// ErrMsgSize, ErrDestAddrRequired, the connection's error.
func (h *Host) Send(now clock.Instant, s Handle, p []byte) (int, error) {
	e, err := h.find(now, s)
	if err != nil {
		return 0, err
	}
	if e.kind == Stream {
		return h.sendStream(now, e, p, 0)
	}
	if err := h.bindSender(e); err != nil {
		return 0, err
	}
	if e.kind == Echo || len(p) > maxMTU { // in Linux's order
		if err := e.mayCarry(p); err != nil {
			return 0, err
		}
	}
	if !e.remote.IsValid() {
		return 0, ErrDestAddrRequired
	}
	return h.sendDatagram(now, e, p, e.remote.AddrPort())
}

// SendTo queues one datagram; an invalid to stands for the connected peer. A
// stream ignores to, as on Linux.
func (h *Host) SendTo(now clock.Instant, s Handle, p []byte, to netip.AddrPort) (int, error) {
	e, err := h.find(now, s)
	if err != nil {
		return 0, err
	}
	if e.kind == Stream || !to.Addr().IsValid() {
		return h.Send(now, s, p)
	}
	if err := h.bindSender(e); err != nil {
		return 0, err
	}
	if err := e.mayCarry(p); err != nil { // in Linux's order
		return 0, err
	}
	if to, err = peerAddress(to); err != nil {
		return 0, err
	}
	if e.kind == Datagram && to.Port() == 0 {
		return 0, ErrInvalid
	}
	return h.sendDatagram(now, e, p, to)
}

// Recv takes what has arrived. For a stream 0, nil is the end of it.
// ErrWouldBlock, ErrNotConnected, the connection's error (once).
func (h *Host) Recv(now clock.Instant, s Handle, p []byte, f RecvFlags) (int, error) {
	n, _, _, err := h.RecvFrom(now, s, p, f)
	return n, err
}

// RecvFrom takes one datagram: n is what was copied to p, size the datagram's
// length. Of a stream it takes bytes, and from is the peer.
func (h *Host) RecvFrom(now clock.Instant, s Handle, p []byte, f RecvFlags) (n, size int, from netip.AddrPort, err error) {
	n, m, err := h.RecvMsg(now, s, p, f)
	return n, m.Size, m.From, err
}

// Meta is what the headers said of a datagram received (RFC 1122 4.1.3.5, 4.1.4).
type Meta struct {
	Size     int // bytes of the datagram; more than were copied where p was too short
	From     netip.AddrPort
	To       netip.Addr // the specific destination: ours, or a broadcast address
	ToPort   uint16     // its port, of a session that is forwarded; otherwise 0
	TTL, TOS uint8
	At       clock.Instant // of datagrams: when it came
}

// RecvMsg is RecvFrom that also gives the rest of what the headers said. Of a
// stream only Size and From are set, and TOS, which is that of the latest segment
// to arrive (RFC 9293 3.9.1.9, MAY-9).
func (h *Host) RecvMsg(now clock.Instant, s Handle, p []byte, f RecvFlags) (int, Meta, error) {
	e, err := h.find(now, s)
	if err != nil {
		return 0, Meta{}, err
	}
	if f&RecvOOB != 0 && e.kind != Stream {
		return 0, Meta{}, ErrNotSupported
	}
	if e.kind == Stream {
		n, err := h.recvStream(now, e, p, f)
		return n, Meta{Size: n, From: e.remote.AddrPort(), TOS: e.gotTOS}, err
	}
	return h.recvDatagram(e, p, f)
}

// Shutdown ends one or both directions. ErrNotConnected, ErrInvalid.
func (h *Host) Shutdown(now clock.Instant, s Handle, how How) error {
	e, err := h.find(now, s)
	if err != nil {
		return err
	}
	if how&(ShutRead|ShutWrite) == 0 {
		return ErrInvalid
	}
	if e.kind == Stream {
		return h.shutdownStream(now, e, how)
	}
	e.shutRead = e.shutRead || how&ShutRead != 0
	e.shutWrite = e.shutWrite || how&ShutWrite != 0
	h.raise(e)
	if !e.remote.IsValid() {
		return ErrNotConnected // as on Linux, but it is done
	}
	return nil
}

// Close gives the socket up; its connection ends in the background (FIN, or
// RST where received data is unread or linger is zero). The handle is stale afterwards.
func (h *Host) Close(now clock.Instant, s Handle) error {
	e, err := h.find(now, s)
	if err != nil {
		return err
	}
	h.give(now, e, e.lingerOn && e.linger == 0)
	return nil
}

// Abort gives the socket up and resets its connection.
func (h *Host) Abort(now clock.Instant, s Handle) error {
	e, err := h.find(now, s)
	if err != nil {
		return err
	}
	h.give(now, e, true)
	return nil
}

// give ends the owner's part in s: what remains is an orphan, or nothing.
func (h *Host) give(now clock.Instant, s *socket, abort bool) {
	s.tellGone = s.owned && s.lingerOn && s.linger > 0 && !abort
	if s.role != ordinary {
		h.fwd.on.closed(s)
	}
	s.owned, s.parent = false, 0
	h.unread(s)
	s.alarms = [2]clock.Instant{}
	switch {
	case s.lis != nil:
		s.lis.close(h, now, s)
		h.unbind(s)
		h.freeSocket(s)
	case s.conn == nil:
		h.unbind(s)
		h.freeSocket(s)
	case s.ended:
		h.releaseStream(s)
	default:
		if abort {
			s.conn.Abort(now)
		} else {
			s.conn.Close(now)
		}
		h.touch(s) // an orphan; Transmit lets go of it when it is closed
		h.collect(now, s)
	}
}

// SoftError returns who sent the latest ICMP error about the socket, and what it says; nil
// where there is none. One that did not end a connection is forgotten once the
// peer acknowledges something (RFC 9293 MUST-56: it may be passing).
func (h *Host) SoftError(s Handle) (by netip.Addr, why error) {
	e := h.lookup(s)
	switch {
	case e == nil:
		return by, ErrBadHandle
	case e.conn != nil:
		why = e.conn.SoftErr()
	case e.soft != 0:
		why = e.soft
	}
	if why != nil {
		by = netip.AddrFrom4(e.by)
	}
	return by, why
}

// SocketError returns the pending error and clears it (SO_ERROR).
func (h *Host) SocketError(s Handle) error {
	e := h.lookup(s)
	if e == nil {
		return ErrBadHandle
	}
	return e.takeError()
}

// KeepError makes an error of a connection that a call has given pending again: that
// of a call which has done a part of its work, and tells of that instead. What the
// next call finds out by itself is not kept.
func (h *Host) KeepError(s Handle, err error) {
	e := h.lookup(s)
	if e == nil || e.conn == nil || e.err != nil {
		return
	}
	if _, ended := err.(tcp.Error); ended || err == ErrPipe && e.conn.Err() == tcp.ErrReset {
		e.err = err
	}
}
