package oracle

import (
	"container/heap"
	"sync"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"

	"github.com/sockeye-net/sockeye/stack/clock"
)

// A virtualClock is gVisor's clock: it moves when it is told to and says when
// its next timer is due. Timers run one after the other, on the goroutine that
// asks for it, in the order in which they fall due.
type virtualClock struct {
	mu     sync.Mutex
	now    clock.Instant
	timers timerHeap
	serial int // breaks ties, so that the order is the same every time
}

var _ tcpip.Clock = (*virtualClock)(nil)

// A virtualTimer is one of its timers; place is its index in the heap, -1 outside.
type virtualTimer struct {
	c      *virtualClock
	at     clock.Instant
	serial int
	place  int
	f      func()
}

func (c *virtualClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Unix(0, int64(c.now))
}

func (c *virtualClock) NowMonotonic() tcpip.MonotonicTime {
	c.mu.Lock()
	defer c.mu.Unlock()
	return tcpip.MonotonicTime{}.Add(time.Duration(c.now))
}

func (c *virtualClock) AfterFunc(d time.Duration, f func()) tcpip.Timer {
	t := &virtualTimer{c: c, place: -1, f: f}
	t.Reset(d)
	return t
}

// Stop and Reset are those of a tcpip.Timer.
func (t *virtualTimer) Stop() bool {
	t.c.mu.Lock()
	defer t.c.mu.Unlock()
	if t.place < 0 {
		return false
	}
	heap.Remove(&t.c.timers, t.place)
	return true
}

func (t *virtualTimer) Reset(d time.Duration) {
	c := t.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if t.place >= 0 {
		heap.Remove(&c.timers, t.place)
	}
	c.serial++
	t.at, t.serial = c.now.Add(max(d, 0)), c.serial
	heap.Push(&c.timers, t)
}

// set moves the clock on; it never runs back.
func (c *virtualClock) set(now clock.Instant) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = max(c.now, now)
}

// next is when the next timer is due.
func (c *virtualClock) next() clock.Instant {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.timers) == 0 {
		return clock.Never
	}
	return max(c.timers[0].at, c.now)
}

// fire runs one timer that is due, and reports whether there was one.
func (c *virtualClock) fire() bool {
	c.mu.Lock()
	if len(c.timers) == 0 || c.timers[0].at > c.now {
		c.mu.Unlock()
		return false
	}
	t := heap.Pop(&c.timers).(*virtualTimer)
	c.mu.Unlock()
	t.f()
	return true
}

// A timerHeap is a container/heap by time and age.
type timerHeap []*virtualTimer

func (h timerHeap) Len() int { return len(h) }
func (h timerHeap) Less(i, j int) bool {
	if h[i].at != h[j].at {
		return h[i].at < h[j].at
	}
	return h[i].serial < h[j].serial
}

func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].place, h[j].place = i, j
}

func (h *timerHeap) Push(x any) {
	t := x.(*virtualTimer)
	t.place = len(*h)
	*h = append(*h, t)
}

func (h *timerHeap) Pop() any {
	old := *h
	t := old[len(old)-1]
	*h = old[:len(old)-1]
	t.place = -1
	return t
}
