package journey

import (
	"fmt"
	"strings"

	"github.com/sockeye-net/sockeye/apps/dns"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A layer is one header of a packet, decoded, or what is in the packet.
type layer struct {
	Name   string      `json:"name"`
	Title  string      `json:"title"`
	From   int         `json:"from"` // its bytes
	Len    int         `json:"len"`
	Fields [][2]string `json:"fields"`
}

func (l *layer) add(name, value string) { l.Fields = append(l.Fields, [2]string{name, value}) }

func (l *layer) addf(name, format string, args ...any) { l.add(name, fmt.Sprintf(format, args...)) }

// decode takes a packet apart for those who look at it.
func (j *Journey) decode(r *link.Record) (all []layer, k flowKey, isTCP bool) {
	h, b, err := wire.DecodeIPv4(r.Data)
	if err != nil {
		l := layer{Name: "raw", Title: j.t("No IPv4 packet"), Len: len(r.Data)}
		l.addf(j.t("length"), "%d", r.Length)
		return []layer{l}, flowKey{}, false
	}
	n := h.HeaderLen()
	all = append(all, j.ipLayer(r.Data, &h))
	k = addresses(r, &h, 0, 0)
	if h.FragOff != 0 {
		return append(all, payloadLayer(j.t("A fragment"), n, b)), k, false
	}
	switch h.Protocol {
	case wire.ProtoTCP:
		if t, payload, err := wire.DecodeTCP(b); err == nil {
			k, isTCP = addresses(r, &h, t.SrcPort, t.DstPort), true
			head := len(b) - len(payload)
			all = append(all, j.tcpLayer(n, head, b, &t, j.flows[k], r.Dir != link.In))
			if len(payload) > 0 {
				all = append(all, j.dataLayer(n+head, payload))
			}
		}
	case wire.ProtoUDP:
		if u, payload, err := wire.DecodeUDP(b); err == nil {
			k = addresses(r, &h, u.SrcPort, u.DstPort)
			l := layer{Name: "udp", Title: "UDP", From: n, Len: 8}
			l.addf(j.t("source port"), "%d", u.SrcPort)
			l.addf(j.t("destination port"), "%d", u.DstPort)
			l.addf(j.t("length"), "%d", u.Length)
			all = append(all, l, j.datagramLayer(n+8, &u, payload))
		}
	case wire.ProtoICMP:
		if m, body, err := wire.DecodeICMP(b); err == nil {
			l := layer{Name: "icmp", Title: "ICMP", From: n, Len: len(b) - len(body)}
			l.addf(j.t("type"), "%d", m.Type)
			l.addf(j.t("code"), "%d", m.Code)
			all = append(all, l, payloadLayer(j.t("Payload"), n+len(b)-len(body), body))
		}
	}
	return all, k, isTCP
}

func (j *Journey) ipLayer(data []byte, h *wire.IPv4) layer {
	l := layer{Name: "ip", Title: "IPv4", Len: h.HeaderLen()}
	l.addf(j.t("version"), "4")
	l.addf(j.t("header length"), "%d", h.HeaderLen())
	l.addf("DSCP, ECN", "%d, %d", h.TOS>>2, h.TOS&3)
	l.addf(j.t("total length"), "%d", int(data[2])<<8|int(data[3]))
	l.addf(j.t("identification"), "0x%04x", h.ID)
	l.add(j.t("flags"), either(h.DF, "DF", "")+either(h.MF, " MF", ""))
	l.addf(j.t("fragment offset"), "%d", h.FragOff)
	l.addf(j.t("time to live"), "%d", h.TTL)
	l.addf(j.t("protocol"), "%d %s", h.Protocol, protocols[h.Protocol])
	l.addf(j.t("checksum"), "0x%02x%02x", data[10], data[11])
	l.add(j.t("source"), h.Src.String())
	l.add(j.t("destination"), h.Dst.String())
	return l
}

var protocols = map[uint8]string{wire.ProtoICMP: "ICMP", wire.ProtoTCP: "TCP", wire.ProtoUDP: "UDP"}

func (j *Journey) tcpLayer(at, head int, b []byte, t *wire.TCP, f *flow, ours bool) layer {
	l := layer{Name: "tcp", Title: "TCP", From: at, Len: head}
	l.addf(j.t("source port"), "%d", t.SrcPort)
	l.addf(j.t("destination port"), "%d", t.DstPort)
	seq, ack, window := "", "", ""
	if f != nil {
		me, other := &f.us, &f.peer
		if !ours {
			me, other = other, me
		}
		seq, ack = fmt.Sprintf(" (+%d)", me.relative(t.Seq)), fmt.Sprintf(" (+%d)", other.relative(t.Ack))
		window = fmt.Sprintf(" = %s", j.n(f.window(&segment{TCP: *t, ours: ours}), "byte"))
	}
	l.add(j.t("sequence number"), fmt.Sprint(uint32(t.Seq))+seq)
	if t.Flags&wire.ACK != 0 {
		l.add(j.t("acknowledgment"), fmt.Sprint(uint32(t.Ack))+ack)
	}
	l.addf(j.t("data offset"), "%d", head)
	l.add(j.t("flags"), names(t.Flags))
	l.add(j.t("window"), fmt.Sprint(t.Window)+window)
	l.addf(j.t("checksum"), "0x%02x%02x", b[16], b[17])
	o := &t.Options
	if o.HasMSS {
		l.addf("MSS", "%d", o.MSS)
	}
	if o.HasWindowScale {
		l.addf(j.t("window scale"), "%d: x%d", o.WindowScale, 1<<min(o.WindowScale, 14))
	}
	if o.SACKPermitted {
		l.add("SACK", j.t("permitted"))
	}
	if o.HasTimestamps {
		l.addf(j.t("timestamps"), "%d, %d", o.TSVal, o.TSEcr)
	}
	for _, s := range o.SACK[:o.NumSACK] {
		l.addf("SACK", "%d - %d", uint32(s.Left), uint32(s.Right))
	}
	return l
}

// dataLayer says what a segment carries.
func (j *Journey) dataLayer(at int, b []byte) layer {
	if kind, ok := tlsRecord(b); ok {
		l := layer{Name: "tls", Title: "TLS", From: at, Len: len(b)}
		l.add(j.t("record"), kind)
		l.addf(j.t("length"), "%d", int(b[3])<<8|int(b[4]))
		return l
	}
	if text := httpLine(b); text != "" {
		l := layer{Name: "http", Title: "HTTP", From: at, Len: len(b)}
		for i, line := range strings.Split(string(b[:min(len(b), 2000)]), "\r\n") {
			if line == "" || i > 40 {
				break
			}
			name, value, ok := strings.Cut(j.covered(clean(line, 300)), ":")
			if i == 0 || !ok {
				l.add("", clean(line, 200)) // the first line
				continue
			}
			l.add(name, strings.TrimSpace(value))
		}
		return l
	}
	return payloadLayer(j.t("Data"), at, b)
}

// tlsRecord names what a TLS record holds (RFC 8446 5.1).
func tlsRecord(b []byte) (kind string, ok bool) {
	if len(b) < 5 || b[1] != 3 || b[2] > 4 {
		return "", false
	}
	switch b[0] {
	case 20:
		return "change cipher spec", true
	case 21:
		return "alert", true
	case 22:
		if len(b) > 5 {
			switch b[5] {
			case 1:
				return "handshake: client hello", true
			case 2:
				return "handshake: server hello", true
			}
		}
		return "handshake", true
	case 23:
		return "application data, encrypted", true
	}
	return "", false
}

func (j *Journey) datagramLayer(at int, u *wire.UDP, b []byte) layer {
	if u.SrcPort != dns.Port && u.DstPort != dns.Port {
		return payloadLayer(j.t("Data"), at, b)
	}
	m, err := dns.Parse(b)
	if err != nil {
		return payloadLayer("DNS", at, b)
	}
	l := layer{Name: "dns", Title: "DNS", From: at, Len: len(b)}
	l.addf("ID", "0x%04x", m.ID)
	for _, q := range m.Questions {
		l.add(j.t("question"), clean(q.Name, 100)+" "+dns.TypeString(q.Type))
	}
	for _, r := range m.Answers {
		l.add(j.t("answer"), clean(r.String(), 200))
	}
	return l
}

func payloadLayer(title string, at int, b []byte) layer {
	l := layer{Name: "data", Title: title, From: at, Len: len(b)}
	if len(b) > 0 {
		l.add("", clean(string(hushed(b[:min(len(b), 200)])), 160))
	}
	return l
}
