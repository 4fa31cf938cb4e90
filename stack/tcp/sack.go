package tcp

import "github.com/sockeye-net/sockeye/stack/wire"

// arriveSACK marks what the segment's blocks say and returns how many bytes
// that is news for. Blocks that lie outside SND.UNA..SND.NXT are lies, or
// D-SACKs, and have no effect (RFC 2018 5, RFC 2883 4); nor has one that begins
// where the ACK ends, for the ACK denies it.
func (c *Conn) arriveSACK(s *arriving) (news int) {
	o := &s.in.Seg.Options
	if !c.opt.sack || o.NumSACK == 0 {
		return 0
	}
	from := wire.MaxSeq(c.snd.una, s.ack)
	blocks := o.SACK[:min(int(o.NumSACK), len(o.SACK))]
	c.arriveDSACK(s, blocks)
	for _, b := range blocks {
		if c.sb != nil && from.Less(b.Left) && b.Left.Less(b.Right) && b.Right.LessEq(c.snd.nxt) {
			news += c.sb.sack(c.env, b.Left, b.Right)
		}
	}
	return news
}

// arriveDSACK notes that the first block reports a duplicate: it lies below the
// ACK, or in the second block (RFC 2883 4.1, 4.2).
func (c *Conn) arriveDSACK(s *arriving, blocks []wire.SACKBlock) {
	b := blocks[0]
	if !b.Left.Less(b.Right) || b.Left.Less(s.ack.Add(-int(c.snd.maxWnd))) || c.snd.nxt.Less(b.Right) {
		return
	}
	below := b.Right.LessEq(s.ack)
	inside := len(blocks) > 1 && blocks[1].Left.LessEq(b.Left) && b.Right.LessEq(blocks[1].Right)
	if below || inside {
		s.dsack = span{b.Left, b.Right}
	}
}

// reportDuplicate remembers bytes that came twice, for a D-SACK (RFC 2883).
func (c *Conn) reportDuplicate(l, r wire.Seq) {
	if !c.opt.sack || !l.Less(r) {
		return
	}
	re := c.reassembly()
	if re == nil || re.nDups == maxDups {
		return
	}
	re.dups[re.nDups] = span{l, r}
	re.nDups++
}

// sackRoom is how many blocks fit beside the other options (40 bytes in all).
func (c *Conn) sackRoom() int {
	if c.opt.ts {
		return 3
	}
	return wire.MaxSACKBlocks
}

// sackBlocks says how many blocks the next segment carries.
func (c *Conn) sackBlocks() int {
	if c.re == nil || !c.opt.sack {
		return 0
	}
	n := min(c.re.n, len(c.re.recent))
	if c.re.nDups > 0 {
		n++
	}
	return min(n, c.sackRoom())
}

// fillSACK writes the blocks: a D-SACK first, of which each is reported once,
// then the spans, the newest first (RFC 2018 4, RFC 2883 4).
func (c *Conn) fillSACK(o *wire.TCPOptions) {
	r := c.re
	if r == nil || !c.opt.sack {
		return
	}
	n, most := 0, c.sackRoom()
	if r.nDups > 0 {
		o.SACK[0] = wire.SACKBlock{Left: r.dups[0].l, Right: r.dups[0].r}
		n = 1
		copy(r.dups[:], r.dups[1:r.nDups])
		r.nDups--
	}
	r.refreshRecent()
	for _, q := range r.recent[:min(r.nRecent, most-n)] {
		b := r.spans[r.find(q.Add(1))]
		o.SACK[n] = wire.SACKBlock{Left: b.l, Right: b.r}
		if c.has&finKnown != 0 && b.r == c.rcv.fin {
			o.SACK[n].Right = c.rcv.fin.Add(1)
		}
		n++
	}
	o.NumSACK = uint8(n)
	c.settle()
}

// refreshRecent forgets the spans that are in order by now, and remembers again
// such as newer ones had crowded out: as many blocks as possible go (RFC 2018 4).
func (r *reassembly) refreshRecent() {
	kept := 0
	for _, q := range r.recent[:r.nRecent] {
		if i := r.find(q.Add(1)); i < r.n && r.spans[i].l.LessEq(q) {
			r.recent[kept] = q
			kept++
		}
	}
	for i := r.n - 1; i >= 0 && kept < min(r.n, len(r.recent)); i-- {
		if !r.spans[i].holdsAny(r.recent[:kept]) {
			r.recent[kept] = r.spans[i].l
			kept++
		}
	}
	r.nRecent = kept
}

// holdsAny reports whether one of the bytes lies in the span.
func (s span) holdsAny(bytes []wire.Seq) bool {
	for _, q := range bytes {
		if s.l.LessEq(q) && q.Less(s.r) {
			return true
		}
	}
	return false
}
