// Package trace names what happened inside a host and why, as small values of
// fixed size. It knows kinds and reasons only: no text beyond their names, no
// time source, no output.
//
// Place in the walk: stack/tcp and stack/host add Events to the Log that they
// were given while they work; package stack takes them out after it has
// unlocked and hands them to the program. Where tracing is off the Log is nil
// and each event costs one comparison.
package trace
