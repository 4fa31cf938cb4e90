package socket

import (
	"syscall"
	"time"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/host"
)

// A PollFD is one descriptor of Poll. A negative FD is passed over.
type PollFD struct {
	FD      int
	Events  int // POLLIN, POLLOUT, POLLPRI, POLLRDHUP
	Revents int // what holds of them; POLLERR, POLLHUP and POLLNVAL come unasked
}

// Poll waits until something holds of one of the descriptors, or for d: below 0
// for ever, 0 not at all. It returns of how many something holds. A descriptor
// that is none has POLLNVAL.
func (a *API) Poll(fds []PollFD, d time.Duration) (n int, err error) {
	n = a.poll(fds, d)
	a.tell(nil, Call{Name: "poll", FD: -1, Len: len(fds)}, n, nil)
	return n, nil
}

func (a *API) poll(fds []PollFD, d time.Duration) int {
	n := a.pollOnce(fds)
	if n > 0 || d == 0 {
		return n
	}
	set := stack.NewWatchSet()
	for i := range fds {
		if e, err := a.get(fds[i].FD); err == nil {
			defer e.sock.Unwatch(e.sock.Watch(set, nil))
		}
	}
	stop, over := timer(d)
	defer stop()
	for {
		if n = a.pollOnce(fds); n > 0 {
			return n
		}
		select {
		case <-set.C():
		case <-a.stack.Done():
			return a.pollOnce(fds)
		case <-over:
			return 0
		}
	}
}

// timer returns a channel that receives after d; below 0 never.
func timer(d time.Duration) (stop func(), over <-chan time.Time) {
	if d < 0 {
		return func() {}, nil
	}
	t := time.NewTimer(d)
	return func() { t.Stop() }, t.C
}

// pollOnce fills in what holds now, and counts.
func (a *API) pollOnce(fds []PollFD) (n int) {
	for i := range fds {
		p := &fds[i]
		p.Revents = 0
		if p.FD < 0 {
			continue
		}
		d, err := a.get(p.FD)
		if err == nil {
			p.Revents = d.ready() & (p.Events | POLLHUP | POLLERR)
		} else {
			p.Revents = POLLNVAL
		}
		if p.Revents != 0 {
			n++
		}
	}
	return n
}

// pollBits translates the host's conditions to poll(2)'s.
var pollBits = [...]struct {
	mask host.Mask
	bit  int
}{
	{host.Readable, POLLIN}, {host.Writable, POLLOUT}, {host.Urgent, POLLPRI},
	{host.HangupRead, POLLRDHUP}, {host.Hangup, POLLHUP}, {host.Failed, POLLERR},
}

// ready returns all that holds now. Of a socket whose stack has ended: an error.
func (d *descriptor) ready() (bits int) {
	m, err := d.sock.Poll()
	if err != nil {
		return POLLIN | POLLOUT | POLLERR | POLLHUP
	}
	for _, b := range pollBits {
		if m&b.mask != 0 {
			bits |= b.bit
		}
	}
	return bits
}

// Ready returns what poll(2) says of one descriptor when it does not wait, of the
// events asked for: POLLIN, POLLOUT, POLLPRI, POLLRDHUP; POLLHUP and POLLERR come
// unasked. EBADF.
func (a *API) Ready(fd, events int) (revents int, err error) {
	d, err := a.get(fd)
	if err == nil {
		if revents = d.ready() & (events | POLLHUP | POLLERR); d.is(closed) {
			revents, err = 0, syscall.EBADF
		}
	}
	a.tell(d, Call{Name: "poll", FD: fd, Len: events}, revents, err)
	return revents, err
}
