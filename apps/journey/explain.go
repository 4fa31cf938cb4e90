package journey

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"github.com/sockeye-net/sockeye/stack/capture"
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// What of a file is told at most.
const (
	mostExplained = 200_000
	mostTalks     = 50
)

// ErrNothing says that a file has no packet that can be told.
var ErrNothing = errors.New("there is no IPv4 packet in it")

// Explain tells a capture, ours or anybody's: each TCP conversation is a
// chapter. Our side is who the file says it is or, where it does not, who
// opened the first conversation. What no comment of ours says of a packet is
// told by what is seen, and marked as inferred.
func (j *Journey) Explain(r *capture.Reader) error {
	x := &explainer{j: j, talks: map[flowKey]*conversation{}}
	n, err := x.read(r)
	if err != nil && n == 0 {
		return err
	}
	if len(x.packets) == 0 {
		return x.left.nothing()
	}
	x.orient()
	j.mu.Lock()
	j.inferring = true
	j.mu.Unlock()
	x.tell()
	return err // of a file that ends early, after what is there
}

// An explainer reads a file and finds out who talks with whom.
type explainer struct {
	j       *Journey
	packets []*captured
	us      netip.Addr
	port    uint16 // ours, where both sides have one address
	talks   map[flowKey]*conversation
	order   []*conversation
	beside  []*captured // what is no TCP
	strange int         // packets of others
	left    leftOut
	cut     bool // there are more in the file
}

// A captured packet is one of the file.
type captured struct {
	rec      link.Record
	ip       wire.IPv4
	body     []byte
	src, dst uint16
	tcp      *wire.TCP
	state    tcp.State // by a comment; 0: none
	cwnd     uint32
	srtt     uint32
	size     int // of the whole packet, where the file has only its beginning; 0: it has all
}

// A conversation is one TCP connection's packets.
type conversation struct {
	key     flowKey
	packets []*captured
}

// read reads the file and returns how many packets it has.
func (x *explainer) read(r *capture.Reader) (n int, err error) {
	var begin time.Time
	for {
		p, err := r.Next()
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		if n++; len(x.packets) >= mostExplained {
			x.cut = true
			return n, nil
		}
		if begin.IsZero() {
			begin = p.At
		}
		if c := take(p, begin); c != nil {
			x.packets = append(x.packets, c)
		} else {
			x.left.count(p)
		}
	}
}

// take makes a record of a packet; nil: it is no IPv4.
func take(p *capture.Packet, begin time.Time) *captured {
	b := p.Datagram()
	if b == nil {
		return nil
	}
	whole, size := b, len(b)
	if len(b) >= 4 { // a packet of which only the beginning was kept, or with padding behind it
		size = int(b[2])<<8 | int(b[3])
	}
	c := &captured{rec: link.Record{At: clock.Instant(1).Add(max(0, p.At.Sub(begin))), Dir: p.Dir, Data: whole, Length: size}}
	h, body, err := wire.DecodeIPv4(whole)
	if err != nil {
		if size > len(b) {
			c.size = size
		}
		h, body, err = mended(whole)
	}
	if err != nil {
		return c
	}
	c.ip, c.body = h, body
	c.ports()
	for _, text := range p.Comments {
		c.comment(text)
	}
	return c
}

// mended decodes a packet whose checksum a device was to fill in, or of which only the beginning was
// kept: its length is set to what is there, and its checksum to what is right.
func mended(b []byte) (wire.IPv4, []byte, error) {
	if len(b) < 20 || int(b[0]&15)*4 > len(b) || b[0]&15 < 5 {
		return wire.IPv4{}, nil, wire.ErrShort
	}
	n := int(b[0]&15) * 4
	if size := int(b[2])<<8 | int(b[3]); size > len(b) || size == 0 { // 0: larger than 64 KiB, cut by a device
		b[2], b[3] = byte(min(len(b), 0xFFFF)>>8), byte(min(len(b), 0xFFFF))
	}
	b[10], b[11] = 0, 0
	sum := wire.Fold(wire.Sum(0, b[:n]))
	b[10], b[11] = byte(sum>>8), byte(sum)
	return wire.DecodeIPv4(b)
}

// record is the packet in its whole length: zeros stand for what the file does not have.
func (c *captured) record() link.Record {
	r := c.rec
	if c.size > 0 {
		r.Data = append(make([]byte, 0, c.size), r.Data...)[:c.size]
		r.Data[2], r.Data[3] = byte(c.size>>8), byte(c.size)
		if _, _, err := mended(r.Data); err != nil {
			return c.rec
		}
	}
	return r
}

func (c *captured) ports() {
	if c.ip.FragOff != 0 {
		return
	}
	switch c.ip.Protocol {
	case wire.ProtoTCP:
		if t, _, err := wire.DecodeTCP(c.body); err == nil {
			c.tcp, c.src, c.dst = &t, t.SrcPort, t.DstPort
		}
	case wire.ProtoUDP:
		if u, _, err := wire.DecodeUDP(c.body); err == nil {
			c.src, c.dst = u.SrcPort, u.DstPort
		}
	}
}

// comment reads a comment of ours: why the packet was sent, or the connection's state.
func (c *captured) comment(text string) {
	for why := trace.None + 1; int(why) < trace.NumReasons; why++ {
		if why.String() == text {
			c.rec.Why = why
			return
		}
	}
	parts := strings.Split(text, ", ")
	for st := tcp.StateEstablished; st <= tcp.StateClosing; st++ { // Linux's numbers: the first and the last
		if st.String() == parts[0] {
			c.state = st
		}
	}
	if c.state == 0 {
		return
	}
	for _, p := range parts[1:] {
		name, value, _ := strings.Cut(p, " ")
		switch name {
		case "cwnd":
			_, _ = fmt.Sscan(value, &c.cwnd) // 0 where it is none
		case "srtt":
			if d, err := time.ParseDuration(value); err == nil {
				c.srtt = uint32(max(0, min(d.Microseconds(), 1<<31)))
			}
		}
	}
}

// orient finds out who we are.
func (x *explainer) orient() {
	for _, opening := range []bool{true, false} {
		for _, c := range x.packets {
			if c.rec.Dir == link.Out || c.rec.Dir == link.In {
				x.us = c.ip.Src
				if c.rec.Dir == link.In {
					x.us = c.ip.Dst
				}
				break
			}
			if c.tcp != nil && (!opening || c.tcp.Flags&(wire.SYN|wire.ACK) == wire.SYN) {
				x.us, x.port = c.ip.Src, c.src
				break
			}
		}
		if x.us.IsValid() {
			break
		}
	}
	if !x.us.IsValid() {
		x.us = x.packets[0].ip.Src
	}
	for _, c := range x.packets {
		x.place(c)
	}
}

// place gives a packet its direction and its conversation.
func (x *explainer) place(c *captured) {
	if c.rec.Dir != link.Out && c.rec.Dir != link.In {
		switch {
		case c.ip.Src == c.ip.Dst && c.ip.Src == x.us: // to itself: the port tells
			c.rec.Dir = link.In
			if c.src == x.port {
				c.rec.Dir = link.Out
			}
		case c.ip.Src == x.us:
			c.rec.Dir = link.Out
		case c.ip.Dst == x.us:
			c.rec.Dir = link.In
		default:
			x.strange++
			return
		}
	}
	if c.tcp == nil {
		x.beside = append(x.beside, c)
		return
	}
	k := addresses(&c.rec, &c.ip, c.src, c.dst)
	t := x.talks[k]
	if t == nil {
		t = &conversation{key: k}
		x.talks[k] = t
		x.order = append(x.order, t)
	}
	t.packets = append(t.packets, c)
}

func (x *explainer) tell() {
	j := x.j
	if len(x.beside) > 0 {
		j.Heading("Beside TCP")
		x.feed(x.beside, 0)
		j.end(func() {})
	}
	for i, t := range x.order {
		if i == mostTalks {
			j.end(func() { j.paragraph(j.t("%s more are not told.", j.n(int64(len(x.order)-i), "conversation"))) })
			break
		}
		j.end(func() {
			j.heading("A conversation over TCP")
			j.paragraph(j.t("Between %s, which is taken for our side, and %s: %s.", endpoint(t.key.local), endpoint(t.key.remote), j.n(int64(len(t.packets)), "packet")))
			j.blank()
		})
		x.feed(t.packets, uint64(i+1))
		j.Agreed()
		j.Closed(30 * time.Second)
	}
	j.end(func() {
		if x.strange > 0 {
			j.paragraph(j.t("%s between other hosts are left out.", j.n(int64(x.strange), "packet")))
		}
		x.left.tell(j)
		if x.cut {
			j.paragraph(j.t("The file goes on: only the first %s are told.", j.n(mostExplained, "packet")))
		}
	})
	j.End()
}

// feed hands packets on, with the events that their comments speak of.
func (x *explainer) feed(cs []*captured, conn uint64) {
	var last tcp.State
	for _, c := range cs {
		c.rec.Conn = conn
		x.j.Packets([]link.Record{c.record()})
		if c.state == 0 {
			x.j.Flush(c.rec.At)
			continue
		}
		e := trace.Event{At: c.rec.At, Conn: conn, Kind: trace.Sent, State: uint8(c.state), Cwnd: c.cwnd, SRTT: c.srtt}
		if c.state != last {
			e.Kind = trace.StateChanged
			last = c.state
		}
		x.j.Events([]trace.Event{e})
		x.j.Flush(c.rec.At)
	}
}
