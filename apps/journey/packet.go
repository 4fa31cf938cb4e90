package journey

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// tellPacket prints one packet as an arrow.
func (j *Journey) tellPacket(r *link.Record) {
	if j.rec != nil {
		j.rec.now = r
	}
	j.lost = j.o.Lost != nil && r.Dir == link.Out && j.o.Lost(r)
	if len(r.Data) > 0 && r.Data[0]>>4 == 6 {
		// The kernel's own talk where IPv6 is on, which the stack drops.
		j.beside(r).other += int64(r.Length)
		j.arrow(r.At, r.Dir != link.In, j.t("IPv6, which we do not speak"), "", r.Length)
		return
	}
	h, payload, err := wire.DecodeIPv4(r.Data)
	if err != nil {
		j.beside(r).other += int64(r.Length)
		j.arrow(r.At, r.Dir != link.In, j.t("%d bytes that are no IPv4", r.Length), "", r.Length)
		return
	}
	why := j.t(r.Why.String())
	if h.FragOff != 0 || h.MF {
		j.other(r, &h, j.t("fragment of %d, at %d  len %d", h.ID, h.FragOff, len(payload)), why, len(payload))
		return
	}
	switch h.Protocol {
	case wire.ProtoTCP:
		j.tellTCP(r, &h, payload)
	case wire.ProtoUDP:
		j.tellUDP(r, &h, payload, why)
	case wire.ProtoICMP:
		j.tellICMP(r, &h, payload, why)
	default:
		j.other(r, &h, j.t("protocol %d  len %d", h.Protocol, len(payload)), why, len(payload))
	}
}

// A besides is how many bytes went one way beside TCP: headers of IP and UDP, what UDP carried, and the rest.
type besides struct{ ip, udp, payload, other int64 }

func (j *Journey) beside(r *link.Record) *besides {
	if r.Dir == link.In {
		return &j.besides[1]
	}
	return &j.besides[0]
}

// other prints what has no ports.
func (j *Journey) other(r *link.Record, h *wire.IPv4, text, why string, n int) {
	b := j.beside(r)
	b.ip += int64(h.HeaderLen())
	b.other += int64(r.Length - h.HeaderLen())
	j.bars(addresses(r, h, 0, 0))
	j.arrow(r.At, r.Dir != link.In, text, why, n)
}

func (j *Journey) tellUDP(r *link.Record, h *wire.IPv4, b []byte, why string) {
	u, payload, err := wire.DecodeUDP(b)
	if err != nil {
		j.other(r, h, j.t("UDP that is malformed"), why, len(b))
		return
	}
	text := fmt.Sprintf("UDP  len %d", len(payload))
	switch {
	case u.DstPort == 53:
		text += "  " + j.t("DNS question")
	case u.SrcPort == 53:
		text += "  " + j.t("DNS answer")
	}
	sum := j.beside(r)
	sum.ip += int64(h.HeaderLen())
	sum.udp += int64(len(b) - len(payload))
	sum.payload += int64(len(payload))
	j.bars(addresses(r, h, u.SrcPort, u.DstPort))
	j.arrow(r.At, r.Dir != link.In, text, why, len(payload))
}

func (j *Journey) tellICMP(r *link.Record, h *wire.IPv4, b []byte, why string) {
	m, body, err := wire.DecodeICMP(b)
	if err != nil {
		j.other(r, h, j.t("ICMP that is malformed"), why, len(b))
		return
	}
	text := fmt.Sprintf("ICMP  type %d  code %d", m.Type, m.Code)
	switch m.Type {
	case wire.ICMPEcho:
		text = fmt.Sprintf("echo request  seq %d  len %d", uint16(m.Rest), len(body))
	case wire.ICMPEchoReply:
		text = fmt.Sprintf("echo reply  seq %d  len %d", uint16(m.Rest), len(body))
	case wire.ICMPUnreachable:
		text = "ICMP: unreachable, " + unreachable(m.Code)
	case wire.ICMPTimeExceeded:
		text = "ICMP: time to live exceeded"
	}
	j.other(r, h, text, why, len(b))
}

func unreachable(code uint8) string {
	switch code {
	case wire.UnreachNet:
		return "network"
	case wire.UnreachHost:
		return "host"
	case wire.UnreachProtocol:
		return "protocol"
	case wire.UnreachPort:
		return "port"
	case wire.UnreachFragNeeded:
		return "packet too large"
	case wire.UnreachAdminProhibited:
		return "prohibited"
	}
	return fmt.Sprintf("code %d", code)
}

func (j *Journey) tellTCP(r *link.Record, h *wire.IPv4, b []byte) {
	t, payload, err := wire.DecodeTCP(b)
	if err != nil {
		j.other(r, h, j.t("TCP that is malformed"), j.t(r.Why.String()), len(b))
		return
	}
	s := &segment{TCP: t, len: len(payload), ours: r.Dir != link.In, headers: h.HeaderLen(), header: len(b) - len(payload)}
	f := j.flowOf(addresses(r, h, t.SrcPort, t.DstPort))
	if f == nil {
		j.other(r, h, "TCP  "+names(t.Flags), j.t(r.Why.String()), len(payload))
		return
	}
	if r.Conn != 0 {
		f.conn = r.Conn
	}
	j.recent = f
	f.heard(s)
	j.recordSegment(f, r.At, s)
	j.bars(f.flowKey)
	why := j.why(r, f, s)
	if l := httpLine(payload); l != "" && !s.repeat {
		why, f.http = l, true
	} else if l := j.tlsRecord(payload); l != "" && !s.repeat {
		why = l
	}
	if b := f.sacked(s); b != "" {
		why += "; " + b
	}
	j.arrow(r.At, s.ours, f.text(s), why, len(payload))
}

// why says why a segment was sent. In a capture what no comment says is inferred.
func (j *Journey) why(r *link.Record, f *flow, s *segment) string {
	seen := f.infer(r.At, s)
	if !j.inferring {
		if !s.ours && plain[seen] {
			return j.t(seen)
		}
		return j.t(fuller(reason(r.Why, s), seen))
	}
	if r.Why != trace.None {
		return j.t(fuller(reason(r.Why, s), seen))
	}
	if seen == "" {
		seen = reason(trace.None, s)
	}
	return j.t("inferred") + ": " + j.t(seen)
}

// fuller is a reason with what was seen of it: "fast retransmit: third duplicate ACK".
func fuller(why, seen string) string {
	if strings.HasPrefix(seen, why+": ") {
		return seen
	}
	return why
}

// text is what stands on a segment's arrow. Numbers count from the first; where they are long they stand closer.
func (f *flow) text(s *segment) string {
	text := f.words(s)
	if width(text) > inside-6 {
		text = strings.ReplaceAll(text, "  ", " ")
	}
	return text
}

func (f *flow) words(s *segment) string {
	me, other := &f.us, &f.peer
	if !s.ours {
		me, other = other, me
	}
	text := names(s.Flags)
	if s.Flags&wire.RST == 0 || s.Flags&wire.ACK == 0 {
		text += fmt.Sprintf("  seq %d", me.relative(s.Seq))
	}
	if s.Flags&wire.ACK != 0 {
		text += fmt.Sprintf("  ack %d", other.relative(s.Ack))
	}
	if s.len > 0 {
		text += fmt.Sprintf("  len %d", s.len)
	}
	if s.shut() {
		text += "  win 0"
	}
	return text
}

// names writes flags out, in the order in which people say them.
func names(f wire.Flags) string {
	var s []string
	for _, n := range []struct {
		bit  wire.Flags
		name string
	}{{wire.SYN, "SYN"}, {wire.FIN, "FIN"}, {wire.RST, "RST"}, {wire.PSH, "PSH"}, {wire.URG, "URG"}, {wire.ECE, "ECE"}, {wire.CWR, "CWR"}, {wire.ACK, "ACK"}} {
		if f&n.bit != 0 {
			s = append(s, n.name)
		}
	}
	if len(s) == 0 {
		return "(no flags)"
	}
	return strings.Join(s, " ")
}

// reason says why a segment was sent: ours by what our stack noted, the
// peer's by what it does.
func reason(why trace.Reason, s *segment) string {
	switch {
	case s.repeat && s.Flags&wire.SYN != 0:
		return "sent again: no answer"
	case s.shared:
		return "ACK and FIN in one"
	case s.ackFIN && s.len == 0 && s.Flags&(wire.FIN|wire.RST) == 0: // whatever else was owed went with it
		return "acknowledges the FIN"
	case s.ours && why != trace.None && why != trace.SendACK:
		return why.String()
	case s.Flags&wire.RST != 0:
		return "reset"
	case s.Flags&wire.FIN != 0:
		return "no more to send"
	case s.Flags&wire.SYN != 0 && s.Flags&wire.ACK != 0:
		return "answer to SYN"
	case s.Flags&wire.SYN != 0:
		return "opens"
	case s.repeat:
		return "sent again"
	case s.ackSYN:
		return "acknowledges the SYN"
	case s.len > 0:
		return "data"
	}
	return "acknowledgment"
}

// httpLine is the first line of an HTTP message, "" where none begins here.
func httpLine(b []byte) string {
	s := string(b[:min(len(b), 100)])
	for _, begin := range []string{"GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "OPTIONS ", "TRACE ", "CONNECT ", "PATCH ", "HTTP/1."} {
		if strings.HasPrefix(s, begin) {
			line, _, _ := strings.Cut(s, "\r\n")
			return clean(line, 2*whyColumns)
		}
	}
	return ""
}

// endpoint writes an address with its port, without the port where there is none.
func endpoint(a netip.AddrPort) string {
	if a.Port() == 0 {
		return a.Addr().String()
	}
	return a.String()
}
