package clock

import "time"

// An Instant is a monotonic time in nanoseconds since an arbitrary start.
// The zero value, Never, is no time at all: a disarmed timer.
type Instant int64

// Never is the Instant of a timer that is not armed.
const Never Instant = 0

// Add returns t moved by d. Never stays Never.
func (t Instant) Add(d time.Duration) Instant {
	if t == Never {
		return Never
	}
	return t + Instant(d)
}

// Sub returns the time from u to t. Neither may be Never.
func (t Instant) Sub(u Instant) time.Duration { return time.Duration(t - u) }

// Before reports whether t comes before u; both must be real times.
func (t Instant) Before(u Instant) bool { return t < u }

// Due reports whether a timer set to t has to fire at now. Never is never due.
func (t Instant) Due(now Instant) bool { return t != Never && t <= now }

// Earliest returns the earlier of two timers, where Never loses to any time.
func Earliest(t, u Instant) Instant {
	switch {
	case t == Never:
		return u
	case u == Never:
		return t
	}
	return min(t, u)
}
