package socket

import "syscall"

// Send sends p to the peer: a datagram, or on a stream all of p, waiting for room.
// A stream returns less only where it may not wait or an error came in between,
// which the next call then returns. flags: MSG_DONTWAIT, MSG_NOSIGNAL; on a stream
// MSG_OOB (the last byte of p is urgent; on others EOPNOTSUPP) and MSG_MORE (more
// follows: a partial segment waits for it; datagrams are put together). EBADF, EAGAIN, EPIPE,
// ECONNRESET, ETIMEDOUT, EDESTADDRREQ, EMSGSIZE.
func (a *API) Send(fd int, p []byte, flags int) (int, error) {
	return a.sendAs("send", fd, p, flags, SockAddr{})
}

// SendTo sends one datagram; with the zero address, to the peer. On a stream it
// ignores the address, as Linux does. EACCES: a broadcast without SO_BROADCAST.
// EINVAL: port 0. ENETUNREACH, EAFNOSUPPORT and Send's.
func (a *API) SendTo(fd int, p []byte, flags int, to SockAddr) (int, error) {
	return a.sendAs("sendto", fd, p, flags, to)
}

func (a *API) sendAs(name string, fd int, p []byte, flags int, to SockAddr) (int, error) {
	n := -1
	d, err := a.get(fd)
	if err == nil {
		n, err = d.send(p, flags, to, (*descriptor).pass)
	}
	a.tell(d, Call{Name: name, FD: fd, Addr: to, Len: len(p)}, n, err)
	return n, err
}

const echoHeader = 8 // bytes of every echo

// A way is how what is to be sent is given to the stack.
type way func(d *descriptor, p []byte, flags int, to SockAddr) (int, error)

// send sends p, the way that is said.
func (d *descriptor) send(p []byte, flags int, to SockAddr, give way) (n int, err error) {
	if flags&MSG_OOB != 0 && !d.stream() {
		return -1, d.refuseOOB(p)
	}
	if !d.stream() && to.IsValid() {
		if to, err = clean(to); err != nil {
			return -1, err
		}
	}
	if err := d.beginSend(); err != nil {
		return -1, d.errno(err)
	}
	if d.proto == IPPROTO_UDP {
		if held, n, err := d.hold(p, flags, to, give); held || err != nil {
			return n, err
		}
	}
	n, err = give(d, p, flags, to)
	return d.sent(n, err)
}

// pass is the ordinary way.
func (d *descriptor) pass(p []byte, flags int, to SockAddr) (int, error) {
	if d.stream() || !to.Addr().IsValid() {
		return d.sock.Send(p, d.flags(flags))
	}
	return d.sock.SendTo(p, to, d.flags(flags))
}

// refuseOOB says why a datagram has no urgent data, in Linux's order.
func (d *descriptor) refuseOOB(p []byte) error {
	if err := d.autobind(); err != nil {
		return err
	}
	if d.proto == IPPROTO_ICMP && len(p) < echoHeader {
		return syscall.EINVAL
	}
	return syscall.EOPNOTSUPP
}

// autobind gives a datagram socket a port, as Linux does before it sends or does not.
func (d *descriptor) autobind() error {
	return d.errno(d.sock.Autobind())
}

// sent turns what the stack returned into what send returns: an error after
// part of the work is pending again, for whoever asks next.
func (d *descriptor) sent(n int, err error) (int, error) {
	e := d.errno(err)
	if e == nil {
		return n, nil
	}
	if n <= 0 {
		return -1, e
	}
	d.sock.KeepError(err)
	return n, nil
}

// Recv receives into p and returns how much: 0 is the end of a stream, or an empty
// datagram. flags: MSG_PEEK, MSG_DONTWAIT, MSG_WAITALL (streams), MSG_TRUNC
// (datagrams: return the whole length, also where p is shorter; streams: drop as
// many bytes as p is long, p stays as it is), MSG_OOB (streams:
// the urgent byte; it never waits: EINVAL, there is none, or it was read, or
// SO_OOBINLINE leaves it in the stream; EAGAIN, it is announced and has not come).
// EBADF, EAGAIN, ENOTCONN, ECONNRESET, ECONNREFUSED, ETIMEDOUT.
func (a *API) Recv(fd int, p []byte, flags int) (int, error) {
	n, _, err := a.recvAs("recv", fd, p, flags)
	return n, err
}

// RecvFrom is Recv that also returns who sent the datagram. On a stream the
// address is zero.
func (a *API) RecvFrom(fd int, p []byte, flags int) (int, SockAddr, error) {
	return a.recvAs("recvfrom", fd, p, flags)
}

func (a *API) recvAs(name string, fd int, p []byte, flags int) (n int, from SockAddr, err error) {
	n = -1
	d, err := a.get(fd)
	if err == nil {
		var m Meta
		n, m, err = d.recv(p, flags)
		from = m.From
	}
	a.tell(d, Call{Name: name, FD: fd, Addr: from, Len: len(p)}, n, err)
	return n, from, err
}

func (d *descriptor) recv(p []byte, flags int) (n int, m Meta, err error) {
	if flags&MSG_OOB != 0 && d.proto == IPPROTO_ICMP {
		return -1, m, syscall.EOPNOTSUPP
	}
	if flags&MSG_ERRQUEUE != 0 {
		n, f, err := d.takeFault(p)
		return n, Meta{Size: f.Size, From: f.To}, err
	}
	if err := d.beginRecv(); err != nil {
		return -1, m, d.errno(err)
	}
	if flags&MSG_TRUNC != 0 && d.stream() {
		p = make([]byte, len(p)) // as on Linux: nothing is copied
	}
	n, m, err = d.sock.RecvMsg(p, d.flags(flags))
	if err != nil {
		return -1, Meta{}, d.errno(err)
	}
	if flags&MSG_TRUNC != 0 && d.proto == IPPROTO_UDP { // as on Linux: echo sockets do not know it
		n = m.Size
	}
	return n, m, nil
}
