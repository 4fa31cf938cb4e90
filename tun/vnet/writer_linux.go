package vnet

import (
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A writer sends batches, one write(2) or writev(2) per packet: the virtio
// header, the packet's own, and what the send ring lends.
type writer struct {
	header bool
	view   *view
	full   atomic.Bool // the device said EAGAIN and has not been writable since
	try    func(fd uintptr)
	put    func(fd uintptr, iov []unix.Iovec) syscall.Errno // writev(2)
	counts *counters
	vnet   [headerLen]byte
	iov    [4]unix.Iovec
	flat   []byte // a super-segment that is cut

	ps  []link.Packet
	err error
}

func (w *writer) init(c *counters, v *view, header bool) {
	w.counts, w.view, w.header = c, v, header
	w.try, w.put = w.drain, writev
}

func (w *writer) drain(fd uintptr) {
	for i := range w.ps {
		p := &w.ps[i]
		errno := w.write(fd, p)
		if errno == unix.EINVAL && p.GSOSize > 0 && len(p.Head) > ipHeaderLen {
			errno = w.cut(fd, p)
		}
		if errno == 0 {
			w.counts.written.Add(1)
			w.counts.writtenBytes.Add(uint64(p.Len()))
			if p.GSOSize > 0 {
				w.counts.writtenSuper.Add(1)
			}
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
	w.iov = [4]unix.Iovec{} // keep no reference to what was borrowed
}

func (w *writer) write(fd uintptr, p *link.Packet) syscall.Errno {
	if len(p.Head) == 0 {
		return unix.EINVAL
	}
	n := 0
	add := func(b []byte) {
		if len(b) > 0 {
			w.iov[n].Base = &b[0]
			w.iov[n].SetLen(len(b))
			n++
		}
	}
	if w.header {
		putHeader(w.vnet[:], p)
		add(w.vnet[:])
	}
	add(p.Head)
	add(p.Body[0])
	add(p.Body[1])
	return w.put(fd, w.iov[:n])
}

// cut sends a super-segment that the device refused in pieces, and makes it
// the last: from here on Features says that there are none.
func (w *writer) cut(fd uintptr, p *link.Packet) syscall.Errno {
	if p.Head[9] == wire.ProtoUDP {
		w.view.uso.Store(false)
	} else {
		w.view.super.Store(false)
		w.view.uso.Store(false) // Features says so too: no link has this alone
	}
	w.flat = p.AppendTo(w.flat[:0])
	r := link.Record{Data: w.flat, GSO: int(p.GSOSize), Length: len(w.flat)}
	var first syscall.Errno
	for seg := range r.Segments {
		piece := link.Packet{Head: seg}
		if errno := w.write(fd, &piece); errno != 0 && first == 0 {
			first = errno
		}
	}
	return first
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

// writev sends one packet. RawSyscall, because it never sleeps and telling the
// scheduler costs more than the call.
func writev(fd uintptr, iov []unix.Iovec) syscall.Errno {
	if len(iov) == 1 {
		_, _, errno := syscall.RawSyscall(unix.SYS_WRITE, fd, uintptr(unsafe.Pointer(iov[0].Base)), uintptr(iov[0].Len))
		return errno
	}
	_, _, errno := syscall.RawSyscall(unix.SYS_WRITEV, fd, uintptr(unsafe.Pointer(&iov[0])), uintptr(len(iov)))
	return errno
}
