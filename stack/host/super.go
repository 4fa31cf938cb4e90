package host

import (
	"encoding/binary"
	"net/netip"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A super-datagram stands for several datagrams of one size, the last one
// perhaps smaller, between the same two ports (Linux's UDP_SEGMENT and the UDP
// part of virtio's offloads). It passes link and queue as one packet.
//
// Ours are made where the application says so, by one call with
// Options.Segment set, and not by gathering what several calls have queued: a
// packet has one head and two spans, so that gathering would be a second copy
// of every byte; the application knows what belongs together, and Linux's
// programs that care say it with this option already.

// maxSegments is Linux's UDP_MAX_SEGMENTS.
const maxSegments = 128

// inputSuper takes the payload of a super-datagram apart. What holds for the
// first datagram holds for all: the same socket, or none; then the sender gets one error.
func (h *Host) inputSuper(now clock.Instant, in *datagram, s *socket, payload []byte, from, to netip.AddrPort) {
	for first := true; len(payload) > 0; first = false {
		n := min(int(in.gso), len(payload))
		switch {
		case in.cast == broadcast:
			h.deliverBroadcast(in, payload[:n], from, to)
		case s != nil:
			h.deliverUDP(in, s, payload[:n], from)
		default:
			h.noPort(now, in, first)
		}
		payload = payload[n:]
	}
}

// noPort counts a datagram that nobody waits for, and says so to its sender.
func (h *Host) noPort(now clock.Instant, in *datagram, tell bool) {
	h.counters.UDP.NoPorts++
	h.drop(trace.DropUDPNoPort)
	if tell {
		h.sendICMPError(now, in, wire.ICMPUnreachable, wire.UnreachPort, 0)
	}
}

// sendSuper sends p as datagrams of size bytes: all of them, or none. They are
// never fragments: ErrMsgSize where one is larger than the path's MTU.
func (h *Host) sendSuper(s *socket, m *message, p []byte, size int, port uint16) error {
	count := (len(p) + size - 1) / size
	switch {
	case count > maxSegments:
		return ErrInvalid // as on Linux
	case ipHeaderLen+wire.UDPHeaderLen+len(p) > maxMTU:
		return ErrMsgSize
	case !h.mayLeave(m.src):
		return ErrInvalid
	}
	m.protocol, m.why = wire.ProtoUDP, trace.SendUDP
	if h.net.isOwn(number(m.dst)) {
		return h.queueSuper(s, m, p, size, port, &h.loop, true)
	}
	mtu, locked := h.pathMTU(m.dst, datagramPaths)
	if m.discover.ignoresPath() {
		mtu, locked = h.feat.MTU, false
	}
	if ipHeaderLen+wire.UDPHeaderLen+size > mtu {
		return ErrMsgSize
	}
	m.df = m.df && m.discover.dontFragment(locked)
	// Without DF each needs an ID of its own, which the device would only count up.
	if h.feat.USO && m.df && ipHeaderLen+wire.UDPHeaderLen+len(p) <= h.feat.MaxGSO {
		return h.queueSuper(s, m, p, size, port, &h.out, false)
	}
	return h.queueEach(s, m, p, size, count, port)
}

// queueSuper queues p as one packet. The checksum is left to the device.
func (h *Host) queueSuper(s *socket, m *message, p []byte, size int, port uint16, q *parcelQueue, local bool) error {
	length := wire.UDPHeaderLen + len(p)
	u := wire.UDP{SrcPort: s.local.Port(), DstPort: port, Length: uint16(length)}
	u.Checksum = ^wire.Fold(wire.SumPseudo(m.src, m.dst, wire.ProtoUDP, length))
	u.Encode(m.head[:])
	binary.BigEndian.PutUint16(m.head[6:], u.Checksum) // also where it is 0: it is no checksum yet
	m.body = p
	h.counters.IP.OutRequests++
	if err := h.sendOne(m, q, local); err != nil {
		return err
	}
	q.tail.gso = uint16(size)
	h.counters.UDP.OutDatagrams += uint64((len(p) + size - 1) / size)
	return nil
}

// queueEach queues p as count packets.
func (h *Host) queueEach(s *socket, m *message, p []byte, size, count int, port uint16) error {
	if !h.roomFor(&h.out, count, false) {
		return ErrWouldBlock
	}
	var made parcelQueue
	for at := 0; at < len(p); at += size {
		m.body = p[at:min(at+size, len(p))]
		udpHead(m, s.local.Port(), port)
		one := h.makeOne(m)
		if one == nil {
			made.drain(&h.parcels)
			return ErrNoMemory
		}
		made.push(one)
	}
	for one := made.pop(); one != nil; one = made.pop() {
		h.charge(one)
		h.out.push(one)
	}
	h.counters.IP.OutRequests += uint64(count)
	h.counters.UDP.OutDatagrams += uint64(count)
	return nil
}
