package link

import (
	"math/rand/v2"
	"sync"
)

// Scatter makes of the queues of one device, as a stack with several shards
// has them, queues that steer at random: whatever is written to one of them
// leaves through any. What comes of that, packets of one flow in many queues and
// out of order, is the worst that a device may do. The same seed steers the same writes alike.
func Scatter(queues []Link, seed uint64) []Link {
	s := &scatter{queues: queues, rng: *rand.NewPCG(seed, 0x736f636b65796521)}
	out := make([]Link, len(queues))
	for i, l := range queues {
		out[i] = &scattered{l, s}
	}
	return out
}

// A scatter is what the queues have in common.
type scatter struct {
	mu     sync.Mutex // one writer at a time in each of them
	queues []Link
	rng    rand.PCG
}

type scattered struct {
	Link
	s *scatter
}

// WriteBatch implements Link.
func (q *scattered) WriteBatch(ps []Packet) (err error) {
	s := q.s
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range ps {
		to := s.queues[s.rng.Uint64()%uint64(len(s.queues))]
		if e := to.WriteBatch(ps[i : i+1]); err == nil {
			err = e
		}
	}
	return err
}

// Room implements Link: what the fullest queue takes.
func (q *scattered) Room() int {
	n := q.s.queues[0].Room()
	for _, l := range q.s.queues[1:] {
		n = min(n, l.Room())
	}
	return n
}
