package socket_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/socket"
	"github.com/sockeye-net/sockeye/stack/stdnet/stdnettest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("runtime.handleEvent"))
}

// pair returns the calls on two hosts joined in memory: 192.0.2.1 and 192.0.2.2.
func pair(t testing.TB) (a, b *socket.API) {
	t.Helper()
	sa, sb := stdnettest.Pair(t, stack.Config{}, stack.Config{})
	return socket.New(sa), socket.New(sb)
}

// calls is what an API and the kernel have in common.
type calls interface {
	SetSockOpt(fd, level, opt int, value []byte) error
	GetSockOpt(fd, level, opt int, p []byte) (int, error)
	SendMsg(fd int, m *socket.Msg, flags int) (int, error)
	RecvMsg(fd int, m *socket.Msg, flags int) (int, error)
	Fcntl(fd, cmd, arg int) (int, error)
	Socket(domain, typ, proto int) (int, error)
	Bind(fd int, addr socket.SockAddr) error
	Listen(fd, backlog int) error
	Accept(fd int) (int, socket.SockAddr, error)
	Connect(fd int, addr socket.SockAddr) error
	Send(fd int, p []byte, flags int) (int, error)
	SendTo(fd int, p []byte, flags int, to socket.SockAddr) (int, error)
	Recv(fd int, p []byte, flags int) (int, error)
	RecvFrom(fd int, p []byte, flags int) (int, socket.SockAddr, error)
	Shutdown(fd, how int) error
	Close(fd int) error
	GetSockName(fd int) (socket.SockAddr, error)
	GetPeerName(fd int) (socket.SockAddr, error)
	SetNonblock(fd int, nonblock bool) error
	SetSockOptInt(fd, level, opt, value int) error
	GetSockOptInt(fd, level, opt int) (int, error)
	SetSockOptTimeval(fd, level, opt int, d time.Duration) error
	SetLinger(fd int, on bool, d time.Duration) error
	Ioctl(fd, request int) (int, error)
	Ready(fd, events int) (int, error)
}

var _ calls = (*socket.API)(nil)

// must makes a socket and returns its descriptor.
func must(t testing.TB, c calls, typ int) int {
	t.Helper()
	fd, err := c.Socket(socket.AF_INET, typ, 0)
	require.NoError(t, err)
	return fd
}

// listening returns a listening descriptor and its address on 127.0.0.1.
func listening(t testing.TB, c calls) (int, socket.SockAddr) {
	t.Helper()
	fd := must(t, c, socket.SOCK_STREAM)
	require.NoError(t, c.Bind(fd, local(0)))
	require.NoError(t, c.Listen(fd, 8))
	at, err := c.GetSockName(fd)
	require.NoError(t, err)
	return fd, at
}

// connected returns the two ends of a connection across 127.0.0.1.
func connected(t testing.TB, c calls) (cfd, sfd int) {
	t.Helper()
	l, at := listening(t, c)
	cfd = must(t, c, socket.SOCK_STREAM)
	require.NoError(t, c.Connect(cfd, at))
	sfd, _, err := c.Accept(l)
	require.NoError(t, err)
	require.NoError(t, c.Close(l))
	return cfd, sfd
}

// isErrno fails unless err is exactly that errno, not an error around it.
func isErrno(t testing.TB, want syscall.Errno, err error) {
	t.Helper()
	require.Equal(t, error(want), err)
}
