package host

import (
	"encoding/binary"
	"net/netip"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A report is an ICMP error that was received, with what it quotes of our packet.
type report struct {
	kind    uint8 // type and code of the message
	code    uint8
	err     tcp.Error
	hard    bool // Linux's "fatal": told to a connected datagram socket
	tooBig  bool
	nextMTU int        // of tooBig: what the router says, or 0
	total   int        // of tooBig: length of the packet that it refused
	by      netip.Addr // who says so
	local   netip.Addr
	remote  netip.Addr
	payload []byte // at least 8 bytes
}

// inputICMPError finds the socket that an ICMP error is about and tells it
// (RFC 1122 3.2.2 and 3.3.8). A quote that no socket of ours can have sent is dropped.
func (h *Host) inputICMPError(now clock.Instant, in *datagram, m wire.ICMP, quote []byte) {
	ip, payload, err := wire.DecodeIPv4Quote(quote)
	if in.cast != unicast || err != nil || len(payload) < transportHeaderLen ||
		ip.FragOff != 0 || h.fwd.lifted == 0 && !h.net.isOwn(number(ip.Src)) {
		h.counters.ICMP.InErrors++
		h.drop(trace.DropICMP)
		return
	}
	r := report{by: in.ip.Src, local: ip.Src, remote: ip.Dst, payload: payload}
	r.kind, r.code = uint8(m.Type), m.Code
	r.classify(m)
	r.total = int(binary.BigEndian.Uint16(quote[2:]))
	known := false
	switch ip.Protocol {
	case wire.ProtoTCP:
		known = h.reportTCP(now, &r)
	case wire.ProtoUDP:
		known = h.reportDatagram(now, &r, true) || h.fwd.on != nil && h.fwd.on.report(r)
	case wire.ProtoICMP:
		known = h.reportDatagram(now, &r, false)
	}
	if !known {
		h.drop(trace.DropICMP)
		return
	}
	h.received(in, 0)
}

// classify translates type and code as Linux does, where it has no word of its own
// for the host's state (EHOSTDOWN, ENONET) or the route's (EOPNOTSUPP).
func (r *report) classify(m wire.ICMP) {
	switch m.Type {
	case wire.ICMPTimeExceeded:
		r.err = tcp.ErrHostUnreachable
		return
	case wire.ICMPParamProblem:
		r.err, r.hard = tcp.ErrProtocol, true
		return
	}
	switch m.Code {
	case wire.UnreachNet, 11: // 11: for this type of service
		r.err = tcp.ErrNetUnreachable
	case wire.UnreachProtocol:
		r.err, r.hard = tcp.ErrProtoUnreachable, true
	case wire.UnreachPort:
		r.err, r.hard = tcp.ErrPortUnreachable, true
	case wire.UnreachFragNeeded:
		r.tooBig, r.nextMTU = true, int(m.Rest&0xFFFF)
	case 6, 9: // network unknown, prohibited
		r.err, r.hard = tcp.ErrNetUnreachable, true
	case 7, 8, 10, 13, 14, 15: // host unknown, source isolated, prohibited; administratively so
		r.err, r.hard = tcp.ErrHostUnreachable, true
	default:
		r.err = tcp.ErrHostUnreachable
	}
}

// reportDatagram tells a datagram socket. As on Linux only a connected one has
// an error pending, and only a hard one, unless it asked for all (IP_RECVERR).
func (h *Host) reportDatagram(now clock.Instant, r *report, udp bool) bool {
	local := netip.AddrPortFrom(r.local, binary.BigEndian.Uint16(r.payload[0:]))
	remote := netip.AddrPortFrom(r.remote, binary.BigEndian.Uint16(r.payload[2:]))
	s := (*socket)(nil)
	if udp {
		s = h.udpSocket(local, remote)
	} else {
		if r.payload[0] != uint8(wire.ICMPEcho) {
			return false
		}
		local = netip.AddrPortFrom(r.local, echoID(r.payload))
		remote = netip.AddrPortFrom(r.remote, 0)
		s = h.echoSocket(local, remote)
	}
	if s == nil {
		return false
	}
	if r.tooBig {
		if s.discover.learns() {
			h.learnPMTU(now, r.remote, datagramPaths, r.nextMTU, r.total)
		}
		r.hard = s.discover.tells()
	} else {
		s.soft = r.err
	}
	s.by = r.by.As4()
	switch {
	case s.recvErr && (r.hard || !r.tooBig), r.hard && s.remote.IsValid():
		if s.recvErr {
			h.faultOf(s, r, remote)
		}
		s.err = r.pending()
		h.raise(s)
	}
	return true
}

// pending is the error that a socket's owner gets.
func (r *report) pending() error {
	if r.tooBig {
		return ErrMsgSize
	}
	return r.err
}

// tellSoft makes a soft error of a connection its pending error where its owner
// asked for that (IP_RECVERR; RFC 9293 3.9.1.8, SHLD-20). The connection goes on.
func (h *Host) tellSoft(s *socket) {
	if err := s.conn.SoftErr(); s.recvErr && err != nil && !s.ended {
		s.err = err
		h.raise(s)
	}
}
