package socket_test

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/socket"
	"github.com/sockeye-net/sockeye/stack/tcp"
)

// TCP_INFO of a listener has its queue in the place of segments, as on Linux.
func TestInfoOfAListener(t *testing.T) {
	a, _ := pair(t)
	l, at := listening(t, a)
	for range 2 {
		require.NoError(t, a.Connect(must(t, a, socket.SOCK_STREAM), at))
	}
	ready(t, a, l, socket.POLLIN)
	var i socket.TCPInfo
	require.Eventually(t, func() bool {
		var err error
		i, err = a.GetSockOptTCPInfo(l)
		return err == nil && i.Unacked == 2
	}, patience, tick)
	require.Equal(t, tcp.StateListen, i.State)
	require.Equal(t, 8, i.Sacked, "the backlog")

	_, err := a.GetSockOptTCPInfo(must(t, a, socket.SOCK_DGRAM))
	isErrno(t, syscall.EOPNOTSUPP, err)
	_, err = a.GetSockOptTCPInfo(1 << 20)
	isErrno(t, syscall.EBADF, err)
	i, err = a.GetSockOptTCPInfo(must(t, a, socket.SOCK_STREAM))
	require.NoError(t, err)
	require.Equal(t, tcp.StateClosed, i.State)
}

// A program that waits with poll is not told to write what would be refused
// (TCP_NOTSENT_LOWAT), and is told when it would not.
func TestReadyFollowsNotSentLowat(t *testing.T) {
	a, _ := pair(t)
	c, s := connected(t, a)
	require.NoError(t, a.SetSockOptInt(c, socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, 4096))
	require.NoError(t, a.SetSockOptInt(s, socket.IPPROTO_TCP, socket.TCP_WINDOW_CLAMP, 1))
	sent := 0
	for {
		n, err := a.Send(c, make([]byte, 1<<16), socket.MSG_DONTWAIT)
		if err == nil {
			sent += n
			continue
		}
		isErrno(t, syscall.EAGAIN, err)
		if unsent, _ := a.Ioctl(c, socket.SIOCOUTQNSD); unsent == 4096 {
			break
		}
	}
	ev, err := a.Ready(c, socket.POLLOUT)
	require.NoError(t, err)
	require.Zero(t, ev)
	got := 0
	buf := make([]byte, 1<<16)
	for got < sent {
		n, err := a.Recv(s, buf, 0)
		require.NoError(t, err)
		got += n
	}
	ready(t, a, c, socket.POLLOUT)
}

// SetNoDelay is SetSockOptInt of TCP_NODELAY, with its errors.
func TestSetNoDelay(t *testing.T) {
	a, _ := pair(t)
	s := must(t, a, socket.SOCK_STREAM)
	for _, on := range []bool{true, false} {
		require.NoError(t, a.SetNoDelay(s, on))
		v, err := a.GetSockOptInt(s, socket.IPPROTO_TCP, socket.TCP_NODELAY)
		require.NoError(t, err)
		require.Equal(t, on, v != 0)
	}
	for name, fd := range map[string]int{"datagram": must(t, a, socket.SOCK_DGRAM), "none": 1 << 20} {
		want := a.SetSockOptInt(fd, socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
		require.Error(t, want, name)
		require.Equal(t, want, a.SetNoDelay(fd, true), name)
	}
}
