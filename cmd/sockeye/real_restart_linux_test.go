package main

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// back is how soon a stack that was killed has to be of use again.
const back = 3 * time.Second

// dial connects from the kernel's side to our port 80, from a port or any.
func (w *world) dial(from int) (c *net.TCPConn) {
	w.t.Helper()
	w.do(func() error {
		d := net.Dialer{Timeout: back, LocalAddr: &net.TCPAddr{IP: net.ParseIP(kernelIP), Port: from}}
		conn, err := d.Dial("tcp4", net.JoinHostPort(ourIP, "80"))
		if err == nil {
			c = conn.(*net.TCPConn)
		}
		return err
	})
	w.t.Cleanup(func() { _ = c.Close() })
	return c
}

// A stack that was killed and is there again, with the same address and no memory
// of its connections, resets them when their peers speak (RFC 9293 3.5.1, half-open
// connections), and is reached again, from the same ports too, all within 3 s.
func TestKilledAndStartedAgain(t *testing.T) {
	w := newWorld(t)
	root := t.TempDir()
	w.file(filepath.Join(root, "little"), 1000)
	w.file(filepath.Join(root, "big"), 50*mib)
	first := w.serving(root)

	idle := w.dial(0)
	busy := w.dial(0)
	_, err := io.WriteString(busy, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n")
	require.NoError(t, err)
	_, err = io.ReadFull(busy, make([]byte, 100_000)) // under way; nobody reads on
	require.NoError(t, err)

	require.NoError(t, first.cmd.Process.Signal(syscall.SIGKILL))
	first.wait(t)
	second := w.serving(root)
	again := time.Now()

	for _, c := range []*net.TCPConn{idle, busy} {
		require.NoError(t, c.SetDeadline(again.Add(back)))
		_, err = io.WriteString(c, "GET /little HTTP/1.1\r\nHost: x\r\n\r\n")
		if err == nil {
			_, err = io.Copy(io.Discard, c)
		}
		require.ErrorIs(t, err, syscall.ECONNRESET)
	}
	ports := []int{0, idle.LocalAddr().(*net.TCPAddr).Port, busy.LocalAddr().(*net.TCPAddr).Port}
	require.NoError(t, idle.Close())
	require.NoError(t, busy.Close())
	for _, from := range ports {
		c := w.dial(from)
		require.NoError(t, c.SetDeadline(again.Add(back)))
		_, err = io.WriteString(c, "GET /little HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
		require.NoError(t, err)
		b, err := io.ReadAll(c)
		require.NoError(t, err)
		require.Greater(t, len(b), 1000)
	}
	require.NoError(t, second.cmd.Process.Signal(syscall.SIGINT))
	second.wait(t)
}

// The same where the kernel's side had accepted: a client of ours is killed, and
// the next one, at the same address, is no stranger to the server for long.
func TestClientKilledAndStartedAgain(t *testing.T) {
	w := newWorld(t)
	var l net.Listener
	w.do(func() (err error) {
		l, err = net.Listen("tcp4", net.JoinHostPort(kernelIP, "80"))
		return err
	})
	defer l.Close()
	get := func() *process {
		return w.start(sockeye(on("get", "-o", filepath.Join(t.TempDir(), "x"), "http://"+kernelIP+"/")...))
	}
	first := get()
	old, err := l.Accept()
	require.NoError(t, err)
	defer old.Close()
	require.NoError(t, first.cmd.Process.Signal(syscall.SIGKILL))
	first.wait(t)

	second := get()
	require.NoError(t, l.(*net.TCPListener).SetDeadline(time.Now().Add(back)))
	fresh, err := l.Accept()
	require.NoError(t, err)
	defer fresh.Close()
	require.Equal(t, netip.MustParseAddr(ourIP), fresh.RemoteAddr().(*net.TCPAddr).AddrPort().Addr())
	require.NoError(t, old.SetDeadline(time.Now().Add(back)))
	_, err = fmt.Fprint(old, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n")
	if err == nil {
		_, err = io.Copy(io.Discard, old)
	}
	require.ErrorIs(t, err, syscall.ECONNRESET)
	_, err = fmt.Fprint(fresh, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
	require.NoError(t, err)
	second.wait(t)
	require.Zero(t, second.code, second.stderr())
}
