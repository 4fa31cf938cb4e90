package vnet

import (
	"errors"
	"os"
	"syscall"

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
// runtime's poller. header says that a virtio_net_hdr is before each packet.
func newQueue(file *os.File, v *view, header bool) (*queue, error) {
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, err
	}
	q := &queue{file: file, raw: raw}
	q.rd.init(&q.counts, v, header)
	q.wr.init(&q.counts, v, header)
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
