package buffer

import "math/bits"

// MaxChunk is the largest size class: 64 KiB. A longer Ring is a table of such
// chunks, so that growing never copies more than one of them, and any span of
// up to 64 KiB lies in at most two.
const MaxChunk = 1 << pageShift

// MinChunk is the smallest size class: 512 B, the least that a Ring takes.
const MinChunk = 1 << minShift

const (
	pageShift  = 16
	minShift   = 9 // the smallest class: 512 B
	numClasses = pageShift - minShift + 1

	maxKeptStores = 1024
)

// A Budget bounds the memory of one host, in bytes. It also keeps the chunks
// that were given back, by size class and the last one first, whose memory is
// the likeliest to be in the cache; so a steady state allocates nothing. The
// zero Budget has room for nothing.
type Budget struct {
	limit int
	used  int
	kept  int // bytes in free
	free  [numClasses][][]byte
	// Stores without memory, for Rings that cease to be empty. They are not
	// counted: a tenth of the smallest chunk, and a page's entry is 1/2000 of it.
	stores []*store
}

// NewBudget returns a Budget of limit bytes; a negative limit is 0.
func NewBudget(limit int) *Budget { return &Budget{limit: max(limit, 0)} }

// Limit returns the bound in bytes.
func (b *Budget) Limit() int { return b.limit }

// Used returns how many bytes are handed out; chunks kept for reuse are not
// counted, they make room where something else is needed.
func (b *Budget) Used() int { return b.used }

// Free returns Limit - Used.
func (b *Budget) Free() int { return b.limit - b.used }

// Take reserves n bytes for something that is not a Ring and reports whether
// they fit. A negative n does not.
func (b *Budget) Take(n int) bool {
	if n < 0 || n > b.Free() {
		return false
	}
	b.used += n
	b.evict()
	return true
}

// Give returns n bytes of Take.
func (b *Budget) Give(n int) { b.used = max(b.used-max(n, 0), 0) }

// sizeFor returns the size of the smallest class for n bytes, n at most MaxChunk.
func sizeFor(n int) int {
	return max(1<<minShift, 1<<bits.Len(uint(max(n, 1)-1)))
}

// classOf returns the class of a chunk of size bytes.
func classOf(size int) int { return bits.TrailingZeros(uint(size)) - minShift }

// get hands out a chunk of size bytes, a class's size, or nil where there is no
// room. Its content is whatever it was.
func (b *Budget) get(size int) []byte {
	if !b.Take(size) {
		return nil
	}
	list := &b.free[classOf(size)]
	n := len(*list)
	if n == 0 {
		return make([]byte, size)
	}
	chunk := (*list)[n-1]
	(*list)[n-1] = nil
	*list = (*list)[:n-1]
	b.kept -= size
	return chunk
}

// put takes back a chunk of get, to be handed out again.
func (b *Budget) put(chunk []byte) {
	size := len(chunk)
	b.Give(size)
	if size > b.limit-b.used-b.kept {
		return
	}
	list := &b.free[classOf(size)]
	*list = append(*list, chunk)
	b.kept += size
}

// replace gets a chunk of size bytes in the place of one of old bytes, which
// the caller puts back afterwards: only the difference needs to be free.
func (b *Budget) replace(old, size int) []byte {
	b.used -= old
	chunk := b.get(size)
	b.used += old
	return chunk
}

// evict drops kept chunks, the large ones first, until what is handed out and
// what is kept are together within the limit.
func (b *Budget) evict() {
	for class := numClasses - 1; class >= 0 && b.kept > b.limit-b.used; class-- {
		list := b.free[class]
		for len(list) > 0 && b.kept > b.limit-b.used {
			list[len(list)-1] = nil
			list = list[:len(list)-1]
			b.kept -= 1 << (class + minShift)
		}
		b.free[class] = list
	}
}

// getStore hands out a store without memory.
func (b *Budget) getStore() *store {
	n := len(b.stores)
	if n == 0 {
		return new(store)
	}
	t := b.stores[n-1]
	b.stores[n-1] = nil
	b.stores = b.stores[:n-1]
	return t
}

// putStore takes back a store without memory.
func (b *Budget) putStore(t *store) {
	if len(b.stores) < maxKeptStores {
		b.stores = append(b.stores, t)
	}
}
