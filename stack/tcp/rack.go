package tcp

import (
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// rack is RACK's state (RFC 8985 5.2). Where SACK is agreed, it and nothing
// else tells what was lost before the retransmission timer does: whatever left
// a reordering window earlier than something that has arrived.
//
// A record is RACK's segment. A super-segment has one time for all of its wire
// segments; the order of their ends tells them apart.
type rack struct {
	xmit clock.Instant // RACK.xmit_ts; Never: nothing has arrived
	end  wire.Seq      // RACK.end_seq
	rtt  time.Duration // RACK.rtt

	// Of the ACK under way.
	now   clock.Instant
	fack  wire.Seq      // RACK.fack as it was before
	least time.Duration // smallest round trip of what was sent once, 0: none
	min   time.Duration // RACK.min_RTT
	echo  uint32        // TSecr
	off   uint32        // of our timestamp clock
	ts    bool          // echo is there
	late  bool          // what was sent once arrived behind RACK.fack
}

// sentAfter is RACK_sent_after (RFC 8985 6.1).
func sentAfter(t1 clock.Instant, end1 wire.Seq, t2 clock.Instant, end2 wire.Seq) bool {
	return t1 > t2 || t1 == t2 && end2.Less(end1)
}

// beginRACK prepares for what the ACK says of single records.
func (c *Conn) beginRACK(now clock.Instant, s *arriving) {
	if c.sb == nil {
		return
	}
	k, o := &c.sb.rack, &s.in.Seg.Options
	k.now, k.min, k.least, k.late = now, c.rtt.min, 0, false
	k.ts, k.echo, k.off = c.opt.ts && o.HasTimestamps, o.TSEcr, c.tsOff
	k.fack = c.snd.una
	c.sb.rates.newest.sent = clock.Never
	if c.sb.anySack {
		k.fack = c.sb.high
	}
}

// deliver takes the part of r before end as newly arrived (RFC 8985 6.2, steps
// 1 to 3). Where it lies behind a hole TSecr tells nothing of its transmissions:
// the receiver echoes the segment before the hole (RFC 7323 4.3).
func (k *rack) deliver(r *record, end wire.Seq, inOrder bool) {
	rtt := k.now.Sub(r.sent)
	if r.flags&everSent == 0 {
		k.late = k.late || end.Less(k.fack)
		if rtt > 0 && (k.least == 0 || rtt < k.least) {
			k.least = rtt
		}
	} else if rtt < k.min || inOrder && k.ts && tsLess(k.echo, tsClock(r.sent, k.off)) {
		return // the ACK is of an earlier transmission
	}
	k.rtt = rtt
	if k.xmit == clock.Never || sentAfter(r.sent, end, k.xmit, k.end) {
		k.xmit, k.end = r.sent, end
	}
}

// endRACK takes over what the ACK taught of the path.
func (c *Conn) endRACK() {
	k := &c.sb.rack
	c.rtt.noteMin(k.now, k.least)
	if k.late && c.opt.sack {
		c.count.late++
		c.has |= reordered
	}
}

// reorderWindow is RACK_update_reo_wnd (RFC 8985 6.2, step 4), but for the
// D-SACKs, which noteDSACK counts.
func (c *Conn) reorderWindow() time.Duration {
	s := c.sb
	if c.has&reordered == 0 && (s.rec.mode != open || s.sackedSegs >= dupThresh) {
		return 0
	}
	w := (1 + time.Duration(c.snd.reoMult)) * c.rtt.min / 4
	if c.rtt.srtt > 0 {
		w = min(w, c.rtt.srtt)
	}
	return w
}

// patience is how long after it was sent a record is not yet lost when the
// retransmission timer expires (RFC 8985 6.3).
func (c *Conn) patience() time.Duration {
	if k := &c.sb.rack; k.xmit != clock.Never {
		return k.rtt + c.reorderWindow()
	}
	return c.rtt.srtt
}

// reoPersist is for how many recoveries a wider reordering window stays.
const reoPersist = 16

// noteDSACK widens the reordering window by a step for each round trip with a
// D-SACK: it was too small (RFC 8985 6.2, step 4).
func (c *Conn) noteDSACK(s *arriving) {
	if c.has&dsackRound != 0 && c.snd.dsacked.LessEq(s.ack) {
		c.has &^= dsackRound
	}
	if s.dsack == (span{}) || c.has&dsackRound != 0 {
		return
	}
	c.has |= dsackRound
	c.snd.dsacked = c.snd.nxt
	c.snd.reoKeep = reoPersist
	if c.snd.reoMult < 255 {
		c.snd.reoMult++
	}
}

// settleReorder narrows the window again after enough recoveries without D-SACKs.
func (c *Conn) settleReorder() {
	if c.snd.reoKeep > 0 {
		c.snd.reoKeep--
	}
	if c.snd.reoKeep == 0 {
		c.snd.reoMult = 0
	}
}

// detectByTime is RACK_detect_loss (RFC 8985 6.2, step 5). It returns how many
// bytes were newly marked.
func (c *Conn) detectByTime(now clock.Instant, delivered int) int {
	s := c.sb
	if s.rack.xmit == clock.Never {
		return 0
	}
	due := now.Add(-s.rack.rtt - c.reorderWindow())
	once, waits := s.detectOnce(due)
	twice, latest, waitsToo := s.detectAgain(due)
	c.armReorder(now, due, waits || waitsToo)
	if once+twice == 0 {
		return 0
	}
	if s.rec.mode == open && twice == 0 && c.onlySizing(once) {
		return 0
	}
	// The loss of what was sent again since the last reduction is a second sign
	// of congestion (RFC 5681 4.3).
	if s.rec.mode == open || twice > 0 && latest >= s.rec.since {
		c.enterRecovery(now, delivered)
	}
	return once + twice
}

// judge says of a record whether it was sent before RACK.segment, and whether
// it is lost because that was at due or earlier.
//
// Deviates from RFC 8985 s.6.1: of a retransmission and new data that left at the
// same reading of the clock nothing says which was first, least of all their ends.
func (k *rack) judge(r *record, due clock.Instant) (before, isLost bool) {
	before = sentAfter(k.xmit, k.end, r.sent, r.end())
	if r.flags&everSent != 0 {
		before = r.sent < k.xmit
	}
	return before, before && r.sent <= due
}

// detectOnce judges what was sent once: in the order of sequence numbers, which
// is that of time. It goes on where it stopped, so an ACK costs what it marks.
func (s *scoreboard) detectOnce(due clock.Instant) (newly int, waits bool) {
	i := s.find(s.judged)
	for ; i < s.n; i++ {
		r := s.at(i)
		if r.flags&(sacked|lost|everSent) != 0 {
			continue
		}
		before, isLost := s.rack.judge(r, due)
		if !isLost {
			waits = before
			break
		}
		newly += s.lose(i)
	}
	if i < s.n {
		s.judged = s.at(i).seq
	} else if s.n > 0 {
		s.judged = s.at(s.n - 1).end()
	}
	return newly, waits
}

// detectAgain judges what was sent again: in the order of resends, which is
// that of time. latest is when the last of the newly lost was sent.
func (s *scoreboard) detectAgain(due clock.Instant) (newly int, latest clock.Instant, waits bool) {
	for q := &s.again; q.n > 0; q.pop() {
		e := q.first()
		for i := s.find(e.seq); i < s.n && s.at(i).seq.Less(e.seq.Add(int(e.len))); i++ {
			r := s.at(i)
			if !e.isOf(r) {
				continue
			}
			before, isLost := s.rack.judge(r, due)
			if !isLost {
				return newly, latest, before
			}
			latest = r.sent
			newly += s.lose(i)
		}
	}
	return newly, latest, false
}

// armReorder starts the reordering timer for when all that left before
// RACK.segment has had its time, or stops it.
func (c *Conn) armReorder(now, due clock.Instant, waits bool) {
	switch {
	case waits:
		c.timers[timerReorder] = now.Add(c.sb.rack.xmit.Sub(due))
		c.has &^= tailTimer
	case c.has&tailTimer == 0:
		c.timers[timerReorder] = clock.Never
	}
}

// reorderTimeout is RACK's timer, or the loss probe's.
func (c *Conn) reorderTimeout(now clock.Instant) {
	if c.has&tailTimer != 0 {
		c.tailTimeout(now)
		return
	}
	if c.sb == nil || c.persisting() {
		return
	}
	c.traceTimer(now, trace.TimerReorder)
	if c.detectByTime(now, 0) > 0 && c.sb.rec.mode == fastRecovery {
		c.reduce(0, false)
	}
}
