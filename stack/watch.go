package stack

import (
	"sync"

	"github.com/sockeye-net/sockeye/stack/host"
)

// A WatchSet gathers news of many sockets for one who waits on all of them: what
// poll and epoll of stack/socket are made of. Who waits here does not lead
// (lead.go); the link's goroutine reads meanwhile. The zero value is not ready:
// NewWatchSet. It is safe for concurrent use.
type WatchSet struct {
	mu    sync.Mutex // a leaf: taken under a shard's lock
	ready []*Watch
	c     chan struct{}
}

// A Watch is one socket's place in a WatchSet.
type Watch struct {
	Tag any // the owner's

	set    *WatchSet
	queued bool   // in set.ready; set.mu guards it
	next   *Watch // of the same socket; the shard's lock guards it
}

// NewWatchSet returns an empty set.
func NewWatchSet() *WatchSet { return &WatchSet{c: make(chan struct{}, 1)} }

// C receives once there is something to Take.
func (ws *WatchSet) C() <-chan struct{} { return ws.c }

// Take moves those with news to dst[:0].
func (ws *WatchSet) Take(dst []*Watch) []*Watch {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	dst = append(dst[:0], ws.ready...)
	for i, w := range ws.ready {
		w.queued = false
		ws.ready[i] = nil
	}
	ws.ready = ws.ready[:0]
	return dst
}

// Put counts w among those with news, as if its socket had some.
func (ws *WatchSet) Put(w *Watch) {
	ws.mu.Lock()
	if !w.queued {
		w.queued = true
		ws.ready = append(ws.ready, w)
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
	w := &Watch{Tag: tag, set: ws}
	s.sh.mu.Lock()
	defer s.sh.mu.Unlock()
	w.next, s.watch = s.watch, w
	return w
}

// Unwatch takes that back.
func (s *Socket) Unwatch(w *Watch) {
	s.sh.mu.Lock()
	defer s.sh.mu.Unlock()
	for at := &s.watch; *at != nil; at = &(*at).next {
		if *at == w {
			*at = w.next
			return
		}
	}
}

// watched are the news that poll(2) knows.
const watched = host.Readable | host.Writable | host.Urgent | host.HangupRead | host.Hangup | host.Failed

// tellWatches passes news on to who waits on many sockets. The lock is held.
func (s *Socket) tellWatches() {
	for w := s.watch; w != nil; w = w.next {
		w.set.Put(w)
	}
}
