package buffer

import "math"

// A Ring is a stream of bytes of which a part is held. Positions are counted
// from the stream's beginning. The zero Ring is empty, at position 0, and
// holds no memory. All calls on one Ring name the same Budget. It is kept to 32
// bytes: an idle connection has two.
type Ring struct {
	start  uint64 // position of the first byte held
	mem    *store // nil while the Ring is empty
	size   int32  // in-order bytes
	ahead  int32  // bytes beyond the end that WriteAt reached, holes included
	lent   int32  // bytes beyond the end that Tail lent
	pinned bool
}

// maxSize is the most bytes that a Ring holds: more than any buffer of TCP.
const maxSize = math.MaxInt32 - 2*MaxChunk

// maxAhead is how far beyond the end bytes may lie: 1 GiB, which no TCP window
// exceeds (RFC 7323 2.3).
const maxAhead = 1 << 30

// Start returns the stream position of the first byte held.
func (r *Ring) Start() uint64 { return r.start }

// Len returns how many in-order bytes are held.
func (r *Ring) Len() int { return int(r.size) }

// end returns the position behind the last in-order byte.
func (r *Ring) end() uint64 { return r.start + uint64(r.size) }

// extent returns how many bytes from start on must keep their place.
func (r *Ring) extent() int { return int(r.size) + int(max(r.ahead, r.lent)) }

// Held returns how many bytes of the Budget the Ring has.
func (r *Ring) Held() int {
	if r.mem == nil {
		return 0
	}
	return len(r.mem.chunk) + r.mem.len()*MaxChunk
}

// large reports whether the bytes lie in pages.
func (r *Ring) large() bool { return r.mem != nil && r.mem.chunk == nil }

// Append copies p to the end and returns how many bytes the Budget had room for.
// It overwrites what WriteAt placed there.
func (r *Ring) Append(b *Budget, p []byte) int {
	n := r.reserve(b, len(p))
	r.copyIn(r.end(), p[:n])
	r.advance(n)
	return n
}

// Tail lends free space of up to n bytes after the end, to be filled and
// committed with Extend; it may be less than n, and both spans are empty when
// the Budget is used up. The loan ends with Extend or Trim; until then, Append,
// Tail and WriteAt are not to be called, while Discard and Release may be, also
// while the space is being filled. When the Ring stays empty and nothing is
// committed call Trim.
func (r *Ring) Tail(b *Budget, n int) [2][]byte {
	// Two pages are two pieces; a third would not fit the result.
	n = min(max(n, 0), 2*MaxChunk-int(r.end()%MaxChunk))
	n = r.reserve(b, n)
	r.lent = int32(n)
	return r.spans(r.end(), n)
}

// WriteAt copies p to off bytes after the end (0 is the end itself) without
// making it part of Len, and reports whether the Budget had room for all of it;
// if not, nothing is written. Memory taken is proportional to the chunks
// touched, not to off. More than 1 GiB ahead there is never room.
func (r *Ring) WriteAt(b *Budget, off int, p []byte) bool {
	if len(p) == 0 {
		return true
	}
	if off < 0 || off > maxAhead-len(p) || !r.reserveAt(b, off, len(p)) {
		return false
	}
	r.copyIn(r.end()+uint64(off), p)
	r.ahead = max(r.ahead, int32(off+len(p)))
	return true
}

// Extend makes n bytes beyond the end, placed by Tail or WriteAt, part of Len.
// It ends a loan of Tail: what was lent beyond n is free again.
func (r *Ring) Extend(n int) {
	r.advance(min(max(n, 0), int(max(r.ahead, r.lent))))
}

// advance moves the end forward by n and ends a loan.
func (r *Ring) advance(n int) {
	r.size += int32(n)
	r.ahead = max(r.ahead-int32(min(n, maxAhead)), 0)
	r.lent = 0
}

// Skip moves an empty Ring's position n bytes ahead: they went past it. A Ring
// that holds something stays as it is.
func (r *Ring) Skip(n int) {
	if r.extent() == 0 {
		r.start += uint64(max(n, 0))
	}
}

// Trim gives back the memory of all bytes beyond the end and ends a loan.
func (r *Ring) Trim(b *Budget) {
	r.ahead, r.lent = 0, 0
	if r.size == 0 {
		r.free(b, r.pinned)
	} else if r.large() {
		r.mem.cut(b, r.end(), r.pinned)
	}
}

// Spans lends n bytes beginning off bytes after Start, in at most two pieces;
// n is at most MaxChunk and off+n at most Len, what is asked for beyond is left
// off. They are valid until the next call that changes the Ring; with Pin, longer.
func (r *Ring) Spans(off, n int) [2][]byte {
	off = min(max(off, 0), r.Len())
	n = min(max(n, 0), r.Len()-off, MaxChunk)
	return r.spans(r.start+uint64(off), n)
}

// Pin makes the Spans lent now readable outside the owner's lock until Unpin:
// memory that the Ring gives up meanwhile, by growing or by Release, is left to
// the garbage collector instead of being handed to another Ring.
func (r *Ring) Pin() { r.pinned = true }

// Unpin ends Pin. Call it before the Discard of what was read.
func (r *Ring) Unpin() { r.pinned = false }

// Discard drops the first n bytes and gives back the chunks that no longer hold any.
func (r *Ring) Discard(b *Budget, n int) {
	n = min(max(n, 0), r.Len())
	r.start += uint64(n)
	r.size -= int32(n)
	if r.extent() == 0 {
		r.free(b, r.pinned)
	} else if r.large() {
		r.mem.drain(b, r.start, r.pinned)
	}
}

// Release gives everything back; the Ring is empty, at the position that its
// end had reached. It may be called while Tail's loan is being filled or pinned
// Spans are being read.
func (r *Ring) Release(b *Budget) {
	inUse := r.inUse()
	r.start += uint64(r.size)
	r.size, r.ahead, r.lent = 0, 0, 0
	r.free(b, inUse)
}

// free gives back all memory; see giveBack for inUse.
func (r *Ring) free(b *Budget, inUse bool) {
	if r.mem == nil {
		return
	}
	r.mem.clear(b, inUse)
	b.putStore(r.mem)
	r.mem = nil
}

// giveBack returns a chunk to the Budget. One that is inUse outside the lock is
// only taken off the account: whoever has it keeps it alive, and handing it to
// another Ring would mix two streams.
func giveBack(b *Budget, chunk []byte, inUse bool) {
	if inUse {
		b.Give(len(chunk))
		return
	}
	b.put(chunk)
}

// reserve makes room for n bytes after the end, or as many as the Budget allows,
// and returns how many.
func (r *Ring) reserve(b *Budget, n int) int {
	n = min(n, maxSize-r.Len())
	if n <= 0 {
		return 0
	}
	if !r.large() {
		if n <= MaxChunk-r.Len() || !r.enlarge(b, 0) {
			return r.reserveSmall(b, n)
		}
	}
	return r.mem.reserve(b, r.end(), n)
}

// reserveAt makes room for n bytes off bytes after the end, or takes nothing.
func (r *Ring) reserveAt(b *Budget, off, n int) bool {
	from := r.end() + uint64(off)
	if !r.large() {
		if need := from + uint64(n) - r.start; need <= MaxChunk {
			return r.grow(b, sizeFor(int(need)))
		}
		if !r.enlarge(b, r.newPages(from, n)) {
			return false
		}
	}
	if r.mem.missing(from, n) > b.Free()/MaxChunk {
		return false
	}
	return r.mem.reserve(b, from, n) == n
}

// newPages returns how many pages a Ring about to become large needs for n bytes
// at position from besides those of the bytes it has.
func (r *Ring) newPages(from uint64, n int) int {
	first, last := pageOf(from), pageOf(from+uint64(n)-1)
	if e := r.extent(); e > 0 {
		first = max(first, pageOf(r.start+uint64(e)-1)+1)
	}
	if last < first {
		return 0
	}
	return int(last - first + 1)
}

// spans returns the memory of n bytes at pos, where there is any, in two pieces.
func (r *Ring) spans(pos uint64, n int) (s [2][]byte) {
	for i := 0; i < len(s) && n > 0; i++ {
		s[i] = r.piece(pos, n)
		pos += uint64(len(s[i]))
		n -= len(s[i])
	}
	return s
}

// copyIn copies p to position pos, for which room was reserved.
func (r *Ring) copyIn(pos uint64, p []byte) {
	for len(p) > 0 {
		n := copy(r.piece(pos, len(p)), p)
		if n == 0 {
			return
		}
		pos += uint64(n)
		p = p[n:]
	}
}

// piece returns the memory of up to n bytes at pos that lie in one chunk; nil
// where there is none.
func (r *Ring) piece(pos uint64, n int) []byte {
	if r.mem == nil {
		return nil
	}
	chunk := r.mem.chunk
	if chunk == nil {
		if chunk = r.mem.at(pageOf(pos)); chunk == nil {
			return nil
		}
	}
	return within(chunk, pos, n)
}

// within returns the memory of up to n bytes at pos in chunk.
func within(chunk []byte, pos uint64, n int) []byte {
	at := int(pos & uint64(len(chunk)-1))
	return chunk[at:min(at+n, len(chunk))]
}
