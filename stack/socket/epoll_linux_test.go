package socket_test

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/stack/socket"
)

// newEpoller returns epoll of the calls.
func newEpoller(c calls) epoller {
	if a, ok := c.(*socket.API); ok {
		return a.NewEpoll()
	}
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		panic(err)
	}
	return kernelEpoll(fd)
}

type kernelEpoll int

func (e kernelEpoll) Ctl(op, fd int, events uint32) error {
	return unix.EpollCtl(int(e), op, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
}

func (e kernelEpoll) Wait(evs []socket.EpollEvent, d time.Duration) (int, error) {
	if len(evs) == 0 {
		return -1, unix.EINVAL // EpollWait passes a pointer to nothing
	}
	got := make([]unix.EpollEvent, len(evs))
	n := 0
	err := unbroken(func() (err error) {
		n, err = unix.EpollWait(int(e), got, int(d.Milliseconds()))
		return err
	})
	for i := range max(n, 0) {
		evs[i] = socket.EpollEvent{FD: int(got[i].Fd), Events: got[i].Events}
	}
	return n, err
}

func (e kernelEpoll) Close() error { return unix.Close(int(e)) }
