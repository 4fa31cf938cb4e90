package tcp

import (
	"unsafe"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A Handshake is the small record of a SYN (RFC 4987 3.3): what the connection
// will be made from.
type Handshake struct {
	flow     Flow
	since    clock.Instant // of tsRecent
	sent     clock.Instant // last SYN-ACK; Never: by a cookie
	due      clock.Instant // when the SYN-ACK is repeated
	outside  clock.Instant // last answer to a segment without effect
	iss, irs wire.Seq
	tsRecent uint32
	tsOff    uint32
	opt      agreed
	window   uint16 // that the SYN-ACK offered
	retries  uint8  // timeouts
	repeats  uint8  // SYN-ACKs beyond the first
	owes     uint8  // what the listener has to send for it
	used     bool
	acked    bool // the SYN-ACK was acknowledged, but the connection has to wait

	chain      int32 // next in the hash bucket, or in the free list
	prev, next int32 // in its queue by age
	// Its place among those that are to be sent for.
	pendingPrev, pendingNext int32
}

// Flow returns the four-tuple of the handshake.
func (hs *Handshake) Flow() Flow { return hs.flow }

// What a record owes its peer.
const (
	owesNothing uint8 = iota
	owesSynAck
	owesPlainACK // the answer to an unacceptable segment
	owesDecision // nothing to send: somebody is to be asked (hold.go)
)

const none int32 = -1

// synQueues are the records in order of time, one queue for each number of
// retries: within one all wait equally long, so its head is due first.
const synQueues = 8

type queue struct{ head, tail int32 }

// A synCache holds the records of one listener: a slab that grows up to its
// bound and a table of chains by keyed hash, so that nobody can make them long.
type synCache struct {
	recs    []Handshake
	buckets []int32
	queues  [synQueues]queue
	free    int32
	n       int
	charged int
}

const (
	firstSYNs     = 16
	handshakeSize = int(unsafe.Sizeof(Handshake{})) + int(unsafe.Sizeof(int32(0)))
)

func (t *synCache) init() {
	*t = synCache{free: none}
	for i := range t.queues {
		t.queues[i] = queue{none, none}
	}
}

func (t *synCache) bucket(e *Env, f *Flow) *int32 {
	return &t.buckets[f.hash(e.flowKey)&uint64(len(t.buckets)-1)]
}

// find returns the record of a flow, or none.
func (t *synCache) find(e *Env, f Flow) int32 {
	if t.n == 0 {
		return none
	}
	i := *t.bucket(e, &f)
	for i != none && t.recs[i].flow != f {
		i = t.recs[i].chain
	}
	return i
}

// insert makes a record for a flow, or returns none when there is no room.
func (t *synCache) insert(e *Env, f Flow) int32 {
	if t.free == none && !t.grow(e) {
		return none
	}
	i := t.free
	r := &t.recs[i]
	t.free = r.chain
	b := t.bucket(e, &f)
	*r = Handshake{flow: f, used: true, chain: *b, prev: none, next: none, pendingPrev: none, pendingNext: none}
	*b = i
	t.n++
	return i
}

// grow doubles the slab, up to the configured bound.
func (t *synCache) grow(e *Env) bool {
	old := len(t.recs)
	size := min(max(2*old, firstSYNs), e.Config.SYNBacklog)
	if size <= old || !e.Budget.Take((size-old)*handshakeSize) {
		return false
	}
	t.charged += (size - old) * handshakeSize
	recs := make([]Handshake, size)
	copy(recs, t.recs)
	t.recs = recs
	n := firstSYNs
	for n < size {
		n *= 2
	}
	t.buckets = make([]int32, n)
	for i := range t.buckets {
		t.buckets[i] = none
	}
	for i := range old {
		b := t.bucket(e, &t.recs[i].flow)
		t.recs[i].chain, *b = *b, int32(i)
	}
	for i := size - 1; i >= old; i-- {
		t.recs[i].chain, t.free = t.free, int32(i)
	}
	return true
}

// release gives the memory back, and forgets all records.
func (t *synCache) release(e *Env) {
	e.Budget.Give(t.charged)
	t.init()
}

// shrink gives the memory of a flood back when its last record has run out.
// Where records come and go by handshakes the slab stays.
func (t *synCache) shrink(e *Env) {
	if t.n == 0 && len(t.recs) > firstSYNs {
		t.release(e)
	}
}

// remove forgets record i, which must not be in the pending list.
func (t *synCache) remove(e *Env, i int32) {
	r := &t.recs[i]
	t.dequeue(i)
	p := t.bucket(e, &r.flow)
	for *p != i {
		p = &t.recs[*p].chain
	}
	*p = r.chain
	r.used = false
	r.chain, t.free = t.free, i
	t.n--
}

// enqueue puts record i, due later than all with as many retries, into its queue.
func (t *synCache) enqueue(i int32, due clock.Instant) {
	r := &t.recs[i]
	q := &t.queues[min(r.retries, synQueues-1)]
	r.due, r.prev, r.next = due, q.tail, none
	if q.tail == none {
		q.head = i
	} else {
		t.recs[q.tail].next = i
	}
	q.tail = i
}

func (t *synCache) dequeue(i int32) {
	r := &t.recs[i]
	if r.due == clock.Never {
		return
	}
	q := &t.queues[min(r.retries, synQueues-1)]
	if r.prev == none {
		q.head = r.next
	} else {
		t.recs[r.prev].next = r.next
	}
	if r.next == none {
		q.tail = r.prev
	} else {
		t.recs[r.next].prev = r.prev
	}
	r.due, r.prev, r.next = clock.Never, none, none
}

// first returns the record that is due first, or none.
func (t *synCache) first() int32 {
	best := none
	for _, q := range &t.queues {
		if q.head != none && (best == none || t.recs[q.head].due < t.recs[best].due) {
			best = q.head
		}
	}
	return best
}
