package socket_test

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/socket"
)

// Tests of RFC 9293 that are about the calls: testdata/conformance.md, part A.

func TestReq9293_M12_CloseKindReported(t *testing.T) {
	recv := func(c calls, fd int) (int, error) {
		return patiently(func() (int, error) { return c.Recv(fd, make([]byte, 100), socket.MSG_DONTWAIT) })
	}
	a, _ := pair(t)
	c, s := connected(t, a)
	_, err := a.Send(s, []byte("bye"), 0)
	require.NoError(t, err)
	require.NoError(t, a.Close(s))
	n, err := recv(a, c)
	require.NoError(t, err)
	require.Equal(t, 3, n)
	for range 2 {
		n, err = recv(a, c)
		require.NoError(t, err, "closed: the end of the stream")
		require.Zero(t, n)
	}

	c, s = connected(t, a)
	require.NoError(t, a.SetLinger(s, true, 0))
	require.NoError(t, a.Close(s))
	_, err = recv(a, c)
	isErrno(t, syscall.ECONNRESET, err)

	c, s = connected(t, a) // the peer did not read what we had sent
	_, err = a.Send(c, []byte("unread"), 0)
	require.NoError(t, err)
	_, err = patiently(func() (int, error) { return a.Recv(s, make([]byte, 1), socket.MSG_PEEK|socket.MSG_DONTWAIT) })
	require.NoError(t, err)
	require.NoError(t, a.Close(s))
	_, err = recv(a, c)
	isErrno(t, syscall.ECONNRESET, err)
}

// Urgent data cannot be sent, nor taken out of its line.
func TestReq9293_S13_UrgentDiscouraged(t *testing.T) {
	a, _ := pair(t)
	c, s := connected(t, a)
	_, err := a.Send(c, []byte("!"), socket.MSG_OOB)
	isErrno(t, syscall.EOPNOTSUPP, err)
	_, err = a.SendTo(c, []byte("!"), socket.MSG_OOB, socket.SockAddr{})
	isErrno(t, syscall.EOPNOTSUPP, err)
	_, err = a.Recv(s, make([]byte, 1), socket.MSG_OOB)
	isErrno(t, syscall.EINVAL, err)
	_, err = a.Send(c, []byte("plain"), 0)
	require.NoError(t, err)
	b := make([]byte, 10)
	n, err := a.Recv(s, b, 0)
	require.NoError(t, err)
	require.Equal(t, "plain", string(b[:n]))
}
