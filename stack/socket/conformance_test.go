package socket_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
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

// Our own programs, and package net's view of a connection, know no urgent data.
func TestReq9293_S13_UrgentDiscouraged(t *testing.T) {
	files := 0
	for _, dir := range []string{"../../apps", "../../cmd", "../stdnet"} {
		require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") {
				return err
			}
			files++
			text, err := os.ReadFile(path)
			require.NoError(t, err)
			require.NotRegexp(t, `\b(MSG_OOB|OOB|SO_OOBINLINE|OOBInline)\b`, string(text), path)
			return nil
		}))
	}
	require.Greater(t, files, 20)
}

func TestReq9293_M30_UrgentSupported(t *testing.T) {
	a, _ := pair(t)
	c, s := connected(t, a)
	n, err := a.Send(c, []byte("ab!"), socket.MSG_OOB)
	require.NoError(t, err)
	require.Equal(t, 3, n)
	_, err = a.Send(c, []byte("cd"), 0)
	require.NoError(t, err)
	ready(t, a, s, socket.POLLPRI)
	b := make([]byte, 10)
	n, err = a.Recv(s, b, socket.MSG_OOB)
	require.NoError(t, err)
	require.Equal(t, "!", string(b[:n]))
	n, err = a.Recv(s, b, 0)
	require.NoError(t, err)
	require.Equal(t, "ab", string(b[:n]), "up to the mark")
	n, err = a.Recv(s, b, 0)
	require.NoError(t, err)
	require.Equal(t, "cd", string(b[:n]))
}

// The owner can ask whether the mark lies ahead.
func TestReq9293_M33_UrgentRemaining(t *testing.T) {
	a, _ := pair(t)
	c, s := connected(t, a)
	_, err := a.Send(c, []byte("ab!"), socket.MSG_OOB)
	require.NoError(t, err)
	ready(t, a, s, socket.POLLPRI)
	atMark := func() int {
		at, err := a.Ioctl(s, socket.SIOCATMARK)
		require.NoError(t, err)
		return at
	}
	require.Zero(t, atMark())
	n, err := a.Recv(s, make([]byte, 10), 0)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.Equal(t, 1, atMark(), "the urgent byte is next")
	events, err := a.Ready(s, socket.POLLPRI)
	require.NoError(t, err)
	require.Equal(t, socket.POLLPRI, events)
	_, err = a.Recv(s, make([]byte, 10), socket.MSG_DONTWAIT)
	isErrno(t, syscall.EAGAIN, err)
	require.Zero(t, atMark(), "behind us")
}
