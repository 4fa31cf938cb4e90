package socket

import (
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/sockeye-net/sockeye/stack"
)

// Operations of Epoll.Ctl, and flags beside the events of poll.
const (
	EPOLL_CTL_ADD = 1
	EPOLL_CTL_DEL = 2
	EPOLL_CTL_MOD = 3

	EPOLLONESHOT = 1 << 30 // tell once, then not until EPOLL_CTL_MOD
	EPOLLET      = 1 << 31 // edge: tell when something has come, not that it is still there
)

// An Epoll waits on many descriptors, by level or by edge, as epoll(7) does. It
// costs a wait nothing for descriptors without news. It is not a descriptor
// itself; Close it. It is safe for concurrent use.
type Epoll struct {
	api *API
	set *stack.WatchSet

	mu     sync.Mutex
	items  map[*descriptor]*epollItem
	closed chan struct{}
	over   bool
}

// An epollItem is what an Epoll knows of a descriptor.
type epollItem struct {
	d      *descriptor
	fd     int
	events uint32 // of which EPOLLET and EPOLLONESHOT
	off    bool
	watch  *stack.Watch
}

// An EpollEvent is one descriptor of which something holds.
type EpollEvent struct {
	FD     int
	Events uint32
}

// NewEpoll returns an Epoll that waits on nothing.
func (a *API) NewEpoll() *Epoll {
	return &Epoll{api: a, set: stack.NewWatchSet(), items: map[*descriptor]*epollItem{}, closed: make(chan struct{})}
}

// Ctl adds, changes or drops a descriptor; Close of a descriptor drops it as well.
// EBADF, EEXIST (added already), ENOENT (never added), EINVAL.
func (e *Epoll) Ctl(op, fd int, events uint32) error {
	d, err := e.api.get(fd)
	if err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	it := e.items[d]
	switch {
	case e.over:
		return syscall.EBADF
	case op == EPOLL_CTL_ADD && it != nil:
		return syscall.EEXIST
	case op == EPOLL_CTL_ADD:
		it = &epollItem{d: d, fd: fd, events: events}
		it.watch = d.sock.Watch(e.set, it)
		e.items[d] = it
		if d.addEpoll(e); d.is(closed) {
			e.drop(it) // meanwhile
			return syscall.EBADF
		}
	case op != EPOLL_CTL_DEL && op != EPOLL_CTL_MOD:
		return syscall.EINVAL
	case it == nil:
		return syscall.ENOENT
	case op == EPOLL_CTL_DEL:
		e.drop(it)
		return nil
	default:
		it.events, it.off = events, false
	}
	e.set.Put(it.watch) // Wait looks whether something holds already
	return nil
}

// drop forgets an item. The lock is held.
func (e *Epoll) drop(it *epollItem) {
	it.off = true
	it.d.sock.Unwatch(it.watch)
	delete(e.items, it.d)
}

// forget drops a descriptor that was closed.
func (e *Epoll) forget(d *descriptor) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if it := e.items[d]; it != nil {
		e.drop(it)
	}
}

// A forgetter is an Epoll, to Close; programs that have none are smaller for it.
type forgetter interface{ forget(*descriptor) }

// addEpoll remembers who has to hear of Close.
func (d *descriptor) addEpoll(e *Epoll) {
	r := d.more()
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.epolls, forgetter(e)) {
		r.epolls = append(r.epolls, e)
	}
}

// leaveEpolls tells them.
func (d *descriptor) leaveEpolls() {
	r := d.rest.Load()
	if r == nil {
		return
	}
	r.mu.Lock()
	es := r.epolls
	r.epolls = nil
	r.mu.Unlock()
	for _, e := range es {
		e.forget(d)
	}
}

// Wait puts into evs what holds, and returns of how many descriptors; it waits for
// d: below 0 for ever, 0 not at all. EBADF (closed), EINVAL (evs is empty).
func (e *Epoll) Wait(evs []EpollEvent, d time.Duration) (int, error) {
	if len(evs) == 0 {
		return -1, syscall.EINVAL
	}
	stop, over := timer(d)
	defer stop()
	for {
		n, err := e.collect(evs)
		if n != 0 || err != nil || d == 0 {
			return n, err
		}
		select {
		case <-e.set.C():
		case <-e.closed:
		case <-over:
			return 0, nil
		}
	}
}

// collect takes those with news and tells what holds of them.
func (e *Epoll) collect(evs []EpollEvent) (n int, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.over {
		return -1, syscall.EBADF
	}
	for _, w := range e.set.Take(nil) {
		it := w.Tag.(*epollItem)
		if n == len(evs) {
			e.set.Put(w)
			continue
		}
		if bits := e.bits(it); bits != 0 {
			evs[n] = EpollEvent{it.fd, bits}
			n++
			e.told(it)
		}
	}
	return n, nil
}

// bits is what holds of an item that is still waited for. The lock is held.
func (e *Epoll) bits(it *epollItem) uint32 {
	switch {
	case it.d.is(closed):
		e.drop(it)
		return 0
	case it.off:
		return 0
	}
	return uint32(it.d.ready()) & (it.events | POLLERR | POLLHUP)
}

// told is what follows when an item was told: by level it is looked at again.
func (e *Epoll) told(it *epollItem) {
	switch {
	case it.events&EPOLLONESHOT != 0:
		it.off = true
	case it.events&EPOLLET == 0:
		e.set.Put(it.watch)
	}
}

// Close ends every Wait. EBADF: a second time.
func (e *Epoll) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.over {
		return syscall.EBADF
	}
	e.over = true
	close(e.closed)
	for _, it := range e.items {
		e.drop(it)
	}
	return nil
}
