package buffer

// A small Ring is one chunk. Position p lies at p mod its size, so a span wraps
// at most once, and a chunk of 64 KiB has the layout of a page already.

// reserveSmall makes room for n bytes after the end in one chunk, or as many as
// the Budget and MaxChunk allow, and returns how many.
func (r *Ring) reserveSmall(b *Budget, n int) int {
	size := sizeFor(min(r.Len()+n, MaxChunk))
	for size > r.Held() && !r.grow(b, size) {
		if size == 1<<minShift {
			break
		}
		size >>= 1
	}
	return min(n, r.Held()-r.Len())
}

// leapFrom is the size of a chunk that, where memory abounds, grows to MaxChunk at
// once: a stream that fills it goes on, and each step copies all that came before.
const leapFrom = 8 << 10

// grow makes the chunk at least size bytes large, a class's size, and reports
// whether it is.
func (r *Ring) grow(b *Budget, size int) bool {
	if size <= r.Held() {
		return true
	}
	if r.Held() >= leapFrom && b.Free() > b.Limit()/2 {
		size = MaxChunk
	}
	next := b.replace(r.Held(), size)
	if next == nil {
		return false
	}
	if r.mem == nil {
		r.mem = b.getStore()
	}
	old := r.mem.chunk
	r.mem.chunk = next
	r.take(b, old)
	return true
}

// enlarge turns a small or empty Ring into a large one and reports whether the
// Budget has room for that and for more pages besides; if not, nothing changes.
// With more 0 it asks that the table reaches beyond what one chunk can hold.
func (r *Ring) enlarge(b *Budget, more int) bool {
	count := 0
	if e := r.extent(); e > 0 {
		count = int(pageOf(r.start+uint64(e)-1)-pageOf(r.start)) + 1
	}
	want := count + more
	if more == 0 {
		want = 2 // the page of start, and the next one, where start+MaxChunk lies
	}
	if want > (b.Free()+r.Held())/MaxChunk {
		return false
	}
	if r.mem == nil {
		r.mem = b.getStore()
	}
	old := r.mem.chunk
	r.mem.chunk = nil
	if len(old) == MaxChunk {
		r.adopt(b, old, count)
		return true
	}
	// What the old chunk has is given back only when it has been copied.
	b.used -= len(old)
	r.mem.reserve(b, r.start, r.extent())
	b.used += len(old)
	r.take(b, old)
	return true
}

// adopt makes a chunk of 64 KiB, which has the layout of a page, a page: the
// first, or none where there are no bytes. Bytes that wrapped move to the second.
func (r *Ring) adopt(b *Budget, chunk []byte, count int) {
	if count == 0 {
		giveBack(b, chunk, r.inUse())
		return
	}
	r.mem.insert(pageOf(r.start), chunk)
	if count > 1 {
		r.mem.reserve(b, r.start, r.extent())
		second := (pageOf(r.start) + 1) << pageShift
		wrapped := r.extent() - int(second-r.start)
		copy(r.mem.at(pageOf(second)), chunk[:wrapped])
	}
}

// take copies the bytes from an old chunk, if there is one, and gives that back.
func (r *Ring) take(b *Budget, old []byte) {
	if old == nil {
		return
	}
	for pos, n := r.start, r.extent(); n > 0; {
		from := within(old, pos, n)
		r.copyIn(pos, from)
		pos += uint64(len(from))
		n -= len(from)
	}
	giveBack(b, old, r.inUse())
}

// inUse reports whether memory may be in use outside the lock.
func (r *Ring) inUse() bool { return r.pinned || r.lent > 0 }
