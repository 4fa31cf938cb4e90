package host

import "github.com/sockeye-net/sockeye/stack/clock"

// A timer is an entry of the host's one heap of deadlines. It lives in what it
// belongs to: a socket (connection, listener and alarms together), or something
// of which a host has one.
type timer struct {
	pos   int32 // place in the heap, counted from 1; 0: not there
	owner int32 // the socket's index, or one of the ranks
}

// The ranks of what a host has one of: what goes off first at the same time,
// before any socket.
const (
	rankFragments int32 = iota - 6
	rankWaits
	rankRelief
	rankRest
	rankSessions
	rankEchoSessions
)

// deadlines is a binary heap of timers, earliest first, ties by owner. A deadline
// that moves later stays where it is until it pops: timers are moved far more
// often than they fire.
type deadlines struct{ heap []deadline }

// A deadline has its time beside it, so that ordering the heap looks nowhere else.
type deadline struct {
	at clock.Instant
	t  *timer
}

// next returns the earliest deadline, which may be one that has moved later since.
func (d *deadlines) next() clock.Instant {
	if len(d.heap) == 0 {
		return clock.Never
	}
	return d.heap[0].at
}

// set makes t go off at the time at or before; Never is left to the next pop.
func (d *deadlines) set(t *timer, at clock.Instant) {
	switch {
	case at == clock.Never:
	case t.pos == 0:
		d.heap = append(d.heap, deadline{at, t})
		t.pos = int32(len(d.heap))
		d.up(len(d.heap) - 1)
	case at < d.heap[t.pos-1].at:
		d.heap[t.pos-1].at = at
		d.up(int(t.pos) - 1)
	}
}

// pop takes the earliest timer if it is due, or returns nil.
func (d *deadlines) pop(now clock.Instant) *timer {
	if len(d.heap) == 0 || !d.heap[0].at.Due(now) {
		return nil
	}
	t := d.heap[0].t
	d.remove(t)
	return t
}

// remove takes t out of the heap.
func (d *deadlines) remove(t *timer) {
	if t.pos == 0 {
		return
	}
	i, last := int(t.pos)-1, len(d.heap)-1
	moved := d.heap[last]
	d.heap[last] = deadline{}
	d.heap = d.heap[:last]
	t.pos = 0
	if i == last {
		return
	}
	d.heap[i] = moved
	moved.t.pos = int32(i + 1)
	d.up(i)
	d.down(int(moved.t.pos) - 1)
}

// of returns when t goes off at the latest, or Never.
func (d *deadlines) of(t *timer) clock.Instant {
	if t.pos == 0 {
		return clock.Never
	}
	return d.heap[t.pos-1].at
}

func (d *deadlines) less(i, j int) bool {
	a, b := &d.heap[i], &d.heap[j]
	if a.at != b.at {
		return a.at < b.at
	}
	return a.t.owner < b.t.owner
}

func (d *deadlines) swap(i, j int) {
	d.heap[i], d.heap[j] = d.heap[j], d.heap[i]
	d.heap[i].t.pos, d.heap[j].t.pos = int32(i+1), int32(j+1)
}

func (d *deadlines) up(i int) {
	for i > 0 && d.less(i, (i-1)/2) {
		d.swap(i, (i-1)/2)
		i = (i - 1) / 2
	}
}

func (d *deadlines) down(i int) {
	for {
		c := 2*i + 1
		if c >= len(d.heap) {
			return
		}
		if c+1 < len(d.heap) && d.less(c+1, c) {
			c++
		}
		if !d.less(c, i) {
			return
		}
		d.swap(c, i)
		i = c
	}
}
