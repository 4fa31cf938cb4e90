// Package capture writes the packets of a link.Tap as pcapng files, which
// Wireshark and tshark open, and reads such files back.
//
// Place in the walk: beside it. A Tap copies packets under the stack's lock;
// whoever holds a Writer takes the records out of it later, outside any lock.
//
// Invariants: a file shows what is on the wire: super-segments are written as
// the segments that the device cuts them into, with complete checksums. Times
// are nanoseconds. Each packet says in comments why it was sent. A Reader's
// memory is bounded, whatever the file says.
//
// The block format is written here, not taken from a library: four kinds of
// block are enough, and the usual library brings the decoders of two hundred
// protocols and package net into every program that can write a capture. The
// tests read our files with that library and with tshark.
package capture
