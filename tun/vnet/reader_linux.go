package vnet

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/stack/link"
)

// batchBytes is room for four super-segments and one more packet: a larger
// batch would spill the cache before the stack has looked at it.
const batchBytes = 5 << 16

// A reader fills batches. The packets of a batch lie one behind the other in
// one buffer, so that a small packet costs little of it though each might have
// been a super-segment.
type reader struct {
	view   *view
	header bool
	whole  bool      // super-segments come: a packet may be longer than the MTU
	buf    []byte    // the batch
	stash  [2][]byte // a packet that Wait read, and the one before, which the batch may have
	held   int       // length of the first; 0: none
	asked  bool      // the Wait under way has found nothing yet, and sleeps
	lone   bool      // packets come one at a time: there was none after the last that Wait read
	try    func(fd uintptr)
	counts *counters

	ps  []link.Packet // the batch asked for
	n   int
	err error
}

func (r *reader) init(c *counters, v *view, header bool) {
	r.counts, r.view, r.header = c, v, header
	r.try = r.fill
}

// most is the size of a buffer for one packet: one byte more than it may
// have, since a TUN cuts what does not fit and does not say so.
func (r *reader) most() int {
	n := int(r.view.mtu.Load()) + 1
	if r.whole {
		n = MaxMTU + 1
	}
	if r.header {
		n += headerLen
	}
	return n
}

// fill reads until the batch is full or the device is empty.
func (r *reader) fill(fd uintptr) {
	if len(r.ps) == 0 {
		return
	}
	if r.held > 0 {
		// What the batch before pointed to may be overwritten from here on.
		r.stash[0], r.stash[1] = r.stash[1], r.stash[0]
		r.deliver(r.stash[1], r.held)
		r.held = 0
		if r.lone {
			return // the next Wait asks, and would ask in any case
		}
		defer func() { r.lone = r.n <= 1 }()
	}
	most := r.most()
	room := sized(&r.buf, min(MaxBatch*most, max(batchBytes, most)))
	for r.n < len(r.ps) && len(room) >= most {
		n, errno := read(fd, room[:most])
		if errno != 0 {
			if r.n == 0 {
				r.err = readError(errno)
			}
			return
		}
		r.deliver(room[:most], n)
		room = room[n:]
	}
}

// peek reads one packet into the stash, for Wait. It reports whether TryRead
// has something to say.
func (r *reader) peek(fd uintptr) bool {
	if r.held > 0 {
		return true
	}
	n, errno := read(fd, sized(&r.stash[0], r.most()))
	if errno != 0 {
		r.asked = true
		return readError(errno) != nil
	}
	r.held = n
	if !r.asked {
		r.lone = false // it was there before we asked
	}
	return n > 0
}

// deliver adds the packet of n bytes that was read into b to the batch.
func (r *reader) deliver(b []byte, n int) {
	p := link.Packet{Head: b[:n:n]}
	known := true
	switch {
	case n == 0:
		return
	case n == len(b):
		r.view.longer.Add(1)
		r.counts.truncated.Add(1)
		return
	case r.header && n <= headerLen:
		known = false
	case r.header:
		p, known = takeHeader(b[:n])
	}
	if !known {
		r.counts.unknown.Add(1)
		return
	}
	if p.GSOSize == 0 && int64(len(p.Head)) > r.view.mtu.Load() {
		r.view.longer.Add(1)
	}
	r.ps[r.n] = p
	r.n++
	r.counts.read.Add(1)
	r.counts.readBytes.Add(uint64(len(p.Head)))
	if p.GSOSize > 0 {
		r.counts.readSuper.Add(1)
	}
}

// sized returns the buffer, made when it is first used and made anew when the
// MTU has grown.
func sized(b *[]byte, n int) []byte {
	if len(*b) < n {
		*b = make([]byte, n)
	}
	return (*b)[:n]
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
