package host

import (
	"net/netip"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

const (
	ipHeaderLen        = 20
	transportHeaderLen = 8 // of UDP and of ICMP alike

	maxQueuedPackets = 1024    // of the host's own, waiting for Transmit
	maxQueuedBytes   = 4 << 20 // of memory in them

	maxBatch    = 64 // packets per Transmit
	maxHeadSize = 80 // bytes for the headers of one packet: IP without options, TCP with all it may have
)

// A message is a UDP datagram or an ICMP message on its way down.
type message struct {
	src, dst netip.Addr
	protocol uint8
	tos, ttl uint8 // ttl 0: the host's
	discover Discovery
	df       bool // let routers refuse it, so that we learn the path MTU
	head     [transportHeaderLen]byte
	body     []byte // borrowed
	owner    Handle
	why      trace.Reason
}

// send queues m as one packet, or as fragments. ErrMsgSize, ErrNoMemory,
// ErrWouldBlock (the queue is full): nothing was queued.
func (h *Host) send(m *message) error {
	h.counters.IP.OutRequests++
	size := transportHeaderLen + len(m.body)
	if ipHeaderLen+size > maxMTU {
		return ErrMsgSize
	}
	if !h.mayLeave(m.src) {
		return ErrInvalid
	}
	if h.net.isOwn(number(m.dst)) {
		return h.sendOne(m, &h.loop, true)
	}
	mtu, locked := h.pathMTU(m.dst, datagramPaths)
	if m.discover.ignoresPath() {
		mtu, locked = h.feat.MTU, false
	}
	m.df = m.df && m.discover.dontFragment(locked)
	switch {
	case ipHeaderLen+size <= mtu:
		return h.sendOne(m, &h.out, false)
	case m.discover.refusesLarge():
		h.counters.IP.FragFails++
		return ErrMsgSize
	}
	return h.sendFragments(m, mtu)
}

// mayLeave reports whether packets may have the source src: whether it is
// still ours (RFC 1122 3.2.1.3). Only who was there before SetAddresses can be wrong.
func (h *Host) mayLeave(src netip.Addr) bool {
	return !h.net.changed || h.fwd.lifted != 0 || h.net.isOwn(number(src))
}

// sendOne queues m as one packet.
func (h *Host) sendOne(m *message, q *parcelQueue, local bool) error {
	if !h.roomFor(q, 1, local) {
		return ErrWouldBlock
	}
	p := h.makeOne(m)
	if p == nil {
		return ErrNoMemory
	}
	p.done = local
	h.charge(p)
	q.push(p)
	return nil
}

// makeOne makes m a packet; nil: there is no memory.
func (h *Host) makeOne(m *message) *parcel {
	size := transportHeaderLen + len(m.body)
	p := h.parcels.get(ipHeaderLen + size)
	if p == nil {
		return nil
	}
	ip := h.header(m)
	if !ip.DF {
		ip.ID = h.nextID(m.src, m.dst, m.protocol)
	}
	n := ip.Encode(p.data, size)
	n += copy(p.data[n:], m.head[:])
	copy(p.data[n:], m.body)
	p.owner, p.why = m.owner, m.why
	return p
}

// roomFor reports whether n more packets fit into q. Any number fits into an
// empty one: 64 KiB over a link of 68 bytes are 1365 fragments.
func (h *Host) roomFor(q *parcelQueue, n int, local bool) bool {
	if q.n == 0 {
		return true
	}
	if local {
		return q.n+n <= maxLoopPackets && q.bytes < maxLoopBytes
	}
	return q.n+n <= maxQueuedPackets && q.bytes < maxQueuedBytes
}

// header returns the IP header that all packets of m begin with.
func (h *Host) header(m *message) wire.IPv4 {
	ttl := m.ttl
	switch {
	case m.dst.IsMulticast():
		ttl = 1 // RFC 1112 6.1; on Linux too IP_TTL is not asked
	case ttl == 0:
		ttl = h.cfg.TTL
	}
	return wire.IPv4{TOS: m.tos, DF: m.df, TTL: ttl, Protocol: m.protocol, Src: m.src, Dst: m.dst}
}

// Transmit fills out with packets to send and returns how many, at most 64.
// What they point to is valid until the host's next call. Call it with at most
// the link's Room; packets from the host to itself cross inside it, even where
// out is empty.
func (h *Host) Transmit(now clock.Instant, out []link.Packet) int {
	h.now = now
	h.lent.drain(&h.parcels)
	h.notePressure(now)
	h.noteAwake(now)
	out = out[:min(len(out), maxBatch)]
	n, crossings := 0, maxCrossings
	for {
		n = h.transmitQueued(now, out, n)
		n = h.transmitReady(now, out, n)
		n = h.transmitQueued(now, out, n)
		h.transmitLocal(now)
		if h.loop.n == 0 || crossings == 0 {
			h.unblock()
			return n
		}
		for h.loop.n > 0 && crossings > 0 {
			h.cross(now)
			crossings--
		}
	}
}

// Pending reports whether Transmit has, or may have, more to give.
func (h *Host) Pending() bool {
	return h.out.n > 0 || h.loop.n > 0 || h.ready.head != nil || h.readyLocal.head != nil
}

// Quiet reports whether Transmit has nothing to give and nothing to take back.
func (h *Host) Quiet() bool { return !h.Pending() && h.lent.n == 0 && len(h.stuck) == 0 }

// transmitQueued moves the host's own packets to out.
func (h *Host) transmitQueued(now clock.Instant, out []link.Packet, n int) int {
	limit := len(out)
	if h.ready.head != nil && n < len(out) { // the connections get the other half
		limit = n + (len(out)-n+h.turn)/2
		h.turn ^= 1
	}
	for n < limit {
		p := h.out.pop()
		if p == nil {
			break
		}
		h.uncharge(p)
		h.lent.push(p)
		out[n] = link.Packet{Head: p.data, GSOSize: p.gso, CsumDone: p.gso > 0}
		h.sent(now, p)
		if h.tap != nil {
			h.tap.Put(now, link.Out, p.why, uint64(p.owner), &out[n])
		}
		n++
	}
	return n
}

// sent notes in the trace that one of the host's own packets left. Segments of
// connections were noted by TCP.
func (h *Host) sent(now clock.Instant, p *parcel) {
	if h.log != nil && (p.owner == 0 || p.data[9] != wire.ProtoTCP) {
		h.log.Add(trace.Event{At: now, Conn: uint64(p.owner), Kind: trace.Sent, Reason: p.why,
			Len: uint32(len(p.data) - ipHeaderLen)})
	}
}
