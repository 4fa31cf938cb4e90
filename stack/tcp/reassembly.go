package tcp

import (
	"unsafe"

	"github.com/sockeye-net/sockeye/stack/buffer"
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A span is a piece of sequence space: from l up to, and not including, r.
type span struct{ l, r wire.Seq }

const (
	maxSpans = 256 // pieces out of order (SegmentSmack)
	maxDups  = 64  // D-SACKs waiting: a batch has no more segments
)

// reassembly says which bytes beyond RCV.NXT already lie in the receive ring.
type reassembly struct {
	n       int // of spans
	nDups   int
	nRecent int
	bytes   int                          // in spans
	spans   [maxSpans]span               // in sequence, apart from each other
	recent  [wire.MaxSACKBlocks]wire.Seq // a byte of each of the latest spans, newest first
	dups    [maxDups]span                // to be reported by D-SACK (RFC 2883)
	charged int

	owner      *Conn       // of one in use
	prev, next *reassembly // in the list of those in use; next: in the pool
}

// reassembly returns c's list, from the pool if it has none, or nil when the
// Budget is used up.
func (c *Conn) reassembly() *reassembly {
	if c.re != nil {
		return c.re
	}
	e := c.env
	size := int(unsafe.Sizeof(reassembly{}))
	if !e.Budget.Take(size) {
		return nil
	}
	r := e.lists
	if r != nil {
		e.lists = r.next
		e.numLists--
		r.next = nil
	} else {
		r = new(reassembly)
	}
	r.charged = size
	c.re = r
	e.hold(r, c)
	return r
}

func (c *Conn) dropReassembly() {
	r, e := c.re, c.env
	if r == nil {
		return
	}
	c.re = nil
	e.letGo(r)
	e.Budget.Give(r.charged)
	if e.numLists >= maxPooled {
		return
	}
	r.n, r.nDups, r.nRecent, r.bytes, r.charged = 0, 0, 0, 0, 0
	r.next = e.lists
	e.lists = r
	e.numLists++
}

// find returns the index of the first span that ends at q or after it.
func (r *reassembly) find(q wire.Seq) int {
	lo, hi := 0, r.n
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if q.LessEq(r.spans[mid].r) {
			hi = mid
		} else {
			lo = mid + 1
		}
	}
	return lo
}

// add puts x into the list and reports whether there was room.
func (r *reassembly) add(x span) bool {
	i := r.find(x.l)
	j := i
	for j < r.n && r.spans[j].l.LessEq(x.r) {
		r.bytes -= r.spans[j].r.Sub(r.spans[j].l)
		x.l, x.r = wire.MinSeq(x.l, r.spans[j].l), wire.MaxSeq(x.r, r.spans[j].r)
		j++
	}
	if j == i {
		if r.n == maxSpans {
			return false
		}
		copy(r.spans[i+1:r.n+1], r.spans[i:r.n])
		r.n++
	} else {
		copy(r.spans[i+1:], r.spans[j:r.n])
		r.n -= j - i - 1
	}
	r.spans[i] = x
	r.bytes += x.r.Sub(x.l)
	return true
}

// touch makes the span around q the newest (RFC 2018 4: the first block is the
// one that the latest segment is in).
func (r *reassembly) touch(q wire.Seq) {
	i := r.find(q.Add(1))
	if i == r.n || !r.spans[i].l.LessEq(q) {
		return
	}
	x := r.spans[i]
	kept := 0
	old := r.recent
	for _, p := range old[:r.nRecent] {
		if !(x.l.LessEq(p) && p.Less(x.r)) && kept < len(old)-1 {
			kept++
			r.recent[kept] = p
		}
	}
	r.recent[0] = q
	r.nRecent = kept + 1
}

// absorb takes off what is joined to the in-order bytes that end at q, and
// returns where they end with it.
func (r *reassembly) absorb(q wire.Seq) wire.Seq {
	i := 0
	for i < r.n && r.spans[i].l.LessEq(q) {
		q = wire.MaxSeq(q, r.spans[i].r)
		r.bytes -= r.spans[i].r.Sub(r.spans[i].l)
		i++
	}
	copy(r.spans[:], r.spans[i:r.n])
	r.n -= i
	return q
}

// place copies text, which begins at seq, to its place in the receive ring,
// except where bytes already lie: the first copy wins.
func (c *Conn) place(seq wire.Seq, text []byte) bool {
	if c.crowdedOut(len(text)) {
		return false
	}
	end := seq.Add(len(text))
	i, n := 0, 0
	if c.re != nil {
		i, n = c.re.find(seq.Add(1)), c.re.n
	}
	for at := seq; at.Less(end); i++ {
		upto := end
		if i < n {
			upto = wire.MinSeq(end, c.re.spans[i].l)
		}
		if at.Less(upto) && !c.in.WriteAt(c.env.Budget, at.Sub(c.rcv.nxt), text[at.Sub(seq):upto.Sub(seq)]) {
			return false
		}
		if i >= n {
			break
		}
		at = wire.MaxSeq(at, c.re.spans[i].r)
	}
	return true
}

// purge gives up all out-of-order bytes: they go first when memory is short.
func (c *Conn) purge(now clock.Instant, in *Arrival) {
	if c.re == nil || c.re.n == 0 {
		return
	}
	c.drop(now, trace.DropMemory, in)
	c.re.n, c.re.nRecent, c.re.bytes = 0, 0, 0
	c.in.Trim(c.env.Budget)
}

// arriveText is RFC 9293 3.10.7.4, seventh and eighth.
func (c *Conn) arriveText(now clock.Instant, s *arriving) {
	if !c.state.receives() || (len(s.text) == 0 && s.flags&wire.FIN == 0) {
		return
	}
	if len(s.text) > 0 && (c.has&orphan != 0 || s.in.Unwanted) {
		// Nobody will read it (RFC 9293 3.6.1, SHLD-3): say so.
		c.drop(now, trace.DropState, s.in)
		var why Error
		if s.in.Unwanted {
			why = ErrReset
		}
		c.abort(now, why)
		return
	}
	c.noteSize(s.in)
	c.noteRecvRTT(now, len(s.text), &s.in.Seg.Options)
	c.arriveMark(s)
	c.noteFIN(s)
	if s.seq == c.rcv.nxt {
		c.takeInOrder(now, s)
	} else {
		c.takeOutOfOrder(now, s)
	}
	c.settle()
}

// noteSize learns the size of full segments, for the delayed ACK.
func (c *Conn) noteSize(in *Arrival) {
	size := len(in.Payload) / max(in.Segments, 1)
	if in.Segments > 1 {
		size = (len(in.Payload) + in.Segments - 1) / in.Segments
	}
	if size > int(c.rcv.mss) {
		c.rcv.mss = uint16(min(size, advertisedMSS(c.env, &c.opts.Options)))
	}
}

// noteFIN remembers where the peer's stream ends, and cuts off what a
// confused peer sends beyond.
func (c *Conn) noteFIN(s *arriving) {
	if s.flags&wire.FIN != 0 && c.has&finKnown == 0 {
		c.has |= finKnown
		c.rcv.fin = s.seq.Add(len(s.text))
		if c.re != nil && c.re.n > 0 {
			c.rcv.fin = wire.MaxSeq(c.rcv.fin, c.re.spans[c.re.n-1].r)
		}
	}
	if c.has&finKnown != 0 {
		s.text = s.text[:min(len(s.text), max(c.rcv.fin.Sub(s.seq), 0))]
	}
}

func (c *Conn) takeInOrder(now clock.Instant, s *arriving) {
	if s.in.Reader != nil {
		c.readDirect(now, s)
	}
	if len(s.text) > 0 && !c.place(s.seq, s.text) {
		c.purge(now, s.in)
		c.env.Reclaim(now)
		if !c.place(s.seq, s.text) {
			c.in.Trim(c.env.Budget)
			c.drop(now, trace.DropMemory, s.in)
			c.oweACK()
			return
		}
	}
	end := s.seq.Add(len(s.text))
	filled := false
	if c.re != nil && c.re.n > 0 {
		if l := c.re.spans[0].l; l.Less(end) {
			c.reportDuplicate(l, wire.MinSeq(end, c.re.spans[0].r))
		}
		end = c.re.absorb(end)
		filled = true
	}
	c.deliver(end.Sub(c.rcv.nxt))
	if filled {
		c.rcv.quick = maxQuickACKs
		if c.re.n == 0 {
			c.rcv.dupsOwed = 0 // they would name RCV.NXT as it is now, and nothing is missing there
		}
		c.oweACK() // at once: it fills a gap, in full or in part (RFC 5681 4.2)
	} else {
		c.ackText(now)
		s.in.InOrder = true
	}
	if c.has&finKnown != 0 && c.rcv.nxt == c.rcv.fin {
		c.takeFIN(now)
	}
}

// deliver makes n bytes that lie in the ring readable.
func (c *Conn) deliver(n int) {
	if n <= 0 {
		return
	}
	c.in.Extend(n)
	c.received(n)
}

// received moves RCV.NXT over n bytes that the owner has, or can read.
func (c *Conn) received(n int) {
	c.rcv.nxt = c.rcv.nxt.Add(n)
	c.rcv.adv = wire.MaxSeq(c.rcv.adv, c.rcv.nxt)
	c.events |= EvReadable
}

func (c *Conn) takeOutOfOrder(now clock.Instant, s *arriving) {
	c.noteOutOfOrder(s)
	c.rcv.quick = maxQuickACKs
	c.has &^= pingpong
	if len(s.text) > 0 {
		if why := c.keep(s); why != trace.None {
			c.drop(now, why, s.in)
		}
	}
	if c.rcv.dupsOwed < maxDups {
		// Each one owes its duplicate ACK: a peer may count them, with SACK or
		// without (RFC 5681 4.2).
		c.rcv.dupsOwed++
	}
}

// keep takes bytes ahead of RCV.NXT, or says why it does not.
func (c *Conn) keep(s *arriving) trace.Reason {
	x := span{s.seq, s.seq.Add(len(s.text))}
	if c.env.RunsLow() {
		return trace.DropMemory
	}
	r := c.reassembly()
	if r == nil {
		return trace.DropMemory
	}
	if r.tooFar(x, c.rcv.nxt, &c.in) {
		return trace.DropTooFar
	}
	if i := r.find(x.l.Add(1)); i < r.n && r.spans[i].l.Less(x.r) {
		c.reportDuplicate(wire.MaxSeq(x.l, r.spans[i].l), wire.MinSeq(x.r, r.spans[i].r))
	} else if r.n == maxSpans {
		if i = r.find(x.l); i == r.n || x.r.Less(r.spans[i].l) {
			return trace.DropPieces
		}
	}
	if !c.place(x.l, s.text) {
		return trace.DropMemory
	}
	r.add(x)
	r.touch(x.l)
	return trace.None
}

// tooFar reports whether keeping x would take memory out of proportion: the
// ring takes whole chunks, and one byte in each of many is the attack.
func (r *reassembly) tooFar(x span, nxt wire.Seq, in *buffer.Ring) bool {
	base := in.Start() + uint64(in.Len())
	chunk := func(q wire.Seq) uint64 { return (base + uint64(q.Sub(nxt))) / buffer.MaxChunk }
	touched, last := 0, base/buffer.MaxChunk
	count := func(y span) {
		from, to := max(chunk(y.l), last), chunk(y.r.Add(-1))
		if from == last {
			from++ // the last chunk was counted
		}
		if to >= from {
			touched += int(to - from + 1)
		}
		last = max(last, to)
	}
	if x.r.Sub(nxt) <= 2*buffer.MaxChunk {
		return false
	}
	i := r.find(x.l)
	if i > 0 && chunk(x.r) == chunk(r.spans[i-1].r.Add(-1)) {
		return false
	}
	for j := range i {
		count(r.spans[j])
	}
	count(x)
	for j := i; j < r.n; j++ {
		count(r.spans[j])
	}
	return touched*buffer.MaxChunk > 2*buffer.MaxChunk+4*(r.bytes+x.r.Sub(x.l))
}

// settle gives the list back when nothing is in it.
func (c *Conn) settle() {
	if c.re != nil && c.re.n == 0 && c.re.nDups == 0 {
		c.dropReassembly()
	}
}
