// Package clock is the only notion of time in the core: a number of
// nanoseconds that somebody else measured.
//
// Place in the walk: every verb of stack/tcp and stack/host takes the time as
// an argument (an Instant); package stack reads the system's monotonic clock
// once per batch and hands it down, stack/sim makes time up. Nothing below
// package stack asks what time it is.
//
// Invariants: an Instant never runs back within one host, and the zero Instant
// means "never", so a table of timers is disarmed by its zero value.
package clock
