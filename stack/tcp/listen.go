package tcp

import (
	"time"

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
	Cookie                     // answer with Listener.Cookie
	Held                       // a new handshake waits for Listener.Decide
)

// A Listener is a socket in LISTEN with its SYN records.
type Listener struct {
	env     *Env
	id      uint64
	opts    Options
	syns    synCache
	pending queue         // records that owe a segment
	done    Handshake     // what the last Established handed out
	baked   clock.Instant // when the latest cookie was sent
	spare   int           // repetitions left for peers that never answered

	patience time.Duration // how long a handshake waits for Decide; 0: none does
	hold     undecider     // where patience is above 0
}

// Init makes l listen. o is inherited by its connections.
func (l *Listener) Init(e *Env, id uint64, o Options) {
	*l = Listener{env: e, id: id, opts: o, pending: queue{none, none}, spare: spareRepeats}
	l.syns.init()
}

// Options returns what connections inherit.
func (l *Listener) Options() Options { return l.opts }

// SetOptions changes what connections to come inherit. Cookies that are out are
// good no more where that changes the scale of our window, which they do not tell.
func (l *Listener) SetOptions(o Options) {
	if windowShift(o.window(l.env)) != windowShift(l.opts.window(l.env)) {
		l.baked = clock.Never
	}
	l.opts = o
}

// Close forgets the SYN records. (Their peers find a closed port.)
func (l *Listener) Close() {
	if l.env == nil {
		return
	}
	l.syns.release(l.env)
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
		if l.holds() {
			return l.hold.arrive(now, l, i, flow, in), nil
		}
		return l.arriveKnown(now, i, in, full)
	}
	return l.arriveNew(now, flow, in, full)
}

// arriveNew is RFC 9293 3.10.7.2, in its order.
func (l *Listener) arriveNew(now clock.Instant, flow Flow, in *Arrival, full bool) (Verdict, *Handshake) {
	f := in.Seg.Flags
	switch {
	case f&wire.RST != 0: // first
		return l.drop(now, trace.DropState, in), nil
	case f&wire.ACK != 0: // second
		return l.arriveCookie(now, flow, in, full)
	case f&(wire.SYN|wire.FIN) != wire.SYN: // third
		return l.drop(now, trace.DropState, in), nil
	case full:
		return l.overflow(now, in), nil
	case l.holds():
		return l.hold.arrive(now, l, none, flow, in), nil
	}
	return l.arriveSYN(now, flow, in), nil
}

// arriveCookie takes an ACK for which there is no record: it brings a cookie back, or is refused.
func (l *Listener) arriveCookie(now clock.Instant, flow Flow, in *Arrival, full bool) (Verdict, *Handshake) {
	switch {
	case !l.redeem(now, flow, in):
		return Reset, nil
	case full:
		return l.overflow(now, in), nil
	}
	l.proven()
	return Established, &l.done
}

// arriveSYN makes a record of a SYN, or asks for a cookie where there is no room.
func (l *Listener) arriveSYN(now clock.Instant, flow Flow, in *Arrival) Verdict {
	mode, i := l.env.Config.SYNCookies, none
	if mode != CookiesAlways {
		i = l.syns.insert(l.env, flow)
	}
	if i == none && mode == CookiesOff {
		l.env.Stats.ListenDrops++
		return l.drop(now, trace.DropBacklog, in)
	}
	if i == none {
		return Cookie
	}
	l.note(now, i, flow, in)
	l.owe(i, owesSynAck)
	l.syns.enqueue(i, now.Add(initialRTO))
	return Answered
}

// note puts into record i what a SYN says.
func (l *Listener) note(now clock.Instant, i int32, flow Flow, in *Arrival) {
	r, o := &l.syns.recs[i], &in.Seg.Options
	r.irs, r.iss = in.Seg.Seq, in.isn(now, l.env, flow)
	r.opt = agree(l.env, &l.opts, o)
	r.opt.ecn = l.env.acceptsECN(in.Seg.Flags)
	r.tsRecent, r.since = o.TSVal, now
	r.tsOff = l.env.tsOffset(flow)
	l.traceArrival(now, trace.Received, trace.None, in)
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
		l.drop(now, trace.DropPAWS, in)
		return l.answerOutside(now, i, owesPlainACK, in), nil
	case !r.inWindow(in.Seg.Seq):
		l.drop(now, trace.DropUnacceptable, in)
		return l.answerOutside(now, i, owesPlainACK, in), nil
	case f&wire.ACK == 0:
		return l.drop(now, trace.DropNoACK, in), nil
	case in.Seg.Ack != r.iss.Add(1):
		// Before there was room for the record a cookie may have gone out.
		verdict, hs := l.arriveCookie(now, r.flow, in, full)
		if verdict == Established {
			l.forget(i)
		}
		return verdict, hs
	case l.defers(r, in):
		r.acked = true
		l.env.Stats.TCPDeferAcceptDrop++
		return l.drop(now, trace.DropDefer, in), nil
	case full:
		r.acked = true
		return l.overflow(now, in), nil
	}
	l.proven()
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
	return l.answerOutside(now, i, owesPlainACK, in)
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
		return l.answerOutside(now, i, owesPlainACK, in)
	}
	r.opt.ecn = r.opt.ecn && ecnSetup(in.Seg.Flags) // one SYN without ECN, and there is none (RFC 3168 6.1.1)
	r.opt.takeBack(&in.Seg.Options)
	if o := &in.Seg.Options; r.opt.ts && o.HasTimestamps && !tsLess(o.TSVal, r.tsRecent) {
		r.tsRecent, r.since = o.TSVal, now
	}
	v := l.answerOutside(now, i, owesSynAck, in)
	if v == Dropped {
		return l.drop(now, trace.DropUnacceptable, in)
	}
	return v
}

// owe queues record i for Transmit.
func (l *Listener) owe(i int32, what uint8) {
	r := &l.syns.recs[i]
	if r.owes != owesNothing {
		r.owes = min(r.owes, what)
		return
	}
	r.owes, r.pendingPrev, r.pendingNext = what, l.pending.tail, none
	if l.pending.tail == none {
		l.pending.head = i
	} else {
		l.syns.recs[l.pending.tail].pendingNext = i
	}
	l.pending.tail = i
}

// unowe takes record i out of the pending list.
func (l *Listener) unowe(i int32) {
	recs := l.syns.recs
	r := &recs[i]
	if r.owes == owesNothing {
		return
	}
	if r.pendingPrev == none {
		l.pending.head = r.pendingNext
	} else {
		recs[r.pendingPrev].pendingNext = r.pendingNext
	}
	if r.pendingNext == none {
		l.pending.tail = r.pendingPrev
	} else {
		recs[r.pendingNext].pendingPrev = r.pendingPrev
	}
	r.owes, r.pendingPrev, r.pendingNext = owesNothing, none, none
}

// forget removes record i, from the pending list too.
func (l *Listener) forget(i int32) {
	l.unowe(i)
	l.syns.remove(l.env, i)
}

// Expire repeats SYN-ACKs and forgets the records that waited long enough.
func (l *Listener) Expire(now clock.Instant) {
	for {
		i := l.syns.first()
		if i == none || !l.syns.recs[i].due.Due(now) {
			return
		}
		r := &l.syns.recs[i]
		if l.holds() {
			l.hold.expire(l, i)
			continue
		}
		on, again := l.repeat(r)
		if !on {
			l.forget(i)
			l.syns.shrink(l.env)
			continue
		}
		l.syns.dequeue(i)
		r.retries = min(r.retries+1, 254)
		l.syns.enqueue(i, now.Add(synAckTimeout(r.retries)))
		if again {
			l.owe(i, owesSynAck)
			l.trace(now, trace.TimerFired, trace.TimerSYNACK)
		}
	}
}

// Transmit is as on Conn; it also says for which flow.
func (l *Listener) Transmit(now clock.Instant, flow *Flow, out *Segment) bool {
	i := l.pending.head
	if i == none || l.holds() {
		return false
	}
	r := &l.syns.recs[i]
	what := r.owes
	l.unowe(i)
	*flow = r.flow
	*out = Segment{DF: true}
	out.Seg.SrcPort, out.Seg.DstPort = r.flow.Local.Port(), r.flow.Remote.Port()
	out.Seg.Ack = r.irs.Add(1)
	r.window = max(r.window, synWindow(l.env, &l.opts)) // what was offered stays (RFC 9293 SHLD-14)
	out.Seg.Window = r.window
	ts := tsClock(now, r.tsOff)
	if what == owesSynAck {
		out.Why = trace.SendSYNACK
		out.Seg.Seq, out.Seg.Flags = r.iss, wire.SYN|wire.ACK
		if r.opt.ecn {
			out.Seg.Flags |= wire.ECE
		}
		out.Seg.Options = synOptions(l.env, &l.opts, ts, r.tsRecent, &r.opt)
		if r.sent != clock.Never {
			r.repeats = min(r.repeats, 254) + 1
			l.env.Stats.Retransmitted++
		}
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
