package stack

import "time"

// An alarm is a time.Timer that calls a function, known by its methods alone: a
// type that has the Timer itself, and that somewhere becomes an interface (an API
// as a resolver's sockets), has time.Time with all its methods linked, the
// formats and the time zones with them: 60 KB.
type alarm struct {
	stop  func() bool
	reset func(time.Duration) bool
}

// newAlarm returns an alarm that calls f, and is not set.
func newAlarm(f func()) alarm {
	t := time.AfterFunc(time.Hour, f)
	t.Stop()
	return alarm{stop: t.Stop, reset: t.Reset}
}

// Stop is time.Timer's.
func (a *alarm) Stop() bool { return a.stop() }

// Reset is time.Timer's.
func (a *alarm) Reset(d time.Duration) bool { return a.reset(d) }
