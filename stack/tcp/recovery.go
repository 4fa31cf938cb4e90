package tcp

import (
	"math"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp/congestion"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// dupThresh is how many duplicate ACKs, or segments SACKed above, mean a loss
// (RFC 5681 3.2, RFC 6675 3).
const dupThresh = 3

type recoveryMode uint8

const (
	open         recoveryMode = iota // no loss that is not repaired
	fastRecovery                     // RFC 6675, or RFC 6582 without SACK
	afterTimeout                     // RFC 5681 3.1, last paragraph
)

// recovery is the state of one episode of repair.
type recovery struct {
	mode     recoveryMode
	point    wire.Seq // RecoveryPoint: what is acknowledged up to here ends the episode
	counted  bool     // it began by duplicate ACKs without SACK
	frto     frtoStep
	since    clock.Instant
	timedOut clock.Instant // the first timeout, afterTimeout
	refused  span          // open: what was out when the peer's window opened

	// Proportional rate reduction (RFC 9937).
	delivered int // prr_delivered
	out       int // prr_out
	flight    int // RecoverFS
	cwnd      int
}

// cwnd is the congestion window in force, bytes: in fast recovery that of
// proportional rate reduction, unless the controller models the path, else the
// controller's.
func (c *Conn) cwnd() int {
	if c.sb != nil && c.sb.rec.mode == fastRecovery && !c.sb.models {
		return c.sb.rec.cwnd
	}
	return c.cc.Window()
}

// noteLimited remembers that the window, and not the owner, bounds what is in
// flight: all ACKs of that flight may let it grow, however many come at once
// (RFC 7661 4.1's validated phase).
func (c *Conn) noteLimited() {
	c.has |= cwndLimited
	c.snd.limited = c.snd.nxt
}

// detectLoss marks what the ACK proves to be lost, begins an episode where it
// is the first, and returns how many bytes were newly marked.
func (c *Conn) detectLoss(now clock.Instant, delivered int, advanced bool) int {
	if c.opt.sack {
		if n := c.detectByTime(now, delivered); n > 0 || c.sb.anySack || c.sb.rec.mode != open && !c.sb.rec.counted {
			return n
		}
	}
	return c.detectByCount(now, delivered, advanced)
}

// detectByCount is the detection without SACK: RFC 5681 3.2 and RFC 6582 3.2.
// It serves too where SACK was agreed and the peer's duplicate ACKs have no
// blocks: it keeps nothing out of order for want of memory, or is closing and
// has stopped to tell.
func (c *Conn) detectByCount(now clock.Instant, delivered int, advanced bool) (newly int) {
	switch s := c.sb; s.rec.mode {
	case open:
		// The duplicates may be those of our own retransmissions (RFC 6582 3.2 step 1).
		if c.snd.dupacks < dupThresh || c.snd.una.LessEq(c.snd.guard) {
			return 0
		}
		if c.countedSizing() {
			return 0
		}
		newly = s.markHead(c.env, c.sendMSS(0))
		c.enterRecovery(now, delivered)
		s.rec.counted = true
	case fastRecovery:
		// A partial ACK says that the next segment was lost too: it left
		// before the retransmission that has just been acknowledged (RFC 6582 3.2 step 3).
		if advanced && c.snd.una.Less(s.rec.point) {
			newly = s.markHead(c.env, c.sendMSS(0))
		}
	}
	return newly
}

// enterRecovery begins an episode of fast recovery, or begins it anew, by an ACK
// that delivered so many bytes.
func (c *Conn) enterRecovery(now clock.Instant, delivered int) {
	s, unanswered := c.sb, c.unanswered(delivered)
	// Once for each window, by loss or by ECE (RFC 3168 6.1.2).
	done := s.rec.mode == open && c.ecn&ecnReduced != 0
	c.beginEpisode(s.rec.mode == open && !done, fastOne)
	if !done {
		c.cc.OnCongestion(now, congestion.Loss, c.flightSize())
	}
	c.leaveLoss(now)
	s.rec = recovery{mode: fastRecovery, point: c.snd.nxt, since: now, delivered: unanswered}
	// RecoverFS (RFC 9937 5): all that may still be delivered in this episode,
	// this ACK's part with it.
	s.rec.flight = c.snd.nxt.Sub(c.snd.una) - s.sackedBytes - s.dupBytes + delivered + unanswered
	s.rec.cwnd = s.inFlight() + c.sendMSS(0)
	c.traceCwnd(now, trace.CwndFastRecovery)
}

// unanswered is what was delivered before this ACK and has let nothing out yet,
// bytes: ACKs that come together are answered together, so the first duplicates
// of a batch could not draw new data (RFC 3042, RFC 6675 5 (3)) before its last
// one told of a loss. Proportional rate reduction counts it as delivered, or a
// small flight would leave nothing but its fast retransmit out, and the loss of
// that one would take a timeout.
func (c *Conn) unanswered(delivered int) int {
	s := c.sb
	if s.rec.mode != open {
		return 0
	}
	before := s.inFlight() + s.lostBytes - s.resentBytes + delivered
	edge := c.snd.una.Add(int(c.snd.wnd))
	return max(min(c.cc.Window()-before, c.unsent(), edge.Sub(c.snd.nxt)), 0)
}

// flightSize is FlightSize of RFC 5681 2 for a reduction. What limited transmit
// sent does not count (RFC 5681 3.2 (2), RFC 6675 5 (4.2)), nor, while a hole
// keeps SND.UNA back, what lies beyond it: neither was sent by the window.
//
// Deviates from RFC 5681 s.3.1: in congestion avoidance a window that was full
// counts as a whole, as on Linux. ACKs that come together are answered together,
// so that what the first of them set free is not out when the last of them tells
// of a loss. RFC 9438 4.6 allows it where a window never grows beyond what is
// used, which ours does not (RFC 7661 3).
func (c *Conn) flightSize() int {
	if c.has&cwndLimited != 0 && c.cc.Window() >= c.cc.Ssthresh() {
		return c.cc.Window()
	}
	return min(c.snd.nxt.Sub(c.snd.una), c.cc.Window())
}

// reduce is RFC 9937 4: it lets segments out in proportion to those delivered,
// so that the window has reached ssthresh when the episode ends.
func (c *Conn) reduce(delivered int, safe bool) {
	s := c.sb
	r := &s.rec
	r.delivered += delivered
	pipe, ssthresh, mss := s.inFlight(), c.cc.Ssthresh(), c.sendMSS(0)
	var n int
	if pipe > ssthresh {
		n = int((int64(r.delivered)*int64(ssthresh)+int64(r.flight)-1)/int64(max(r.flight, 1))) - r.out
	} else {
		n = max(r.delivered-r.out, delivered)
		if safe {
			n += mss
		}
		n = min(n, ssthresh-pipe)
	}
	if r.out == 0 {
		n = max(n, mss) // the fast retransmit itself
	}
	r.cwnd = pipe + max(n, 0)
}

// endRecovery ends the episode when its point is acknowledged, by an ACK that
// delivered so many bytes.
func (c *Conn) endRecovery(now clock.Instant, delivered int) {
	s := c.sb
	if s.rec.mode == open || c.snd.una.Less(s.rec.point) {
		return
	}
	fast := s.rec.mode == fastRecovery
	c.leaveLoss(now)
	c.snd.guard = wire.MaxSeq(c.snd.guard, s.rec.point)
	s.rec = recovery{}
	s.dupBytes = 0
	c.snd.dupacks = 0
	if fast || s.models {
		c.cc.OnRecovered(now)
	}
	c.settleReorder()
	c.traceCwnd(now, trace.CwndRecovered)
	if s.lostBytes > 0 && c.opt.sack {
		c.enterRecovery(now, delivered) // what left since then was lost too: another window
	}
}

// enterLoss takes all that is outstanding as lost (RFC 5681 3.1, RFC 6298 5.4).
func (c *Conn) enterLoss(now clock.Instant) {
	s := c.sb
	if s == nil || s.n == 0 {
		return
	}
	// Deviates from RFC 2018 s.8: SACKs are not forgotten at each timeout but when
	// the oldest segment has one, for then the peer took it back. As on Linux.
	if s.at(0).flags&sacked != 0 {
		s.renege()
	}
	// Once per flight: ssthresh stays when the same data is lost again.
	first := c.snd.backoff == 0
	if first {
		flight := c.snd.nxt.Sub(c.snd.una)
		if s.rec.mode == fastRecovery {
			flight = c.flightSize() // ssthresh must not rise by a second sign of congestion
		}
		c.cc.OnTimeout(now, flight)
	}
	first = first && s.rec.mode == open
	if c.snd.backoff == 0 || s.rec.mode != afterTimeout {
		c.beginEpisode(first, 0)
	}
	if c.opt.sack {
		s.markOlder(now.Add(-c.patience()))
	} else {
		s.markOlder(math.MaxInt64)
	}
	timedOut := now
	if s.rec.mode == afterTimeout {
		timedOut = s.rec.timedOut
	}
	s.rec = recovery{mode: afterTimeout, point: c.snd.nxt, since: now, timedOut: timedOut}
	if first {
		s.rec.frto = frtoFirst // RFC 5682 2.1, step 1
	}
	c.has &^= tailOut
	c.snd.dupacks = 0
	c.snd.guard = c.snd.nxt
	c.traceCwnd(now, trace.CwndTimeout)
}
