package tcp

import (
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp/congestion"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// Delivery rates, kept where the controller models its path (draft-ietf-ccwg-bbr-05 4.1, before it
// draft-cheng-iccrg-delivery-rate-estimation): each transmission remembers how
// much had been delivered when it left, and since when. What its ACK delivers
// beyond that, over the longer of the times that sending and delivering took, is
// the rate at which the path works. A super-segment is one transmission, also
// where SACK has cut its record.

// rates are the sampler's variables (4.1.2.1).
type rates struct {
	first    clock.Instant // C.first_send_time
	at       clock.Instant // C.delivered_time
	limited  int64         // C.app_limited; 0: not application-limited
	newest   record        // of those that the ACK under way delivers, seq being its end; sent Never: none
	lostEnd  wire.Seq      // end of what was last taken as lost
	lost     uint32        // C.lost since there is a scoreboard, modulo 2^32
	sample   uint32        // the latest rate: bytes ...
	interval uint32        // ... in so many rateUnit; 0: none
	bounded  bool          // ... and whether it was application-limited
}

// rateUnit is what the times in a record count, so that they take half the room;
// what took longer than they can tell gives no sample.
const (
	rateUnit    = 16 * time.Nanosecond
	longestRate = 1<<32 - 1
)

func inRateUnits(d time.Duration) uint32 {
	return uint32(min(uint64(max(d, 0))/uint64(rateUnit), longestRate))
}

// leave notes in r, which leaves, what its rate will be measured from; inFlight
// includes it (4.1.2.2).
func (q *rates) leave(r *record, inFlight int) {
	if inFlight <= int(r.len) {
		q.first, q.at = r.sent, r.sent
	}
	r.sinceFirst = inRateUnits(r.sent.Sub(q.first))
	r.sinceACK = inRateUnits(r.sent.Sub(q.at))
	r.segs, r.lost = uint32(inFlight), q.lost
	r.flags &^= limitedByApp
	if q.limited != 0 {
		r.flags |= limitedByApp
	}
}

// deliver takes the part of r before end as newly arrived (4.1.2.3).
func (q *rates) deliver(r *record, end wire.Seq) {
	if q.newest.sent == clock.Never || sentAfter(r.sent, end, q.newest.sent, q.newest.seq) {
		q.newest = *r
		q.newest.seq = end
	}
}

// since returns how much was delivered since a record's delivered was noted.
func (c *Conn) since(delivered uint32) uint32 { return uint32(c.count.delivered) - delivered }

// endRates fills in what the ACK says of the path, after it was counted
// (GenerateRateSample of 4.1.2.3).
func (c *Conn) endRates(now clock.Instant, delivered int) {
	q := &c.sb.rates
	if delivered > 0 {
		q.at = now
	}
	if q.limited != 0 && c.count.delivered > q.limited {
		q.limited = 0
	}
	r := &q.newest
	if r.sent == clock.Never {
		return
	}
	n := c.since(r.delivered)
	interval := max(r.sinceFirst, inRateUnits(now.Sub(r.sent)+time.Duration(r.sinceACK)*rateUnit))
	// Faster than the smallest round-trip time is the ACK of an earlier
	// transmission, or of one that was repeated for nothing.
	valid := interval < longestRate && interval > 0 && time.Duration(interval)*rateUnit >= c.rtt.min-rateUnit
	bounded := r.flags&limitedByApp != 0
	q.first = r.sent
	smp := &c.env.sample
	smp.Sampled, smp.AppLimited = true, bounded
	smp.Prior = c.count.delivered - int64(n)
	smp.TxInFlight, smp.TxLost = int(r.segs), int(q.lost-r.lost)
	if valid {
		smp.Rate = perSecond(n, interval)
	}
	if valid && (!bounded || uint64(n)*uint64(q.interval) >= uint64(q.sample)*uint64(interval)) {
		q.sample, q.interval, q.bounded = n, interval, bounded
	}
	r.sent = clock.Never
}

// later reports whether count a, modulo 2^32, is beyond b.
func later(a, b uint32) bool { return int32(a-b) > 0 }

// perSecond is n bytes in so many rateUnit as a rate.
func perSecond(n, interval uint32) int64 {
	return int64(uint64(n) * uint64(time.Second/rateUnit) / uint64(interval))
}

// checkAppLimited is CheckIfApplicationLimited (4.1.2.4): asked before the owner
// queues more, before an ACK changes anything, and before a timer does.
func (c *Conn) checkAppLimited() {
	s := c.sb
	if s == nil || !s.models || c.unsent() >= int(c.mss) || s.lostBytes > s.resentBytes {
		return
	}
	if n := s.inFlight(); n < c.cwnd() {
		s.rates.limited = max(c.count.delivered+int64(n), 1)
	}
}

// lose marks record i as lost, like mark, and tells a controller that models the
// path of it: to that each loss counts, with what was in flight then.
func (s *scoreboard) lose(i int) int {
	n := s.mark(i)
	s.rates.lost += uint32(n)
	if s.models {
		s.owner.tellLoss(s.at(i))
	}
	return n
}

// tellLoss tells the controller of a loss, unless it was the segment's size that
// did not pass (RFC 4821 7.6.2).
func (c *Conn) tellLoss(r *record) {
	if m := c.search; m != nil && m.size != 0 && m.out.l == r.seq {
		return
	}
	q := &c.sb.rates
	c.cc.OnLost(&congestion.Lost{
		Delivered: c.count.delivered, Bytes: int(r.len),
		TxInFlight: int(r.segs), TxLost: int(q.lost - r.lost),
		AppLimited: r.flags&limitedByApp != 0, Adjacent: r.seq == q.lostEnd,
	})
	q.lostEnd = r.end()
}
