package tcp

import (
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// acceptable is RFC 9293 3.10.7.4, first, with PAWS before it (RFC 7323 5.3).
// What it refuses it also answers.
func (c *Conn) acceptable(now clock.Instant, s *arriving) bool {
	if s.flags&wire.RST == 0 && c.paws(now, &s.in.Seg.Options) {
		c.drop(now, trace.DropPAWS, s.in)
		c.refuse(now, s)
		return false
	}
	if s.flags&wire.SYN != 0 && s.flags&wire.RST == 0 {
		return true // RFC 5961 4.2: at any sequence number
	}
	if !c.inWindow(s) {
		c.drop(now, trace.DropUnacceptable, s.in)
		if s.flags&wire.RST == 0 {
			c.refuse(now, s)
		}
		return false
	}
	return true
}

// inWindow is the table of RFC 9293 3.4. A segment with text at RCV.NXT is let
// in even when the window is closed, for the sake of its ACK, RST or URG
// (MUST-66); trim takes its text away.
func (c *Conn) inWindow(s *arriving) bool {
	wnd := uint32(c.rcv.adv.Sub(c.rcv.nxt))
	n := segLen(s.flags, len(s.text))
	if s.seq == c.rcv.nxt {
		return true
	}
	if n == 0 {
		// Deviates from RFC 9293 s.3.10.7.4: the right edge itself is acceptable
		// where there is no text, as on Linux. Two ends that have both filled the
		// other's window and lost the data send their ACKs from there; refusing
		// them would leave both deaf for good.
		return s.seq.InWindow(c.rcv.nxt, wnd+1)
	}
	last := s.seq.Add(n - 1)
	return s.seq.InWindow(c.rcv.nxt, wnd) || s.seq.Less(c.rcv.nxt) && c.rcv.nxt.LessEq(last)
}

// trim cuts off what lies before RCV.NXT and beyond the window. A FIN whose
// place is cut off goes with it.
func (c *Conn) trim(s *arriving) {
	if old := c.rcv.nxt.Sub(s.seq); old > 0 {
		if s.flags&wire.SYN != 0 {
			s.flags &^= wire.SYN
			s.seq = s.seq.Add(1)
			old--
		}
		old = min(old, len(s.text))
		if old > 0 {
			c.reportDuplicate(s.seq, s.seq.Add(old))
			c.oweACK()
		}
		s.text = s.text[old:]
		s.seq = s.seq.Add(old)
	}
	room := max(c.rcv.adv.Sub(s.seq), 0)
	if len(s.text) > room {
		s.text = s.text[:room]
		s.flags &^= wire.FIN
		c.oweACK() // the sender has to learn of the window (RFC 9293 3.8.6.1)
	}
}

// refuse answers a segment that is not acceptable. A repeated FIN in TIME-WAIT
// restarts 2 MSL (RFC 9293 3.10.7.4, eighth).
func (c *Conn) refuse(now clock.Instant, s *arriving) {
	if c.state == StateTimeWait && s.flags&wire.FIN != 0 {
		c.timers[timerTimeWait] = now.Add(2 * c.env.Config.MSL)
	}
	if end := s.seq.Add(len(s.text)); len(s.text) > 0 && end.LessEq(c.rcv.nxt) {
		c.reportDuplicate(s.seq, end)
	}
	c.answerOutside(now, s)
}

// outsideEvery is how often segments without data that are outside the window
// are answered.
//
// Deviates from RFC 9293 s.3.10.7.4: not each of them draws an ACK, as on Linux;
// two desynchronised peers would answer each other for ever.
const outsideEvery = 500 * time.Millisecond

// answerOutside owes the ACK that a segment without effect draws. One with
// data or a FIN always draws it: its sender waits for that.
func (c *Conn) answerOutside(now clock.Instant, s *arriving) {
	if len(s.in.Payload) == 0 && s.in.Seg.Flags&wire.FIN == 0 || s.in.Seg.Flags&wire.SYN != 0 {
		if c.rcv.oow != 0 && now.Since(c.rcv.oow) < outsideEvery {
			return
		}
		c.rcv.oow = now.Tick()
	}
	c.has |= owesChallenge
}

// The limit of challenge ACKs to resets, per connection so that nothing one
// connection does shows on another (RFC 5961 7, CVE-2016-5696).
const (
	challengeEvery = 5 * time.Second
	challengeMost  = 10
)

// challenge owes a challenge ACK (RFC 5961 3.2) within the limit.
func (c *Conn) challenge(now clock.Instant) {
	if c.rcv.challenged == 0 || now.Since(c.rcv.challenged) >= challengeEvery {
		c.rcv.challenged, c.rcv.challenges = now.Tick(), 0
	}
	if c.rcv.challenges < challengeMost {
		c.rcv.challenges++
		c.has |= owesChallenge
	}
}
