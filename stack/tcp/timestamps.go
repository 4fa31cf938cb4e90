package tcp

import (
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// tsTick is the timestamp clock (RFC 7323 5.4: between 1 ms and 1 s).
const tsTick = time.Millisecond

// tsValid is how long TS.Recent may be compared: the clock of a peer that
// ticks every millisecond wraps its sign after 24.8 days (RFC 7323 5.5).
const tsValid = 24 * 24 * time.Hour

func tsClock(now clock.Instant, off uint32) uint32 {
	return uint32(uint64(now)/uint64(tsTick)) + off
}

// tsLess compares timestamps modulo 2^32.
func tsLess(a, b uint32) bool { return int32(a-b) < 0 }

// paws reports whether the segment is an old duplicate by its timestamp
// (RFC 7323 5.3 R1).
//
// Deviates from RFC 7323 s.3.2: a segment without timestamps is taken although
// they were agreed, as on Linux; middleboxes that strip them from some segments
// would else stop the connection.
func (c *Conn) paws(now clock.Instant, o *wire.TCPOptions) bool {
	if !c.opt.ts || !o.HasTimestamps || c.rcv.tsRecentAt == clock.Never {
		return false
	}
	if !tsLess(o.TSVal, c.rcv.tsRecent) {
		return false
	}
	if now.Sub(c.rcv.tsRecentAt) > tsValid {
		c.rcv.tsRecentAt = clock.Never // RFC 7323 5.5: too old to judge by
		return false
	}
	return true
}

// noteTimestamp updates TS.Recent from an acceptable segment that covers
// Last.ACK.sent (RFC 7323 4.3 (2), 5.3 R3), so that nobody can poison it from ahead.
func (c *Conn) noteTimestamp(now clock.Instant, seq wire.Seq, o *wire.TCPOptions) {
	if !c.opt.ts || !o.HasTimestamps || !seq.LessEq(c.rcv.acked) {
		return
	}
	if c.rcv.tsRecentAt != clock.Never && tsLess(o.TSVal, c.rcv.tsRecent) {
		return
	}
	c.rcv.tsRecent, c.rcv.tsRecentAt = o.TSVal, now
}

// echoed returns the round-trip time that TSecr tells (RFC 7323 4.1), or 0.
func (c *Conn) echoed(now clock.Instant, o *wire.TCPOptions) time.Duration {
	if !c.opt.ts || !o.HasTimestamps || o.TSEcr == 0 {
		return 0
	}
	ticks := tsClock(now, c.tsOff) - o.TSEcr
	// A peer that echoes nonsense must not make the RTO huge.
	if ticks > uint32(maxRTO/tsTick) {
		return 0
	}
	return max(time.Duration(ticks)*tsTick, tsTick)
}
