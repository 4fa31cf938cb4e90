package clock

import "time"

// A Tick is an Instant in four bytes: milliseconds, modulo 2^32 of them, for what
// every connection notes and looks at again soon. The zero value is no time.
type Tick uint32

// Tick returns t in milliseconds. That of Never is none.
func (t Instant) Tick() Tick {
	if t == Never {
		return 0
	}
	return max(Tick(t/Instant(time.Millisecond)), 1)
}

// Since returns the time from u to t, to a millisecond, if it is less than 49 days.
func (t Instant) Since(u Tick) time.Duration {
	return time.Duration(t.Tick()-u) * time.Millisecond
}
