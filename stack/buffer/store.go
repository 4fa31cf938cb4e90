package buffer

// A store is the memory of a Ring that is not empty: one chunk where it is
// small, else a table of chunks by page number, ascending, and only of those that
// were touched, so that its size does not depend on how far ahead a byte lies.
// Pages are mostly consecutive: the guess in find then hits at once.
type store struct {
	chunk []byte // nil where the Ring is large
	list  []page // list[head:] are in use
	head  int
}

type page struct {
	number uint64
	chunk  []byte
}

// pageOf returns the number of the page that position pos lies in.
func pageOf(pos uint64) uint64 { return pos >> pageShift }

// len returns how many pages the table has.
func (t *store) len() int { return len(t.list) - t.head }

// find returns the index in list of page number, or where to insert it.
func (t *store) find(number uint64) (i int, found bool) {
	used := t.list[t.head:]
	if len(used) == 0 || number < used[0].number {
		return t.head, false
	}
	// Numbers ascend, so the page is no further from the first than this.
	guess := int(min(number-used[0].number, uint64(len(used)-1)))
	if used[guess].number == number {
		return t.head + guess, true
	}
	if used[guess].number < number {
		return t.head + guess + 1, false // guess was the last one
	}
	for end := guess; i < end; { // by halves; generic functions for a page are 6 KB of a small program
		if mid := (i + end) / 2; used[mid].number < number {
			i = mid + 1
		} else {
			end = mid
		}
	}
	return t.head + i, used[i].number == number
}

// at returns the chunk of page number, or nil.
func (t *store) at(number uint64) []byte {
	if i, found := t.find(number); found {
		return t.list[i].chunk
	}
	return nil
}

// insert adds chunk as page number, which is not there yet.
func (t *store) insert(number uint64, chunk []byte) {
	i, _ := t.find(number)
	t.list = append(t.list, page{})
	copy(t.list[i+1:], t.list[i:])
	t.list[i] = page{number, chunk}
}

// reserve makes the n bytes from pos on present, from the first to the last, and
// returns how many it could.
func (t *store) reserve(b *Budget, pos uint64, n int) int {
	done := 0
	for done < n {
		at := pos + uint64(done)
		number := pageOf(at)
		if _, found := t.find(number); !found {
			chunk := b.get(MaxChunk)
			if chunk == nil {
				break
			}
			t.insert(number, chunk)
		}
		done += MaxChunk - int(at%MaxChunk)
	}
	return min(done, n)
}

// missing returns how many chunks the n bytes from pos on, n above 0, still need.
func (t *store) missing(pos uint64, n int) int {
	first, last := pageOf(pos), pageOf(pos+uint64(n)-1)
	i, _ := t.find(first)
	j, found := t.find(last)
	if found {
		j++
	}
	return int(last-first) + 1 - (j - i)
}

// drain gives back the pages that lie wholly before start.
func (t *store) drain(b *Budget, start uint64, inUse bool) {
	for t.head < len(t.list) && t.list[t.head].number < pageOf(start) {
		giveBack(b, t.list[t.head].chunk, inUse)
		t.list[t.head] = page{}
		t.head++
	}
	// Slide down when half is unused: each entry moves at most once for one that left.
	if t.head >= t.len() {
		n := copy(t.list, t.list[t.head:])
		clear(t.list[n:])
		t.list, t.head = t.list[:n], 0
	}
}

// cut gives back the pages that lie wholly at or beyond end.
func (t *store) cut(b *Budget, end uint64, inUse bool) {
	n := len(t.list)
	for n > t.head && t.list[n-1].number > pageOf(end-1) {
		n--
		giveBack(b, t.list[n].chunk, inUse)
		t.list[n] = page{}
	}
	t.list = t.list[:n]
}

// clear gives everything back.
func (t *store) clear(b *Budget, inUse bool) {
	if t.chunk != nil {
		giveBack(b, t.chunk, inUse)
		t.chunk = nil
		return
	}
	for _, p := range t.list[t.head:] {
		giveBack(b, p.chunk, inUse)
	}
	clear(t.list)
	t.list, t.head = t.list[:0], 0
}
