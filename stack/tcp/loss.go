package tcp

import (
	"math"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// mark takes record i as lost, again if it was sent again, and returns its length.
func (s *scoreboard) mark(i int) int {
	r := s.at(i)
	n := int(r.len)
	s.weigh(r.flags, -n)
	r.flags = r.flags&ofSending | lost
	s.weigh(r.flags, n)
	s.hint = wire.MinSeq(s.hint, r.seq)
	return n
}

// markHead marks the first segment, at most mss bytes, unless it is known to
// be lost or received, and returns how many bytes.
func (s *scoreboard) markHead(e *Env, mss int) int {
	if s.n == 0 || s.at(0).flags&(sacked|lost) != 0 {
		return 0
	}
	if int(s.at(0).len) > mss && s.room(e, 1) {
		s.split(0, mss)
	}
	return s.lose(0)
}

// markAll marks all that is not SACKed, retransmissions included: the peer's
// window had no room for it.
func (s *scoreboard) markAll() {
	models := s.models
	s.models = false
	s.markOlder(math.MaxInt64)
	s.models = models
}

// markOlder marks the first record and all that were sent no later than at,
// retransmissions included (RFC 8985 6.3).
func (s *scoreboard) markOlder(at clock.Instant) {
	s.dupBytes = 0
	if s.n > 0 {
		s.judged = s.at(s.n - 1).end()
	}
	for i := range s.n {
		r := s.at(i)
		switch {
		case r.flags&sacked != 0:
		case i == 0 || r.sent <= at:
			s.lose(i)
		case r.flags&everSent == 0:
			s.judged = wire.MinSeq(s.judged, r.seq)
		}
	}
}

// markLarger marks the records whose segments are larger than mss: the path no
// longer takes them (RFC 1191). It is no sign of congestion. It returns how many bytes.
func (s *scoreboard) markLarger(mss int) (newly int) {
	for i := range s.n {
		r := s.at(i)
		if min(int(r.seg), int(r.len)) <= mss || r.flags&sacked != 0 {
			continue
		}
		newly += s.mark(i)
	}
	return newly
}

// renege forgets all SACKs.
func (s *scoreboard) renege() {
	for i := range s.n {
		s.at(i).flags &^= sacked
		s.at(i).segs = 0
	}
	s.sackedBytes, s.sackedSegs, s.anySack = 0, 0, false
}

// nextLost returns the index of the first record that is lost and not yet sent
// again, or -1.
func (s *scoreboard) nextLost() int {
	if s.lostBytes == s.resentBytes {
		return -1
	}
	for i := s.find(s.hint); i < s.n; i++ {
		if r := s.at(i); r.flags&(lost|resent|sacked) == lost {
			s.hint = r.seq
			return i
		}
	}
	if s.n > 0 {
		s.hint = s.at(s.n - 1).end()
	}
	return -1
}
