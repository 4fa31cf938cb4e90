package tcp

import (
	"unsafe"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A record is one transmission that is outstanding: bytes (and a FIN) from seq
// on. A retransmission renews the record of its range.
type record struct {
	sent       clock.Instant
	seq        wire.Seq
	len        uint32
	delivered  uint32 // counters.delivered when it was sent, modulo 2^32
	sinceACK   uint32 // from rates.at until then, in rateUnit
	sinceFirst uint32 // from rates.first until then, in rateUnit
	lost       uint32 // rates.lost then
	segs       uint32 // bytes in flight then, with it; once it is SACKed, wire segments in it
	seg        uint16 // payload bytes of each wire segment
	flags      recordFlags
}

type recordFlags uint8

const (
	sacked       recordFlags = 1 << iota // the peer says that it has it
	lost                                 // taken as lost
	resent                               // sent again since it was marked lost
	everSent                             // sent again at some time: Karn's rule
	limitedByApp                         // the owner had no more to send when it left

	ofSending = everSent | limitedByApp // what losses and SACKs leave as it is
)

func (r *record) end() wire.Seq { return r.seq.Add(int(r.len)) }

// A scoreboard says of every byte between SND.UNA and SND.NXT when it was sent
// and what became of it. Its records are disjoint, without gaps, and in
// sequence. Neighbours that are SACKed are merged, so the number of records
// that an ACK has to look at is that of the holes, not that of the segments.
type scoreboard struct {
	recs []record // a circle; its length is a power of two
	head int
	n    int

	sackedBytes int
	sackedSegs  int // RACK.segs_sacked
	newSegs     int // segments delivered that were not yet counted
	lostBytes   int
	resentBytes int
	dupBytes    int // what duplicate ACKs without SACK say has left (RFC 6582)
	dupSince    int // how much of that was said since SND.UNA moved
	dupMost     int // what was outstanding at the first of those

	hint    wire.Seq // nothing to be sent again lies before
	judged  wire.Seq // what was sent only once, and is not SACKed, before here is marked lost
	high    wire.Seq // end of the highest SACKed byte, where anySack
	anySack bool

	rack    rack
	again   resends
	rec     recovery
	rates   rates
	pace    pacer
	round   uint32 // a round ends when what was sent beyond this is delivered
	models  bool   // the controller does: its window counts in recovery, and it is told of rates and losses
	charged int    // bytes of the Budget
	owner   *Conn
	next    *scoreboard
}

const (
	firstRecords = 16
	maxRecords   = 16384 // 23 MB of ordinary segments
	exactRecords = 256   // up to here SACK edges split anywhere, beyond at segment borders
	recordSize   = int(unsafe.Sizeof(record{}))
	resendSize   = int(unsafe.Sizeof(resend{}))
	sendingSize  = int(unsafe.Sizeof(scoreboard{})+unsafe.Sizeof(awake{})) + controllerSize
)

// scoreboard returns c's scoreboard, from the pool if it has none.
func (c *Conn) scoreboard() *scoreboard {
	if c.sb != nil {
		return c.sb
	}
	c.wake()
	e := c.env
	s := e.scoreboards
	if s != nil {
		e.scoreboards = s.next
		e.freeRecords -= s.records()
		s.next = nil
	} else {
		s = &scoreboard{recs: make([]record, firstRecords)}
	}
	// The first records are granted even when the Budget is used up: a
	// connection that cannot send can never give memory back.
	s.owner, s.models = c, c.cc != nil && c.cc.Models()
	if n := s.size() + len(s.recs)*recordSize + len(s.again.ring)*resendSize; e.Budget.Take(n) {
		s.charged = n
	}
	s.hint, s.judged, s.high = c.snd.una, c.snd.una, c.snd.una
	s.round = uint32(c.count.delivered)
	if c.has&backlog == 0 {
		s.rates.limited = max(c.count.delivered, 1) // there was nothing to send
	}
	c.has &^= backlog
	c.sb = s
	return s
}

// size is what sending takes beside the records.
func (s *scoreboard) size() int {
	if s.models {
		return sendingSize + modelSize
	}
	return sendingSize
}

// dropScoreboard gives the scoreboard back to the pool.
func (c *Conn) dropScoreboard() {
	s, e := c.sb, c.env
	if s == nil {
		return
	}
	c.sb = nil
	c.timers[timerReorder] = clock.Never
	c.has &^= tailTimer | owesTail | paceHeld
	e.Budget.Give(s.charged)
	const mostFree = 64 << 10
	if e.freeRecords+s.records() > mostFree {
		return
	}
	*s = scoreboard{recs: s.recs, again: resends{ring: s.again.ring}, next: e.scoreboards}
	e.scoreboards = s
	e.freeRecords += s.records()
}

// records is how many records there is memory for, of whichever kind.
func (s *scoreboard) records() int { return len(s.recs) + len(s.again.ring) }

func (s *scoreboard) at(i int) *record { return &s.recs[(s.head+i)&(len(s.recs)-1)] }

// room makes place for n more records and reports whether there is.
func (s *scoreboard) room(e *Env, n int) bool {
	if s.n+n <= len(s.recs) {
		return true
	}
	more := len(s.recs)
	if 2*more > maxRecords || !e.Budget.Take(more*recordSize) {
		return false
	}
	s.charged += more * recordSize
	recs := make([]record, 2*more)
	for i := range s.n {
		recs[i] = *s.at(i)
	}
	s.recs, s.head = recs, 0
	return true
}

// push appends the record of a new transmission. There must be room.
func (s *scoreboard) push(r record) {
	s.n++
	*s.at(s.n - 1) = r
}

// find returns the index of the first record that ends after q.
func (s *scoreboard) find(q wire.Seq) int {
	lo, hi := 0, s.n
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if q.Less(s.at(mid).end()) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// split cuts record i after n bytes. There must be room.
func (s *scoreboard) split(i, n int) {
	s.insert(i)
	a, b := s.at(i), s.at(i+1)
	*a = *b
	a.len = uint32(n)
	b.seq = b.seq.Add(n)
	b.len -= uint32(n)
}

// insert opens a place at i by moving the shorter side.
func (s *scoreboard) insert(i int) {
	if i < s.n/2 {
		s.head = (s.head - 1) & (len(s.recs) - 1)
		s.n++
		for j := range i {
			*s.at(j) = *s.at(j + 1)
		}
		return
	}
	s.n++
	for j := s.n - 1; j > i; j-- {
		*s.at(j) = *s.at(j - 1)
	}
}

// remove closes the place i by moving the shorter side.
func (s *scoreboard) remove(i int) {
	if i < s.n/2 {
		for j := i; j > 0; j-- {
			*s.at(j) = *s.at(j - 1)
		}
		s.head = (s.head + 1) & (len(s.recs) - 1)
	} else {
		for j := i; j < s.n-1; j++ {
			*s.at(j) = *s.at(j + 1)
		}
	}
	s.n--
}

// weigh adds (sign 1) or takes (sign -1) n bytes with these flags to the sums.
func (s *scoreboard) weigh(f recordFlags, n int) {
	if f&sacked != 0 {
		s.sackedBytes += n
		return
	}
	if f&lost != 0 {
		s.lostBytes += n
	}
	if f&resent != 0 {
		s.resentBytes += n
	}
}

// An acked says what a cumulative ACK removed.
type acked struct {
	bytes int           // not known before by SACK
	sent  clock.Instant // when the oldest of them was sent; Never: some were sent twice
	again clock.Instant // when the latest retransmission of them was sent
	since uint32        // counters.delivered when the last of them was sent
}

// ack removes everything before una.
func (s *scoreboard) ack(una wire.Seq) (a acked) {
	karn := false
	var newest *record
	for s.n > 0 {
		r := s.at(0)
		n := min(una.Sub(r.seq), int(r.len))
		if n <= 0 {
			break
		}
		s.weigh(r.flags, -n)
		if r.flags&sacked == 0 {
			s.rack.deliver(r, r.seq.Add(n), true)
			if s.models && (newest == nil || sentAfter(r.sent, r.end(), newest.sent, newest.end())) {
				newest = r
			}
			if a.bytes == 0 || later(r.delivered, a.since) {
				a.since = r.delivered
			}
			a.bytes += n
			s.newSegs += int(inSegments(n, int(r.seg)))
			if r.flags&everSent != 0 {
				karn = true
				a.again = max(a.again, r.sent)
			} else if a.sent == clock.Never {
				a.sent = r.sent
			}
		}
		if n < int(r.len) {
			r.seq = r.seq.Add(n)
			r.len -= uint32(n)
			break
		}
		if r.flags&sacked != 0 {
			s.sackedSegs -= int(r.segs)
		}
		s.head = (s.head + 1) & (len(s.recs) - 1)
		s.n--
	}
	if newest != nil {
		s.rates.deliver(newest, wire.MinSeq(una, newest.end()))
	}
	if karn {
		a.sent = clock.Never
	}
	s.hint, s.judged = wire.MaxSeq(s.hint, una), wire.MaxSeq(s.judged, una)
	if s.anySack && s.high.LessEq(una) {
		s.anySack = false
	}
	return a
}

// sack marks [l, r) as received and returns how many bytes that is news for.
func (s *scoreboard) sack(e *Env, l, r wire.Seq) (news int) {
	for i := s.find(l); i < s.n; i++ {
		rec := s.at(i)
		if !rec.seq.Less(r) {
			break
		}
		if rec.flags&sacked != 0 {
			continue
		}
		from, to := s.cut(rec, l, r)
		if from >= to || !s.room(e, 2) {
			continue
		}
		if to < int(s.at(i).len) {
			s.split(i, to)
		}
		if from > 0 {
			s.split(i, from)
			i++
		}
		rec = s.at(i)
		n := int(rec.len)
		s.rack.deliver(rec, rec.end(), false)
		if s.models {
			s.rates.deliver(rec, rec.end())
		}
		s.weigh(rec.flags, -n)
		rec.flags = rec.flags&ofSending | sacked
		rec.segs = (rec.len + uint32(rec.seg) - 1) / max(uint32(rec.seg), 1)
		s.sackedBytes += n
		s.sackedSegs += int(rec.segs)
		s.newSegs += int(rec.segs)
		news += n
		if !s.anySack || s.high.Less(rec.end()) {
			s.high, s.anySack = rec.end(), true
		}
		i = s.merge(i)
	}
	return news
}

// cut returns which bytes of rec lie in [l, r). Where the records are many, the
// edges are rounded inwards to borders of wire segments: an honest receiver has
// no others, and a dishonest one cannot shatter the scoreboard.
func (s *scoreboard) cut(rec *record, l, r wire.Seq) (from, to int) {
	from = max(l.Sub(rec.seq), 0)
	to = min(r.Sub(rec.seq), int(rec.len))
	if s.n < exactRecords {
		return from, to
	}
	seg := max(int(rec.seg), 1)
	from += (seg - from%seg) % seg
	if to < int(rec.len) {
		to -= to % seg
	}
	return from, to
}

// merge joins the SACKed record i with its SACKed neighbours and returns where
// the joint record is.
func (s *scoreboard) merge(i int) int {
	if i+1 < s.n && s.at(i+1).flags&sacked != 0 {
		s.at(i).len += s.at(i + 1).len
		s.at(i).segs += s.at(i + 1).segs
		s.remove(i + 1)
	}
	if i > 0 && s.at(i-1).flags&sacked != 0 {
		s.at(i - 1).len += s.at(i).len
		s.at(i - 1).segs += s.at(i).segs
		s.remove(i)
		i--
	}
	return i
}

// inFlight is the pipe of RFC 6675: what is neither received nor lost, and
// what was sent again.
func (s *scoreboard) inFlight() int {
	n := 0
	if s.n > 0 {
		n = s.at(s.n - 1).end().Sub(s.at(0).seq)
	}
	return max(n-s.sackedBytes-s.lostBytes+s.resentBytes-s.dupBytes, 0)
}

// inFlight is the connection's pipe, bytes.
func (c *Conn) inFlight() int {
	if c.sb == nil {
		return 0
	}
	return c.sb.inFlight()
}
