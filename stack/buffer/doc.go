// Package buffer holds the bytes of streams: rings that grow and shrink inside
// one memory Budget.
//
// Place in the walk: an arriving segment is copied into its final place in the
// receive Ring, in order or not (WriteAt, Extend); an application's Send is
// copied to the end of the send Ring (Append, or Tail and Extend); what leaves
// borrows Spans of it; what is acknowledged or read is dropped (Discard).
//
// A Ring is in one of three shapes:
//
//	empty   no memory at all, so that an idle connection costs only the struct
//	small   one chunk of a power of two C, 512 B to 64 KiB; position p lies at
//	        p mod C; growing copies into a larger chunk (small.go)
//	large   a table of 64 KiB chunks by page, p / 64 KiB, present where touched;
//	        growing never copies, draining gives back chunk by chunk (store.go)
//
// A small Ring becomes large when its bytes no longer fit 64 KiB, and a large
// one becomes empty when it has drained.
//
// Invariants: an empty Ring holds no memory; Held never exceeds what the Budget
// granted; a Budget's Used never exceeds its Limit and never goes below 0;
// Used and the kept chunks together never exceed Limit; bytes between Start and
// Start+Len are valid, bytes placed beyond by WriteAt keep their place until
// Extend or Trim; Spans are at most two pieces for any 64 KiB.
//
// Nothing here is safe for concurrent use: the owner's lock guards it. Lent
// memory may be filled (Tail) or read (Spans, between Pin and Unpin) outside
// that lock.
package buffer
