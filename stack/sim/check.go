package sim

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/sockeye-net/sockeye/stack/wire"
)

// A checker holds every packet that a host sends against what the other end
// has said in its own packets. It knows what was sent, not what arrived.
type checker struct {
	halves map[half]*sender
	order  []half // as they began: the oldest are forgotten
}

// maxHalves bounds what a checker remembers. What it has forgotten it does not check.
const maxHalves = 4096

// A half is one direction of a connection.
type half struct{ from, to netip.AddrPort }

// A sender is what one end has said of itself.
type sender struct {
	isn    wire.Seq
	mss    int // that it receives; 536 where it said nothing (RFC 9293 MUST-15)
	shift  uint8
	scaled bool     // it offered window scaling
	edge   wire.Seq // right edge of the window that it offers, the furthest so far
	acked  bool     // edge is valid
}

// sent checks one packet as it is on the wire.
func (c *checker) sent(b []byte) error {
	ip, body, err := wire.DecodeIPv4(b)
	if err != nil {
		return fmt.Errorf("sent a packet that does not decode: %w", err)
	}
	if ip.MF || ip.FragOff != 0 {
		return nil // the checksum is over the whole
	}
	switch ip.Protocol {
	case wire.ProtoTCP, wire.ProtoUDP, wire.ProtoICMP:
		if !wire.TransportChecksumOK(ip.Src, ip.Dst, ip.Protocol, body) {
			return fmt.Errorf("sent a packet of protocol %d with a bad checksum", ip.Protocol)
		}
	}
	if ip.Protocol != wire.ProtoTCP {
		return nil
	}
	h, payload, err := wire.DecodeTCP(body)
	if err != nil {
		return fmt.Errorf("sent a segment that does not decode: %w", err)
	}
	return c.segment(half{netip.AddrPortFrom(ip.Src, h.SrcPort), netip.AddrPortFrom(ip.Dst, h.DstPort)},
		&h, len(body)-len(payload), len(payload))
}

// segment checks a segment's size, its place in the peer's window, and its own
// window.
func (c *checker) segment(key half, h *wire.TCP, header, payload int) error {
	me, peer := c.halves[key], c.halves[half{key.to, key.from}]
	if h.Flags&wire.RST != 0 {
		if me != nil { // a cookie that is redeemed once more may follow, without a SYN
			me.acked = false
		}
		return nil
	}
	if h.Flags&wire.SYN != 0 {
		c.open(key, h)
		return nil
	}
	if me == nil || peer == nil {
		return nil // an answer to something out of the blue
	}
	// RFC 9293 3.7.1, RFC 6691: the MSS counts the options in.
	if size := header - 20 + payload; payload > 0 && size > peer.mss {
		return fmt.Errorf("a segment of %d bytes with its options, but the peer's MSS is %d", size, peer.mss)
	}
	// RFC 9293 3.8.6.1: beyond the window goes at most a probe of one byte, or the FIN.
	end := h.Seq.Add(h.SegLen(payload))
	if peer.acked && end != h.Seq && peer.edge.Add(1).Less(end) {
		return fmt.Errorf("sent up to %d, %d bytes beyond the peer's window", end, end.Sub(peer.edge))
	}
	return me.offer(h, me.scaled && peer.scaled)
}

// open begins a connection's half, or repeats its beginning.
func (c *checker) open(key half, h *wire.TCP) {
	if old := c.halves[key]; old != nil && old.isn == h.Seq {
		return
	}
	if c.halves == nil {
		c.halves = map[half]*sender{}
	}
	s := &sender{isn: h.Seq, mss: 536, scaled: h.Options.HasWindowScale,
		shift: min(h.Options.WindowScale, 14)}
	if h.Options.HasMSS {
		s.mss = int(h.Options.MSS)
	}
	if h.Flags&wire.ACK != 0 {
		s.edge, s.acked = h.Ack.Add(int(h.Window)), true // never scaled in a SYN (RFC 7323 2.2)
	}
	if old := c.halves[key]; old != nil {
		*old = *s // the four-tuple anew: it keeps its place
		return
	}
	if len(c.order) == maxHalves {
		delete(c.halves, c.order[0])
		c.order = append(c.order[:0], c.order[1:]...)
	}
	c.order = append(c.order, key)
	c.halves[key] = s
}

// offer checks the window of a segment: its right edge does not move left
// (RFC 9293 3.8.6, SHLD-14), but by what the scale cannot express (RFC 7323 2.4).
func (s *sender) offer(h *wire.TCP, scaled bool) error {
	if h.Flags&wire.ACK == 0 {
		return nil
	}
	wnd, grain := int(h.Window), 0
	if scaled {
		wnd, grain = wnd<<s.shift, 1<<s.shift-1
	}
	edge := h.Ack.Add(wnd)
	if s.acked && edge.Add(grain).Less(s.edge) {
		return fmt.Errorf("the offered window shrank by %d bytes", s.edge.Sub(edge))
	}
	if !s.acked || s.edge.Less(edge) {
		s.edge, s.acked = edge, true
	}
	return nil
}

// logf writes a line for a packet, where somebody reads them.
func (w *World) logf(h *Host, dir string, b []byte) {
	if w.cfg.Log == nil {
		return
	}
	w.cfg.Log(fmt.Sprintf("%-14v %s %s %s", time.Duration(w.now), h.Name, dir, describe(b)))
}

// describe shows a packet in the notation of scripts, more or less.
func describe(b []byte) string {
	ip, body, err := wire.DecodeIPv4(b)
	if err != nil {
		return fmt.Sprintf("%d bytes: %v", len(b), err)
	}
	h, payload, err := wire.DecodeTCP(body)
	if ip.Protocol != wire.ProtoTCP || err != nil {
		return fmt.Sprintf("%v > %v protocol %d, %d bytes", ip.Src, ip.Dst, ip.Protocol, len(body))
	}
	return fmt.Sprintf("%d > %d %v %d:%d(%d) ack %d win %d", h.SrcPort, h.DstPort,
		h.Flags, uint32(h.Seq), uint32(h.Seq.Add(len(payload))), len(payload), uint32(h.Ack), h.Window)
}
