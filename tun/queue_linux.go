package tun

import (
	"errors"
	"os"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/stack/link"
)

// writeRoom is what Room says while the device takes packets. A TUN has no
// send queue of its own: the kernel processes a packet within the write.
const writeRoom = MaxBatch

// A queue moves packets through one non-blocking descriptor. It does not know
// how that was opened.
//
// Reading, writing and waiting may go on at the same time, each by one
// goroutine at a time; that is why each has its own fields. The functions
// given to syscall.RawConn are made once, so that no call allocates, and
// RawConn keeps the descriptor from being closed, and its number from being
// reused, below a call; it refuses only what is closed.
type queue struct {
	file   *os.File
	raw    syscall.RawConn
	waiter waiter

	rd     reader
	wr     writer
	counts counters
}

// newQueue takes over file, which must be non-blocking and known to the
// runtime's poller. size is the largest packet in bytes.
func newQueue(file *os.File, size int) (*queue, error) {
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, err
	}
	q := &queue{file: file, raw: raw}
	q.rd.size.Store(int64(size))
	q.rd.try = q.rd.fill
	q.rd.counts = &q.counts
	q.wr.try = q.wr.drain
	q.wr.counts = &q.counts
	if err := q.waiter.init(q); err != nil {
		return nil, err
	}
	return q, nil
}

func (q *queue) tryRead(ps []link.Packet) (int, error) {
	r := &q.rd
	r.ps, r.n, r.err = ps[:min(len(ps), MaxBatch)], 0, nil
	if err := q.raw.Control(r.try); err != nil {
		return 0, link.ErrClosed
	}
	r.ps = nil
	return r.n, r.err
}

func (q *queue) writeBatch(ps []link.Packet) error {
	w := &q.wr
	w.ps, w.err = ps, nil
	if err := q.raw.Control(w.try); err != nil {
		q.counts.gone.Add(uint64(len(ps)))
		w.err = link.ErrClosed
	}
	w.ps = nil
	return w.err
}

func (q *queue) room() int {
	if q.wr.full.Load() && !q.writable() {
		return 0
	}
	return writeRoom
}

// writable asks the kernel whether a device that was full takes packets again.
func (q *queue) writable() bool {
	ok := false
	err := q.raw.Control(func(fd uintptr) {
		pfd := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
		n, err := unix.Poll(pfd, 0)
		ok = err == nil && n > 0
	})
	if err != nil || ok {
		q.wr.full.Store(false)
		return true
	}
	return false
}

func (q *queue) close() error {
	q.waiter.close()
	err := q.file.Close() // waits until nobody uses the descriptor
	if errors.Is(err, os.ErrClosed) {
		return nil
	}
	q.waiter.release()
	return err
}

// A reader fills batches. Each slot of a batch has a buffer that is used again
// for every batch; it is one byte longer than a packet may be, since a TUN
// cuts what does not fit and does not say so.
type reader struct {
	size   atomic.Int64 // largest packet in bytes
	slots  [MaxBatch][]byte
	stash  []byte // a packet that Wait read, in a buffer of its own
	held   int    // its length; 0: none
	try    func(fd uintptr)
	counts *counters

	ps  []link.Packet // the batch asked for
	n   int
	err error
}

// fill reads until the batch is full or the device is empty.
func (r *reader) fill(fd uintptr) {
	if r.held > 0 && len(r.ps) > 0 {
		// What the batch before pointed to may be overwritten from here on.
		r.stash, r.slots[0] = r.slots[0], r.stash
		r.deliver(r.slots[0], r.held)
		r.held = 0
	}
	for r.n < len(r.ps) {
		b := r.buffer(&r.slots[r.n])
		n, errno := read(fd, b)
		if errno != 0 {
			if r.n == 0 {
				r.err = readError(errno)
			}
			return
		}
		r.deliver(b, n)
	}
}

// peek reads one packet into the stash, for Wait. It reports whether TryRead
// has something to say.
func (r *reader) peek(fd uintptr) bool {
	if r.held > 0 {
		return true
	}
	b := r.buffer(&r.stash)
	n, errno := read(fd, b)
	if errno != 0 {
		return readError(errno) != nil
	}
	r.held = n
	return n > 0
}

func (r *reader) deliver(b []byte, n int) {
	if n == 0 {
		return
	}
	if n == len(b) {
		r.counts.truncated.Add(1)
		return
	}
	r.ps[r.n] = link.Packet{Head: b[:n:n]}
	r.n++
	r.counts.read.Add(1)
	r.counts.readBytes.Add(uint64(n))
}

// buffer returns the slot's buffer, made when it is first used and made anew
// when the MTU has grown.
func (r *reader) buffer(slot *[]byte) []byte {
	if size := int(r.size.Load()) + 1; len(*slot) < size {
		*slot = make([]byte, size)
	}
	return *slot
}

// A writer sends batches, one write(2) or writev(2) per packet.
type writer struct {
	full   atomic.Bool // the device said EAGAIN and has not been writable since
	try    func(fd uintptr)
	counts *counters
	iov    [3]unix.Iovec

	ps  []link.Packet
	err error
}

func (w *writer) drain(fd uintptr) {
	for i := range w.ps {
		p := &w.ps[i]
		errno := w.write(fd, p)
		if errno == 0 {
			w.counts.written.Add(1)
			w.counts.writtenBytes.Add(uint64(p.Len()))
			continue
		}
		err, lasting := w.refused(errno, len(w.ps)-i)
		if w.err == nil {
			w.err = err
		}
		if lasting {
			break
		}
	}
	w.iov = [3]unix.Iovec{} // keep no reference to what was borrowed
}

func (w *writer) write(fd uintptr, p *link.Packet) syscall.Errno {
	if len(p.Head) == 0 {
		return unix.EINVAL
	}
	if len(p.Body[0])+len(p.Body[1]) == 0 {
		_, _, errno := syscall.RawSyscall(unix.SYS_WRITE, fd, uintptr(unsafe.Pointer(&p.Head[0])), uintptr(len(p.Head)))
		return errno
	}
	n := 0
	for _, b := range [3][]byte{p.Head, p.Body[0], p.Body[1]} {
		if len(b) > 0 {
			w.iov[n].Base = &b[0]
			w.iov[n].SetLen(len(b))
			n++
		}
	}
	_, _, errno := syscall.RawSyscall(unix.SYS_WRITEV, fd, uintptr(unsafe.Pointer(&w.iov[0])), uintptr(n))
	return errno
}

// refused counts what errno means. A lasting reason holds for the rest of the
// batch too, left packets in all.
func (w *writer) refused(errno syscall.Errno, left int) (err error, lasting bool) {
	switch errno {
	case unix.EAGAIN:
		w.full.Store(true)
		w.counts.full.Add(uint64(left))
		return ErrFull, true
	case unix.EIO, unix.ENETDOWN:
		w.counts.down.Add(uint64(left))
		return ErrDown, true
	case unix.EBADFD, unix.ENODEV:
		w.counts.gone.Add(uint64(left))
		return ErrGone, true
	case unix.ENOBUFS, unix.ENOMEM:
		w.counts.noMemory.Add(1)
		return ErrNoMemory, false
	case unix.EINVAL, unix.EMSGSIZE:
		w.counts.badPacket.Add(1)
		return ErrBadPacket, false
	}
	w.counts.other.Add(1)
	return errno, false
}

// read is one non-blocking read. RawSyscall, because it never sleeps and
// telling the scheduler costs more than the read.
func read(fd uintptr, b []byte) (int, syscall.Errno) {
	n, _, errno := syscall.RawSyscall(unix.SYS_READ, fd, uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// readError returns nil for what only says that there is nothing now. A device
// that is down is one of these: it resumes when it is up.
func readError(errno syscall.Errno) error {
	switch errno {
	case unix.EAGAIN, unix.EINTR, unix.EIO, unix.ENETDOWN, unix.ENOBUFS, unix.ENOMEM:
		return nil
	case unix.EBADFD, unix.ENODEV:
		return ErrGone
	}
	return errno
}
