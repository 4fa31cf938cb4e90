package socket

import (
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/host"
)

const (
	firstFD      = 3 // after standard input, output and error
	defaultLimit = 1024
)

// API is the descriptors of one program on one stack. Its errors are
// syscall.Errno values. It is safe for concurrent use.
type API struct {
	stack    *stack.Stack
	observer atomic.Pointer[func(Call)]

	mu    sync.Mutex
	table []*descriptor // by number, less firstFD
	free  int           // in table: all before are in use
	limit int
}

// New returns an API on s. Descriptors begin at 3, as after standard input,
// output and error, and end below 1024.
func New(s *stack.Stack) *API { return &API{stack: s, limit: defaultLimit} }

// Stack returns the stack that the sockets are on.
func (a *API) Stack() *stack.Stack { return a.stack }

// SetLimit makes n the first descriptor that is not given out, as RLIMIT_NOFILE
// does. Those in use stay.
func (a *API) SetLimit(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.limit = n
}

// A descriptor is what a number stands for. Whoever got it from the table may
// use it after Close took it out: the stack.Socket says then that it is closed.
type descriptor struct {
	sock       *stack.Socket
	typ, proto uint16

	marks   atomic.Uint32 // see mark
	told    atomic.Uint32 // see pathOption
	kept    atomic.Uint32 // see keep
	sendErr atomic.Uint32 // errno, met after part of a Send was done: the next call's
	rest    atomic.Pointer[rest]
}

func (d *descriptor) stream() bool { return d.typ == SOCK_STREAM }

// reserved stands in the table for a number that an Accept holds while it waits.
var reserved = new(descriptor)

// reserve takes the lowest free number. EMFILE.
func (a *API) reserve() (int, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	i := a.free
	for i < len(a.table) && a.table[i] != nil {
		i++
	}
	if i+firstFD >= a.limit {
		return -1, syscall.EMFILE
	}
	if i == len(a.table) {
		a.table = append(a.table, nil)
	}
	a.table[i], a.free = reserved, i+1
	return i + firstFD, nil
}

// set makes the reserved number fd stand for d; nil frees it.
func (a *API) set(fd int, d *descriptor) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.table[fd-firstFD] = d
	if d == nil {
		a.free = min(a.free, fd-firstFD)
	}
}

// get returns what fd stands for. EBADF.
func (a *API) get(fd int) (*descriptor, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.look(fd)
}

func (a *API) look(fd int) (*descriptor, error) {
	i := fd - firstFD
	if i < 0 || i >= len(a.table) || a.table[i] == nil || a.table[i] == reserved {
		return nil, syscall.EBADF
	}
	return a.table[i], nil
}

// take frees fd and returns what it stood for. EBADF.
func (a *API) take(fd int) (*descriptor, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	d, err := a.look(fd)
	if err == nil {
		a.table[fd-firstFD] = nil
		a.free = min(a.free, fd-firstFD)
		d.mark(closed, true)
	}
	return d, err
}

// Close frees the descriptor and gives the socket up. Calls that are blocked on
// it end with EBADF. It waits only where SetLinger says so. EBADF.
func (a *API) Close(fd int) error {
	d, err := a.take(fd)
	if err == nil {
		d.leaveEpolls()
		_ = d.sock.Close() // as on Linux: the descriptor is gone, there is nothing to do about it
	}
	a.tell(d, Call{Name: "close", FD: fd}, 0, err)
	return err
}

// SetNonblock makes calls fail with EAGAIN (Connect: EINPROGRESS) instead of
// waiting, as O_NONBLOCK does. EBADF.
func (a *API) SetNonblock(fd int, on bool) error {
	d, err := a.get(fd)
	if err == nil {
		d.mark(nonblock, on)
	}
	value := 0
	if on {
		value = 1
	}
	a.tell(d, Call{Name: "fcntl", FD: fd, Len: value}, 0, err)
	return err
}

// errno returns the errno for err, met in a call on d. An error after Close is
// EBADF; where only the stack has ended it is ENETDOWN.
func (d *descriptor) errno(err error) error {
	switch {
	case err == nil:
		return nil
	case d.is(closed):
		return syscall.EBADF
	case err == stack.ErrClosed:
		return syscall.ENETDOWN
	}
	return Errno(err)
}

// flags returns how the stack has to do a call with Linux's flags.
func (d *descriptor) flags(msg int) (f stack.Flags) {
	if msg&MSG_DONTWAIT != 0 || d.is(nonblock) {
		f |= stack.DontWait
	}
	if msg&MSG_PEEK != 0 {
		f |= stack.Peek
	}
	if !d.stream() {
		return f
	}
	if msg&MSG_WAITALL != 0 {
		f |= stack.WaitAll
	}
	if msg&MSG_OOB != 0 {
		f |= stack.OOB
	}
	if msg&MSG_MORE != 0 {
		f |= stack.More
	}
	return f
}

// beginRecv and beginSend start SO_RCVTIMEO and SO_SNDTIMEO for a call. Calls that
// wait at the same time in one direction share the later end.
func (d *descriptor) beginRecv() error {
	if t := d.timeout(SO_RCVTIMEO); t != 0 {
		return d.sock.SetReadDeadline(time.Now().Add(t))
	}
	return nil
}

func (d *descriptor) beginSend() error {
	if t := d.timeout(SO_SNDTIMEO); t != 0 {
		return d.sock.SetWriteDeadline(time.Now().Add(t))
	}
	return nil
}

// kindOf returns the kind of socket that Socket's arguments ask for, or why
// there is none, in the order in which Linux looks.
func kindOf(domain, typ, proto int) (host.Kind, error) {
	const types = 0xf
	switch {
	case typ&^(types|SOCK_NONBLOCK|SOCK_CLOEXEC) != 0:
		return 0, syscall.EINVAL
	case domain != AF_INET:
		return 0, syscall.EAFNOSUPPORT
	case typ&types > 10 || proto < 0 || proto > 262:
		return 0, syscall.EINVAL
	}
	switch typ & types {
	case SOCK_STREAM:
		if proto == IPPROTO_IP || proto == IPPROTO_TCP {
			return host.Stream, nil
		}
	case SOCK_DGRAM:
		switch proto {
		case IPPROTO_IP, IPPROTO_UDP:
			return host.Datagram, nil
		case IPPROTO_ICMP:
			return host.Echo, nil
		}
	case SOCK_RAW:
		if proto != IPPROTO_IP {
			return 0, syscall.EPERM // as without CAP_NET_RAW
		}
	default:
		return 0, syscall.ESOCKTNOSUPPORT
	}
	return 0, syscall.EPROTONOSUPPORT
}
