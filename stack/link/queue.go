package link

import "sync"

// A queue is one direction of a Pipe: packets in order, each in a buffer of its
// own, at most depth of them. It knows neither who waits nor why.
type queue struct {
	mu     sync.Mutex
	feat   Features // what the writer may put in
	depth  int
	slots  []Packet // a ring that grows up to depth; Head holds the whole packet
	head   int      // index of the oldest packet
	n      int      // packets queued
	lent   [][]byte // buffers the reader may look at until its next read
	pool   pool
	closed bool // by either end: nothing more goes in
	stats  PipeStats
}

// put copies ps into the queue as far as they fit and are allowed, and returns
// how many went in and why the first one of the others did not.
func (q *queue) put(ps []Packet) (taken int, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return 0, ErrClosed
	}
	for i := range ps {
		switch e := q.putOne(&ps[i]); {
		case e == nil:
			taken++
		case err == nil:
			err = e
		}
	}
	return taken, err
}

func (q *queue) putOne(p *Packet) error {
	if !q.feat.Carries(p) {
		q.stats.TooLarge++
		return ErrTooLarge
	}
	if q.n == q.depth {
		q.stats.Full++
		return ErrFull
	}
	if q.n == len(q.slots) {
		q.grow()
	}
	q.slots[(q.head+q.n)%len(q.slots)] = Packet{
		Head:     p.AppendTo(q.pool.get(p.Len())),
		GSOSize:  p.GSOSize,
		CsumDone: p.CsumDone && q.feat.ChecksumOffload,
	}
	q.n++
	q.stats.Packets++
	return nil
}

// grow doubles the ring, oldest packet first.
func (q *queue) grow() {
	slots := make([]Packet, min(max(2*len(q.slots), 8), q.depth))
	n := copy(slots, q.slots[q.head:])
	copy(slots[n:], q.slots[:q.head])
	q.slots, q.head = slots, 0
}

// take moves packets to ps, whose bytes stay valid until the next take. wasFull
// tells that the writer had no room before and has some now.
func (q *queue) take(ps []Packet) (n int, wasFull, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for i, b := range q.lent {
		q.pool.put(b)
		q.lent[i] = nil
	}
	q.lent = q.lent[:0]
	wasFull = q.n == q.depth && len(ps) > 0
	for ; n < len(ps) && q.n > 0; n++ {
		ps[n] = q.slots[q.head]
		q.slots[q.head] = Packet{}
		q.lent = append(q.lent, ps[n].Head)
		q.head = (q.head + 1) % len(q.slots)
		q.n--
	}
	return n, wasFull, q.closed
}

// state returns how many packets wait and whether the queue was closed.
func (q *queue) state() (n int, closed bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.n, q.closed
}

func (q *queue) room() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.depth - q.n
}

// close ends the queue. What is in it can still be read, unless its reader was
// the one who closed: then it is let go.
func (q *queue) close(byReader bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	if byReader {
		q.slots, q.head, q.n, q.pool = nil, 0, 0, pool{}
	}
}
