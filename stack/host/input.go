package host

import (
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A datagram is a packet on its way up: decoded, admitted, whole.
type datagram struct {
	ip      wire.IPv4
	packet  []byte // from the IP header on, without padding
	payload []byte
	cast    cast
	gso     uint16
	done    bool // the transport checksum was verified
	local   bool // from ourselves
}

// Input takes one packet; InputBatch, several that were read together. It borrows p until it returns and never keeps a reference.
func (h *Host) Input(now clock.Instant, p *link.Packet) {
	h.now = now
	if h.tap != nil {
		h.tap.Put(now, link.In, trace.None, 0, p)
	}
	h.receive(now, p.Head, p.GSOSize, p.CsumDone, false)
}

// receive takes a packet from the link, or from ourselves.
func (h *Host) receive(now clock.Instant, b []byte, gso uint16, done, local bool) {
	h.counters.IP.InReceives++
	h.admit(now, b, gso, done, local)
}

// admit looks whether a packet is for us, and hands it on.
func (h *Host) admit(now clock.Instant, b []byte, gso uint16, done, local bool) {
	var in datagram
	ip := &in.ip
	payload, err := ip.Decode(b)
	if err != nil {
		h.counters.IP.InHdrErrors++
		h.drop(headerReason(err))
		if err == wire.ErrOptions {
			h.reportOptions(now, b, local)
		}
		return
	}
	if len(ip.Options) > 0 && ip.SourceRouted() {
		h.counters.IP.InHdrErrors++
		h.drop(trace.DropSourceRoute) // Deviates from RFC 1122 3.2.1.8(c): RFC 7126 4.3 and 4.4 drop them
		return
	}
	cast, why := h.net.admit(ip, local)
	if why != trace.None {
		h.counters.IP.InAddrErrors++
		h.drop(why)
		return
	}
	in.packet, in.payload = b[:ip.HeaderLen()+len(payload)], payload
	in.cast, in.gso, in.done, in.local = cast, gso, done, local
	if ip.MF || ip.FragOff != 0 {
		h.receiveFragment(now, &in)
		return
	}
	h.deliver(now, &in)
}

// reportOptions tells the sender of b which byte of its options made no sense
// (RFC 1122 3.2.2.5).
func (h *Host) reportOptions(now clock.Instant, b []byte, local bool) {
	ip, payload, err := wire.DecodeIPv4Quote(b)
	if err != nil || ip.SourceRouted() {
		return
	}
	cast, why := h.net.admit(&ip, local)
	if why != trace.None {
		return
	}
	in := datagram{ip: ip, packet: b[:ip.HeaderLen()+len(payload)], payload: payload, cast: cast, local: local}
	h.sendICMPError(now, &in, wire.ICMPParamProblem, 0, uint8(ip.BadOption()))
}

// headerReason says why a packet whose header does not decode is dropped.
func headerReason(err error) trace.Reason {
	switch err {
	case wire.ErrShort:
		return trace.DropShort
	case wire.ErrVersion:
		return trace.DropVersion
	case wire.ErrChecksum:
		return trace.DropIPChecksum
	}
	return trace.DropIPHeader
}

// deliver hands a whole packet to its protocol.
func (h *Host) deliver(now clock.Instant, in *datagram) {
	switch in.ip.Protocol {
	case wire.ProtoTCP:
		h.counters.IP.InDelivers++
		h.inputTCP(now, in)
	case wire.ProtoUDP:
		h.counters.IP.InDelivers++
		h.inputUDP(now, in)
	case wire.ProtoICMP:
		h.counters.IP.InDelivers++
		h.inputICMP(now, in)
	default:
		h.counters.IP.InUnknownProtos++
		h.drop(trace.DropProtocol)
		h.sendICMPError(now, in, wire.ICMPUnreachable, wire.UnreachProtocol, 0)
	}
}

// received notes in the trace that a packet reached a socket or the host itself.
func (h *Host) received(in *datagram, s Handle) {
	if h.log != nil {
		h.log.Add(trace.Event{At: h.now, Conn: uint64(s), Kind: trace.Received, Len: uint32(len(in.payload))})
	}
}
