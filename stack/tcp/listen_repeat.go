package tcp

import (
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// How often a SYN-ACK is repeated, and what TCP_DEFER_ACCEPT makes of that.

// spareRepeats is how many repetitions beyond the first a listener has in hand
// for peers that never answered. Handshakes that come to their end fill it up.
//
// Deviates from RFC 9293 s.3.8.3: where it is used up a SYN-ACK is repeated
// once and not for three minutes. A flood from forged sources so draws two
// SYN-ACKs for each SYN, not eight (RFC 4987 3.2 and 3.5 count on fewer, too).
const spareRepeats = 64

// earnedRepeats is what a handshake fills up. An attacker who comes through some
// from an address of his own still draws less than three times what he sends.
const earnedRepeats = 4

// repeat judges a record whose timer is due: whether it waits on, and whether
// the SYN-ACK is sent again.
func (l *Listener) repeat(r *Handshake) (on, again bool) {
	limit := uint8(min(orDefault(l.opts.SYNRetries, defaultSYNRetries), 255))
	switch wait := l.opts.DeferAccept; {
	case r.acked && wait > 0:
		// The peer has answered and owes data. Near the end of its time the SYN-ACK
		// asks for one more ACK, which is then good enough.
		return r.retries < max(limit, wait), r.retries >= wait-1
	case r.retries >= limit:
		return false, false
	case r.acked || r.retries == 0:
		return true, true
	case l.spare == 0:
		return false, false
	}
	l.spare--
	return true, true
}

// proven notes that a peer has come through its handshake.
func (l *Listener) proven() { l.spare = min(l.spare+earnedRepeats, spareRepeats) }

// synAckTimeout is how long the SYN-ACK waits after n timeouts.
func synAckTimeout(n uint8) time.Duration {
	return min(initialRTO<<min(n, synQueues-1), maxRTO)
}

// defers reports whether TCP_DEFER_ACCEPT lets the right ACK wait for data: it
// says nothing but that the SYN-ACK came, and the time for data is not over.
func (l *Listener) defers(r *Handshake, in *Arrival) bool {
	bare := in.Seg.Seq.Add(segLen(in.Seg.Flags, len(in.Payload))) == r.irs.Add(1)
	return bare && r.retries < l.opts.DeferAccept
}

// DeferTimeouts returns the Options.DeferAccept that lasts at least d: as many
// SYN-ACK timeouts, 1 s, 2 s, 4 s and so on, up to 120 s each.
func DeferTimeouts(d time.Duration) (n uint8) {
	for ; d > 0 && n < 255; n++ {
		d -= synAckTimeout(n)
	}
	return n
}

// DeferPeriod returns how long a bare ACK waits for data where Options.DeferAccept is n.
func DeferPeriod(n uint8) (d time.Duration) {
	for i := range n {
		d += synAckTimeout(i)
	}
	return d
}

// answerOutside owes what a segment without effect draws, for each record at
// most once in outsideEvery. One with data draws it always: its sender waits
// for that. A reset never counts as data.
func (l *Listener) answerOutside(now clock.Instant, i int32, what uint8, in *Arrival) Verdict {
	r, f := &l.syns.recs[i], in.Seg.Flags
	if len(in.Payload) == 0 && f&wire.FIN == 0 || f&(wire.SYN|wire.RST) != 0 {
		if r.outside != clock.Never && now.Sub(r.outside) < outsideEvery {
			return Dropped
		}
		r.outside = now
	}
	l.owe(i, what)
	return Answered
}

// overflow drops what found the accept queue full; Linux counts it twice.
func (l *Listener) overflow(now clock.Instant, in *Arrival) Verdict {
	l.env.Stats.ListenOverflows++
	l.env.Stats.ListenDrops++
	return l.drop(now, trace.DropBacklog, in)
}

// Keep takes back a Handshake that could not become a connection for want of
// memory. Its record waits on, so that the SYN-ACK draws another ACK; one from a
// cookie comes again with the peer's next segment.
func (l *Listener) Keep(now clock.Instant, hs *Handshake) {
	l.env.Stats.ListenDrops++
	if hs.sent == clock.Never {
		return
	}
	i := l.syns.insert(l.env, hs.flow)
	if i == none {
		return
	}
	r := &l.syns.recs[i]
	chain := r.chain
	*r = *hs
	r.used, r.acked, r.owes = true, true, owesNothing
	r.chain, r.prev, r.next, r.due = chain, none, none, clock.Never
	r.pendingPrev, r.pendingNext = none, none
	l.syns.enqueue(i, now.Add(synAckTimeout(r.retries)))
}
