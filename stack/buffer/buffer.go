// Package buffer holds the bytes of streams: rings that grow and shrink inside
// one memory Budget.
//
// Place in the walk: an arriving segment is copied into its final place in the
// receive Ring, in order or not (WriteAt); an application's Send is copied to
// the end of the send Ring (Append); what leaves borrows Spans of it.
//
// Invariants: an empty Ring holds no memory; Held never exceeds what the Budget
// granted; a Budget's Used never exceeds its Limit and never goes below 0;
// bytes between Start and Start+Len are valid, bytes placed beyond by WriteAt
// keep their place until Extend or Trim; Spans are at most two pieces for any 64 KiB.
package buffer

// A Budget bounds the memory of one host, in bytes. It also keeps the chunks
// that were given back, by size class, so that a steady state allocates nothing.
type Budget struct{ contract struct{} }

// NewBudget returns a Budget of limit bytes.
func NewBudget(limit int) *Budget { panic("contract") }

// Limit returns the bound in bytes; Used what is handed out, kept chunks not counted.
func (b *Budget) Limit() int { panic("contract") }

// Used returns how many bytes are handed out.
func (b *Budget) Used() int { panic("contract") }

// Free returns Limit - Used.
func (b *Budget) Free() int { panic("contract") }

// Take reserves n bytes for something that is not a Ring and reports whether they fit.
func (b *Budget) Take(n int) bool { panic("contract") }

// Give returns n bytes of Take.
func (b *Budget) Give(n int) { panic("contract") }

// MaxChunk is the largest size class: 64 KiB. A longer Ring is a table of such
// chunks, so that growing never copies more than one of them, and any span of
// up to 64 KiB lies in at most two.
const MaxChunk = 64 << 10

// A Ring is a stream of bytes of which a part is held. Positions are counted
// from the stream's beginning. The zero Ring is empty, at position 0, and
// holds no memory.
type Ring struct{ contract struct{} }

// Start returns the stream position of the first byte held.
func (r *Ring) Start() uint64 { panic("contract") }

// Len returns how many in-order bytes are held.
func (r *Ring) Len() int { panic("contract") }

// Held returns how many bytes of the Budget the Ring has.
func (r *Ring) Held() int { panic("contract") }

// Append copies p to the end and returns how many bytes the Budget had room for.
func (r *Ring) Append(b *Budget, p []byte) int { panic("contract") }

// Tail lends free space of up to n bytes after the end, to be filled and
// committed with Extend; both spans are empty when the Budget is used up. When the Ring
// stays empty and nothing is committed call Trim.
func (r *Ring) Tail(b *Budget, n int) [2][]byte { panic("contract") }

// WriteAt copies p to off bytes after the end (0 is the end itself) without
// making it part of Len, and reports whether the Budget had room for all of it.
// Memory taken is proportional to the chunks touched, not to off.
func (r *Ring) WriteAt(b *Budget, off int, p []byte) bool { panic("contract") }

// Extend makes n bytes beyond the end, placed by Tail or WriteAt, part of Len.
func (r *Ring) Extend(n int) { panic("contract") }

// Trim gives back the memory of all bytes beyond the end.
func (r *Ring) Trim(b *Budget) { panic("contract") }

// Spans lends n bytes beginning off bytes after Start, in at most two pieces;
// n is at most MaxChunk and off+n at most Len.
func (r *Ring) Spans(off, n int) [2][]byte { panic("contract") }

// Discard drops the first n bytes and gives back the chunks that no longer hold any.
func (r *Ring) Discard(b *Budget, n int) { panic("contract") }

// Release gives everything back; the Ring is empty, at the position it had reached.
func (r *Ring) Release(b *Budget) { panic("contract") }
