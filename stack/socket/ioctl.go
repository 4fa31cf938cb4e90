package socket

import "syscall"

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
	case d.proto == IPPROTO_ICMP:
		return -1, syscall.ENOTTY
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

// Fcntl is F_GETFL, which gives O_RDWR and O_NONBLOCK where that is set, and F_SETFL,
// of whose flags only O_NONBLOCK means something. EBADF, EINVAL (another command).
func (a *API) Fcntl(fd, cmd, arg int) (value int, err error) {
	d, err := a.get(fd)
	if err == nil {
		value, err = d.fcntl(cmd, arg)
	}
	a.tell(d, Call{Name: "fcntl", FD: fd, Len: cmd}, value, err)
	return value, err
}

func (d *descriptor) fcntl(cmd, arg int) (int, error) {
	switch cmd {
	case F_GETFL:
		return O_RDWR | O_NONBLOCK*number(d.is(nonblock)), nil
	case F_SETFL:
		d.mark(nonblock, arg&O_NONBLOCK != 0)
		return 0, nil
	}
	return -1, syscall.EINVAL
}
