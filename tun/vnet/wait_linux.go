package vnet

import (
	"errors"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/stack/link"
)

// A waiter lets one goroutine sleep until the queue has something to say.
//
// In the runtime's poller, Wake ends the sleep with a read deadline in the
// past: the only thing that both ends a sleep and is seen by one that is just
// beginning. In poll(2), an eventfd does the same. mu orders Wake against the
// beginning and the end of a Wait, so that a Wake is either remembered
// (pending) or delivered, and a deadline that was set is always cleared again.
type waiter struct {
	q     *queue
	ready func(fd uintptr) bool // for RawConn.Read
	poll  func(fd uintptr)      // for RawConn.Control
	pfd   [2]unix.PollFd

	mu      sync.Mutex
	pending bool // a Wake that no Wait has taken
	where   place
	expired bool // the read deadline is in the past
	closed  bool
	event   int // the eventfd; -1: closed
}

// place is where the waiting goroutine sleeps, or is about to.
type place uint8

const (
	nowhere place = iota
	inPoller
	inPoll
)

// longAgo is any time in the past; the poller only compares it with now.
var longAgo = time.Unix(1, 0)

func (w *waiter) init(q *queue) (err error) {
	w.q = q
	w.ready = q.rd.peek
	w.poll = w.pollBoth
	w.event, err = unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	return err
}

// wait sleeps until the device is readable, takes packets again after it was
// full, or Wake or close. A device that is full is waited for in poll(2): the
// poller waits for one direction only.
func (w *waiter) wait(alone bool) error {
	where := inPoller
	if alone || w.q.wr.full.Load() {
		where = inPoll
	}
	if done, err := w.begin(where); done {
		return err
	}
	var err error
	if where == inPoll {
		err = w.q.raw.Control(w.poll)
	} else {
		w.q.rd.asked = false
		err = w.q.raw.Read(w.ready)
	}
	return w.end(err)
}

// begin takes a Wake that came early; otherwise Wake knows from here on
// where to find us.
func (w *waiter) begin(where place) (done bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return true, link.ErrClosed
	}
	if w.pending {
		w.pending = false
		return true, nil
	}
	w.where = where
	w.pfd[1] = unix.PollFd{Fd: int32(w.event), Events: unix.POLLIN}
	return false, nil
}

func (w *waiter) end(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return link.ErrClosed
	}
	if w.expired {
		w.expired = false
		if err := w.q.file.SetReadDeadline(time.Time{}); err != nil {
			return link.ErrClosed
		}
	}
	if w.pending && w.where == inPoll {
		var b [8]byte
		_, _ = unix.Read(w.event, b[:]) // takes the event back
	}
	w.pending = false
	w.where = nowhere
	return w.meaning(err)
}

// meaning of what the sleep ended with. The poller refuses to wait for a
// device that was deleted; what the device itself says is clearer.
func (w *waiter) meaning(err error) error {
	if err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		return nil
	}
	return ErrGone
}

func (w *waiter) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pending || w.closed {
		return
	}
	w.pending = true
	w.interrupt()
}

// interrupt ends a sleep. An error can only mean that there is no sleep left
// to end.
func (w *waiter) interrupt() {
	switch w.where {
	case inPoller:
		w.expired = true
		_ = w.q.file.SetReadDeadline(longAgo)
	case inPoll:
		one := [8]byte{0: 1, 7: 1} // not zero in either byte order
		_, _ = unix.Write(w.event, one[:])
	}
}

// close ends the sleep in poll(2), which file.Close would wait for; the
// sleep in the poller is ended by file.Close itself.
func (w *waiter) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	w.interrupt()
	w.closed = true
}

// release gives the eventfd back, once file.Close has seen the last user go.
func (w *waiter) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	_ = unix.Close(w.event)
	w.event = -1
}

// pollBoth is poll(2) on the device and the eventfd, without end.
func (w *waiter) pollBoth(fd uintptr) {
	events := int16(unix.POLLIN)
	if w.q.wr.full.Load() {
		events |= unix.POLLOUT
	}
	for {
		if w.q.rd.held > 0 {
			return
		}
		w.pfd[0] = unix.PollFd{Fd: int32(fd), Events: events}
		_, err := unix.Poll(w.pfd[:], -1)
		if err == unix.EINTR {
			continue
		}
		if w.pfd[0].Revents&unix.POLLOUT != 0 {
			w.q.wr.full.Store(false)
		}
		return // what else it was, TryRead says
	}
}
