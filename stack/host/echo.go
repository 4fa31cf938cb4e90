package host

import (
	"net/netip"

	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// An echo socket is Linux's ping socket: its port is the ID of the echoes. The
// owner sends and receives whole ICMP messages without the IP header; ID and
// checksum are the host's.

// inputEchoReply gives an echo reply to the socket that has its ID.
func (h *Host) inputEchoReply(in *datagram, id uint16) {
	to := netip.AddrPortFrom(in.ip.Dst, id)
	from := netip.AddrPortFrom(in.ip.Src, 0)
	var s *socket
	if in.cast == unicast {
		s = h.echoSocket(to, from)
	}
	if s == nil {
		h.drop(trace.DropICMP)
		return
	}
	if why := h.keep(s, in, in.payload, from); why != trace.None {
		h.drop(why)
		return
	}
	h.received(in, s.id)
}

// sendEcho sends the echo request p. Like Linux it takes nothing else (mayCarry).
func (h *Host) sendEcho(s *socket, m *message, p []byte) error {
	if ipHeaderLen+len(p) > maxMTU {
		return ErrMsgSize
	}
	m.protocol, m.body, m.why = wire.ProtoICMP, p[wire.ICMPHeaderLen:], trace.SendEcho
	seq := uint32(p[6])<<8 | uint32(p[7])
	e := wire.ICMP{Type: wire.ICMPEcho, Rest: uint32(s.local.Port())<<16 | seq}
	e.Encode(m.head[:], [2][]byte{m.body, nil})
	if err := h.send(m); err != nil {
		h.counters.ICMP.OutErrors++
		return err
	}
	h.counters.ICMP.OutMsgs++
	h.counters.ICMP.OutEchos++
	return nil
}
