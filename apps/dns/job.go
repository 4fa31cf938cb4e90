package dns

import (
	"errors"
	"time"
)

// maxPackets is how many messages one question may send, all that it leads to counted
// (RFC 1034 5.3.3: bound the work; NXNSAttack is what happens otherwise).
const maxPackets = 30

var errBudget = errors.New("no packets left")

// A job is one question of a caller and what it may still cost.
type job struct {
	deadline  time.Time // zero: none
	hasty     bool      // the deadline is somebody's who has little time: it says nothing of the servers
	packets   int       // that may still be sent
	exchanges []*Exchange
	pending   []string // names of servers that are being resolved for it, outermost first
}

func newJob(deadline time.Time) *job {
	return &job{deadline: deadline, hasty: true, packets: maxPackets}
}

// spend takes a packet off the budget.
func (j *job) spend() error {
	if j.packets == 0 {
		return errBudget
	}
	j.packets--
	return nil
}

// until is t, or the job's end where that is earlier.
func (j *job) until(t time.Time) time.Time {
	if !j.deadline.IsZero() && j.deadline.Before(t) {
		return j.deadline
	}
	return t
}

// gaveUp says whether it ended because of somebody's haste.
func (j *job) gaveUp(now time.Time) bool { return j.hasty && j.over(now) }

func (j *job) over(now time.Time) bool { return !j.deadline.IsZero() && !now.Before(j.deadline) }

// kindOf is what an error before sending stands for.
func kindOf(err error) Kind {
	if err == errBudget {
		return ErrBudget
	}
	return ErrUnreachable
}
