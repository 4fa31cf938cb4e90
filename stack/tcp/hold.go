package tcp

import (
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A forwarder's listener answers no SYN by itself: the handshake is held until
// somebody decides on it, who may first look whether the target can be reached.
// What waits is an ordinary SYN record, bounded and charged like any, that ends
// when its time is over. There are no cookies: nobody could decide on them.

// A Decision is what becomes of a handshake that is held.
type Decision uint8

// The decisions.
const (
	DecideAccept Decision = iota // go on with it: InitHeld makes the connection
	DecideReset                  // a RST, as from a closed port
	DecideRefuse                 // the owner says by ICMP why not
)

// Hold makes handshakes wait for Decide from now on, each for at most patience,
// which must be above 0. It is for a listener that has just been Init'ed.
func (l *Listener) Hold(patience time.Duration) { l.patience, l.hold = patience, holding{} }

func (l *Listener) holds() bool { return l.patience > 0 }

// An undecider is the part that only a listener that holds needs, so that a program
// without one does not link it.
type undecider interface {
	arrive(now clock.Instant, l *Listener, i int32, flow Flow, in *Arrival) Verdict
	expire(l *Listener, i int32)
}

type holding struct{}

// arrive takes a segment for record i, or a SYN for which there is none.
func (holding) arrive(now clock.Instant, l *Listener, i int32, flow Flow, in *Arrival) Verdict {
	if i == none {
		return l.holdSYN(now, flow, in)
	}
	return l.arriveHeld(now, i, in)
}

// expire forgets record i, on which nobody has decided.
func (holding) expire(l *Listener, i int32) {
	l.env.Stats.HeldExpired++
	l.forget(i)
	l.syns.shrink(l.env)
}

// Held returns how many handshakes wait for a decision.
func (l *Listener) Held() int {
	if !l.holds() {
		return 0
	}
	return l.syns.n
}

// holdSYN makes a record of a SYN that somebody will decide on.
func (l *Listener) holdSYN(now clock.Instant, flow Flow, in *Arrival) Verdict {
	i := l.syns.insert(l.env, flow)
	if i == none {
		l.env.Stats.ListenDrops++
		return l.drop(now, trace.DropBacklog, in)
	}
	l.note(now, i, flow, in)
	l.owe(i, owesDecision)
	l.syns.enqueue(i, now.Add(l.patience))
	return Held
}

// Undecided reports whether Next has something to give.
func (l *Listener) Undecided() bool { return l.holds() && l.pending.head != none }

// Next returns the flow of a handshake on which somebody has to decide, each once.
func (l *Listener) Next() (f Flow, ok bool) {
	if !l.Undecided() {
		return f, false
	}
	i := l.pending.head
	l.unowe(i)
	return l.syns.recs[i].flow, true
}

// Waits reports whether the handshake of f waits for a decision.
func (l *Listener) Waits(f Flow) bool { return l.holds() && l.syns.find(l.env, f) != none }

// arriveHeld takes a segment for a record that waits for a decision. Its peer is
// in SYN-SENT and has had nothing from us.
func (l *Listener) arriveHeld(now clock.Instant, i int32, in *Arrival) Verdict {
	r := &l.syns.recs[i]
	switch f := in.Seg.Flags; {
	case f&wire.RST != 0 && in.Seg.Seq == r.irs.Add(1):
		l.forget(i)
		return l.drop(now, trace.DropState, in)
	case f&(wire.SYN|wire.ACK|wire.FIN|wire.RST) == wire.SYN:
		// Again, or a new attempt from the same port: the latest is what counts.
		l.note(now, i, r.flow, in)
		return l.drop(now, trace.DropUndecided, in)
	}
	return l.drop(now, trace.DropState, in)
}

// Decide ends the wait of the handshake of flow and reports whether there was
// one. With DecideAccept the Handshake, which is valid until the next call,
// becomes a connection by InitHeld; with DecideReset out is the reset.
func (l *Listener) Decide(now clock.Instant, flow Flow, d Decision, out *Segment) (*Handshake, bool) {
	i := none
	if l.holds() {
		i = l.syns.find(l.env, flow)
	}
	if i == none {
		return nil, false
	}
	l.done = l.syns.recs[i]
	l.forget(i)
	l.syns.shrink(l.env)
	if d == DecideReset {
		*out = Segment{DF: true, Why: trace.SendRST}
		out.Seg.SrcPort, out.Seg.DstPort = flow.Local.Port(), flow.Remote.Port()
		out.Seg.Flags, out.Seg.Ack = wire.RST|wire.ACK, l.done.irs.Add(1)
		l.traceSent(now, out)
	}
	return &l.done, true
}

// PeerSYN returns the sequence number of the peer's SYN.
func (hs *Handshake) PeerSYN() wire.Seq { return hs.irs }

// InitHeld makes c the connection of a handshake that Decide gave out, in
// SYN-RECEIVED; it owes the SYN-ACK.
func (c *Conn) InitHeld(now clock.Instant, e *Env, id uint64, hs *Handshake, o Options, mtu int) {
	c.InitPassive(now, e, id, hs, o, mtu)
	c.has |= owesSYN
}
