package socket_test

import (
	"slices"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/socket"
)

// waiting starts f and returns where its result will be; f waits now.
func waiting[T any](t *testing.T, f func() T) chan T {
	result := make(chan T, 1)
	go func() { result <- f() }()
	synctest.Wait()
	require.Empty(t, result, "it does not wait")
	return result
}

// Poll ends with what comes, with the time, and with the stack.
func TestPollWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := pair(t)
		c, s := connected(t, a)
		u := must(t, a, socket.SOCK_DGRAM)
		poll := func(d time.Duration) func() []socket.PollFD {
			return func() []socket.PollFD {
				fds := []socket.PollFD{{FD: s, Events: socket.POLLIN}, {FD: -1, Events: socket.POLLIN}, {FD: u, Events: socket.POLLIN | socket.POLLPRI}}
				n, err := a.Poll(fds, d)
				require.NoError(t, err)
				have := slices.DeleteFunc(fds, func(p socket.PollFD) bool { return p.Revents == 0 })
				require.Len(t, have, n)
				return have
			}
		}
		result := waiting(t, poll(-1))
		sent(t, a, c, "x", 0)
		require.Equal(t, []socket.PollFD{{s, socket.POLLIN, socket.POLLIN}}, <-result)
		require.Len(t, poll(-1)(), 1, "it is still there: by level")
		_, err := a.Recv(s, make([]byte, 9), 0)
		require.NoError(t, err)
		require.Empty(t, poll(0)())

		start := time.Now()
		require.Empty(t, poll(3*time.Second)())
		require.Equal(t, 3*time.Second, time.Since(start))

		result = waiting(t, poll(-1))
		require.NoError(t, a.Bind(u, local(9)))
		_, err = a.SendTo(u, nil, 0, local(9))
		require.NoError(t, err)
		require.Equal(t, []socket.PollFD{{u, socket.POLLIN | socket.POLLPRI, socket.POLLIN}}, <-result)
		_, err = a.Recv(u, nil, 0)
		require.NoError(t, err)

		result = waiting(t, poll(-1))
		require.NoError(t, a.Close(s)) // its number stands for nothing now
		require.Equal(t, []socket.PollFD{{s, socket.POLLIN, socket.POLLNVAL}}, <-result)

		s = u
		result = waiting(t, poll(-1))
		require.NoError(t, a.Stack().Close())
		require.NotEmpty(t, <-result)
	})
}

// An epoller is epoll of either.
type epoller interface {
	Ctl(op, fd int, events uint32) error
	Wait(evs []socket.EpollEvent, d time.Duration) (int, error)
	Close() error
}

// told notes what Wait tells, by the place of the descriptors; it is patient.
func (tr *transcript) told(what string, e epoller, fds ...int) {
	tr.toldWithin(patience, what, e, fds...)
}

// quiet notes that Wait tells nothing for a moment, or what it tells.
func (tr *transcript) quiet(what string, e epoller, fds ...int) {
	tr.toldWithin(30*time.Millisecond, what, e, fds...)
}

func (tr *transcript) toldWithin(d time.Duration, what string, e epoller, fds ...int) {
	evs := make([]socket.EpollEvent, 10)
	n, err := e.Wait(evs, d)
	evs = evs[:max(n, 0)]
	bits := make([]string, len(fds))
	for _, ev := range evs {
		bits[slices.Index(fds, ev.FD)] = events(int(ev.Events))
	}
	tr.note(what, err, bits)
}

const edge = socket.EPOLLET

// What epoll tells on our stack it tells on Linux.
var epollPrograms = []struct {
	name string
	run  func(t *testing.T, c calls, e epoller, tr *transcript)
}{
	{"misuse", func(t *testing.T, c calls, e epoller, tr *transcript) {
		fd := must(t, c, socket.SOCK_DGRAM)
		tr.note("mod", e.Ctl(socket.EPOLL_CTL_MOD, fd, socket.POLLIN))
		tr.note("del", e.Ctl(socket.EPOLL_CTL_DEL, fd, 0))
		tr.note("add", e.Ctl(socket.EPOLL_CTL_ADD, fd, socket.POLLIN))
		tr.note("add again", e.Ctl(socket.EPOLL_CTL_ADD, fd, socket.POLLIN))
		tr.note("what", e.Ctl(7, fd, socket.POLLIN))
		tr.note("none", e.Ctl(socket.EPOLL_CTL_ADD, 1<<20, socket.POLLIN))
		_, err := e.Wait(nil, 0)
		tr.note("no room", err)
		tr.quiet("nothing", e, fd)
		require.NoError(t, c.Close(fd))
		tr.note("closed", e.Ctl(socket.EPOLL_CTL_MOD, fd, socket.POLLIN))
		tr.quiet("nothing", e, fd)
	}},
	{"by level", func(t *testing.T, c calls, e epoller, tr *transcript) {
		a, b := connected(t, c)
		tr.note("add", e.Ctl(socket.EPOLL_CTL_ADD, b, socket.POLLIN))
		tr.quiet("nothing", e, a, b)
		sent(t, c, a, "abc", 0)
		tr.told("data", e, a, b)
		tr.told("still", e, a, b)
		tr.take("recv", c, b, 2, 0)
		tr.told("one left", e, a, b)
		tr.take("recv", c, b, 9, 0)
		tr.quiet("none left", e, a, b)
		tr.note("mod", e.Ctl(socket.EPOLL_CTL_MOD, b, socket.POLLIN|socket.POLLOUT))
		tr.told("room", e, a, b)
		tr.note("shutdown", c.Shutdown(a, socket.SHUT_WR))
		queued(t, c, b, 0)
		tr.told("the end", e, a, b)
		tr.note("mod", e.Ctl(socket.EPOLL_CTL_MOD, b, socket.POLLRDHUP))
		tr.told("half", e, a, b)
		tr.note("del", e.Ctl(socket.EPOLL_CTL_DEL, b, 0))
		tr.quiet("gone", e, a, b)
		require.NoError(t, c.Close(a))
		require.NoError(t, c.Close(b))
	}},
	{"by edge", func(t *testing.T, c calls, e epoller, tr *transcript) {
		a, b := connected(t, c)
		sent(t, c, a, "abc", 0)
		queued(t, c, b, 3)
		tr.note("add", e.Ctl(socket.EPOLL_CTL_ADD, b, socket.POLLIN|edge))
		tr.told("what was there", e, a, b)
		tr.quiet("once", e, a, b)
		sent(t, c, a, "def", 0)
		queued(t, c, b, 6)
		tr.told("more", e, a, b)
		tr.quiet("once", e, a, b)
		tr.take("recv", c, b, 2, 0)
		tr.quiet("some is left", e, a, b)
		tr.note("mod", e.Ctl(socket.EPOLL_CTL_MOD, b, socket.POLLIN|edge))
		tr.told("asked anew", e, a, b)
		tr.take("recv", c, b, 99, 0)
		tr.note("shutdown", c.Shutdown(a, socket.SHUT_WR))
		ready(t, c, b, socket.POLLIN)
		tr.told("the end", e, a, b)
		tr.quiet("once", e, a, b)
		require.NoError(t, c.Close(a))
		require.NoError(t, c.Close(b))
	}},
	{"by edge, room", func(t *testing.T, c calls, e epoller, tr *transcript) {
		a, b := connected(t, c)
		tr.note("add", e.Ctl(socket.EPOLL_CTL_ADD, a, socket.POLLOUT|edge))
		tr.told("at first", e, a, b)
		tr.quiet("once", e, a, b)
		require.NoError(t, c.SetNonblock(a, true))
		p := player{c: c, fds: map[string]int{"a": a}, wait: time.Sleep}
		require.Equal(t, "0", p.fill("a"))
		buf := make([]byte, 1<<20)
		require.Eventually(t, func() bool { // all that comes is read
			for {
				if _, err := c.Recv(b, buf, socket.MSG_DONTWAIT); err != nil {
					break
				}
			}
			got, err := c.Ready(a, socket.POLLOUT)
			return err == nil && got == socket.POLLOUT
		}, patience, tick)
		tr.told("room again", e, a, b)
		require.NoError(t, c.Close(a))
		require.NoError(t, c.Close(b))
	}},
	{"once", func(t *testing.T, c calls, e epoller, tr *transcript) {
		a, b := connected(t, c)
		tr.note("add", e.Ctl(socket.EPOLL_CTL_ADD, b, socket.POLLIN|socket.EPOLLONESHOT))
		sent(t, c, a, "x", 0)
		tr.told("data", e, a, b)
		sent(t, c, a, "y", 0)
		tr.quiet("no more", e, a, b)
		tr.note("mod", e.Ctl(socket.EPOLL_CTL_MOD, b, socket.POLLIN|socket.EPOLLONESHOT))
		tr.told("asked anew", e, a, b)
		require.NoError(t, c.Close(a))
		require.NoError(t, c.Close(b))
	}},
	{"a listener and a datagram socket", func(t *testing.T, c calls, e epoller, tr *transcript) {
		l, at := listening(t, c)
		u := must(t, c, socket.SOCK_DGRAM)
		require.NoError(t, c.Bind(u, local(0)))
		uat, err := c.GetSockName(u)
		require.NoError(t, err)
		tr.note("add", e.Ctl(socket.EPOLL_CTL_ADD, l, socket.POLLIN|edge))
		tr.note("add", e.Ctl(socket.EPOLL_CTL_ADD, u, socket.POLLIN|edge))
		tr.quiet("nothing", e, l, u)
		a := must(t, c, socket.SOCK_STREAM)
		require.NoError(t, c.Connect(a, at))
		tr.told("somebody", e, l, u)
		_, err = c.SendTo(u, []byte("x"), 0, uat)
		require.NoError(t, err)
		tr.told("a datagram", e, l, u)
		tr.quiet("once", e, l, u)
		for _, fd := range []int{l, u, a} {
			require.NoError(t, c.Close(fd))
		}
		tr.quiet("nothing", e, l, u)
	}},
	{"a reset comes unasked", func(t *testing.T, c calls, e epoller, tr *transcript) {
		a, b := connected(t, c)
		tr.note("add", e.Ctl(socket.EPOLL_CTL_ADD, b, edge))
		require.NoError(t, c.SetLinger(a, true, 0))
		require.NoError(t, c.Close(a))
		ready(t, c, b, socket.POLLHUP)
		tr.told("reset", e, a, b)
		tr.quiet("once", e, a, b)
		require.NoError(t, c.Close(b))
	}},
}

func TestEpollAsOnLinux(t *testing.T) {
	for _, p := range epollPrograms {
		t.Run(p.name, func(t *testing.T) {
			asOnLinux(t, func(t *testing.T, c calls, tr *transcript) {
				e := newEpoller(c)
				p.run(t, c, e, tr)
				require.NoError(t, e.Close())
			})
		})
	}
}

// Wait ends with news, with the time and with Close.
func TestEpollWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := pair(t)
		c, s := connected(t, a)
		e := a.NewEpoll()
		require.NoError(t, e.Ctl(socket.EPOLL_CTL_ADD, s, socket.POLLIN))
		wait := func() error {
			_, err := e.Wait(make([]socket.EpollEvent, 1), -1)
			return err
		}
		result := waiting(t, wait)
		sent(t, a, c, "x", 0)
		require.NoError(t, <-result)
		_, err := a.Recv(s, make([]byte, 9), 0)
		require.NoError(t, err)
		start := time.Now()
		n, err := e.Wait(make([]socket.EpollEvent, 1), time.Second)
		require.NoError(t, err)
		require.Zero(t, n)
		require.Equal(t, time.Second, time.Since(start))
		result = waiting(t, wait)
		require.NoError(t, e.Close())
		isErrno(t, syscall.EBADF, <-result)
		isErrno(t, syscall.EBADF, e.Close())
		isErrno(t, syscall.EBADF, e.Ctl(socket.EPOLL_CTL_ADD, c, socket.POLLIN))

		e = a.NewEpoll()
		require.NoError(t, e.Ctl(socket.EPOLL_CTL_ADD, s, socket.POLLIN))
		result = waiting(t, wait)
		require.NoError(t, a.Stack().Close())
		require.NoError(t, <-result, "the end of the stack is news")
		require.NoError(t, e.Close())
	})
}

// More descriptors than there is room for are told in turn.
func TestEpollInTurn(t *testing.T) {
	a, _ := pair(t)
	e := a.NewEpoll()
	defer e.Close()
	open := map[int]bool{}
	for range 100 {
		fd := must(t, a, socket.SOCK_DGRAM)
		open[fd] = true
		require.NoError(t, e.Ctl(socket.EPOLL_CTL_ADD, fd, socket.POLLOUT|socket.EPOLLET))
	}
	evs := make([]socket.EpollEvent, 7)
	for len(open) > 0 {
		n, err := e.Wait(evs, 0)
		require.NoError(t, err)
		require.Positive(t, n)
		for _, ev := range evs[:n] {
			require.True(t, open[ev.FD])
			delete(open, ev.FD)
		}
	}
}
