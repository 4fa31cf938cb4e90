// Package wire turns bytes into header values and back: IPv4, ICMPv4, UDP, TCP
// with its options, their checksums, and arithmetic on sequence numbers.
//
// Place in the walk: on entering, the host decodes what a link brought; on
// leaving, it encodes headers in front of a payload that stays where it is.
// There is no time and no state here.
//
// Invariants:
//
//   - Decoding never panics, never allocates, and never reads or hands out a
//     byte outside the lengths that the headers state. What it returns borrows
//     from its argument.
//   - Encoding allocates nothing, and what it writes decodes to the same value.
//   - A header is decoded strictly: where its lengths contradict each other or
//     the bytes at hand, the answer is an Error, never a guess. Only TCP options
//     are lenient, because RFC 9293 3.1 (MUST-6, MUST-7) wants them so.
package wire
