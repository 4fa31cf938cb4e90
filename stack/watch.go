package stack

import (
	"sync"
	"sync/atomic"

	"github.com/sockeye-net/sockeye/stack/host"
)

// A WatchSet gathers news of many sockets for one who waits on all of them: what
// poll and epoll of stack/socket are made of. Who waits here does not lead
// (lead.go); the link's goroutine reads meanwhile. The zero value is not ready:
// NewWatchSet. It is safe for concurrent use.
type WatchSet struct {
	mu    sync.Mutex // a leaf: taken under a shard's lock
	ready Watch      // ring of those with news
	c     chan struct{}
}

// A Watch is one socket's place in a WatchSet.
type Watch struct {
	Tag any // the owner's

	set           *WatchSet
	only          atomic.Uint32 // the host.Mask of those whose news it is told; 0: all
	after, before *Watch        // in set.ready, nil: not there; set.mu guards them
	next          *Watch        // of the same socket; the shard's lock guards it
}

// NewWatchSet returns an empty set.
func NewWatchSet() *WatchSet {
	ws := &WatchSet{c: make(chan struct{}, 1)}
	ws.ready.after, ws.ready.before = &ws.ready, &ws.ready
	return ws
}

// C receives once there is something to Take.
func (ws *WatchSet) C() <-chan struct{} { return ws.c }

// Take moves those with news to dst[:0].
func (ws *WatchSet) Take(dst []*Watch) []*Watch {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	dst = dst[:0]
	for w := ws.ready.after; w != &ws.ready; w = ws.ready.after {
		w.leave()
		dst = append(dst, w)
	}
	return dst
}

// leave takes w out of the ring. set.mu is held.
func (w *Watch) leave() {
	if w.after != nil {
		w.after.before, w.before.after = w.before, w.after
		w.after, w.before = nil, nil
	}
}

// Put counts w among those with news, as if its socket had some.
func (ws *WatchSet) Put(w *Watch) {
	ws.mu.Lock()
	if w.after == nil {
		last := ws.ready.before
		w.before, w.after = last, &ws.ready
		last.after, ws.ready.before = w, w
	}
	ws.mu.Unlock()
	select {
	case ws.c <- struct{}{}:
	default:
	}
}

// Watch makes ws hear of the socket's news from now on, and returns its place
// there. What held before is no news: Poll after it.
func (s *Socket) Watch(ws *WatchSet, tag any) *Watch {
	s.enter()
	defer s.sh.mu.Unlock()
	return s.watchLocked(ws, tag)
}

// watchLocked is Watch with the lock held, and unwatchLocked Unwatch.
func (s *Socket) watchLocked(ws *WatchSet, tag any) *Watch {
	w := &Watch{Tag: tag, set: ws, next: s.watch}
	s.watch = w
	return w
}

// Unwatch takes that back; news that were not taken go with it.
func (s *Socket) Unwatch(w *Watch) {
	s.enter()
	defer s.sh.mu.Unlock()
	s.unwatchLocked(w)
}

func (s *Socket) unwatchLocked(w *Watch) {
	for at := &s.watch; *at != nil; at = &(*at).next {
		if *at == w {
			*at = w.next
			w.set.mu.Lock()
			w.leave()
			w.set.mu.Unlock()
			return
		}
	}
}

// watched are the news that poll(2) knows.
const watched = host.Readable | host.Writable | host.Urgent | host.HangupRead | host.Hangup | host.Failed

// Only makes w pass over news that is for readers alone (host.ForReaders) or for
// writers alone (host.ForWriters) where whom does not say so. 0: it passes over none.
func (w *Watch) Only(whom host.Mask) { w.only.Store(uint32(whom)) }

// tellWatches passes news on to who waits on many sockets; m says whom it is for.
// The lock is held.
func (s *Socket) tellWatches(m host.Mask) {
	const all = host.ForReaders | host.ForWriters
	m &= all
	for w := s.watch; w != nil; w = w.next {
		if only := host.Mask(w.only.Load()); m == 0 || m == all || only == 0 || only&m != 0 {
			w.set.Put(w)
		}
	}
}
