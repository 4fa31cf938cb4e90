package host

import (
	"bytes"
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// Reassembly in the manner of RFC 815, with bounds: pieces lie in a list in the
// order of their offsets, so the holes are what is between them.
const (
	reassemblyTime   = 60 * time.Second // RFC 1122 3.3.2: fixed, not the TTL
	maxPartials      = 256              // datagrams in the making
	maxPieces        = 128              // per datagram; 64 KiB over a link of 576 bytes are 119
	maxReassembly    = 4 << 20          // bytes of memory in all; less in a small host
	sourceShare      = 4                // one source gets at most this fraction of either
	fragmentBuckets  = 64
	maxIPv4Header    = 60
	ecnMask          = 3 // both bits set: congestion experienced
	minReassembly    = 256 << 10
	reassemblyMemory = 16 // the Budget's fraction
)

// A fragmentKey says which datagram a fragment belongs to (RFC 791 2.3).
type fragmentKey struct {
	src, dst uint32
	id       uint16
	protocol uint8
}

// A partial is a datagram of which pieces have arrived. Overlaps kill it (RFC
// 5722 3): it stays, without pieces, to swallow what still comes.
type partial struct {
	key        fragmentKey
	at         clock.Instant // when it is given up
	chain      *partial      // in its bucket
	prev, next *partial      // by age
	first      *parcel       // pieces, by offset
	last       *parcel
	pieces     int
	have       int  // payload bytes held
	total      int  // payload bytes of the whole; 0: the end has not arrived
	held       int  // bytes of memory
	dead       bool // overlapping: swallow the rest
	plain      bool // a fragment came that is not ECN-capable
	marked     bool // a fragment came with a congestion mark
	local      bool
	headLen    int
	head       [maxIPv4Header]byte // of the fragment with offset 0
}

// A reassembler holds the partials of a host.
type reassembler struct {
	key     secret
	limit   int
	held    int
	n       int
	buckets [fragmentBuckets]*partial
	oldest  *partial
	newest  *partial
	free    *partial
	timer   timer
}

func (r *reassembler) bucket(k fragmentKey) **partial {
	sum := r.key.addresses(k.src, k.dst, uint32(k.id)<<8|uint32(k.protocol))
	return &r.buckets[sum%fragmentBuckets]
}

// receiveFragment keeps a fragment, and delivers the datagram that it completes.
func (h *Host) receiveFragment(now clock.Instant, in *datagram) {
	h.counters.IP.ReasmReqds++
	off, n := int(in.ip.FragOff), len(in.payload)
	if n == 0 || in.ip.MF && n%8 != 0 || in.ip.HeaderLen()+off+n > maxMTU || in.cast == broadcast && in.ip.Protocol != wire.ProtoUDP {
		h.dropFragment(trace.DropFragment)
		return
	}
	key := fragmentKey{number(in.ip.Src), number(in.ip.Dst), in.ip.ID, in.ip.Protocol}
	d := h.frags.find(key)
	if d == nil {
		d = h.openPartial(now, key, in.local)
	}
	switch {
	case d.dead || !d.endAgrees(off, n, in.ip.MF):
		h.killPartial(d)
		h.dropFragment(trace.DropFragment)
	case d.pieces >= maxPieces:
		h.dropFragment(trace.DropFragment)
	default:
		h.keepPiece(now, d, in, off)
	}
}

func (h *Host) dropFragment(why trace.Reason) {
	h.counters.IP.ReasmFails++
	h.drop(why)
}

// endAgrees notes where the datagram ends and reports whether this fragment agrees with it.
func (d *partial) endAgrees(off, n int, more bool) bool {
	end := off + n
	if more {
		return d.total == 0 || end < d.total
	}
	if d.total != 0 {
		return end == d.total
	}
	if d.last != nil && d.last.off+len(d.last.data) > end {
		return false
	}
	d.total = end
	return true
}

// keepPiece copies a fragment to its place among the pieces of d.
func (h *Host) keepPiece(now clock.Instant, d *partial, in *datagram, off int) {
	n := len(in.payload)
	before, after := d.gap(off)
	if after != nil && after.off == off && bytes.Equal(after.data, in.payload) {
		h.drop(trace.DropFragment) // an exact duplicate (RFC 5722 allows to ignore it)
		return
	}
	if before != nil && before.off+len(before.data) > off || after != nil && off+n > after.off {
		h.killPartial(d)
		h.dropFragment(trace.DropFragment)
		return
	}
	p := h.pieceMemory(d, n)
	if p == nil {
		h.dropFragment(trace.DropMemory)
		return
	}
	copy(p.data, in.payload)
	p.off = off
	d.insert(before, p)
	h.frags.held += len(p.mem)
	d.plain = d.plain || in.ip.TOS&ecnMask == 0
	d.marked = d.marked || in.ip.TOS&ecnMask == ecnMask
	if off == 0 {
		d.headLen = copy(d.head[:], in.packet[:in.ip.HeaderLen()])
	}
	if d.have == d.total {
		h.completePartial(now, d, in)
	}
}

// gap returns the pieces that a fragment at off comes between. The usual place is the end.
func (d *partial) gap(off int) (before, after *parcel) {
	if d.last != nil && d.last.off < off {
		return d.last, nil
	}
	after = d.first
	for after != nil && after.off < off {
		before, after = after, after.next
	}
	return before, after
}

func (d *partial) insert(before, p *parcel) {
	if before == nil {
		p.next, d.first = d.first, p
	} else {
		p.next, before.next = before.next, p
	}
	if p.next == nil {
		d.last = p
	}
	d.pieces++
	d.have += len(p.data)
	d.held += len(p.mem)
}

// pieceMemory makes room for n bytes of d: what is older gives way, of the same
// source where that has more than its share.
func (h *Host) pieceMemory(d *partial, n int) *parcel {
	r := &h.frags
	for r.sourceHeld(d.key.src)+n > r.limit/sourceShare {
		if !h.evictPartial(d, true) {
			return nil
		}
	}
	for r.held+n > r.limit {
		if !h.evictPartial(d, false) {
			return nil
		}
	}
	return h.parcels.get(n)
}

// sourceHeld returns the bytes of memory in pieces from src.
func (r *reassembler) sourceHeld(src uint32) int {
	sum := 0
	for d := r.oldest; d != nil; d = d.next {
		if d.key.src == src {
			sum += d.held
		}
	}
	return sum
}

// evictPartial gives up the oldest partial that holds memory, but not keep.
func (h *Host) evictPartial(keep *partial, sameSource bool) bool {
	for d := h.frags.oldest; d != nil; d = d.next {
		if d != keep && d.held > 0 && (!sameSource || d.key.src == keep.key.src) {
			h.giveUp(d)
			return true
		}
	}
	return false
}

// completePartial puts the pieces together and delivers the datagram.
func (h *Host) completePartial(now clock.Instant, d *partial, in *datagram) {
	if d.headLen+d.total > maxMTU || d.plain && d.marked {
		h.giveUp(d)
		return
	}
	p := h.parcels.get(d.headLen + d.total)
	if p == nil {
		h.closePartial(d)
		h.dropFragment(trace.DropMemory)
		return
	}
	for q := d.first; q != nil; q = q.next {
		copy(p.data[d.headLen+q.off:], q.data)
	}
	ip := in.ip
	ip.MF, ip.FragOff, ip.Options = false, 0, d.head[ipHeaderLen:d.headLen]
	ip.TOS = d.head[1]
	if d.marked { // RFC 3168 5.3: no mark is lost; with a fragment that cannot have one, the datagram is
		ip.TOS |= ecnMask
	}
	ip.Encode(p.data, d.total)
	whole := datagram{ip: ip, packet: p.data, payload: p.data[d.headLen:], cast: in.cast, local: in.local}
	h.closePartial(d)
	h.counters.IP.ReasmOKs++
	if h.hand(p, in.local) {
		return
	}
	h.deliver(now, &whole)
	h.parcels.put(p)
}

func (r *reassembler) find(k fragmentKey) *partial {
	for d := *r.bucket(k); d != nil; d = d.chain {
		if d.key == k {
			return d
		}
	}
	return nil
}

// openPartial begins a datagram; where there are too many the oldest goes, of
// the same source where that has more than its share.
func (h *Host) openPartial(now clock.Instant, k fragmentKey, local bool) *partial {
	r := &h.frags
	if oldest, n := r.ofSource(k.src); n >= maxPartials/sourceShare {
		h.giveUp(oldest)
	} else if r.n >= maxPartials {
		h.giveUp(r.oldest)
	}
	d := r.free
	if d == nil {
		d = &partial{}
	} else {
		r.free = d.chain
	}
	b := r.bucket(k)
	*d = partial{key: k, at: now.Add(reassemblyTime), chain: *b, prev: r.newest, local: local}
	*b = d
	if r.newest == nil {
		r.oldest = d
	} else {
		r.newest.next = d
	}
	r.newest = d
	r.n++
	h.due.set(&r.timer, r.oldest.at)
	return d
}

// killPartial drops the pieces of d, which stays to swallow the rest.
func (h *Host) killPartial(d *partial) {
	for p := d.first; p != nil; p = d.first {
		d.first = p.next
		h.parcels.put(p)
	}
	h.frags.held -= d.held
	d.last, d.pieces, d.have, d.held, d.dead = nil, 0, 0, 0, true
}

// ofSource returns the oldest partial from src, and how many there are.
func (r *reassembler) ofSource(src uint32) (oldest *partial, n int) {
	for d := r.newest; d != nil; d = d.prev {
		if d.key.src == src {
			oldest = d
			n++
		}
	}
	return oldest, n
}

// giveUp forgets d and counts it; a dead one was counted when it died.
func (h *Host) giveUp(d *partial) {
	if !d.dead {
		h.dropFragment(trace.DropFragment)
	}
	h.closePartial(d)
}

// closePartial forgets d.
func (h *Host) closePartial(d *partial) {
	h.killPartial(d)
	r := &h.frags
	at := r.bucket(d.key)
	for *at != d {
		at = &(*at).chain
	}
	*at = d.chain
	if d.prev == nil {
		r.oldest = d.next
	} else {
		d.prev.next = d.next
	}
	if d.next == nil {
		r.newest = d.prev
	} else {
		d.next.prev = d.prev
	}
	d.prev, d.next = nil, nil
	d.chain, r.free = r.free, d
	r.n--
}

// expireFragments gives up what did not become whole in time, and tells the
// sender where the first fragment is known (RFC 1122 3.3.2).
func (h *Host) expireFragments(now clock.Instant) {
	for d := h.frags.oldest; d != nil && d.at.Due(now); d = h.frags.oldest {
		if !d.dead {
			h.counters.IP.ReasmTimeout++
			h.reportTimeout(now, d)
		}
		h.giveUp(d)
	}
	if d := h.frags.oldest; d != nil {
		h.due.set(&h.frags.timer, d.at)
	}
}

// reportTimeout sends Time Exceeded, code 1, quoting the first fragment.
func (h *Host) reportTimeout(now clock.Instant, d *partial) {
	if d.headLen == 0 || d.first == nil || d.first.off != 0 {
		return
	}
	ip, _, err := wire.DecodeIPv4Quote(d.head[:d.headLen])
	if err != nil {
		return
	}
	var quote [maxIPv4Header + transportHeaderLen]byte
	n := copy(quote[:], d.head[:d.headLen])
	n += copy(quote[n:], d.first.data[:min(len(d.first.data), transportHeaderLen)])
	ip.FragOff = 0
	in := datagram{ip: ip, packet: quote[:n], payload: quote[d.headLen:n], local: d.local}
	if h.net.isBroadcast(number(ip.Dst)) {
		in.cast = broadcast
	}
	h.sendICMPError(now, &in, wire.ICMPTimeExceeded, 1, 0)
}
