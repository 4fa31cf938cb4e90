package journey

import (
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// What a segment was sent for can be seen from outside, mostly. Each rule says
// by what; a later segment may show that it was another reason.

// An onlooker is what is remembered of one side to infer its reasons.
type onlooker struct {
	ack      wire.Seq // the last that it sent
	window   uint16
	acked    bool
	dups     int           // duplicate ACKs of the other side since its last that was none
	fast     bool          // the third of them was answered
	sentAt   clock.Instant // when it last sent data
	owes     clock.Instant // when the oldest data came that it has not acknowledged
	expected wire.Seq      // what it expects next
	ahead    bool          // the last data that came to it was out of order
}

const (
	surelyTimeout = 190 * time.Millisecond // RTO's lower bound in Linux and in ours, less what a clock may be off
	surelyDelayed = 20 * time.Millisecond  // an ACK that comes so late has waited for data to go with
	manyDups      = 3                      // RFC 5681 3.2
)

// infer says why a segment was sent as far as it can be seen, "" where nothing special is.
func (f *flow) infer(at clock.Instant, s *segment) string {
	me, other := &f.seen[0], &f.seen[1]
	sent, theirs := &f.us, &f.peer
	if !s.ours {
		me, other, sent, theirs = other, me, theirs, sent
	}
	why := me.why(at, s, other, sent, theirs, f)
	me.note(at, s, other, theirs)
	return why
}

func (o *onlooker) why(at clock.Instant, s *segment, other *onlooker, sent, theirs *side, f *flow) string {
	pure := s.len == 0 && s.Flags&(wire.SYN|wire.FIN|wire.RST) == 0
	switch {
	case s.Flags&(wire.SYN|wire.RST) != 0:
		return ""
	case s.len <= 1 && s.Flags&wire.FIN == 0 && other.acked && other.window == 0 && s.Seq.Less(sent.next.Add(1)) && (s.len == 1 || s.Seq.Less(sent.next)):
		return "zero-window probe"
	case s.len <= 1 && pure && sent.acked && s.Seq == sent.next.Add(-1):
		return "keep-alive probe"
	case o.fastAgain(s, other):
		return "fast retransmit: third duplicate ACK"
	case s.repeat && at.Sub(o.sentAt) >= surelyTimeout:
		return "retransmission timeout"
	case s.repeat:
		return "sent again"
	case s.len > 0 && other.acked && s.Seq != other.expected && other.expected.Less(s.Seq):
		return "data; what comes before it is missing"
	case s.len > 0 && other.acked && !f.fits(s, other):
		return "data; it fills the window"
	case !pure || !o.acked:
		return ""
	case s.Ack == o.ack && s.Window == 0 && o.window != 0:
		return "no room left: window closed"
	case s.Ack == o.ack && s.Window != o.window && !o.ahead && s.Options.NumSACK == 0:
		return "window update"
	case o.doubles(s, theirs):
		return "duplicate ACK"
	case s.Window == 0:
		return "acknowledgment; no room left"
	case o.owes != clock.Never && at.Sub(o.owes) >= surelyDelayed:
		return "delayed acknowledgment"
	}
	return ""
}

// doubles: an ACK says nothing new, although the other side has sent more (RFC 5681 2).
func (o *onlooker) doubles(s *segment, theirs *side) bool {
	if s.Options.NumSACK > 0 && o.acked && s.Ack == o.ack { // it has told of news behind a hole
		return true
	}
	return o.acked && s.len == 0 && s.Flags&(wire.SYN|wire.FIN|wire.RST) == 0 && s.Ack == o.ack && s.Window == o.window &&
		theirs.known && s.Ack.Less(theirs.next)
}

// fastAgain: what the other side asks for comes again, once, after three duplicates (RFC 5681 3.2). Behind it other
// evidence counts, such as SACKs.
func (o *onlooker) fastAgain(s *segment, other *onlooker) bool {
	return s.repeat && o.dups >= manyDups && !o.fast && s.Seq == other.ack
}

// tellsTwice: the first SACK block is of what came twice. It lies before the ACK, or in the second block (RFC 2883 4).
func (s *segment) tellsTwice() bool {
	first, second := s.Options.SACK[0], s.Options.SACK[1]
	return s.Options.NumSACK > 0 && first.Left.Less(s.Ack) ||
		s.Options.NumSACK > 1 && second.Left.LessEq(first.Left) && first.Right.LessEq(second.Right)
}

// asksAgain: it counts as a duplicate (RFC 5681 2), with SACK whatever its window, but not where it only tells of what came
// twice (RFC 6675 2). In a closed window it answers a probe.
func (o *onlooker) asksAgain(s *segment, theirs *side) bool {
	if !o.acked || s.Ack != o.ack || s.len > 0 || s.Flags&(wire.SYN|wire.FIN) != 0 || s.Window == 0 || !s.Ack.Less(theirs.next) {
		return false
	}
	if s.Options.NumSACK > 0 {
		return !s.tellsTwice()
	}
	return s.Window == o.window
}

// fits: after the segment there is room in the other side's window for another one.
func (f *flow) fits(s *segment, other *onlooker) bool {
	if other.window == 0 {
		return true // said elsewhere
	}
	edge := f.window(&segment{TCP: wire.TCP{Window: other.window}, ours: !s.ours})
	end := s.Seq.Add(s.len)
	return int64(other.ack.Add(int(edge)).Sub(end)) >= int64(s.len)
}

func (o *onlooker) note(at clock.Instant, s *segment, other *onlooker, theirs *side) {
	if s.len > 0 {
		o.sentAt = at
		o.fast = o.fast || o.fastAgain(s, other)
		other.ahead = other.expected.Less(s.Seq) && other.acked
		if !other.acked || other.expected == s.Seq || !other.expected.Less(s.Seq) {
			other.expected = wire.MaxSeq(other.expected, s.Seq.Add(s.SegLen(s.len)))
			if !other.acked {
				other.expected = s.Seq.Add(s.SegLen(s.len))
			}
		}
		if other.owes == clock.Never || s.repeat {
			other.owes = at
		}
	}
	if s.Flags&wire.ACK == 0 {
		if s.Flags&wire.SYN != 0 {
			other.expected = s.Seq.Add(1)
		}
		return
	}
	if s.Flags&wire.SYN != 0 {
		other.expected = s.Seq.Add(1)
	}
	switch {
	case o.asksAgain(s, theirs):
		other.dups++
	case o.acked && s.Ack != o.ack:
		other.dups, other.fast = 0, false
	}
	if o.expected.Less(s.Ack) { // what we did not see
		o.expected = s.Ack
	}
	o.ack, o.window, o.acked, o.owes = s.Ack, s.Window, true, clock.Never
}
