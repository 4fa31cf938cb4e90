package oracle

import (
	"slices"

	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A sequenceWaiver is a move after which ours and gVisor are known to part: a
// sequence does without it, or it would end there. What they make of a single
// segment the cells show.
type sequenceWaiver struct {
	rfc, reason string
	covers      func(w *walk, x *cell, m move) bool
}

// waiverOf returns the first waiver that covers a move, or -1.
func (w *walk) waiverOf(m move) int {
	from := w.p.numbers()
	x := &cell{start: &cellStart{name: from.state.String()}, from: from, seg: m.seg}
	return slices.IndexFunc(sequenceWaivers, func(v sequenceWaiver) bool { return v.covers(w, x, m) })
}

// hears reports a segment in a state that has seen the peer's SYN.
func (m move) hears(x *cell) bool {
	return m.kind == hear && !x.on(tcp.StateClosed, tcp.StateListen, tcp.StateSynSent)
}

func (w *walk) allAcked() bool { return w.p.una == w.p.nxt }

var sequenceWaivers = []sequenceWaiver{
	{
		"RFC 9293 3.10.7.4 fifth (RFC 5961 5.2)", "an ACK too old, or of what was never sent: gVisor takes the text",
		func(_ *walk, x *cell, m move) bool { return m.hears(x) && m.seg.has(wire.ACK) && x.badACK() },
	},
	{
		"RFC 9293 3.10.7.4 first", "what reaches the right edge of the window: gVisor takes it beyond the edge, and before it only as its memory allows",
		func(_ *walk, x *cell, m move) bool { return m.hears(x) && m.seg.seq+m.seg.len() > x.edge()-2000 },
	},
	{
		"RFC 9293 3.10.7.4 first to fifth", "in SYN-RECEIVED anything but the ACK of the SYN-ACK in its place: gVisor goes by its own handshake",
		func(_ *walk, x *cell, m move) bool {
			s := &m.seg
			return m.hears(x) && x.on(tcp.StateSynReceived) &&
				!(s.seq == x.from.rcvNxt && s.flags&(wire.SYN|wire.ACK) == wire.ACK && s.ack == x.from.nxt)
		},
	},
	{
		"RFC 9293 3.10.7.4 eighth (SHLD-31)", "a bare FIN after a hole: gVisor does not hold it",
		func(_ *walk, x *cell, m move) bool {
			return m.hears(x) && m.seg.has(wire.FIN) && m.seg.text == 0 && m.seg.seq > x.from.rcvNxt
		},
	},
	{
		"RFC 9293 3.10.7.4 fifth and seventh (SHLD-31)", "the ACK of our FIN after a hole: gVisor holds it with the segment",
		func(_ *walk, x *cell, m move) bool {
			return m.hears(x) && x.on(tcp.StateFinWait1) && m.seg.seq > x.from.rcvNxt && m.seg.ack == x.from.nxt
		},
	},
	{
		"RFC 5681 3.1", "more than ten segments at once: gVisor's congestion window counts segments, ours bytes",
		func(w *walk, _ *cell, m move) bool {
			return m.kind == send && w.out+w.p.segmentsOf(m.n) > 9
		},
	},
	{
		"RFC 9293 3.7.4", "more text behind what Nagle holds: gVisor does not cut a call's text to fill a segment",
		func(w *walk, _ *cell, m move) bool {
			return m.kind == send && w.p.mode.nagle && w.wrote > w.p.nxt-1
		},
	},
	{
		"RFC 9293 3.7.4", "a FIN behind what Nagle holds: ours lets both go as Linux does, gVisor waits",
		func(w *walk, _ *cell, m move) bool {
			return (m.kind == shut || m.kind == closeAll) && w.p.mode.nagle && !w.allAcked()
		},
	},
	{
		"RFC 9293 3.10.4, in SYN-RECEIVED", "a FIN, text and a read wait; gVisor gives the connection up, or says that there is none",
		func(_ *walk, x *cell, m move) bool {
			return (m.kind == shut || m.kind == send || m.kind == read) && x.on(tcp.StateSynReceived)
		},
	},
	{
		"RFC 9293 3.6.1 (RFC 2525 2.17)", "close in TIME-WAIT with unread text: gVisor resets",
		func(_ *walk, x *cell, m move) bool { return m.kind == closeAll && x.on(tcp.StateTimeWait) },
	},
	{
		"RFC 8985 7.2", "time with segments outstanding and SACK agreed: ours probes the tail first, and gVisor does not without RACK",
		func(w *walk, _ *cell, m move) bool {
			return (m.kind == pass || m.kind == timeout) && w.p.mode.sack && !w.allAcked()
		},
	},
}
