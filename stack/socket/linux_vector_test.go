package socket_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/socket"
)

// As many buffers as there may be (IOV_MAX), and one more: of every kind of socket, in
// every state, sendmsg and recvmsg say what the kernel's say.
func TestVectorsAsOnLinux(t *testing.T) {
	asOnLinux(t, func(t *testing.T, c calls, tr *transcript) {
		many := func(n int, p []byte) *socket.Msg {
			m := &socket.Msg{Iov: make([][]byte, n)}
			for i := range m.Iov {
				m.Iov[i] = p
			}
			return m
		}
		u, v := must(t, c, socket.SOCK_DGRAM), must(t, c, socket.SOCK_DGRAM)
		require.NoError(t, c.Bind(u, local(0)))
		at, err := c.GetSockName(u)
		require.NoError(t, err)
		require.NoError(t, c.Connect(v, at))
		a, b := connected(t, c)
		fresh := must(t, c, socket.SOCK_STREAM)
		for _, n := range []int{0, 1, 1024, 1025, 5000} {
			for i, ends := range [][2]int{{v, u}, {a, b}} {
				name := []string{"datagram", "stream"}[i]
				if n == 0 && name == "stream" {
					continue // Linux looks for data first
				}
				got, err := c.SendMsg(ends[0], many(n, []byte("x")), 0)
				tr.note(fmt.Sprintf("%s: sendmsg of %d", name, n), err, got)
				if err == nil {
					got, err = patiently(func() (int, error) { return c.RecvMsg(ends[1], many(1024, make([]byte, 2)), socket.MSG_DONTWAIT) })
					tr.note(fmt.Sprintf("%s: %d received", name, n), err, got)
				}
				_, err = c.RecvMsg(ends[1], many(1025, make([]byte, 2)), socket.MSG_DONTWAIT)
				tr.note(name+": recvmsg into 1025", err)
				_, err = c.RecvMsg(ends[1], many(1025, make([]byte, 2)), socket.MSG_DONTWAIT|socket.MSG_ERRQUEUE)
				tr.note(name+": recvmsg of an error into 1025", err)
			}
			_, err := c.SendMsg(1<<20, many(n, []byte("x")), 0)
			tr.note(fmt.Sprintf("no descriptor, %d", n), err)
		}
		_, err = c.SendMsg(fresh, many(1025, nil), 0)
		tr.note("not connected", err)
		require.NoError(t, c.Shutdown(a, socket.SHUT_WR))
		_, err = c.SendMsg(a, many(1025, nil), 0)
		tr.note("shut down", err)
		for _, fd := range []int{u, v, a, b, fresh} {
			require.NoError(t, c.Close(fd))
		}
	})
}
