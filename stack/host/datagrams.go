package host

import (
	"net/netip"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

const (
	// defaultBuffer is what Linux queues of datagrams each way (net.core.rmem_default).
	defaultBuffer = 208 << 10
	// datagramShare is the fraction of the Budget that what waits in receive
	// queues takes, so that connections keep theirs (Linux: net.ipv4.udp_mem).
	datagramShare = 4
)

// datagrams are the queues of a datagram or echo socket. They hold no memory when empty.
type datagrams struct {
	in        parcelQueue
	errs      parcelQueue // errqueue.go
	out       int         // bytes of memory on their way out
	recvLimit int         // bytes; 0: defaultBuffer
	sendLimit int
	blocked   bool   // one found the host's queue full
	lastSeq   uint16 // of an echo session: of the latest request
	segment   int    // bytes of payload of each datagram that one call makes; 0: one call, one datagram
}

func (d *datagrams) recvRoom() int { return limitOr(d.recvLimit) - d.in.bytes }
func (d *datagrams) sendRoom() int { return limitOr(d.sendLimit) - d.out }

// first is the length of the first datagram received, 0: there is none.
func (d *datagrams) first() int {
	if d.in.head == nil {
		return 0
	}
	return len(d.in.head.data)
}

func limitOr(n int) int {
	if n <= 0 {
		return defaultBuffer
	}
	return n
}

// keep queues the part b of a datagram that arrived for s and returns the reason
// why not. As on Linux a queue takes one more as long as it is below its limit.
func (h *Host) keep(s *socket, in *datagram, b []byte, from netip.AddrPort) trace.Reason {
	if s.dg.recvRoom() <= 0 {
		return trace.DropUDPFull
	}
	if h.kept > h.budget.Limit()/datagramShare {
		return trace.DropMemory
	}
	p := h.parcels.get(len(b))
	if p == nil {
		return trace.DropMemory
	}
	h.kept += len(p.mem)
	copy(p.data, b)
	p.peer, p.to, p.ttl, p.tos, p.at = from, in.ip.Dst, in.ip.TTL, in.ip.TOS, h.now
	s.dg.in.push(p)
	h.raiseFor(s, ForReaders)
	return trace.None
}

// charge counts a packet that waits to leave against its socket's send buffer.
func (h *Host) charge(p *parcel) {
	if s := h.lookup(p.owner); s != nil && s.dg != nil {
		s.dg.out += len(p.mem)
	}
}

// uncharge takes that back as the packet leaves, and tells who waited for room.
func (h *Host) uncharge(p *parcel) {
	s := h.lookup(p.owner)
	if s == nil || s.dg == nil {
		return
	}
	full := s.dg.sendRoom() <= 0
	s.dg.out -= len(p.mem)
	if full && s.dg.sendRoom() > 0 {
		h.raiseFor(s, ForWriters)
	}
}

// block notes that a datagram of s found the host's queue full.
func (h *Host) block(s *socket) {
	if !s.dg.blocked {
		s.dg.blocked = true
		h.stuck = append(h.stuck, s.id)
	}
}

// unblock tells the sockets that found the host's queues full of the room there is now.
func (h *Host) unblock() {
	if len(h.stuck) == 0 || !h.roomFor(&h.out, maxQueuedPackets/2, false) || !h.roomFor(&h.loop, maxLoopPackets/2, true) {
		return
	}
	for _, id := range h.stuck {
		if s := h.lookup(id); s != nil {
			s.dg.blocked = false
			h.raiseFor(s, ForWriters)
		}
	}
	h.stuck = h.stuck[:0]
}

// recvDatagram takes the first datagram of s.
func (h *Host) recvDatagram(s *socket, p []byte, f RecvFlags) (int, Meta, error) {
	if s.err != nil {
		return 0, Meta{}, s.takeError()
	}
	d := s.dg.in.head
	if d == nil {
		if s.ended {
			return 0, Meta{}, tcp.ErrTimeout // a session that was idle for too long
		}
		if s.shutRead {
			return 0, Meta{}, nil
		}
		return 0, Meta{}, ErrWouldBlock
	}
	n := copy(p, d.data)
	m := Meta{Size: len(d.data), From: d.peer, To: d.to, ToPort: d.port, TTL: d.ttl, TOS: d.tos, At: d.at}
	if f&Peek == 0 {
		s.dg.in.pop()
		h.kept -= len(d.mem)
		h.parcels.put(d)
	}
	return n, m, nil
}

// sendDatagram sends p from a datagram or echo socket.
func (h *Host) sendDatagram(now clock.Instant, s *socket, p []byte, to netip.AddrPort) (int, error) {
	if err := s.mayCarry(p); err != nil { // in Linux's order: what is wrong with the call first
		return 0, err
	}
	src, err := h.sourceFor(s, to.Addr())
	if err != nil {
		return 0, err
	}
	return h.sendFrom(s, p, src, to)
}

// sendFrom is what sendDatagram does once it is known which address to send from.
func (h *Host) sendFrom(s *socket, p []byte, src netip.Addr, to netip.AddrPort) (_ int, err error) {
	if s.err != nil {
		return 0, s.takeError()
	}
	if s.shutWrite {
		return 0, ErrPipe
	}
	if s.dg.sendRoom() <= 0 {
		return 0, ErrWouldBlock
	}
	m := message{src: src, dst: to.Addr(), tos: s.tos, ttl: s.ttl, df: true, discover: s.discover, owner: s.id}
	switch {
	case s.kind == Echo:
		err = h.sendEcho(s, &m, p)
	case s.dg.segment > 0 && len(p) > s.dg.segment:
		err = h.sendSuper(s, &m, p, s.dg.segment, to.Port())
	default:
		err = h.sendUDP(&m, p, s.local.Port(), to.Port())
	}
	if err != nil {
		if err == ErrWouldBlock {
			h.block(s)
		}
		if err == ErrMsgSize && s.recvErr && len(p) <= maxMTU {
			h.tooLarge(s, to)
		}
		return 0, err
	}
	return len(p), nil
}

// MaySend reports why a datagram socket would not send to an address, or, where it
// is invalid, to its peer, whatever there is to send.
func (h *Host) MaySend(now clock.Instant, s Handle, to netip.AddrPort) error {
	e, err := h.find(now, s)
	if err != nil {
		return err
	}
	if err := h.bindSender(e); err != nil {
		return err
	}
	switch {
	case to.Addr().IsValid() && to.Port() == 0 && e.kind == Datagram:
		return ErrInvalid
	case !to.Addr().IsValid() && !e.remote.IsValid():
		return ErrDestAddrRequired
	case !to.Addr().IsValid():
		to = e.remote.AddrPort()
	}
	if to, err = peerAddress(to); err == nil {
		_, err = h.sourceFor(e, to.Addr())
	}
	switch {
	case err != nil:
		return err
	case e.err != nil:
		return e.takeError()
	case e.shutWrite:
		return ErrPipe
	}
	return nil
}

// mayCarry reports why p is no message of s.
func (s *socket) mayCarry(p []byte) error {
	if len(p) > maxMTU || s.kind == Datagram && ipHeaderLen+transportHeaderLen+len(p) > maxMTU {
		return ErrMsgSize
	}
	if s.kind == Echo && (len(p) < wire.ICMPHeaderLen || p[0] != uint8(wire.ICMPEcho) || p[1] != 0) {
		return ErrInvalid
	}
	return nil
}

// tooLarge queues that a datagram did not fit the path.
func (h *Host) tooLarge(s *socket, to netip.AddrPort) {
	mtu, _ := h.pathMTU(to.Addr(), datagramPaths)
	if s.discover.ignoresPath() {
		mtu = h.feat.MTU
	}
	h.queueFault(s, Fault{Err: ErrMsgSize, Local: true, Info: uint32(mtu), To: to}, nil)
}

// sourceFor returns the address that s sends to dst from.
func (h *Host) sourceFor(s *socket, dst netip.Addr) (netip.Addr, error) {
	src, _, err := h.net.route(dst)
	if err != nil {
		h.counters.IP.OutNoRoutes++
		return src, err
	}
	n := number(dst)
	if !s.broadcast && h.net.isBroadcast(n) {
		return src, ErrAccess
	}
	if own := s.local.Addr(); own.IsValid() && !own.IsUnspecified() {
		// 127/8 never appears outside the host (RFC 1122 3.2.1.3(g)).
		o := number(own)
		if isLoopback(o) && !h.net.isOwn(n) {
			return src, ErrInvalid
		}
		// Nor does a broadcast address as a source (3.2.1.3(f)): a socket may be
		// bound to one only to listen there. As on Linux.
		if h.net.isBroadcast(o) {
			return src, nil
		}
		if !h.net.isOwn(o) && !s.has(anyAddr|through) { // taken from us since; as on Linux
			return src, ErrInvalid
		}
		return own, nil
	}
	return src, nil
}
