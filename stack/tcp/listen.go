package tcp

import (
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A Verdict is what a Listener makes of a segment.
type Verdict uint8

// The verdicts.
const (
	Dropped     Verdict = iota // nothing to do; the reason is in the trace
	Answered                   // the listener has, or may have, something to Transmit
	Established                // make a Conn from the Handshake and let the same segment Arrive there
	Reset                      // answer with Refuse
)

// A Listener is a socket in LISTEN with its SYN records.
type Listener struct {
	env     *Env
	id      uint64
	opts    Options
	syns    synCache
	pending queue     // records that owe a segment
	done    Handshake // what the last Established handed out
}

// Init makes l listen. o is inherited by its connections.
func (l *Listener) Init(e *Env, id uint64, o Options) {
	*l = Listener{env: e, id: id, opts: o, pending: queue{none, none}}
	l.syns.init()
}

// Options returns what connections inherit; SetOptions changes it for those to come.
func (l *Listener) Options() Options     { return l.opts }
func (l *Listener) SetOptions(o Options) { l.opts = o }

// Close forgets the SYN records. (Their peers find a closed port.)
func (l *Listener) Close() {
	if l.env == nil {
		return
	}
	l.env.Budget.Give(l.syns.charged)
	l.syns.init()
	l.pending = queue{none, none}
}

// Deadline returns when Expire has to be called next.
func (l *Listener) Deadline() clock.Instant {
	if i := l.syns.first(); i != none {
		return l.syns.recs[i].due
	}
	return clock.Never
}

// Arrive takes a segment that no connection claimed. full says that the accept
// queue has no room. The Handshake is valid until the next call.
func (l *Listener) Arrive(now clock.Instant, flow Flow, in *Arrival, full bool) (Verdict, *Handshake) {
	if i := l.syns.find(l.env, flow); i != none {
		return l.arriveKnown(now, i, in, full)
	}
	return l.arriveNew(now, flow, in, full), nil
}

// arriveNew is RFC 9293 3.10.7.2, in its order.
func (l *Listener) arriveNew(now clock.Instant, flow Flow, in *Arrival, full bool) Verdict {
	f := in.Seg.Flags
	switch {
	case f&wire.RST != 0: // first
		return l.drop(now, trace.DropState, in)
	case f&wire.ACK != 0: // second
		return Reset
	case f&(wire.SYN|wire.FIN) != wire.SYN: // third
		return l.drop(now, trace.DropState, in)
	case full:
		return l.drop(now, trace.DropBacklog, in)
	}
	i := l.syns.insert(l.env, flow)
	if i == none {
		return l.drop(now, trace.DropBacklog, in)
	}
	r, o := &l.syns.recs[i], &in.Seg.Options
	r.irs, r.iss = in.Seg.Seq, in.isn(now, l.env, flow)
	r.opt = agree(l.env, &l.opts, o)
	r.opt.ecn = l.env.acceptsECN(f)
	r.tsRecent, r.since = o.TSVal, now
	r.tsOff = l.env.tsOffset(flow)
	l.traceArrival(now, trace.Received, trace.None, in)
	l.owe(i, owesSynAck)
	l.syns.enqueue(i, now.Add(initialRTO))
	return Answered
}

// arriveKnown takes a segment for a record: SYN-RECEIVED of RFC 9293 3.10.7.4.
func (l *Listener) arriveKnown(now clock.Instant, i int32, in *Arrival, full bool) (Verdict, *Handshake) {
	r, f := &l.syns.recs[i], in.Seg.Flags
	switch {
	case f&wire.RST != 0:
		return l.arriveRST(now, i, in), nil
	case f&wire.SYN != 0:
		return l.repeatedSYN(now, i, in), nil
	case r.stale(&in.Seg.Options):
		l.owe(i, owesPlainACK)
		l.drop(now, trace.DropPAWS, in)
		return Answered, nil
	case !r.inWindow(in.Seg.Seq):
		l.owe(i, owesPlainACK)
		l.drop(now, trace.DropUnacceptable, in)
		return Answered, nil
	case f&wire.ACK == 0:
		return l.drop(now, trace.DropNoACK, in), nil
	case in.Seg.Ack != r.iss.Add(1):
		return Reset, nil
	case full:
		return l.drop(now, trace.DropBacklog, in), nil
	}
	l.done = *r
	l.forget(i)
	return Established, &l.done
}

// arriveRST goes back to LISTEN, quietly (RFC 9293 3.10.7.4, second), where the
// RST is exact; elsewhere in the window it draws a challenge ACK (RFC 5961 3.2).
func (l *Listener) arriveRST(now clock.Instant, i int32, in *Arrival) Verdict {
	r := &l.syns.recs[i]
	if in.Seg.Seq == r.irs.Add(1) {
		l.forget(i)
		return l.drop(now, trace.DropState, in)
	}
	l.drop(now, trace.DropUnacceptable, in)
	if !r.inWindow(in.Seg.Seq) {
		return Dropped
	}
	l.owe(i, owesPlainACK)
	return Answered
}

// inWindow reports whether seq lies in the window that the SYN-ACK offered.
func (hs *Handshake) inWindow(seq wire.Seq) bool {
	return seq.InWindow(hs.irs.Add(1), max(uint32(hs.window), 1))
}

// stale is PAWS for a record (RFC 7323 5.3 R1).
func (hs *Handshake) stale(o *wire.TCPOptions) bool {
	return hs.opt.ts && o.HasTimestamps && tsLess(o.TSVal, hs.tsRecent)
}

// repeatedSYN answers the same SYN with the same SYN-ACK. Another one draws an
// ACK: a peer that begins anew answers that with RST (RFC 5961 4).
func (l *Listener) repeatedSYN(now clock.Instant, i int32, in *Arrival) Verdict {
	r := &l.syns.recs[i]
	if in.Seg.Seq != r.irs || in.Seg.Flags&(wire.ACK|wire.FIN) != 0 {
		l.drop(now, trace.DropUnacceptable, in)
		l.owe(i, owesPlainACK)
		return Answered
	}
	r.opt.ecn = r.opt.ecn && ecnSetup(in.Seg.Flags) // one SYN without ECN, and there is none (RFC 3168 6.1.1)
	if o := &in.Seg.Options; r.opt.ts && o.HasTimestamps && !tsLess(o.TSVal, r.tsRecent) {
		r.tsRecent, r.since = o.TSVal, now
	}
	l.owe(i, owesSynAck)
	return Answered
}

// owe queues record i for Transmit.
func (l *Listener) owe(i int32, what uint8) {
	r := &l.syns.recs[i]
	if r.owes != owesNothing {
		r.owes = min(r.owes, what)
		return
	}
	r.owes, r.pending = what, none
	if l.pending.tail == none {
		l.pending.head = i
	} else {
		l.syns.recs[l.pending.tail].pending = i
	}
	l.pending.tail = i
}

// forget removes record i, from the pending list too.
func (l *Listener) forget(i int32) {
	recs := l.syns.recs
	if recs[i].owes != owesNothing {
		before := none
		for j := l.pending.head; j != i; j = recs[j].pending {
			before = j
		}
		if before == none {
			l.pending.head = recs[i].pending
		} else {
			recs[before].pending = recs[i].pending
		}
		if l.pending.tail == i {
			l.pending.tail = before
		}
	}
	l.syns.remove(l.env, i)
}

// synAckRetries is how often a SYN-ACK is repeated.
//
// Deviates from RFC 9293 s.3.8.3: five repetitions (63 s) and not 3 minutes, as
// Linux; one in a flood, because each answers a source that may be forged.
func (l *Listener) synAckRetries() uint8 {
	if l.syns.n > l.env.Config.SYNBacklog/8 {
		return 1
	}
	return 5
}

// Expire repeats SYN-ACKs and forgets the records that waited long enough.
func (l *Listener) Expire(now clock.Instant) {
	for {
		i := l.syns.first()
		if i == none || !l.syns.recs[i].due.Due(now) {
			return
		}
		r := &l.syns.recs[i]
		if r.retries >= l.synAckRetries() {
			l.forget(i)
			continue
		}
		l.syns.dequeue(i)
		r.retries++
		l.env.Stats.Retransmitted++
		l.syns.enqueue(i, now.Add(initialRTO<<r.retries))
		l.owe(i, owesSynAck)
		l.trace(now, trace.TimerFired, trace.TimerSYNACK)
	}
}

// Transmit is as on Conn; it also says for which flow.
func (l *Listener) Transmit(now clock.Instant, flow *Flow, out *Segment) bool {
	i := l.pending.head
	if i == none {
		return false
	}
	r := &l.syns.recs[i]
	l.pending.head = r.pending
	if l.pending.head == none {
		l.pending.tail = none
	}
	what := r.owes
	r.owes, r.pending = owesNothing, none
	*flow = r.flow
	*out = Segment{DF: true}
	out.Seg.SrcPort, out.Seg.DstPort = r.flow.Local.Port(), r.flow.Remote.Port()
	out.Seg.Ack = r.irs.Add(1)
	out.Seg.Window = synWindow(l.env, &l.opts)
	r.window = max(r.window, out.Seg.Window)
	ts := tsClock(now, r.tsOff)
	if what == owesSynAck {
		out.Why = trace.SendSYNACK
		out.Seg.Seq, out.Seg.Flags = r.iss, wire.SYN|wire.ACK
		if r.opt.ecn {
			out.Seg.Flags |= wire.ECE
		}
		out.Seg.Options = synOptions(l.env, &l.opts, ts, r.tsRecent, &r.opt)
		r.sent = now
	} else {
		out.Why = trace.SendChallenge
		out.Seg.Seq, out.Seg.Flags = r.iss.Add(1), wire.ACK
		out.Seg.Window >>= r.opt.rcvShift
		if r.opt.ts {
			o := &out.Seg.Options
			o.HasTimestamps, o.TSVal, o.TSEcr = true, ts, r.tsRecent
		}
	}
	l.traceSent(now, out)
	return true
}

// Unreachable tells of an ICMP error about a SYN-ACK. A hard one forgets the record.
func (l *Listener) Unreachable(_ clock.Instant, flow Flow, why Error, quoted wire.Seq) {
	i := l.syns.find(l.env, flow)
	if i == none || l.syns.recs[i].iss != quoted {
		l.env.Stats.Dropped[trace.DropICMP]++
		return
	}
	if why.hard() {
		l.forget(i)
	}
}

// drop counts a segment that had no effect.
func (l *Listener) drop(now clock.Instant, why trace.Reason, in *Arrival) Verdict {
	l.env.Stats.Dropped[why]++
	l.traceArrival(now, trace.Dropped, why, in)
	return Dropped
}

func (l *Listener) trace(now clock.Instant, k trace.Kind, why trace.Reason) {
	if l.env.Trace != nil {
		l.env.Trace.Add(trace.Event{At: now, Conn: l.id, Kind: k, Reason: why, State: uint8(StateListen)})
	}
}

func (l *Listener) traceArrival(now clock.Instant, k trace.Kind, why trace.Reason, in *Arrival) {
	if l.env.Trace == nil {
		return
	}
	l.env.Trace.Add(trace.Event{
		At: now, Conn: l.id, Kind: k, Reason: why, State: uint8(StateListen),
		Flags: uint8(in.Seg.Flags), Seq: uint32(in.Seg.Seq), Ack: uint32(in.Seg.Ack),
		Len: uint32(len(in.Payload)), Window: uint32(in.Seg.Window),
	})
}

func (l *Listener) traceSent(now clock.Instant, out *Segment) {
	if l.env.Trace == nil {
		return
	}
	l.env.Trace.Add(trace.Event{
		At: now, Conn: l.id, Kind: trace.Sent, Reason: out.Why, State: uint8(StateListen),
		Flags: uint8(out.Seg.Flags), Seq: uint32(out.Seg.Seq), Ack: uint32(out.Seg.Ack), Window: uint32(out.Seg.Window),
	})
}
