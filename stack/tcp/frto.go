package tcp

import "github.com/sockeye-net/sockeye/stack/clock"

// Forward RTO-recovery (RFC 5682): after a timeout and its first retransmission
// new data goes before more is repeated. The ACK that then comes says whether
// the rest of the flight had been lost.

// frtoStep is where the algorithm stands.
type frtoStep uint8

const (
	frtoOff    frtoStep = iota // conventional recovery
	frtoFirst                  // step 2: the ACK of the retransmission is awaited
	frtoSecond                 // step 3: the next one
)

// forwardRTO takes an ACK that moved SND.UNA by n and reports whether it shows
// that the timeout was spurious. It serves the basic algorithm (RFC 5682 2.1)
// and the one for SACK (3.1): what they ask is whether something arrived
// that had been sent before the timeout and not after it.
//
// Deviates from RFC 5682 s.2.1, step 3a: the window is what slow start has made
// of it and not brought to 3 segments; it is no larger unless the first ACK was
// of more.
func (c *Conn) forwardRTO(s *arriving, n int, duplicate bool) (spurious bool) {
	b := c.sb
	r := &b.rec
	switch r.frto {
	case frtoFirst:
		switch {
		case r.point.LessEq(s.ack): // step 2a: it acknowledges all
			r.frto = frtoOff
		case n > 0: // step 2b
			r.frto = frtoSecond
		case duplicate && !c.opt.sack: // step 2a of 2.1; 3.1 waits
			r.frto = frtoOff
		}
	case frtoSecond:
		if n == 0 && !duplicate {
			return false
		}
		r.frto = frtoOff
		above := r.point.Less(s.ack) || b.anySack && r.point.Less(b.high)
		return !above && b.rack.least > 0 // step 3b, else 3a
	}
	return false
}

// forwarding reports whether new data goes in the place of what was lost (step 2b).
func (c *Conn) forwarding() bool { return c.sb != nil && c.sb.rec.frto == frtoSecond }

// forwardRoom is how much new data may go then, bytes: two segments in all.
func (c *Conn) forwardRoom(mss int) int { return 2*mss - c.snd.nxt.Sub(c.sb.rec.point) }

// transmitForward sends new data for step 2b. Where there is none, or no room
// for it, conventional recovery goes on: over is true.
func (c *Conn) transmitForward(now clock.Instant, out *Segment, mss int, sack bool) (ok, over bool) {
	if c.sendNew(now, out, mss, sack) {
		return true, false
	}
	if c.snd.nxt != c.sb.rec.point {
		return false, false
	}
	c.sb.rec.frto = frtoOff
	return false, true
}
