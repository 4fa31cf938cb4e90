package host

import (
	"net/netip"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// inputUDP takes a UDP datagram (RFC 768, RFC 1122 4.1).
func (h *Host) inputUDP(now clock.Instant, in *datagram) {
	u, payload, err := wire.DecodeUDP(in.payload)
	if err != nil || u.DstPort == 0 {
		h.counters.UDP.InErrors++
		h.drop(trace.DropUDPHeader)
		return
	}
	if !in.done && !wire.TransportChecksumOK(in.ip.Src, in.ip.Dst, wire.ProtoUDP, in.payload) {
		h.counters.UDP.InErrors++
		h.counters.UDP.InCsumErrors++
		h.drop(trace.DropUDPChecksum)
		return
	}
	from := netip.AddrPortFrom(in.ip.Src, u.SrcPort)
	to := netip.AddrPortFrom(in.ip.Dst, u.DstPort)
	if h.fwd.on != nil && h.fwd.on.udp(now, *in, payload, from, to) {
		return
	}
	if in.gso > 0 && len(payload) > int(in.gso) {
		h.inputSuper(now, in, h.udpSocket(to, from), payload, from, to)
		return
	}
	if in.cast == broadcast {
		h.deliverBroadcast(in, payload, from, to)
		return
	}
	s := h.udpSocket(to, from)
	if s == nil {
		h.noPort(now, in, true)
		return
	}
	h.deliverUDP(in, s, payload, from)
}

// deliverUDP queues a datagram at s, or counts why not.
func (h *Host) deliverUDP(in *datagram, s *socket, payload []byte, from netip.AddrPort) {
	if why := h.keep(s, in, payload, from); why != trace.None {
		h.counters.UDP.InErrors++
		h.counters.UDP.RcvbufErrors++
		h.drop(why)
		return
	}
	h.counters.UDP.InDatagrams++
	h.received(in, s.id)
}

// deliverBroadcast gives a copy to every socket that would take the datagram.
func (h *Host) deliverBroadcast(in *datagram, payload []byte, from, to netip.AddrPort) {
	found := false
	for s := h.udp.bucket(to.Port()); s != nil; s = s.portNext {
		if s.score(to, from, true) >= 0 {
			found = true
			h.deliverUDP(in, s, payload, from)
		}
	}
	if !found {
		h.counters.UDP.NoPorts++
		h.drop(trace.DropUDPNoPort)
	}
}

// sendUDP sends one datagram from a port to another.
func (h *Host) sendUDP(m *message, p []byte, from, port uint16) error {
	size := wire.UDPHeaderLen + len(p)
	if ipHeaderLen+size > maxMTU {
		return ErrMsgSize
	}
	m.protocol, m.body, m.why = wire.ProtoUDP, p, trace.SendUDP
	udpHead(m, from, port)
	if err := h.send(m); err != nil {
		if err != ErrMsgSize {
			h.counters.UDP.SndbufErrors++
		}
		return err
	}
	h.counters.UDP.OutDatagrams++
	return nil
}

// udpHead writes the header of the datagram m.
func udpHead(m *message, from, port uint16) {
	size := wire.UDPHeaderLen + len(m.body)
	u := wire.UDP{SrcPort: from, DstPort: port, Length: uint16(size)}
	u.Encode(m.head[:])
	sum := wire.SumPseudo(m.src, m.dst, wire.ProtoUDP, size)
	u.Checksum = wire.Fold(wire.Sum(wire.Sum(sum, m.head[:]), m.body))
	if u.Checksum == 0 {
		u.Checksum = 0xFFFF // RFC 768: all zero means that there is none
	}
	u.Encode(m.head[:])
}
