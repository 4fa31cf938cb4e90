package tcp

import (
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// Transmit fills out with the next segment to send and reports whether there
// is one. Call it until it returns false, also on a connection that has just
// become CLOSED: its RST is still to be fetched. ACKs are decided here: call it
// once per batch of arrivals.
func (c *Conn) Transmit(now clock.Instant, out *Segment) bool {
	if c.has&owesRST != 0 {
		return c.transmitRST(now, out)
	}
	switch c.state {
	case StateClosed, StateListen:
		return false
	case StateSynSent, StateSynReceived:
		c.armMemory(now)
		return c.transmitSYN(now, out) || c.transmitACK(now, out)
	}
	c.has &^= paceHeld
	if c.transmitOwed(now, out) || c.transmitData(now, out) || c.transmitACK(now, out) {
		return true
	}
	c.settlePace(now)
	c.armPersist(now)
	c.armMemory(now)
	c.clockBusy(now)
	return false
}

// begin fills out's header for sequence number seq.
func (c *Conn) begin(out *Segment, seq wire.Seq, flags wire.Flags, why trace.Reason) {
	*out = Segment{DF: !c.fragments(), Why: why}
	out.Seg.SrcPort, out.Seg.DstPort = c.flow.local.Port(), c.flow.remote.Port()
	out.Seg.Seq = seq
	out.Seg.Flags = flags
}

// finish adds what every segment of a synchronized connection carries: ACK,
// window, timestamps (RFC 7323 3.2) and, where bytes are missing, SACK blocks.
func (c *Conn) finish(now clock.Instant, out *Segment, sack bool) {
	out.Seg.Flags |= wire.ACK
	if c.ecn&ecnEcho != 0 {
		out.Seg.Flags |= wire.ECE
	}
	out.Seg.Ack = c.rcv.nxt
	out.Seg.Window = c.window()
	c.stampTime(now, out)
	if sack {
		c.fillSACK(&out.Seg.Options)
	}
	if c.calls&urgentOut != 0 {
		c.stampUrgent(out)
	}
	c.ackSent()
	c.leaves(now, out)
}

func (c *Conn) transmitRST(now clock.Instant, out *Segment) bool {
	c.has &^= owesRST
	c.begin(out, c.snd.reset, wire.RST, trace.SendRST)
	if c.has&rstACK != 0 {
		out.Seg.Flags |= wire.ACK
		out.Seg.Ack = c.rcv.nxt
		c.stampTime(now, out)
	}
	c.leaves(now, out)
	return true
}

// stampTime adds timestamps where they are agreed: to every segment but resets
// of what was never a connection (RFC 7323 3.2).
func (c *Conn) stampTime(now clock.Instant, out *Segment) {
	if c.opt.ts {
		o := &out.Seg.Options
		o.HasTimestamps = true
		o.TSVal, o.TSEcr = tsClock(now, c.tsOff), c.rcv.tsRecent
	}
}

// transmitOwed sends the ACKs that are owed one by one: a duplicate for each
// segment out of order, one for each D-SACK, challenges, probes.
func (c *Conn) transmitOwed(now clock.Instant, out *Segment) bool {
	seq, why := c.pureSeq(), trace.None
	switch {
	case c.rcv.dupsOwed > 0:
		c.rcv.dupsOwed--
		why = trace.SendDupACK
	case c.re != nil && c.re.nDups > 0:
		why = trace.SendDupACK
	case c.has&owesChallenge != 0:
		why = trace.SendChallenge
	case c.has&owesProbe != 0:
		ok := c.transmitProbe(now, out)
		c.has &^= owesProbe
		return ok
	case c.has&owesTail != 0:
		ok := c.transmitTail(now, out)
		c.has &^= owesTail
		return ok
	case c.has&owesKeepalive != 0:
		// One before SND.NXT, without data (SHLD-12): it lies outside the peer's
		// window, so it must be answered.
		c.has &^= owesKeepalive
		seq, why = c.snd.nxt.Add(-1), trace.SendKeepalive
	default:
		return false
	}
	c.has &^= owesChallenge
	c.begin(out, seq, 0, why)
	c.finish(now, out, true)
	return true
}

// transmitACK sends the ACK that is owed and that no data carried.
func (c *Conn) transmitACK(now clock.Instant, out *Segment) bool {
	why := trace.SendACK
	switch {
	case c.has&owesACK != 0:
		if c.re != nil && c.re.n > 0 {
			why = trace.SendDupACK
		} else if c.has&owesDelayed != 0 {
			why = trace.SendDelACK
		}
	case c.has&owesChallenge != 0:
		why = trace.SendChallenge
	case c.has&owesWindow != 0:
		why = trace.SendWindow
	default:
		return false
	}
	c.has &^= owesChallenge
	c.begin(out, c.pureSeq(), 0, why)
	c.finish(now, out, true)
	return true
}

// transmitData sends what was lost, then what is new.
func (c *Conn) transmitData(now clock.Instant, out *Segment) bool {
	if !c.state.sends() || c.snd.wnd == 0 {
		return false
	}
	sack := c.sackBlocks()
	mss := c.sendMSS(sack)
	const useful = 200 // less beside the blocks, and they wait for a pure ACK
	if sack > 0 && mss < useful {
		sack, mss = 0, c.sendMSS(0)
	}
	if c.forwarding() {
		if ok, over := c.transmitForward(now, out, mss, sack > 0); !over {
			return ok
		}
	}
	if c.sb != nil {
		if i := c.sb.nextLost(); i >= 0 {
			return c.retransmit(now, out, i, mss, sack > 0)
		}
	}
	return c.sendNew(now, out, mss, sack > 0)
}

// sendNew sends the next bytes that were never sent, and the FIN after them.
func (c *Conn) sendNew(now clock.Instant, out *Segment, mss int, sack bool) bool {
	if c.waiting() == 0 {
		return false
	}
	c.restart(now)
	if c.search != nil {
		if ok, wait := c.transmitSizing(now, out, sack); ok || wait {
			return ok
		}
	}
	n := c.nextNew(mss)
	if n > 0 && c.calls&paced != 0 {
		if n = c.pace(now, n, mss); n == 0 {
			return false
		}
	}
	edge := c.snd.una.Add(int(c.snd.wnd))
	fin := c.has&(finQueued|finSent) == finQueued && n == c.unsent() &&
		c.snd.nxt.Add(n).Less(edge)
	if (n == 0 && !fin) || !c.scoreboard().room(c.env, 1) {
		return false
	}
	c.sendRange(now, out, n, fin, mss, sack)
	return true
}

// restart begins with a small window after idle (RFC 5681 4.1).
func (c *Conn) restart(now clock.Instant) {
	if c.snd.una != c.snd.nxt || c.snd.lastSend == clock.Never {
		return
	}
	idle := now.Sub(c.snd.lastSend)
	if idle > c.rtt.rto {
		c.wake()
		before := c.cc.Window()
		c.cc.OnRestart(idle)
		*c.episode() = episode{} // what is undone now would make a burst
		if c.cc.Window() != before {
			c.traceCwnd(now, trace.CwndIdle)
		}
		c.snd.lastSend = now
	} else if c.calls&paced != 0 && c.has&backlog == 0 && c.cc.Models() {
		c.cc.OnRestart(idle)
	}
}

// sendRange sends n new bytes, with the FIN where fin, and records them.
func (c *Conn) sendRange(now clock.Instant, out *Segment, n int, fin bool, mss int, sack bool) {
	c.begin(out, c.snd.nxt, 0, c.whyNew(n))
	c.attach(out, c.sentText(), n, mss)
	c.stampECN(out, n)
	length := n
	if fin {
		out.Seg.Flags |= wire.FIN
		length++
	}
	c.scoreboard().push(record{
		sent: now, delivered: uint32(c.count.delivered),
		seq: c.snd.nxt, len: uint32(length), seg: uint16(min(mss, 65535)),
	})
	c.snd.nxt = c.snd.nxt.Add(length)
	if fin {
		c.has |= finSent
	}
	if n%mss != 0 {
		c.snd.small = c.snd.nxt
	}
	c.has &^= overrideSWS
	if c.unsent() == 0 {
		c.allSent()
	}
	c.lowSent(n)
	if c.has&(owesACK|owesDelayed) != 0 && n > 0 {
		c.has |= pingpong // data answers data: the next ACK may wait for a ride
	}
	c.sent(now, out, c.sb.at(c.sb.n-1), n, sack)
	if c.lastOfFlight(mss) {
		out.Seg.Flags |= wire.PSH
	}
	c.armTail(now)
}

// lastOfFlight reports whether nothing follows until an ACK comes: the window,
// a small one, is full. PSH then tells the peer, who with an odd number of
// segments would keep the last one's ACK back for its delayed ACK, and the
// window would carry a segment less in each round trip (RFC 9293 3.9.1.2 leaves
// PSH to us; Linux sets it on every second segment of a small window). In a
// large window one segment more is not worth the ACKs.
func (c *Conn) lastOfFlight(mss int) bool {
	const small = 32 // segments
	cwnd := c.cwnd()
	return cwnd < small*mss && c.inFlight()+min(mss, c.unsent()) > cwnd
}

// whyNew says why n new bytes leave.
func (c *Conn) whyNew(n int) trace.Reason {
	switch {
	case c.has&owesTail != 0:
		return trace.SendTLP
	case c.has&owesProbe != 0:
		return trace.SendProbe
	case c.snd.dupacks > 0 && c.snd.dupacks < dupThresh:
		return trace.SendLimited
	case n == 0:
		return trace.SendFIN
	case c.sizing():
		return trace.SendMTUProbe
	}
	return trace.SendData
}

// attach lends n bytes of the send ring, off bytes after its start, to out.
func (c *Conn) attach(out *Segment, off, n, mss int) {
	if n == 0 {
		return
	}
	out.Payload = c.out.Spans(off, n)
	if n > mss {
		out.GSOSize = mss
	}
	if off+n == c.out.Len() {
		out.Seg.Flags |= wire.PSH // the last of what is queued (MUST-61)
	}
}

// sent is common to new and repeated data: n bytes, of which r is the record.
func (c *Conn) sent(now clock.Instant, out *Segment, r *record, n int, sack bool) {
	c.count.sent += int64(n)
	c.snd.lastSend = now
	inFlight := c.inFlight()
	c.sb.rec.out += n
	if c.sb.models {
		c.sb.rates.leave(r, inFlight)
	}
	c.cc.OnSend(now, n, inFlight)
	if c.calls&paced != 0 {
		c.paceSent(now, n)
	}
	if inFlight+c.sendMSS(0) > c.cwnd() || inFlight*2 > c.cwnd() && !c.sb.models && c.cwnd() < c.cc.Ssthresh() {
		c.noteLimited()
	}
	c.armRetransmit(now, false)
	c.armUser(now)
	c.finish(now, out, sack)
}

// retransmit sends the first bytes of the lost record i again, as the window
// and cwnd allow, cut by today's segment size.
func (c *Conn) retransmit(now clock.Instant, out *Segment, i, mss int, sack bool) bool {
	s := c.sb
	r := *s.at(i)
	text := int(r.len)
	fin := c.has&finSent != 0 && r.end() == c.snd.nxt
	if fin {
		text--
	}
	pipe := s.inFlight()
	room := c.cwnd() - pipe
	if pipe == 0 || s.rec.mode != open && s.rec.out == 0 || c.mayGoOn(pipe, mss) {
		room = max(room, mss) // the first goes in any case (RFC 6298 5.4, RFC 6675 5 (4.3))
	}
	usable := c.snd.una.Add(int(c.snd.wnd)).Sub(r.seq)
	n := min(text, c.burst(mss), usable)
	if n > mss {
		n = max(min(n, room), mss)
		if n < text {
			n -= n % mss
		}
	}
	if n < 0 || (n == 0 && text > 0) || room < min(n, mss) || room <= 0 {
		c.noteLimited()
		return false
	}
	if n > 0 && c.calls&paced != 0 {
		if n = c.pace(now, n, mss); n == 0 {
			return false
		}
	}
	length := n
	if fin && n == text {
		length++
	}
	if length < int(r.len) {
		if !s.room(c.env, 1) {
			return false
		}
		s.split(i, length)
	}
	c.sendAgain(now, out, i, mss, sack)
	return true
}

// sendAgain sends record i again, all of it.
func (c *Conn) sendAgain(now clock.Instant, out *Segment, i, mss int, sack bool) {
	r := *c.sb.at(i)
	n := int(r.len)
	c.begin(out, r.seq, 0, c.whyAgain(r.seq))
	if c.has&finSent != 0 && r.end() == c.snd.nxt {
		out.Seg.Flags |= wire.FIN
		n--
	}
	c.attach(out, r.seq.Sub(c.snd.una), n, mss)
	c.resent(now, i, mss)
	c.count.retrans += int64(n)
	c.count.segsAgain += inSegments(n, mss)
	c.env.Stats.Retransmitted += uint64(inSegments(n, mss))
	c.sent(now, out, c.sb.at(i), n, sack)
}

// resent renews record i.
func (c *Conn) resent(now clock.Instant, i, mss int) {
	r := c.sb.at(i)
	if c.search != nil {
		c.sizingResent(now, r)
	}
	r.sent, r.delivered = now, uint32(c.count.delivered)
	r.seg = uint16(min(mss, 65535))
	if r.flags&(lost|resent) == lost {
		r.flags |= resent
		c.sb.resentBytes += int(r.len)
	}
	r.flags |= everSent
	if ep := c.episode(); ep.is&undoable != 0 && c.sb.rec.mode != open {
		ep.sentAgain(r.seq, r.end(), tsClock(now, c.tsOff))
	}
	if c.opt.sack {
		c.sb.again.push(c.env, c.sb, resend{sent: now, seq: r.seq, len: r.len})
	}
}

// whyAgain says why the record that begins at seq leaves again.
func (c *Conn) whyAgain(seq wire.Seq) trace.Reason {
	switch rec := &c.sb.rec; {
	case c.has&owesTail != 0:
		return trace.SendTLP
	case c.has&owesProbe != 0:
		return trace.SendProbe
	case rec.mode == afterTimeout:
		return trace.SendRTO
	case rec.mode == fastRecovery && rec.out > 0 && !c.opt.sack:
		return trace.SendPartial
	case rec.mode == open && rec.refused.l.LessEq(seq) && seq.Less(rec.refused.r): // no loss
		return trace.SendRefused
	}
	return trace.SendFast
}

// transmitProbe sends one byte, or the FIN, into a closed window (RFC 9293
// 3.8.6.1): the oldest that is outstanding, or the next new one.
func (c *Conn) transmitProbe(now clock.Instant, out *Segment) bool {
	if !c.persisting() {
		return false
	}
	s := c.scoreboard()
	if !s.room(c.env, 1) {
		return false
	}
	mss := c.sendMSS(0)
	if c.snd.una == c.snd.nxt {
		n := min(c.unsent(), 1)
		c.sendRange(now, out, n, n == 0, mss, false)
		return true
	}
	if c.out.Len() > 0 && s.at(0).len > 1 {
		s.split(0, 1)
	}
	c.sendAgain(now, out, 0, mss, false)
	return true
}
