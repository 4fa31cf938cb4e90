package oracle

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A cellWaiver is a difference between ours and gVisor that is explained: the line
// of the RFC that says who is right, and how many cells it covers. A cell counts
// for the first waiver that covers it. covers looks at the segment and at what
// both made of it, so that another fault in the same cell is not hidden. What
// ours does is held against RFC 9293 by package tcp's TestEveryCell.
type cellWaiver struct {
	rfc, reason string
	cells       int
	covers      func(x *cell) bool
}

var cellWaivers = []cellWaiver{
	{
		"RFC 9293 3.10 (a listed deviation of ours)",
		"an ACK behind a window that the segment closed is sent at its edge, as by Linux, where the peer takes it; gVisor's is at SND.NXT", 660,
		func(x *cell) bool { return x.atNXT().us == x.gv },
	},
	{
		"RFC 9293 3.10.7.2 third, 3.10.7.3 fourth",
		"a SYN with FIN is no peer's: ours drops it (attack 20), gVisor answers the SYN", 1296,
		func(x *cell) bool {
			return x.on(tcp.StateListen, tcp.StateSynSent) && x.all(wire.SYN|wire.FIN) && x.ignores(x.us)
		},
	},
	{
		"RFC 9293 3.10.7.2 first",
		"in LISTEN a reset is ignored, whatever else the segment is; gVisor answers a SYN-ACK with RST", 1152,
		func(x *cell) bool {
			return x.on(tcp.StateListen) && x.seg.flags&(wire.RST|wire.SYN|wire.ACK) == wire.RST|wire.SYN|wire.ACK && x.ignores(x.us)
		},
	},
	{
		"RFC 9293 3.10.7.3 fourth, \"other controls or text in the segment\"",
		"the text of a SYN-ACK counts; gVisor takes none of it", 96,
		func(x *cell) bool {
			return x.on(tcp.StateSynSent) && x.all(wire.SYN|wire.ACK) && x.seg.text > 0 && x.us.text > 0 && x.gv.text == 0 &&
				x.us.state == x.gv.state
		},
	},
	{
		"RFC 9293 3.10.7.4 first, before fifth",
		"what is not acceptable is acknowledged, with or without an ACK of its own; gVisor drops what has none", 15128,
		func(x *cell) bool {
			return x.synchronized() && !x.seg.has(wire.ACK|wire.SYN|wire.RST) && !x.acceptable() && x.acks(x.us) && x.ignores(x.gv)
		},
	},
	{
		"RFC 9293 3.10.7.4 fifth",
		"in SYN-RECEIVED what has no ACK is dropped where it is acceptable; gVisor acknowledges it", 192,
		func(x *cell) bool {
			return x.receivedSYN() && !x.seg.has(wire.ACK|wire.SYN|wire.RST) && x.ignores(x.us) && x.acks(x.gv)
		},
	},
	{
		"RFC 9293 3.10.7.4 first, in SYN-RECEIVED",
		"a repeated SYN: ours repeats the SYN-ACK, which acknowledges as well and may have been lost; gVisor's ACK is the letter", 288,
		func(x *cell) bool {
			return x.receivedSYN() && x.all(wire.SYN) && x.seg.seq == 0 && strings.HasPrefix(x.us.said, "S.") && x.acks(x.gv)
		},
	},
	{
		"RFC 9293 3.10.7.4 fourth (RFC 5961 4.2)",
		"a SYN in the window draws a challenge ACK and does not undo a handshake; gVisor resets it", 1248,
		func(x *cell) bool {
			return x.receivedSYN() && x.all(wire.SYN) && x.acks(x.us) && strings.HasPrefix(x.gv.said, "R.")
		},
	},
	{
		"RFC 9293 3.10.7.4 second (RFC 5961 3.2)",
		"in SYN-RECEIVED a reset counts at RCV.NXT only, elsewhere in the window it is challenged; gVisor believes it", 1536,
		func(x *cell) bool {
			return x.receivedSYN() && x.seg.has(wire.RST) && x.acks(x.us) && x.gv.said == "" && !x.ignores(x.gv)
		},
	},
	{
		"RFC 9293 3.10.7.4 first, before fifth",
		"in SYN-RECEIVED from LISTEN what is not acceptable is acknowledged; gVisor looks at its ACK first, and resets", 1440,
		func(x *cell) bool {
			return x.receivedSYN() && x.all(wire.ACK) && x.seg.ack != 1 && x.acks(x.us) && strings.HasPrefix(x.gv.said, "R ")
		},
	},
	{
		"RFC 9293 3.10.7.4 fifth, in SYN-RECEIVED",
		"an acceptable segment with a wrong ACK draws RST; gVisor acknowledges it, or takes it for the ACK of its SYN", 576,
		func(x *cell) bool {
			return x.receivedSYN() && x.all(wire.ACK) && x.seg.ack != 1 && strings.HasPrefix(x.us.said, "R ") &&
				(x.acks(x.gv) || x.gv.state != tcp.StateSynReceived)
		},
	},
	{
		"RFC 9293 3.10.7.4 second (RFC 5961 3.2)",
		"a reset beyond the window is dropped; gVisor challenges it", 14208,
		func(x *cell) bool {
			return x.seg.has(wire.RST) && x.seg.seq >= x.edge() && x.ignores(x.us) && x.acks(x.gv)
		},
	},
	{
		"RFC 9293 3.10.7.4 second, CLOSING and LAST-ACK",
		"after the peer's FIN recv gives the end, reset or not (SO_ERROR tells what was lost); gVisor's gives the reset", 8448,
		func(x *cell) bool {
			return x.on(tcp.StateClosing, tcp.StateLastAck) && x.seg.has(wire.RST) && x.us.err == "" && x.gv.err == tcp.ErrReset.Error() &&
				x.us.state == tcp.StateClosed && x.gv.state == tcp.StateClosed
		},
	},
	{
		"RFC 9293 3.10.7.4 fourth (RFC 5961 4.2), first",
		"in TIME-WAIT a SYN that opens nothing draws an ACK; gVisor is silent", 2816,
		func(x *cell) bool {
			return x.on(tcp.StateTimeWait) && x.all(wire.SYN) && x.acks(x.us) && x.ignores(x.gv)
		},
	},
	{
		"RFC 9293 3.10.7.4 fifth (RFC 5961 5.2)",
		"an ACK too old, or of what was never sent, is answered and its segment discarded; gVisor takes the text, and without text says nothing", 2512,
		func(x *cell) bool {
			return x.synchronized() && x.all(wire.ACK) && x.badACK() && x.acks(x.us) && (x.ignores(x.gv) || x.takes(x.gv))
		},
	},
	{
		"RFC 9293 3.10.7.4 first, \"trimming off any portions that lie outside the window\"",
		"text and FIN beyond the window are cut off; gVisor takes all of a segment that begins in the window or before it", 752,
		func(x *cell) bool {
			return !x.on(afterFIN...) && x.all(wire.ACK) && x.seg.seq <= x.from.rcvNxt && x.seg.seq+x.seg.len() > x.edge() && x.gv.text > x.us.text
		},
	},
	{
		"RFC 9293 3.10.7.4 first, in SYN-RECEIVED",
		"what begins before the window and reaches into it is acceptable; gVisor acknowledges it and takes nothing", 80,
		func(x *cell) bool {
			return x.receivedSYN() && x.all(wire.ACK) && x.seg.ack == 1 && x.seg.seq < x.from.rcvNxt && x.acceptable() && x.acks(x.gv)
		},
	},
	{
		"RFC 9293 3.5 figure 8 against 3.10.7.4 first",
		"when the opens cross the SYN-ACK has the number of the SYN, below RCV.NXT: its ACK counts; gVisor takes it for a duplicate", 8,
		func(x *cell) bool {
			return x.on(tcp.StateSynReceived) && x.all(wire.SYN|wire.ACK) && x.seg.seq == 0 && x.seg.ack == 1 && x.acks(x.gv)
		},
	},
	{
		"RFC 9293 3.10.7.4 first (a listed deviation of ours)",
		"the right edge itself is acceptable where there is no text; gVisor does so too, but not in SYN-RECEIVED", 8,
		func(x *cell) bool {
			return x.on(tcp.StateSynReceived) && x.all(wire.ACK) && x.seg.seq == x.edge() && x.seg.len() == 0 && x.acks(x.gv)
		},
	},
	{
		"RFC 9293 3.10.7.4 first and eighth",
		"a segment whose FIN is at RCV.NXT is acceptable though its text is old; gVisor takes it for a duplicate, its ACK too", 304,
		func(x *cell) bool {
			return x.all(wire.FIN|wire.ACK) && x.seg.seq < x.from.rcvNxt && x.seg.seq+x.seg.text == x.from.rcvNxt && x.acks(x.gv)
		},
	},
	{
		"RFC 9293 3.10.7.4 fifth and seventh (SHLD-31)",
		"the ACK of a segment that is held counts at once with us, as on Linux; gVisor holds the ACK of our FIN too", 336,
		func(x *cell) bool {
			return x.on(tcp.StateFinWait1, tcp.StateClosing, tcp.StateLastAck) && x.all(wire.ACK) && x.seg.seq > x.from.rcvNxt &&
				x.seg.ack == x.from.nxt && x.us.state != x.from.state && x.gv.state == x.from.state
		},
	},
	{
		"RFC 9293 3.10.7.4 seventh, in CLOSING and LAST-ACK",
		"text after the peer's FIN is ignored; gVisor resets the connection", 1152,
		func(x *cell) bool {
			return x.on(tcp.StateClosing, tcp.StateLastAck) && x.all(wire.ACK) && x.seg.len() > 0 && strings.HasPrefix(x.gv.said, "R.")
		},
	},
	{
		"RFC 9293 3.10.7.4 seventh and eighth, in CLOSE-WAIT, CLOSING and LAST-ACK",
		"what reaches beyond the peer's FIN cannot be: ours acknowledges what it cuts off, gVisor is silent", 1872,
		func(x *cell) bool {
			return x.on(tcp.StateCloseWait, tcp.StateClosing, tcp.StateLastAck) && x.all(wire.ACK) && x.seg.seq+x.seg.len() > x.from.rcvNxt && x.acks(x.us) && x.ignores(x.gv)
		},
	},
	{
		"RFC 9293 3.10.7.4 eighth, in CLOSE-WAIT, CLOSING and LAST-ACK",
		"nothing follows the peer's FIN: a second one past it is not acknowledged; gVisor acknowledges it, and not the ACK of our FIN with it", 416,
		func(x *cell) bool {
			return x.on(afterFIN...) && x.all(wire.FIN|wire.ACK) && x.seg.seq == x.from.rcvNxt && (x.us.said == "" || x.badACK()) &&
				x.gv.said == fmt.Sprint(reply{flags: wire.ACK, seq: x.from.nxt, ack: x.from.rcvNxt + 1})
		},
	},
	{
		"RFC 9293 3.10.7.4 first, the closed window",
		"a segment with text at RCV.NXT counts for its ACK (MUST-66), with us also one that begins below and reaches it; gVisor only acknowledges it", 384,
		func(x *cell) bool {
			return x.from.wnd == 0 && x.all(wire.ACK) && x.seg.seq <= x.from.rcvNxt && x.seg.seq+x.seg.len() > x.from.rcvNxt && x.acks(x.gv)
		},
	},
	{
		"RFC 9293 3.10.7.4 in TIME-WAIT",
		"what is acceptable and is not the FIN again needs no answer; gVisor acknowledges it", 112,
		func(x *cell) bool { return x.on(tcp.StateTimeWait) && x.ignores(x.us) && x.acks(x.gv) },
	},
}

// waived returns the first waiver that covers x, or -1. One that speaks of our
// ACK means its number as SND.NXT, wherever the edge of the window has moved it.
func (x *cell) waived() int {
	for _, y := range []*cell{x, x.atNXT()} {
		if i := slices.IndexFunc(cellWaivers, func(w cellWaiver) bool { return w.covers(y) }); i >= 0 {
			return i
		}
	}
	return -1
}

// atNXT is x with the number of our ACK as SND.NXT, where the segment closed the
// window behind it.
func (x *cell) atNXT() *cell {
	y := *x
	edge := max(x.from.una, x.seg.ack) + x.seg.wnd
	if rest, ok := strings.CutPrefix(x.us.said, fmt.Sprintf("%v %d:%d ", wire.ACK, edge, edge)); ok && edge < x.from.nxt {
		y.us.said = fmt.Sprintf("%v %d:%d %s", wire.ACK, x.from.nxt, x.from.nxt, rest)
	}
	return &y
}

var afterFIN = []tcp.State{tcp.StateCloseWait, tcp.StateClosing, tcp.StateLastAck, tcp.StateTimeWait}

func (x *cell) on(states ...tcp.State) bool { return slices.Contains(states, x.from.state) }

// synchronized reports a state in which both sides' numbers are known and agreed.
func (x *cell) synchronized() bool {
	return !x.on(tcp.StateClosed, tcp.StateListen, tcp.StateSynSent, tcp.StateSynReceived)
}

// receivedSYN reports SYN-RECEIVED, from LISTEN or when the opens crossed.
func (x *cell) receivedSYN() bool { return strings.HasPrefix(x.start.name, "SYN-RECEIVED") }

// badACK reports an ACK that RFC 5961 5.2 does not take.
func (x *cell) badACK() bool {
	return x.seg.ack > x.from.nxt || x.seg.ack < x.from.una-x.from.maxWnd
}

func (x *cell) edge() int { return x.from.rcvNxt + x.from.wnd }

// all reports whether the segment has all of f, and is no RST.
func (x *cell) all(f wire.Flags) bool { return x.seg.flags&(f|wire.RST) == f }

// acceptable is the table of RFC 9293 3.4.
func (x *cell) acceptable() bool {
	n, s := &x.from, &x.seg
	inside := func(seq int) bool { return n.rcvNxt <= seq && seq < x.edge() }
	switch {
	case n.wnd == 0:
		return s.seq == n.rcvNxt && s.len() == 0
	case s.len() == 0:
		return inside(s.seq)
	}
	return inside(s.seq) || inside(s.seq+s.len()-1) || s.seq < n.rcvNxt && s.seq+s.len() > x.edge()
}

// takes reports that a side took text or a FIN, and that it is still connected.
func (x *cell) takes(o outcome) bool {
	return (o.text > x.still.text || o.end && !x.still.end) && o.err == "" && o.state != tcp.StateClosed
}

// ignores reports that a side did nothing.
func (x *cell) ignores(o outcome) bool { return o == x.still }

// acks reports that a side answered with an ACK and did nothing else.
func (x *cell) acks(o outcome) bool {
	ack := x.still
	ack.said = fmt.Sprint(reply{flags: wire.ACK, seq: x.from.nxt, ack: x.from.rcvNxt})
	return o == ack
}
