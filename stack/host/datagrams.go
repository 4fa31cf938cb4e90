package host

import (
	"net/netip"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
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
	out       int // bytes of memory on their way out
	recvLimit int // bytes; 0: defaultBuffer
	sendLimit int
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
	if s.shutRead || s.dg.recvRoom() <= 0 {
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
	p.peer, p.to, p.ttl, p.tos = from, in.ip.Dst, in.ip.TTL, in.ip.TOS
	s.dg.in.push(p)
	h.raise(s)
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
		h.raise(s)
	}
}

// block notes that a datagram of s found the host's queue full.
func (h *Host) block(s *socket) {
	if !s.blocked {
		s.blocked = true
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
			s.blocked = false
			h.raise(s)
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
	n, m := copy(p, d.data), Meta{Size: len(d.data), From: d.peer, To: d.to, ToPort: d.port, TTL: d.ttl, TOS: d.tos}
	if f&Peek == 0 {
		s.dg.in.pop()
		h.kept -= len(d.mem)
		h.parcels.put(d)
	}
	return n, m, nil
}

// sendDatagram sends p from a datagram or echo socket.
func (h *Host) sendDatagram(now clock.Instant, s *socket, p []byte, to netip.AddrPort) (int, error) {
	if s.err != nil {
		return 0, s.takeError()
	}
	if s.role != ordinary {
		return 0, ErrNotSupported // SendFrom
	}
	if s.shutWrite {
		return 0, ErrPipe
	}
	src, err := h.sourceFor(s, to.Addr())
	if err != nil {
		return 0, err
	}
	if s.local.Port() == 0 {
		if err := h.bindAny(s); err != nil {
			return 0, err
		}
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
		return 0, err
	}
	return len(p), nil
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
		if !h.net.isOwn(o) { // taken from us since; as on Linux
			return src, ErrInvalid
		}
		return own, nil
	}
	return src, nil
}
