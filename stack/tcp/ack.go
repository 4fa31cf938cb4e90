package tcp

import (
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp/congestion"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// arriveACK is RFC 9293 3.10.7.4, fifth. It reports whether the segment is done with.
func (c *Conn) arriveACK(now clock.Instant, s *arriving) bool {
	if s.flags&wire.ACK == 0 {
		c.drop(now, trace.DropNoACK, s.in)
		return true
	}
	if c.state == StateSynReceived && c.synReceivedACK(now, s) {
		return true
	}
	// RFC 5961 5.2: what was never sent, or lies a window back, is answered and
	// discarded, data and all.
	oldest := c.snd.una.Add(-int(c.snd.maxWnd))
	if c.snd.nxt.Less(s.ack) || s.ack.Less(oldest) {
		c.drop(now, trace.DropOldACK, s.in)
		c.answerOutside(now, s)
		return true
	}
	// Only here, where the segment counts: what was discarded sets no TS.Recent
	// (a forger need not know our numbers to be discarded, CVE-2005-0356), and
	// draws no ACK for the text that would have been cut off.
	c.noteTimestamp(now, s.in.Seg.Seq, &s.in.Seg.Options)
	c.trim(s)
	c.takeACK(now, s)
	return c.finACKed(now)
}

// takeACK follows what an acceptable ACK says: bytes that arrived, segments
// that were lost, the window.
func (c *Conn) takeACK(now clock.Instant, s *arriving) {
	c.snd.probes = 0
	s.srtt, s.rttvar = c.rtt.srtt, c.rtt.rttvar
	c.checkAppLimited()
	inFlight := c.inFlight()
	n := s.ack.Sub(c.snd.una)
	c.env.sample.ECE, c.env.sample.Advanced = c.arriveECE(now, s), max(n, 0)
	c.beginRACK(now, s)
	news := c.arriveSACK(s)
	c.noteDSACK(s)
	c.countDSACK(s.dsack)
	c.noMore()
	c.tailACKed(now, s, n)
	duplicate := c.isDuplicate(s, n, news)
	if c.updateWindow(now, s) {
		inFlight = c.inFlight()
	}
	if c.snd.wnd == 0 && c.snd.stalled != 0 && c.has&orphan == 0 && c.snd.una.LessEq(s.ack) {
		// The peer answers: stay open while it does (MUST-37). An orphan has
		// nobody who could give up for it, so it does not (C-31).
		c.snd.stalled = now.Tick()
	}
	delivered := news
	if n > 0 {
		delivered += c.advance(now, s, n)
	}
	c.judgeEpisode(now, s, n, duplicate)
	if c.sb == nil {
		return
	}
	c.endRACK()
	if duplicate {
		delivered += c.countDuplicate()
	} else if n > 0 {
		c.snd.dupacks = 0
	}
	c.repair(now, delivered, inFlight, n > 0)
}

// repair runs loss detection and congestion control on what the ACK brought,
// and gives the scoreboard back when nothing is outstanding.
func (c *Conn) repair(now clock.Instant, delivered, inFlight int, advanced bool) {
	c.count.delivered += int64(delivered)
	if c.search != nil {
		c.judgeSearch(now, advanced)
	}
	c.countDelivered(c.sb.newSegs, c.env.sample.ECE)
	c.sb.newSegs = 0
	newly, told := 0, delivered > 0 || advanced || c.snd.dupacks > 0
	if told {
		newly = c.detectLoss(now, delivered, advanced)
	}
	recovering := c.sb.rec.mode == fastRecovery
	c.endRecovery(now, delivered)
	c.env.sample.Recovered = recovering && c.sb.rec.mode == open
	if told {
		c.control(now, delivered, inFlight, newly, advanced)
	}
	if c.sb.rec.mode == fastRecovery {
		c.reduce(delivered, advanced && newly == 0)
		if advanced && newly > 0 && !c.opt.sack {
			// A partial ACK always lets one segment go (RFC 6582 3.2 step 3), also
			// where lost ACKs make proportional reduction wait.
			c.sb.rec.cwnd = max(c.sb.rec.cwnd, c.inFlight()+c.sendMSS(0))
		}
	}
	if c.snd.una == c.snd.nxt {
		c.emptied(now)
	} else if advanced {
		c.armTail(now)
	}
}

// control tells the controller what the ACK brought.
func (c *Conn) control(now clock.Instant, delivered, inFlight, newly int, advanced bool) {
	smp := &c.env.sample
	smp.Lost, smp.Arrived, smp.SACK = newly, delivered, c.opt.sack
	if c.sb.models {
		c.endRates(now, delivered)
	}
	if advanced && !smp.ECE { // only new data acknowledged opens the window (RFC 5681 3.1, RFC 3042 2, RFC 3168 6.1.2)
		smp.Acked = delivered
	}
	smp.Delivered, smp.InFlight, smp.Pipe = c.count.delivered, inFlight, c.sb.inFlight()
	smp.MinRTT, smp.LeastRTT = c.rtt.min, c.sb.rack.least
	smp.CwndLimited = c.has&cwndLimited != 0
	smp.Recovering = c.sb.rec.mode == fastRecovery
	before := c.cc.Window()
	c.cc.OnAck(now, smp)
	c.sizeSend(inFlight)
	if c.cc.Window() != before {
		c.traceCwnd(now, trace.CwndACK)
	}
	*smp = congestion.Sample{}
	if delivered > 0 && c.snd.limited.LessEq(c.snd.una) {
		c.has &^= cwndLimited
	}
}

// advance moves SND.UNA by n and returns how many bytes that delivers.
func (c *Conn) advance(now clock.Instant, s *arriving, n int) (delivered int) {
	c.snd.una = s.ack
	// None stays further behind than it matters, or in 2 GiB it lies ahead.
	c.snd.small = wire.MaxSeq(c.snd.small, s.ack)
	c.snd.guard = wire.MaxSeq(c.snd.guard, s.ack.Add(-1))
	c.rtt.next = wire.MaxSeq(c.rtt.next, s.ack)
	text := n
	if c.has&finSent != 0 && s.ack == c.snd.nxt {
		text-- // our FIN
	}
	if text > 0 {
		c.out.Discard(c.env.Budget, text)
		if size := c.sendBuffer(); c.out.Len() <= size-size/4 {
			c.events |= EvWritable
		}
		c.feed()
	}
	if c.snd.wnd > 0 {
		// Karn's algorithm: a timeout that was backed off stays so until there is
		// a sample, or a path longer than the RTO would never be measured (RFC 6298 5).
		c.rtt.rto = c.timeout()
	}
	if c.calls&urgentOut != 0 {
		c.urgentACKed()
	}
	c.progress(now)
	if c.sb != nil {
		delivered = c.measure(now, s, n)
	}
	c.armRetransmit(now, true)
	return delivered
}

// measure takes the acknowledged records off the scoreboard, and the
// round-trip time from them (RFC 6298 3: Karn's rule; with timestamps also
// from what was sent twice, RFC 7323 4.1).
func (c *Conn) measure(now clock.Instant, s *arriving, n int) int {
	a := c.sb.ack(s.ack)
	var m time.Duration
	if a.sent != clock.Never {
		m = now.Sub(a.sent)
	} else {
		m = c.echoed(now, &s.in.Seg.Options)
		// An echo older than the retransmission is ambiguous again: the peer had
		// the data, its ACK was lost, and the refused duplicate does not refresh
		// TS.Recent (RFC 7323 5.3 R2). As a sample it would be the backed-off RTO
		// itself, and the next RTO several times as long, up to the cap for good.
		if m > now.Sub(a.again)+tsTick {
			m = 0
		}
	}
	if m > 0 && c.rtt.next.LessEq(s.ack) {
		c.takeSample(m)
		c.rtt.next = c.snd.nxt
		c.has |= measured
	}
	c.env.sample.RTT = m
	if a.bytes > 0 && !later(c.sb.round, a.since) {
		c.env.sample.Round = true
		c.sb.round = uint32(c.count.delivered)
	}
	if c.opt.sack {
		return a.bytes
	}
	// What duplicate ACKs had announced is not delivered a second time; the
	// hole itself had not been announced.
	known := min(c.sb.dupBytes, max(n-c.sendMSS(0), 0))
	c.sb.dupBytes -= known
	c.sb.dupSince = 0
	return a.bytes - known
}

// isDuplicate is the definition of RFC 5681 2, and with SACK that of RFC 6675
// 2: something new was SACKed. A peer that agreed to SACK and says nothing of it
// counts as one without.
func (c *Conn) isDuplicate(s *arriving, n, news int) bool {
	if n != 0 || c.snd.una == c.snd.nxt {
		return false
	}
	if c.opt.sack && (news > 0 || c.sb == nil || c.sb.anySack || s.in.Seg.Options.NumSACK > 0) {
		return news > 0
	}
	return len(s.in.Payload) == 0 && s.flags&(wire.SYN|wire.FIN) == 0 &&
		s.window(c) == c.snd.wnd && s.window(c) != 0
}

// countDuplicate counts a duplicate ACK and returns how many bytes it says
// have arrived: one segment where no SACK tells.
func (c *Conn) countDuplicate() int {
	if c.snd.dupacks < 255 {
		c.snd.dupacks++
	}
	if c.opt.sack {
		return 0
	}
	// Forged duplicates must not inflate beyond what is out (RFC 5681 3.2 (4)),
	// nor pay for what they have set free themselves: honest ones of that come
	// after the ACK of the retransmission, which left before.
	s, mss := c.sb, c.sendMSS(0)
	out := c.snd.nxt.Sub(c.snd.una)
	if s.dupSince == 0 {
		s.dupMost = out
	}
	n := max(min(mss, out-mss-s.dupBytes, s.dupMost-mss-s.dupSince), 0)
	s.dupBytes += n
	s.dupSince += n
	return n
}

// updateWindow follows SEG.WND from segments that are not older than the last
// that did (RFC 9293 3.10.7.4), and reports whether a closed window opened.
//
// Deviates from RFC 9293 s.3.10.7.4: an ACK that moves SND.UNA is newer whatever
// its sequence number, as on Linux. SND.WND counts from SND.UNA, so keeping the
// old one would move the edge beyond what was offered.
func (c *Conn) updateWindow(now clock.Instant, s *arriving) (opened bool) {
	if s.ack.Less(c.snd.una) {
		return false
	}
	older := s.seq.Less(c.snd.wl1) || s.seq == c.snd.wl1 && s.ack.Less(c.snd.wl2)
	if older && s.ack == c.snd.una {
		return false
	}
	was := c.snd.wnd
	c.snd.wnd = s.window(c)
	c.snd.maxWnd = max(c.snd.maxWnd, c.snd.wnd)
	c.snd.wl1, c.snd.wl2 = s.seq, s.ack
	if was == 0 && c.snd.wnd > 0 {
		c.snd.backoff = 0
		c.snd.stalled = 0
		c.windowOpened(now)
		return true
	}
	if c.snd.wnd == 0 {
		c.timers[timerRetransmit] = clock.Never
	}
	return false
}

// finACKed follows an ACK of our FIN (RFC 9293 3.10.7.4, fifth) and reports
// whether that ended the connection.
func (c *Conn) finACKed(now clock.Instant) bool {
	if c.has&finSent == 0 || c.snd.una != c.snd.nxt {
		return false
	}
	switch c.state {
	case StateFinWait1:
		c.setState(now, StateFinWait2)
		c.armFinWait2(now)
		return c.state == StateClosed
	case StateClosing:
		c.setState(now, StateTimeWait)
	case StateLastAck:
		c.setState(now, StateClosed)
		return true
	}
	return false
}
