package tcp

import (
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A retransmission is spurious when the original was only late, or its ACK was
// lost. Three signs tell, of which the first to come counts: timestamps (RFC
// 3522), D-SACKs (RFC 2883, RFC 3708), and for timeouts the ACKs that follow
// (frto.go). Then what the episode took from the congestion window comes back
// (RFC 4015 3.2).

// An episode is what may have to be undone: the latest reduction of the
// congestion window for loss, and the retransmissions it led to. It lasts until
// the next one, for D-SACKs come a round trip after the repair.
type episode struct {
	again [3]span  // sent again, in sequence, apart from each other
	told  wire.Seq // of what lies before, no D-SACK counts any more
	left  int32    // bytes sent again of which no D-SACK has told
	stamp uint32   // RetransmitTS (RFC 3522 3.2, step 2)
	n     uint8    // of again
	is    episodeFacts
}

type episodeFacts uint8

const (
	undoable episodeFacts = 1 << iota // there is something to undo
	fastOne                           // it began without a timeout
	unclear                           // D-SACKs cannot tell: some bytes were sent three times
	echoed                            // the first ACK of what was sent again has come
)

// beginEpisode follows a reduction. Where the last episode was not over, what
// it sent again was lost: nothing is undone then.
func (c *Conn) beginEpisode(alone bool, is episodeFacts) {
	ep := c.episode()
	*ep = episode{}
	c.reduced()
	if !alone {
		return
	}
	ep.is = undoable | is
	if c.has&(tailOut|tailAgain) == tailOut|tailAgain {
		ep.is |= unclear // the probe's own D-SACK is still to come
	}
}

// sentAgain notes that [l, r) goes again.
func (p *episode) sentAgain(l, r wire.Seq, stamp uint32) {
	p.left += int32(r.Sub(l))
	last := &p.again[max(int(p.n), 1)-1]
	switch {
	case p.n == 0:
		p.stamp, p.told = stamp, l
	case l.Less(last.r):
		p.is |= unclear
		return
	case l == last.r:
		last.r = r
		return
	case int(p.n) == len(p.again):
		p.is |= unclear
		return
	}
	p.again[p.n] = span{l, r}
	p.n++
}

// judgeEpisode looks at an ACK, which moved SND.UNA by n, for signs that the
// episode was for nothing.
func (c *Conn) judgeEpisode(now clock.Instant, s *arriving, n int, duplicate bool) {
	late := c.sb != nil && c.forwardRTO(s, n, duplicate)
	if ep := c.episode(); ep.is&undoable != 0 {
		late = ep.tellsAll(s.dsack) || late
		late = c.echoesOriginal(s, n) || late
		if late {
			timeout := ep.is&fastOne == 0
			c.undo(now)
			if timeout {
				c.afterSpurious(now, s)
			}
		}
	}
	if s.dsack != (span{}) {
		c.has |= dsackSeen
	}
}

// tellsAll takes a D-SACK and reports whether by now all that was sent again is
// known to have arrived twice. Each byte counts once, so that a network that
// duplicates, or a peer that repeats itself, proves nothing (RFC 3708 3).
func (p *episode) tellsAll(d span) bool {
	if d == (span{}) || p.is&unclear != 0 || d.l.Less(p.told) {
		return false
	}
	for _, x := range p.again[:p.n] {
		if x.l.LessEq(d.l) && d.r.LessEq(x.r) {
			p.told = d.r
			p.left -= int32(d.r.Sub(d.l))
			return p.left == 0
		}
	}
	return false
}

// echoesOriginal is the Eifel detection (RFC 3522 3.2, steps 3 to 5): the first
// ACK that covers what was sent again echoes a time before that.
func (c *Conn) echoesOriginal(s *arriving, n int) bool {
	p, o := c.episode(), &s.in.Seg.Options
	if n == 0 || p.n == 0 || p.is&echoed != 0 || s.ack.LessEq(p.again[0].l) {
		return false
	}
	p.is |= echoed
	if !c.opt.ts || !o.HasTimestamps || o.TSEcr == 0 || !tsLess(o.TSEcr, p.stamp) {
		return false
	}
	// A late original and a lost ACK look alike where the ACK is of everything
	// (step 5): the peer's D-SACK tells them apart, if it sends any.
	return s.dsack == (span{}) && (c.has&dsackSeen != 0 || c.snd.una != c.snd.nxt)
}

// undo takes the episode back: its reduction, and what it believes to be lost.
func (c *Conn) undo(now clock.Instant) {
	ep := c.episode()
	fast := ep.is&fastOne != 0
	*ep = episode{}
	c.cc.OnSpurious()
	if fast && c.opt.sack {
		c.has |= reordered // what came late was not lost (RFC 8985 6.2, step 3)
	}
	if s := c.sb; s != nil && s.rec.mode != open {
		s.unmark()
		if !fast {
			// The retransmission counted as arrived, and all before it as late.
			s.rack.xmit = clock.Never
		}
		c.leaveLoss(now)
		s.rec = recovery{}
		s.dupBytes = 0
		c.snd.dupacks = 0
	}
	c.traceCwnd(now, trace.CwndUndo)
}

// unmark takes what was marked lost and not sent again as in flight once more.
func (s *scoreboard) unmark() {
	for i := range s.n {
		r := s.at(i)
		if r.flags&(sacked|lost|everSent) == lost {
			s.weigh(r.flags, -int(r.len))
			r.flags &^= lost
		}
	}
	if s.n > 0 {
		s.judged = s.at(0).seq
	}
}
