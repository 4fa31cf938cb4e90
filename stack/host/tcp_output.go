package host

import (
	"encoding/binary"
	"net/netip"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// touch puts s into a ready queue: something happened to it. Listeners go with
// the local ones: what they answer is queued, for the link or for ourselves.
func (h *Host) touch(s *socket) {
	if s.queued {
		return
	}
	s.amongLocal = s.lis != nil || s.conn != nil && h.net.inside(s.local.Addr(), s.remote.Addr())
	h.queue(s)
}

// queue puts s at the end of its ready queue. Each socket there gives one packet
// in its turn.
func (h *Host) queue(s *socket) {
	h.queueOf(s).push(s)
	s.queued = true
}

// next takes the first out of a ready queue that is not empty.
func (h *Host) next(q *socketList) *socket {
	s := q.pop()
	s.queued = false
	return s
}

// queueOf returns the ready queue that s belongs to since it was touched.
func (h *Host) queueOf(s *socket) *socketList {
	if s.amongLocal {
		return &h.readyLocal
	}
	return &h.ready
}

// unready takes s out of its ready queue.
func (h *Host) unready(s *socket) {
	if s.queued {
		h.queueOf(s).remove(s)
		s.queued = false
	}
}

// transmitReady fills out from the connections, one packet each in turn.
func (h *Host) transmitReady(now clock.Instant, out []link.Packet, n int) int {
	for n < len(out) && h.ready.head != nil {
		s := h.next(&h.ready)
		h.env.MaxCut = min(maxCut, len(out)-n)
		flow := h.nextSegment(now, s)
		h.env.MaxCut = 0
		if flow == nil {
			h.settle(now, s)
			continue
		}
		h.queue(s)
		if !h.mayLeave(flow.Local.Addr()) {
			h.drop(trace.DropNoRoute)
			continue
		}
		if h.net.inside(flow.Local.Addr(), flow.Remote.Addr()) {
			h.loopSegment(s, flow) // a listener's answer to ourselves
			continue
		}
		if h.segment.GSOSize > 0 && h.feat.MaxGSO == 0 {
			n = h.cutSegment(now, s, flow, out, n)
			continue
		}
		h.writeSegment(now, s, flow, &out[n], h.head(n))
		n++
	}
	return n
}

// transmitLocal does the same for connections with ourselves and for listeners.
func (h *Host) transmitLocal(now clock.Instant) {
	for h.readyLocal.head != nil && h.loopHasRoom() && h.roomFor(&h.out, 1, false) {
		s := h.next(&h.readyLocal)
		flow := h.nextSegment(now, s)
		if flow == nil {
			h.settle(now, s)
			continue
		}
		h.queue(s)
		h.queueSegment(s, flow)
	}
}

// nextSegment asks s for a segment, into h.segment, and returns the flow that it
// belongs to; nil: there is none.
func (h *Host) nextSegment(now clock.Instant, s *socket) *tcp.Flow {
	if s.lis != nil {
		if !s.lis.tcp.Transmit(now, &h.flow, &h.segment) {
			return nil
		}
		return &h.flow
	}
	if s.conn == nil || s.ended {
		return nil
	}
	if s.pathGen != h.pathGen || h.pathEnd.Due(now) {
		h.followPath(now, s)
	}
	if !s.conn.Transmit(now, &h.segment) {
		return nil
	}
	return h.heading.of(s)
}

// settle is what follows when a socket has nothing more to send.
func (h *Host) settle(now clock.Instant, s *socket) {
	if s.conn != nil && !s.ended {
		h.collect(now, s)
		if h.retire(now, s) {
			return
		}
		if s.conn.State() == tcp.StateClosed {
			h.unready(s) // collect may have given it up
			h.finish(now, s)
			return
		}
	}
	h.rearm(now, s)
}

// segmentHeader writes the headers of h.segment to b, checksum field zero, and
// returns their length. The IP header is that of h.heading.
func (h *Host) segmentHeader(s *socket, flow *tcp.Flow, b []byte) int {
	seg := &h.segment
	h.turnHeading(s, flow)
	id := uint16(0)
	if !seg.DF { // RFC 6864 4.1: an atomic datagram's ID means nothing, ours is 0
		id = h.nextID(flow.Local.Addr(), flow.Remote.Addr(), wire.ProtoTCP)
	}
	at := h.heading.head.Put(b, seg.Seg.HeaderLen()+seg.Len(), id)
	return at + seg.Seg.Encode(b[at:])
}

// turnHeading makes h.heading the IP header of h.segment.
func (h *Host) turnHeading(s *socket, flow *tcp.Flow) {
	tos, ttl := uint8(0), h.cfg.TTL
	if s != nil {
		tos = s.tos
		if s.ttl != 0 {
			ttl = s.ttl
		}
	}
	h.heading.turn(flow, wire.IPv4{TOS: tos&^3 | h.segment.ECN&3, TTL: ttl, DF: h.segment.DF})
}

// head returns the place for the headers of packet n of a batch.
func (h *Host) head(n int) []byte { return h.heads[n*maxHeadSize : (n+1)*maxHeadSize] }

// writeSegment makes h.segment a packet for the link.
func (h *Host) writeSegment(now clock.Instant, s *socket, flow *tcp.Flow, p *link.Packet, head []byte) {
	seg := &h.segment
	n := h.segmentHeader(s, flow, head)
	*p = link.Packet{Head: head[:n], Body: seg.Payload, GSOSize: uint16(seg.GSOSize)}
	sum := h.heading.head.SumPseudo(n - ipHeaderLen + seg.Len())
	// What virtio wants is the pseudo-header's sum, not complemented, over the
	// length of the whole super-segment. The device does the rest.
	p.CsumDone = h.feat.ChecksumOffload || seg.GSOSize > 0
	field := ^wire.Fold(sum)
	if !p.CsumDone {
		field = wire.Fold(wire.SumPair(wire.Sum(sum, p.Head[ipHeaderLen:]), p.Body))
	}
	binary.BigEndian.PutUint16(p.Head[ipHeaderLen+16:], field)
	h.countSegments(1)
	if h.tap != nil {
		h.tap.Put(now, link.Out, seg.Why, s.trace(), p)
	}
}

func (s *socket) trace() uint64 {
	if s == nil {
		return 0
	}
	return uint64(s.id)
}

// loopSegment queues h.segment for ourselves, in one piece. It was made because
// there is room; for want of memory it is lost like a packet on a path.
func (h *Host) loopSegment(s *socket, flow *tcp.Flow) {
	seg := &h.segment
	h.countSegments(1)
	body := len(seg.Payload[0]) + len(seg.Payload[1])
	var p *parcel
	if h.loopHasRoom() {
		p = h.parcels.get(ipHeaderLen + seg.Seg.HeaderLen() + body)
	}
	if p == nil {
		h.drop(trace.DropLink)
		return
	}
	n := h.segmentHeader(s, flow, p.data)
	n += copy(p.data[n:], seg.Payload[0])
	copy(p.data[n:], seg.Payload[1])
	p.gso, p.why, p.done = uint16(seg.GSOSize), seg.Why, true
	if s != nil {
		p.owner = s.id
	}
	h.loop.push(p)
}

// countSegments counts h.segment, which leaves as n packets.
func (h *Host) countSegments(n int) {
	h.counters.IP.OutRequests += uint64(n)
	h.counters.TCP.OutSegs += uint64(n)
	if h.segment.Seg.Flags&wire.RST != 0 {
		h.counters.TCP.OutRsts++
	}
}

// refuse answers the segment in h.arrival with a reset, where it is due one.
func (h *Host) refuse(now clock.Instant, local, remote netip.AddrPort) {
	if !tcp.Refuse(&h.arrival, &h.segment) {
		return
	}
	seg := &h.segment
	seg.Seg.SrcPort, seg.Seg.DstPort = local.Port(), remote.Port()
	h.flow = tcp.Flow{Local: local, Remote: remote}
	h.queueSegment(nil, &h.flow)
}

// queueSegment makes h.segment, which has no payload in a ring, a packet of the
// host's own: for ourselves, or for the link. Where there is no room or memory
// it is lost like a packet on a path.
func (h *Host) queueSegment(s *socket, flow *tcp.Flow) {
	if h.net.inside(flow.Local.Addr(), flow.Remote.Addr()) {
		h.loopSegment(s, flow)
		return
	}
	if !h.mayLeave(flow.Local.Addr()) {
		h.drop(trace.DropNoRoute)
		return
	}
	seg := &h.segment
	var p *parcel
	if h.roomFor(&h.out, 1, false) {
		p = h.parcels.get(ipHeaderLen + seg.Seg.HeaderLen())
	}
	if p == nil {
		h.drop(trace.DropLink)
		return
	}
	h.segmentHeader(s, flow, p.data)
	wire.SetTransportChecksum(p.data, [2][]byte{})
	p.why = seg.Why
	if s != nil {
		p.owner = s.id
	}
	h.countSegments(1)
	h.out.push(p)
}
