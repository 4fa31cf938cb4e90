package tcp

import (
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A TimeWait is what is left of a connection in TIME-WAIT that nobody owns:
// enough to answer whatever comes as the Conn would, in a few tens of bytes and
// without a pointer. It has no four-tuple: whoever keeps it finds it by that.
//
// What it leaves out: it echoes no congestion mark, because its peer has nothing
// more to send, and its own window and the largest one of the peer stay as they
// were, because neither side sends text any more.
type TimeWait struct {
	until      clock.Instant // the end of 2 MSL
	answered   clock.Tick    // last answer to a segment outside the window
	tsRecentAt clock.Instant // Never: TS.Recent is not valid

	sndNxt   wire.Seq // SND.NXT, and SND.UNA
	rcvNxt   wire.Seq // RCV.NXT, and Last.ACK.sent
	rcvAdv   wire.Seq // RCV.NXT + RCV.WND
	maxWnd   uint32   // MAX.SND.WND (RFC 5961 5)
	tsRecent uint32
	tsOff    uint32
	opt      timeWaitOptions
	rcvShift uint8
}

type timeWaitOptions uint8

const (
	waitsTS   timeWaitOptions = 1 << iota // timestamps are agreed
	waitsSACK                             // SACK is agreed
	waitsDF                               // segments may not be fragmented
)

// TimeWait returns what answers for c from now on, and whether c is in TIME-WAIT
// and owes nothing: only then may it be released.
func (c *Conn) TimeWait() (TimeWait, bool) {
	t := TimeWait{
		until: c.timers[timerTimeWait], answered: c.rcv.oow, tsRecentAt: c.rcv.tsRecentAt,
		sndNxt: c.snd.nxt, rcvNxt: c.rcv.nxt, rcvAdv: c.rcv.adv, maxWnd: c.snd.maxWnd,
		tsRecent: c.rcv.tsRecent, tsOff: c.tsOff, rcvShift: c.opt.rcvShift,
	}
	if c.opt.ts {
		t.opt |= waitsTS
	}
	if c.opt.sack {
		t.opt |= waitsSACK
	}
	if !c.fragments() {
		t.opt |= waitsDF
	}
	owes := c.has&(owesAny|owesRST) != 0 || c.rcv.dupsOwed > 0 || c.re != nil && c.re.nDups > 0
	return t, c.state == StateTimeWait && !owes
}

// Until returns when TIME-WAIT ends.
func (t *TimeWait) Until() clock.Instant { return t.until }

// Arrive takes a segment (RFC 9293 3.10.7.4) and reports whether out answers it.
// It is Conn's arrival in the one state TIME-WAIT; a FIN that comes again moves
// Until. id goes into trace events.
func (t *TimeWait) Arrive(now clock.Instant, e *Env, id uint64, in *Arrival, out *Segment) bool {
	t.trace(now, e, id, trace.Received, trace.None, in)
	a := t.judge(now, e, in)
	if a.drop != trace.None {
		e.Stats.Dropped[a.drop]++
		t.trace(now, e, id, trace.Dropped, a.drop, in)
	}
	if a.send == trace.None {
		return false
	}
	t.answer(now, in, &a, out)
	t.traceSent(now, e, id, out)
	return true
}

// A waitAnswer is what a segment draws in TIME-WAIT.
type waitAnswer struct {
	drop  trace.Reason
	send  trace.Reason // None: nothing
	dsack span         // text that came twice; empty: none
}

// judge is RFC 9293 3.10.7.4, in its order; see acceptable and arriveSynchronized.
func (t *TimeWait) judge(now clock.Instant, e *Env, in *Arrival) waitAnswer {
	f, o := in.Seg.Flags, &in.Seg.Options
	reset := f&wire.RST != 0
	switch {
	case !reset && t.paws(now, o): // RFC 7323 5.3 R1
		return t.refuse(now, e, in, trace.DropPAWS)
	case !reset && f&wire.SYN != 0: // RFC 5961 4.2, at any sequence number
		return t.outside(now, in, trace.DropState)
	case !t.inWindow(in): // first
		if reset {
			return waitAnswer{drop: trace.DropUnacceptable}
		}
		return t.refuse(now, e, in, trace.DropUnacceptable)
	case reset: // second, but for RFC 1337 3
		return waitAnswer{drop: trace.DropState}
	}
	switch ack := in.Seg.Ack; { // fifth
	case f&wire.ACK == 0:
		return waitAnswer{drop: trace.DropNoACK}
	case t.sndNxt.Less(ack) || ack.Less(t.sndNxt.Add(-int(t.maxWnd))): // RFC 5961 5.2
		return t.outside(now, in, trace.DropOldACK)
	}
	t.noteTimestamp(now, in.Seg.Seq, o) // what was discarded sets no TS.Recent
	return t.trim(in)
}

// paws is Conn.paws.
func (t *TimeWait) paws(now clock.Instant, o *wire.TCPOptions) bool {
	if t.opt&waitsTS == 0 || !o.HasTimestamps || t.tsRecentAt == clock.Never || !tsLess(o.TSVal, t.tsRecent) {
		return false
	}
	if now.Sub(t.tsRecentAt) > tsValid {
		t.tsRecentAt = clock.Never
		return false
	}
	return true
}

// inWindow is Conn.inWindow.
func (t *TimeWait) inWindow(in *Arrival) bool {
	seq, wnd := in.Seg.Seq, uint32(t.rcvAdv.Sub(t.rcvNxt))
	n := segLen(in.Seg.Flags, len(in.Payload))
	switch {
	case seq == t.rcvNxt:
		return true
	case n == 0:
		return seq.InWindow(t.rcvNxt, wnd+1)
	}
	return seq.InWindow(t.rcvNxt, wnd) || seq.Less(t.rcvNxt) && t.rcvNxt.LessEq(seq.Add(n-1))
}

// noteTimestamp is Conn.noteTimestamp.
func (t *TimeWait) noteTimestamp(now clock.Instant, seq wire.Seq, o *wire.TCPOptions) {
	if t.opt&waitsTS == 0 || !o.HasTimestamps || !seq.LessEq(t.rcvNxt) {
		return
	}
	if t.tsRecentAt == clock.Never || !tsLess(o.TSVal, t.tsRecent) {
		t.tsRecent, t.tsRecentAt = o.TSVal, now
	}
}

// refuse answers what is not acceptable. A FIN that comes again restarts 2 MSL
// (RFC 9293 3.10.7.4, eighth).
func (t *TimeWait) refuse(now clock.Instant, e *Env, in *Arrival, why trace.Reason) waitAnswer {
	if in.Seg.Flags&wire.FIN != 0 {
		t.until = now.Add(2 * e.Config.MSL)
	}
	a := t.outside(now, in, why)
	if end := in.Seg.Seq.Add(len(in.Payload)); end.LessEq(t.rcvNxt) {
		t.reportDuplicate(&a, span{in.Seg.Seq, end})
	}
	return a
}

// outside is Conn.answerOutside: what carries text or a FIN is always answered,
// all else every outsideEvery.
func (t *TimeWait) outside(now clock.Instant, in *Arrival, why trace.Reason) waitAnswer {
	if len(in.Payload) == 0 && in.Seg.Flags&wire.FIN == 0 || in.Seg.Flags&wire.SYN != 0 {
		if t.answered != 0 && now.Since(t.answered) < outsideEvery {
			return waitAnswer{drop: why}
		}
		t.answered = now.Tick()
	}
	return waitAnswer{drop: why, send: trace.SendChallenge}
}

// trim acknowledges text that does not fit the window, on either side of it;
// text inside can only be a confused peer's, and is ignored.
func (t *TimeWait) trim(in *Arrival) waitAnswer {
	var a waitAnswer
	seq, text := in.Seg.Seq, len(in.Payload)
	if old := min(t.rcvNxt.Sub(seq), text); old > 0 {
		a.send = trace.SendACK
		t.reportDuplicate(&a, span{seq, seq.Add(old)})
		seq, text = seq.Add(old), text-old
	}
	if text > max(t.rcvAdv.Sub(seq), 0) {
		a.send = trace.SendACK
	}
	return a
}

// reportDuplicate lets the answer carry a D-SACK (RFC 2883).
func (t *TimeWait) reportDuplicate(a *waitAnswer, x span) {
	if t.opt&waitsSACK != 0 && x.l.Less(x.r) {
		a.dsack, a.send = x, trace.SendDupACK
	}
}

// answer fills out with the ACK.
func (t *TimeWait) answer(now clock.Instant, in *Arrival, a *waitAnswer, out *Segment) {
	*out = Segment{DF: t.opt&waitsDF != 0, Why: a.send}
	h := &out.Seg
	h.SrcPort, h.DstPort = in.Seg.DstPort, in.Seg.SrcPort
	h.Seq, h.Ack, h.Flags = t.sndNxt, t.rcvNxt, wire.ACK
	// Rounded up, as Conn.window does: the edge never moves to the left.
	wnd := t.rcvAdv.Sub(t.rcvNxt)
	h.Window = uint16(min((wnd+1<<t.rcvShift-1)>>t.rcvShift, 65535))
	o := &h.Options
	if t.opt&waitsTS != 0 {
		o.HasTimestamps, o.TSVal, o.TSEcr = true, tsClock(now, t.tsOff), t.tsRecent
	}
	if a.dsack != (span{}) {
		o.SACK[0], o.NumSACK = wire.SACKBlock{Left: a.dsack.l, Right: a.dsack.r}, 1
	}
}

// Reusable is Conn.Reusable: whether the SYN in may open a new connection in
// the place of this one (RFC 6191 2, RFC 1122 4.2.2.13).
func (t *TimeWait) Reusable(now clock.Instant, in *Arrival) bool {
	const control = wire.SYN | wire.ACK | wire.RST | wire.FIN
	if in.Seg.Flags&control != wire.SYN {
		return false
	}
	if o := &in.Seg.Options; t.opt&waitsTS != 0 && o.HasTimestamps && t.tsRecentAt != clock.Never {
		if tsLess(t.tsRecent, o.TSVal) {
			return true
		}
		if o.TSVal != t.tsRecent && now.Sub(t.tsRecentAt) <= tsValid {
			return false
		}
	}
	return t.rcvNxt.Less(in.Seg.Seq)
}

const (
	// reopenDelay is how long after the peer's last timestamp an active open may
	// take the four-tuple: by then our own timestamps are larger too (RFC 6191,
	// and Linux's tcp_tw_reuse).
	reopenDelay = time.Second

	// reopenGap is how far the ISN of the next incarnation lies beyond the
	// largest sequence number of the last one (RFC 1122 4.2.2.13): more than a
	// window without scale, as Linux.
	reopenGap = 65535 + 2
)

// Reopenable reports whether an active open may take the four-tuple over:
// timestamps let both sides tell the two connections apart.
func (t *TimeWait) Reopenable(now clock.Instant) bool {
	return t.opt&waitsTS != 0 && t.tsRecentAt != clock.Never && now.Sub(t.tsRecentAt) >= reopenDelay
}

// Reopen tells a SYN that the listener is to take in the place of t where that
// one's sequence numbers ended.
func (t *TimeWait) Reopen(in *Arrival) { in.Prior, in.HasPrior = t.sndNxt, true }

// Reopen is TimeWait's.
func (c *Conn) Reopen(in *Arrival) { in.Prior, in.HasPrior = c.snd.nxt, true }

// OpenAfter is Open in the place of the connection that old was.
func (c *Conn) OpenAfter(now clock.Instant, old *TimeWait) {
	c.Open(now)
	if c.state == StateSynSent {
		c.number(beyond(c.snd.iss, old.sndNxt))
	}
}

// isn returns the initial sequence number of the connection that a SYN opens.
func (in *Arrival) isn(now clock.Instant, e *Env, f Flow) wire.Seq {
	iss := e.isn(now, f)
	if in.HasPrior {
		return beyond(iss, in.Prior)
	}
	return iss
}

// beyond returns iss, or what lies safely behind prior where iss does not.
func beyond(iss, prior wire.Seq) wire.Seq {
	return wire.MaxSeq(iss, prior.Add(reopenGap))
}

// End notes in the trace that TIME-WAIT is over, and why: by its timer, or to
// make room.
func (t *TimeWait) End(now clock.Instant, e *Env, id uint64, why trace.Reason) {
	if e.Trace == nil {
		return
	}
	x := t.event(now, id, trace.StateChanged, why)
	x.Old, x.State = uint8(StateTimeWait), uint8(StateClosed)
	e.Trace.Add(x)
}

func (t *TimeWait) event(now clock.Instant, id uint64, k trace.Kind, why trace.Reason) trace.Event {
	return trace.Event{At: now, Conn: id, Kind: k, Reason: why, State: uint8(StateTimeWait),
		Seq: uint32(t.sndNxt), Ack: uint32(t.rcvNxt)}
}

func (t *TimeWait) trace(now clock.Instant, e *Env, id uint64, k trace.Kind, why trace.Reason, in *Arrival) {
	if e.Trace == nil {
		return
	}
	x := t.event(now, id, k, why)
	x.Flags = uint8(in.Seg.Flags)
	x.Seq, x.Ack, x.Len = uint32(in.Seg.Seq), uint32(in.Seg.Ack), uint32(len(in.Payload))
	x.Window = uint32(in.Seg.Window)
	e.Trace.Add(x)
}

func (t *TimeWait) traceSent(now clock.Instant, e *Env, id uint64, out *Segment) {
	if e.Trace == nil {
		return
	}
	x := t.event(now, id, trace.Sent, out.Why)
	x.Flags, x.Window = uint8(out.Seg.Flags), uint32(out.Seg.Window)<<t.rcvShift
	e.Trace.Add(x)
}
