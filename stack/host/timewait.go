package host

import (
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp"
)

// maxTimeWait bounds the connections in TIME-WAIT, as Linux's
// net.ipv4.tcp_max_tw_buckets does: beyond it the oldest orphan ends early.
// The Budget bounds them too: they may take a quarter of it.
const (
	maxTimeWait   = 16384
	timeWaitShare = 4
)

// A handleRing is a first-in, first-out queue of handles.
type handleRing struct {
	ring []Handle // length a power of two
	head int
	n    int
}

func (q *handleRing) push(id Handle) {
	if q.n == len(q.ring) {
		bigger := make([]Handle, max(firstBuckets, 2*len(q.ring)))
		for i := range q.n {
			bigger[i] = q.ring[(q.head+i)&(len(q.ring)-1)]
		}
		q.ring, q.head = bigger, 0
	}
	q.ring[(q.head+q.n)&(len(q.ring)-1)] = id
	q.n++
}

func (q *handleRing) pop() Handle {
	id := q.ring[q.head]
	q.head = (q.head + 1) & (len(q.ring) - 1)
	q.n--
	return id
}

// enterTimeWait notes that s is in TIME-WAIT, and ends the oldest where there are too many.
func (h *Host) enterTimeWait(now clock.Instant, s *socket) {
	h.timeWait.push(s.id)
	if h.timeWait.n <= min(maxTimeWait, max(1, h.cfg.Memory/timeWaitShare/(socketCost+connCost))) {
		return
	}
	id := h.timeWait.pop()
	old := h.sockets[id.Index()]
	if old == s || !old.live || old.id != id || old.conn == nil || old.conn.State() != tcp.StateTimeWait {
		return // over
	}
	if old.owned {
		old.passed = true // give puts it back
		return
	}
	old.conn.Abort(now) // of TIME-WAIT: nothing is sent
	h.collect(now, old)
	h.unready(old)
	h.finish(now, old)
}
