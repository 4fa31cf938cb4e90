package socket

import (
	"syscall"

	"github.com/sockeye-net/sockeye/stack/host"
)

// Ioctl asks for a number: SIOCINQ, SIOCOUTQ, SIOCOUTQNSD (streams), SIOCATMARK
// (streams). EBADF, EINVAL (listening), ENOTTY (no such request here).
func (a *API) Ioctl(fd, request int) (value int, err error) {
	d, err := a.get(fd)
	value = -1
	if err == nil {
		value, err = d.ioctl(request)
	}
	a.tell(d, Call{Name: "ioctl", FD: fd, Len: request}, value, err)
	return value, err
}

func (d *descriptor) ioctl(request int) (int, error) {
	switch {
	case request == SIOCATMARK && d.stream():
		at, err := d.sock.AtMark()
		return number(at), d.errno(err)
	case request == SIOCINQ, request == SIOCOUTQ, request == SIOCOUTQNSD && d.stream():
	default:
		return -1, syscall.ENOTTY
	}
	q, err := d.sock.Queued()
	switch {
	case err != nil:
		return -1, d.errno(err)
	case request == SIOCINQ:
		return q.In, nil
	case request == SIOCOUTQ:
		return q.Out, nil
	}
	return q.Unsent, nil
}

// pollBits translates the host's conditions to poll(2)'s.
var pollBits = [...]struct {
	mask host.Mask
	bit  int
}{
	{host.Readable, POLLIN}, {host.Writable, POLLOUT}, {host.Urgent, POLLPRI},
	{host.HangupRead, POLLRDHUP}, {host.Hangup, POLLHUP}, {host.Failed, POLLERR},
}

// Ready returns what poll(2) says of the descriptor when it does not wait, of the
// events asked for: POLLIN, POLLOUT, POLLPRI, POLLRDHUP; POLLHUP and POLLERR come
// unasked. EBADF.
func (a *API) Ready(fd, events int) (revents int, err error) {
	d, err := a.get(fd)
	if err == nil {
		var m host.Mask
		m, err = d.sock.Poll()
		err = d.errno(err)
		for _, b := range pollBits {
			if m&b.mask != 0 && b.bit&(events|POLLHUP|POLLERR) != 0 {
				revents |= b.bit
			}
		}
	}
	a.tell(d, Call{Name: "poll", FD: fd, Len: events}, revents, err)
	return revents, err
}
