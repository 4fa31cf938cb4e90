package oracle

import (
	"sync"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/link"
)

// A shuttle carries packets between two links, each direction through an
// Impair of its own, in real time. It is how every contestant of a goodput
// comparison meets the same path.
type shuttle struct {
	began time.Time
	lanes [2]*lane
	ends  [2]link.Link
	all   sync.WaitGroup
}

// A lane is one direction of a shuttle.
type lane struct {
	mu     sync.Mutex
	impair *link.Impair
	news   chan struct{} // what comes next may have changed
}

// newShuttle joins near and far until the test ends, when it closes both. The
// faults out hold for what near sends, back for what far sends.
func newShuttle(t testing.TB, near, far link.Link, out, back link.Faults, seed uint64) {
	s := &shuttle{began: time.Now(), ends: [2]link.Link{near, far}}
	for i, f := range []link.Faults{out, back} {
		s.lanes[i] = &lane{impair: link.NewImpair(f, 2*seed+uint64(i)), news: make(chan struct{}, 1)}
	}
	stop := make(chan struct{})
	for i, l := range s.lanes {
		s.all.Go(func() { s.load(l, s.ends[i]) })
		s.all.Go(func() { s.unload(l, s.ends[1-i], stop) })
	}
	t.Cleanup(func() {
		close(stop)
		_ = near.Close()
		_ = far.Close()
		s.all.Wait()
	})
}

// now begins at 1: 0 is Never.
func (s *shuttle) now() clock.Instant { return clock.Instant(1 + time.Since(s.began)) }

// load puts what from brings onto the lane.
func (s *shuttle) load(l *lane, from link.Link) {
	ps := make([]link.Packet, 64)
	for from.Wait(false) == nil {
		n, err := from.TryRead(ps)
		if err != nil {
			return
		}
		l.mu.Lock()
		for i := range ps[:n] {
			l.impair.Put(s.now(), &ps[i])
		}
		l.mu.Unlock()
		select {
		case l.news <- struct{}{}:
		default:
		}
	}
}

// unload writes to to what has arrived at the lane's end.
func (s *shuttle) unload(l *lane, to link.Link, stop <-chan struct{}) {
	ps := make([]link.Packet, 64)
	timer := time.NewTimer(0)
	for {
		l.mu.Lock()
		n := l.impair.Take(s.now(), ps)
		next := l.impair.Deadline()
		l.mu.Unlock()
		if n > 0 {
			_ = to.WriteBatch(ps[:n]) // a full one: one more loss
			continue
		}
		timer.Stop()
		if next != clock.Never {
			timer.Reset(next.Sub(s.now()))
		}
		select {
		case <-l.news:
		case <-timer.C:
		case <-stop:
			return
		}
	}
}
