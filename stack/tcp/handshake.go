package tcp

import (
	"math"
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// Open begins the active open (RFC 9293 3.10.1): SYN-SENT.
func (c *Conn) Open(now clock.Instant) {
	if c.state != StateClosed || c.err != 0 {
		return
	}
	c.number(c.env.isn(now, c.Flow()))
	c.opt.rcvShift = windowShift(c.opts.window(c.env))
	c.has |= owesSYN
	c.setState(now, StateSynSent)
	c.timers[timerRetransmit] = now.Add(c.timeout())
	c.armUser(now)
}

// number sets the send variables for a SYN with sequence number iss.
func (c *Conn) number(iss wire.Seq) {
	c.snd.iss, c.snd.una, c.snd.nxt = iss, iss, iss.Add(1)
	c.snd.small, c.snd.guard, c.rtt.next = iss, iss, iss
}

// transmitSYN sends the SYN or SYN-ACK.
func (c *Conn) transmitSYN(now clock.Instant, out *Segment) bool {
	if c.has&owesSYN == 0 {
		return false
	}
	c.has &^= owesSYN
	flags, why := wire.SYN, trace.SendSYN
	if c.state == StateSynReceived {
		flags, why = wire.SYN|wire.ACK, trace.SendSYNACK
	}
	c.begin(out, c.snd.iss, flags|c.synECN(), why)
	out.Seg.Window = synWindow(c.env, &c.opts.Options)
	if c.state == StateSynReceived {
		out.Seg.Ack = c.rcv.nxt
		c.rcv.acked = c.rcv.nxt
		c.rcv.adv = wire.MaxSeq(c.rcv.adv, c.rcv.nxt.Add(int(out.Seg.Window)))
		out.Seg.Window = uint16(min(c.rcv.adv.Sub(c.rcv.nxt), 65535)) // what was offered stays (RFC 9293 SHLD-14)
		out.Seg.Options = synOptions(c.env, &c.opts.Options, tsClock(now, c.tsOff), c.rcv.tsRecent, &c.opt)
	} else {
		out.Seg.Options = synOptions(c.env, &c.opts.Options, tsClock(now, c.tsOff), 0, nil)
		if out.Seg.Options.HasWindowScale {
			out.Seg.Options.WindowScale = c.opt.rcvShift
		}
		c.rcv.adv = wire.MaxSeq(c.rcv.adv, wire.Seq(out.Seg.Window)) // counted from RCV.NXT, which is 0 yet
	}
	c.snd.lastSend = now
	c.leaves(now, out)
	return true
}

// synTimeout repeats the SYN or SYN-ACK (RFC 9293 3.8.3, MUST-22).
func (c *Conn) synTimeout(now clock.Instant) {
	if int(c.snd.retries) >= min(orDefault(c.opts.SYNRetries, defaultSYNRetries), 255) {
		c.timedOut(now)
		return
	}
	c.countTimeout(c.snd.retries == 0)
	c.snd.retries++
	c.count.segsAgain++
	c.env.Stats.Retransmitted++
	c.backOff()
	c.has |= owesSYN
	c.timers[timerRetransmit] = now.Add(c.timeout())
}

// arriveSynSent is RFC 9293 3.10.7.3.
func (c *Conn) arriveSynSent(now clock.Instant, s *arriving) {
	acks := s.flags&wire.ACK != 0
	if acks && s.ack != c.snd.nxt { // first: only our SYN can be acknowledged
		c.drop(now, trace.DropOldACK, s.in)
		if s.flags&wire.RST == 0 {
			c.oweRST(s.ack, false)
		}
		return
	}
	if s.flags&wire.RST != 0 { // second
		if !acks {
			c.drop(now, trace.DropUnacceptable, s.in)
			return
		}
		c.end(now, ErrRefused)
		return
	}
	if s.flags&wire.SYN == 0 || s.flags&wire.FIN != 0 { // fourth and fifth
		c.drop(now, trace.DropState, s.in)
		return
	}
	c.takeSYN(now, s)
	if !acks {
		c.has |= owesSYN // simultaneous open (MUST-10)
		c.setState(now, StateSynReceived)
		c.snd.backoff = 0
		c.timers[timerRetransmit] = now.Add(c.timeout())
		return
	}
	c.establish(now, s)
	if c.state == StateClosed {
		return
	}
	c.oweACK()
	if len(s.text) > 0 { // data may come with the SYN-ACK
		c.trim(s)
		c.arriveText(now, s)
	}
}

// takeSYN takes the peer's sequence number and options, and moves s on to the
// text after its SYN.
func (c *Conn) takeSYN(now clock.Instant, s *arriving) {
	o := &s.in.Seg.Options
	shift := c.opt.rcvShift
	c.opt = agree(c.env, &c.opts.Options, o)
	if c.opt.scale {
		c.opt.rcvShift = shift // the buffer may have changed since
	}
	c.settleECN(s.flags)
	if c.opt.ts {
		c.rcv.tsRecent, c.rcv.tsRecentAt = o.TSVal, now
	}
	c.begun(now, s.seq)
	s.seq = s.seq.Add(1)
	s.flags &^= wire.SYN
	c.refreshMSS()
}

// begun sets the receive variables for the peer's SYN.
func (c *Conn) begun(now clock.Instant, irs wire.Seq) {
	offered := c.rcv.adv.Sub(c.rcv.nxt) // by our SYN
	c.rcv.irs, c.rcv.nxt = irs, irs.Add(1)
	c.rcv.acked, c.rcv.up = c.rcv.nxt, c.rcv.nxt
	c.rcv.adv = c.rcv.nxt.Add(offered)
	c.rcv.lastRecv = now
}

// establish follows the ACK of our SYN.
func (c *Conn) establish(now clock.Instant, s *arriving) {
	c.snd.una = s.ack
	c.countDelivered(1, false) // the SYN
	c.snd.wnd = s.window(c)
	c.snd.maxWnd = c.snd.wnd
	c.snd.wl1, c.snd.wl2 = s.in.Seg.Seq, s.ack
	c.timers[timerRetransmit] = clock.Never
	c.firstSample(now, s)
	c.progress(now)
	c.beginControl()
	c.beginSearch(now)
	if c.snd.retries > 1 {
		// More than one SYN was lost: begin with the loss window (RFC 5681 3.1),
		// but that says nothing about ssthresh, so the flight counts as endless.
		c.wake()
		c.cc.OnTimeout(now, math.MaxInt32)
	}
	c.setState(now, StateEstablished)
	if c.has&finQueued != 0 {
		c.setState(now, StateFinWait1)
	}
	c.armKeepalive(now)
}

// firstSample takes the round-trip time of the handshake (RFC 6298 2.2, 5.7).
func (c *Conn) firstSample(now clock.Instant, s *arriving) {
	var m time.Duration
	switch {
	case c.snd.lastSend == clock.Never: // a cookie: nobody knows, and its timestamp is rounded
	case c.snd.retries == 0:
		m = now.Sub(c.snd.lastSend)
	default:
		m = c.echoed(now, &s.in.Seg.Options)
	}
	if m > 0 {
		c.rtt.sample(m)
		c.rtt.noteMin(now, m)
		c.has |= measured
	} else if c.snd.retries > 0 {
		c.rtt.rto = synLossRTO
	}
	c.rtt.next = c.snd.nxt
}

// crossedSYN takes the peer's own SYN or SYN-ACK when the opens crossed, or a
// repetition of it. Its sequence number lies before RCV.NXT, so it would not
// pass the window (RFC 9293 3.5, figure 8).
func (c *Conn) crossedSYN(now clock.Instant, s *arriving) bool {
	if s.flags&(wire.SYN|wire.RST) != wire.SYN || s.seq != c.rcv.irs {
		return false
	}
	if s.flags&wire.ACK == 0 {
		c.has |= owesSYN // ours was lost
		return true
	}
	s.flags &^= wire.SYN
	s.seq = s.seq.Add(1)
	return false
}

// synReceivedACK is the SYN-RECEIVED part of RFC 9293 3.10.7.4, fifth.
func (c *Conn) synReceivedACK(now clock.Instant, s *arriving) bool {
	if s.ack != c.snd.nxt {
		c.drop(now, trace.DropOldACK, s.in)
		c.oweRST(s.ack, false)
		return true
	}
	crossed := s.in.Seg.Flags&wire.SYN != 0
	c.establish(now, s)
	c.has &^= owesSYN
	if crossed {
		c.oweACK()
	}
	return false
}

// InitPassive makes c the connection that the handshake hs of a Listener
// describes, in SYN-RECEIVED; the segment that completed it comes next, by Arrive.
func (c *Conn) InitPassive(now clock.Instant, e *Env, id uint64, hs *Handshake, o Options, mtu int) {
	c.Init(e, id, hs.flow, o, mtu)
	c.has |= passive
	c.number(hs.iss)
	c.opt = hs.opt
	if c.opt.ecn {
		c.ecn = ecnSends | ecnAnswers
	}
	c.begun(now, hs.irs)
	c.rcv.adv = c.rcv.nxt.Add(int(hs.window))
	if c.opt.ts {
		c.rcv.tsRecent, c.rcv.tsRecentAt = hs.tsRecent, hs.since
	}
	c.snd.retries = hs.repeats
	c.count.segsAgain, c.count.segsIn = uint32(hs.repeats), 1 // the SYN, as on Linux
	c.snd.lastSend = hs.sent
	c.refreshMSS()
	c.setState(now, StateSynReceived)
	c.timers[timerRetransmit] = now.Add(c.timeout())
}

// Unreachable tells of an ICMP error about a segment of ours with sequence
// number quoted. It counts only when that is outstanding (RFC 5927 4.1). A
// hard one ends a connection that is not synchronized; all others are soft
// and only remembered (RFC 9293 MUST-56, RFC 5927 5.2).
func (c *Conn) Unreachable(now clock.Instant, why Error, quoted wire.Seq) {
	if c.state == StateClosed || quoted.Less(c.snd.una) || !quoted.Less(c.snd.nxt) {
		c.env.Stats.Dropped[trace.DropICMP]++
		return
	}
	if !c.state.synchronized() && why.hard() {
		c.end(now, why)
		return
	}
	c.soft = why
}
