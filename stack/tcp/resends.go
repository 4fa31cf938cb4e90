package tcp

import (
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A resend is one retransmission. The records of its range are still those that
// it sent while their time is its own.
type resend struct {
	sent clock.Instant
	seq  wire.Seq
	len  uint32
}

// isOf reports whether record r is out as e sent it.
func (e *resend) isOf(r *record) bool {
	return r.sent == e.sent && r.flags&(everSent|sacked) == everSent && r.flags&(lost|resent) != lost
}

// resends are the retransmissions in the order of time. Those that were
// overtaken, delivered or lost again are dropped when they come to the front.
type resends struct {
	ring []resend // a circle; its length is a power of two
	head int
	n    int
}

const firstResends = 16

func (q *resends) at(i int) *resend { return &q.ring[(q.head+i)&(len(q.ring)-1)] }
func (q *resends) first() *resend   { return q.at(0) }

func (q *resends) pop() {
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.n--
}

// push notes a retransmission. Where there is no memory it is left to the
// retransmission timer.
func (q *resends) push(e *Env, s *scoreboard, x resend) {
	if q.n == len(q.ring) && !q.grow(e, s) {
		return
	}
	q.n++
	*q.at(q.n - 1) = x
}

func (q *resends) grow(e *Env, s *scoreboard) bool {
	size := max(2*len(q.ring), firstResends)
	more := (size - len(q.ring)) * resendSize
	if size > maxRecords || !e.Budget.Take(more) {
		return false
	}
	s.charged += more
	ring := make([]resend, size)
	for i := range q.n {
		ring[i] = *q.at(i)
	}
	q.ring, q.head = ring, 0
	return true
}
