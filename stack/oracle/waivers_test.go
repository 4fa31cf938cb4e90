package oracle

import (
	"fmt"
	"slices"

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
		"RFC 9293 3.10.7.4 first, before fifth",
		"what is not acceptable is acknowledged, with or without an ACK of its own; gVisor drops what has none", 0,
		func(x *cell) bool {
			return !x.seg.has(wire.ACK|wire.SYN|wire.RST) && !x.acceptable() && x.acks(x.us) && x.ignores(x.gv)
		},
	},
	{
		"RFC 9293 3.10.7.4 second (RFC 5961 3.2)",
		"a reset beyond the window is dropped; gVisor challenges it", 0,
		func(x *cell) bool {
			return x.seg.has(wire.RST) && x.seg.seq >= x.edge() && x.ignores(x.us) && x.acks(x.gv)
		},
	},
}

var afterFIN = []tcp.State{tcp.StateCloseWait, tcp.StateClosing, tcp.StateLastAck, tcp.StateTimeWait}

func (x *cell) on(states ...tcp.State) bool { return slices.Contains(states, x.from.state) }
func (x *cell) edge() int                   { return x.from.rcvNxt + x.from.wnd }

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

// ignores reports that a side did nothing.
func (x *cell) ignores(o outcome) bool { return o == x.still }

// acks reports that a side answered with an ACK and did nothing else.
func (x *cell) acks(o outcome) bool {
	ack := x.still
	ack.said = fmt.Sprint(reply{flags: wire.ACK, seq: x.from.nxt, ack: x.from.rcvNxt})
	return o == ack
}
