package socket_test

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/socket"
)

// TCP_CONGESTION is a name: before and after the connection is made, and what a
// listener has its connections inherit (tcp(7)).
func TestCongestionByName(t *testing.T) {
	a, _ := pair(t)
	get := func(fd int) string {
		t.Helper()
		name, err := a.GetSockOptString(fd, socket.IPPROTO_TCP, socket.TCP_CONGESTION)
		require.NoError(t, err)
		return name
	}
	set := func(fd int, name string) error {
		return a.SetSockOptString(fd, socket.IPPROTO_TCP, socket.TCP_CONGESTION, name)
	}
	l, at := listening(t, a)
	require.Equal(t, "cubic", get(l))
	require.NoError(t, set(l, "reno"))

	fd := must(t, a, socket.SOCK_STREAM)
	isErrno(t, syscall.ENOENT, set(fd, "nothing of that name"))
	isErrno(t, syscall.EINVAL, set(fd, ""))
	require.Equal(t, "cubic", get(fd))
	require.NoError(t, a.Connect(fd, at))
	peer, _, err := a.Accept(l)
	require.NoError(t, err)
	require.Equal(t, "cubic", get(fd))
	require.Equal(t, "reno", get(peer), "inherited from the listener")
	require.NoError(t, set(fd, "reno"))
	require.Equal(t, "reno", get(fd))

	udp := must(t, a, socket.SOCK_DGRAM)
	isErrno(t, syscall.ENOPROTOOPT, set(udp, "reno"))
	_, err = a.GetSockOptString(udp, socket.IPPROTO_TCP, socket.TCP_CONGESTION)
	isErrno(t, syscall.EOPNOTSUPP, err)
	_, err = a.GetSockOptString(fd, socket.SOL_SOCKET, 999)
	isErrno(t, syscall.ENOPROTOOPT, err)
	_, err = a.GetSockOptString(fd, socket.IPPROTO_TCP, socket.TCP_NODELAY)
	isErrno(t, syscall.ENOPROTOOPT, err)
	isErrno(t, syscall.ENOPROTOOPT, a.SetSockOptString(fd, socket.IPPROTO_TCP, socket.TCP_NODELAY, "reno"))
	isErrno(t, syscall.EBADF, set(99, "reno"))
	_, err = a.GetSockOptString(99, socket.IPPROTO_TCP, socket.TCP_CONGESTION)
	isErrno(t, syscall.EBADF, err)
}
