package socket_test

import (
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/socket"
)

func TestLowestDescriptorFirst(t *testing.T) {
	a, _ := pair(t)
	for want := 3; want < 8; want++ {
		require.Equal(t, want, must(t, a, socket.SOCK_STREAM))
	}
	for _, fd := range []int{6, 4} {
		require.NoError(t, a.Close(fd))
	}
	for _, want := range []int{4, 6, 8} {
		require.Equal(t, want, must(t, a, socket.SOCK_DGRAM))
	}
	for _, fd := range []int{-1, 0, 2, 9, 1 << 30} {
		isErrno(t, syscall.EBADF, a.Close(fd))
	}
}

func TestLimit(t *testing.T) {
	a, _ := pair(t)
	for fd := 3; fd < 1024; fd++ {
		require.Equal(t, fd, must(t, a, socket.SOCK_STREAM))
	}
	_, err := a.Socket(socket.AF_INET, socket.SOCK_STREAM, 0)
	isErrno(t, syscall.EMFILE, err)
	a.SetLimit(1025)
	require.Equal(t, 1024, must(t, a, socket.SOCK_STREAM))
	a.SetLimit(10)
	require.NoError(t, a.Close(1000))
	_, err = a.Socket(socket.AF_INET, socket.SOCK_STREAM, 0)
	isErrno(t, syscall.EMFILE, err)
	require.NoError(t, a.Close(9))
	require.Equal(t, 9, must(t, a, socket.SOCK_STREAM))
	require.NoError(t, a.Listen(9, 1))
	_, _, err = a.Accept(9)
	isErrno(t, syscall.EMFILE, err)
}

// Every call that can wait, ended by Close; the number goes to a new socket at
// once, which the old call never touches.
func TestAttack_76_CloseEndsBlockedCall(t *testing.T) {
	nowhere := netip.MustParseAddrPort("192.0.2.99:9")
	for _, tc := range []struct {
		name string
		make func(t *testing.T, a *socket.API) int
		call func(a *socket.API, fd int) error
	}{
		{"recv", func(t *testing.T, a *socket.API) int { fd, _ := connected(t, a); return fd },
			func(a *socket.API, fd int) error { _, err := a.Recv(fd, make([]byte, 1), 0); return err }},
		{"recv, all", func(t *testing.T, a *socket.API) int { fd, _ := connected(t, a); return fd },
			func(a *socket.API, fd int) error {
				_, err := a.Recv(fd, make([]byte, 9), socket.MSG_WAITALL)
				return err
			}},
		{"send", func(t *testing.T, a *socket.API) int {
			fd, _ := connected(t, a)
			for _, piece := range []int{64 << 10, 1} {
				var err error
				for err == nil {
					_, err = a.Send(fd, make([]byte, piece), socket.MSG_DONTWAIT)
				}
				isErrno(t, syscall.EAGAIN, err)
			}
			return fd
		}, func(a *socket.API, fd int) error { _, err := a.Send(fd, make([]byte, 1), 0); return err }},
		{"accept", func(t *testing.T, a *socket.API) int { fd, _ := listening(t, a); return fd },
			func(a *socket.API, fd int) error { _, _, err := a.Accept(fd); return err }},
		{"connect", func(t *testing.T, a *socket.API) int { return must(t, a, socket.SOCK_STREAM) },
			func(a *socket.API, fd int) error { return a.Connect(fd, nowhere) }},
		{"connect, begun before", func(t *testing.T, a *socket.API) int {
			fd := must(t, a, socket.SOCK_STREAM|socket.SOCK_NONBLOCK)
			isErrno(t, syscall.EINPROGRESS, a.Connect(fd, nowhere))
			isErrno(t, syscall.EALREADY, a.Connect(fd, nowhere))
			require.NoError(t, a.SetNonblock(fd, false))
			return fd
		}, func(a *socket.API, fd int) error { return a.Connect(fd, nowhere) }},
		{"recvfrom", func(t *testing.T, a *socket.API) int { return must(t, a, socket.SOCK_DGRAM) },
			func(a *socket.API, fd int) error { _, _, err := a.RecvFrom(fd, make([]byte, 1), 0); return err }},
		{"recvmsg", func(t *testing.T, a *socket.API) int { return must(t, a, socket.SOCK_DGRAM) },
			func(a *socket.API, fd int) error { _, err := a.RecvMsg(fd, &socket.Msg{}, 0); return err }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, _ := pair(t)
				fd := tc.make(t, a)
				result := make(chan error, 1)
				go func() { result <- tc.call(a, fd) }()
				synctest.Wait()
				require.Empty(t, result, "the call does not wait")

				// Who may not wait does not, whoever else does.
				_, err := a.Recv(fd, make([]byte, 1), socket.MSG_DONTWAIT)
				require.Error(t, err)

				require.NoError(t, a.Close(fd))
				isErrno(t, syscall.EBADF, a.Close(fd))
				next := must(t, a, socket.SOCK_STREAM) // before the old call has even woken
				for next < fd {
					next = must(t, a, socket.SOCK_STREAM)
				}
				require.Equal(t, fd, next)
				isErrno(t, syscall.EBADF, <-result)
				require.NoError(t, a.Listen(next, 1))
				require.NoError(t, a.Close(next))
			})
		})
	}
}

// As on Linux an accept that waits holds the number that it will return.
func TestAcceptReserves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := pair(t)
		l, at := listening(t, a)
		got := make(chan int, 1)
		go func() {
			fd, _, _ := a.Accept(l)
			got <- fd
		}()
		synctest.Wait()
		isErrno(t, syscall.EBADF, a.Close(4)) // not open yet
		c := must(t, a, socket.SOCK_STREAM)
		require.Equal(t, 5, c)
		require.NoError(t, a.Connect(c, at))
		require.Equal(t, 4, <-got)
		go func() {
			fd, _, _ := a.Accept(l)
			got <- fd
		}()
		synctest.Wait()
		require.NoError(t, a.Close(l))
		require.Equal(t, -1, <-got)
		require.Equal(t, 3, must(t, a, socket.SOCK_STREAM), "both numbers are free again")
		require.Equal(t, 6, must(t, a, socket.SOCK_STREAM))
	})
}

// When the stack ends, calls say ENETDOWN, but closing is no error.
func TestStackEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := pair(t)
		fd, _ := connected(t, a)
		u := must(t, a, socket.SOCK_DGRAM)
		result := make(chan error, 1)
		go func() { _, err := a.Recv(fd, make([]byte, 1), 0); result <- err }()
		synctest.Wait()
		require.NoError(t, a.Stack().Close())
		isErrno(t, syscall.ENETDOWN, <-result)
		_, err := a.Socket(socket.AF_INET, socket.SOCK_STREAM, 0)
		isErrno(t, syscall.ENETDOWN, err)
		isErrno(t, syscall.ENETDOWN, a.Bind(u, local(0)))
		_, err = a.GetSockName(u)
		isErrno(t, syscall.ENETDOWN, err)
		require.NoError(t, a.Close(fd))
		require.NoError(t, a.Close(u))
		isErrno(t, syscall.EBADF, a.Close(u))
	})
}

func TestTimeLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := pair(t)
		fd := must(t, a, socket.SOCK_STREAM)
		require.NoError(t, a.SetSockOptTimeval(fd, socket.SOL_SOCKET, socket.SO_SNDTIMEO, 3*time.Second))
		start := time.Now()
		isErrno(t, syscall.EINPROGRESS, a.Connect(fd, netip.MustParseAddrPort("192.0.2.99:9")))
		require.Equal(t, 3*time.Second, time.Since(start))
		require.NoError(t, a.SetSockOptTimeval(fd, socket.SOL_SOCKET, socket.SO_SNDTIMEO, -1)) // as on Linux: at once
		start = time.Now()
		isErrno(t, syscall.EALREADY, a.Connect(fd, netip.MustParseAddrPort("192.0.2.99:9")))
		require.Zero(t, time.Since(start))
		require.NoError(t, a.Close(fd))

		c, s := connected(t, a)
		require.NoError(t, a.SetSockOptTimeval(c, socket.SOL_SOCKET, socket.SO_RCVTIMEO, 3*time.Second))
		for range 2 { // each call has all of it
			start = time.Now()
			_, err := a.Recv(c, make([]byte, 1), 0)
			isErrno(t, syscall.EAGAIN, err)
			require.Equal(t, 3*time.Second, time.Since(start))
			time.Sleep(time.Minute)
		}
		_, err := a.Send(s, []byte("x"), 0)
		require.NoError(t, err)
		synctest.Wait()
		n, err := a.Recv(c, make([]byte, 1), socket.MSG_DONTWAIT) // the limit of the last call is over
		require.NoError(t, err)
		require.Equal(t, 1, n)
		limit, err := a.GetSockOptTimeval(c, socket.SOL_SOCKET, socket.SO_RCVTIMEO)
		require.NoError(t, err)
		require.Equal(t, 3*time.Second, limit)
		require.NoError(t, a.SetSockOptTimeval(c, socket.SOL_SOCKET, socket.SO_RCVTIMEO, 0))
		result := make(chan error, 1)
		go func() { _, err := a.Recv(c, make([]byte, 1), 0); result <- err }()
		time.Sleep(time.Hour)
		require.Empty(t, result, "no limit: for ever")
		require.NoError(t, a.Close(s))
		require.NoError(t, <-result)
	})
}

// A reset that comes in the middle of MSG_WAITALL gives what came before, and is
// then told, not passed over.
func TestErrorAfterPart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := pair(t)
		c, s := connected(t, a)
		type got struct {
			n   int
			err error
		}
		result := make(chan got, 1)
		go func() {
			n, err := a.Recv(c, make([]byte, 9), socket.MSG_WAITALL)
			result <- got{n, err}
		}()
		_, err := a.Send(s, []byte("part"), 0)
		require.NoError(t, err)
		synctest.Wait()
		require.NoError(t, a.SetLinger(s, true, 0))
		on, d, err := a.GetLinger(s)
		require.NoError(t, err)
		require.True(t, on)
		require.Zero(t, d)
		require.NoError(t, a.Close(s))
		require.Equal(t, got{4, nil}, <-result)
		_, err = a.Recv(c, make([]byte, 9), 0)
		isErrno(t, syscall.ECONNRESET, err)

		// The same for a Send that was under way.
		c, s = connected(t, a)
		go func() {
			n, err := a.Send(c, make([]byte, 64<<20), 0)
			result <- got{n, err}
		}()
		synctest.Wait()
		require.NoError(t, a.Close(s)) // with data unread: a reset
		part := <-result
		require.NoError(t, part.err)
		require.Positive(t, part.n)
		require.Less(t, part.n, 64<<20)
		v, err := a.GetSockOptInt(c, socket.SOL_SOCKET, socket.SO_ERROR)
		require.NoError(t, err)
		require.Equal(t, syscall.ECONNRESET, syscall.Errno(v))
		_, err = a.Send(c, []byte("x"), 0)
		isErrno(t, syscall.EPIPE, err)
	})
}

func TestObserve(t *testing.T) {
	a, _ := pair(t)
	var seen []socket.Call
	a.Observe(func(c socket.Call) { seen = append(seen, c) })
	fd := must(t, a, socket.SOCK_STREAM)
	isErrno(t, syscall.ECONNREFUSED, a.Connect(fd, local(1)))
	require.NoError(t, a.Close(fd))
	isErrno(t, syscall.EBADF, a.Close(fd))
	a.Observe(nil)
	must(t, a, socket.SOCK_STREAM)

	require.Len(t, seen, 4)
	id := seen[0].Socket
	require.NotZero(t, id)
	require.Equal(t, []socket.Call{
		{Name: "socket", FD: -1, Len: socket.SOCK_STREAM, Result: 3, Socket: id},
		{Name: "connect", FD: 3, Addr: local(1), Result: -1, Err: syscall.ECONNREFUSED, Socket: id},
		{Name: "close", FD: 3, Socket: id},
		{Name: "close", FD: 3, Result: -1, Err: syscall.EBADF},
	}, seen)
}

// A program without a place in the package's errors: whatever comes from
// below is an errno.
func TestErrno(t *testing.T) {
	require.Zero(t, socket.Errno(nil))
	require.Equal(t, syscall.ENETDOWN, socket.Errno(syscall.ENETDOWN))
	require.Equal(t, syscall.ENETDOWN, socket.Errno(errOdd{}))
	require.Equal(t, syscall.EIO, socket.Errno(errOdd{syscall.EIO}))
}

type errOdd struct{ wraps error }

func (errOdd) Error() string   { return "odd" }
func (e errOdd) Unwrap() error { return e.wraps }
