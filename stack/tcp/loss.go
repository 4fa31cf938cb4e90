package tcp

import "github.com/sockeye-net/sockeye/stack/wire"

// mark takes record i as lost and returns its length.
func (s *scoreboard) mark(i int) int {
	r := s.at(i)
	r.flags |= lost
	s.lostBytes += int(r.len)
	s.hint = wire.MinSeq(s.hint, r.seq)
	return int(r.len)
}

// edge returns the place below which RFC 6675's IsLost is true: dupThresh
// separate runs or more than (dupThresh-1) segments of bytes are SACKed above.
func (s *scoreboard) edge(mss int) wire.Seq {
	if !s.anySack {
		return s.judged
	}
	bytes, runs := 0, 0
	for i := s.find(s.high.Add(-1)); i >= 0; i-- {
		r := s.at(min(i, s.n-1))
		if r.seq.LessEq(s.judged) {
			break
		}
		if r.flags&sacked == 0 {
			continue
		}
		bytes += int(r.len)
		runs++
		if runs >= dupThresh || bytes > (dupThresh-1)*mss {
			return r.seq
		}
	}
	return s.judged
}

// markBelow marks what is not SACKed below edge and returns how many bytes.
func (s *scoreboard) markBelow(edge wire.Seq) (newly int) {
	if !s.judged.Less(edge) {
		return 0
	}
	for i := s.find(s.judged); i < s.n; i++ {
		r := s.at(i)
		if edge.Less(r.end()) {
			break
		}
		if r.flags&(sacked|lost) == 0 {
			newly += s.mark(i)
		}
	}
	s.judged = edge
	return newly
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
	return s.mark(0)
}

// markAll marks all that is not SACKed, retransmissions included.
func (s *scoreboard) markAll() {
	s.lostBytes, s.resentBytes, s.dupBytes = 0, 0, 0
	for i := range s.n {
		r := s.at(i)
		if r.flags&sacked != 0 {
			continue
		}
		r.flags = r.flags&everSent | lost
		s.lostBytes += int(r.len)
	}
	if s.n > 0 {
		s.hint = s.at(0).seq
		s.judged = s.at(s.n - 1).end()
	}
}

// markLarger marks the records whose segments are larger than mss: the path no
// longer takes them (RFC 1191). It is no sign of congestion.
func (s *scoreboard) markLarger(mss int) {
	for i := range s.n {
		r := s.at(i)
		if min(int(r.seg), int(r.len)) <= mss || r.flags&sacked != 0 {
			continue
		}
		s.weigh(r.flags, -int(r.len))
		r.flags &= everSent
		s.mark(i)
	}
}

// renege forgets all SACKs.
func (s *scoreboard) renege() {
	for i := range s.n {
		s.at(i).flags &^= sacked
	}
	s.sackedBytes, s.anySack = 0, false
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
