package gateway_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sockeye-net/sockeye/apps/gateway"
	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/stdnet"
	"github.com/sockeye-net/sockeye/stack/stdnet/stdnettest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// inside returns a host that gets out through a gateway; 192.0.2.2 stands for the
// system's loopback.
func inside(t testing.TB) (*stdnet.Net, *gateway.Gateway) {
	t.Helper()
	a, b := stdnettest.Pair(t, stack.Config{Gateway: netip.MustParseAddr("192.0.2.2")}, stack.Config{})
	g, err := gateway.Start(stdnet.New(b), gateway.Config{Out: func(_ string, to netip.AddrPort) (netip.AddrPort, error) {
		if to.Addr() == netip.MustParseAddr("192.0.2.2") {
			return netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), to.Port()), nil
		}
		return gateway.Direct("", to)
	}})
	require.NoError(t, err)
	t.Cleanup(func() {
		if err := g.Close(); err != nil {
			require.ErrorIs(t, err, net.ErrClosed) // by the test
		}
	})
	return stdnet.New(a), g
}

func listen(t testing.TB, serve func(*net.TCPConn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serve(c.(*net.TCPConn))
		}
	}()
	t.Cleanup(func() {
		require.NoError(t, l.Close())
		<-done
	})
	return inward(l.Addr().(*net.TCPAddr).Port)
}

func inward(port int) string {
	return netip.AddrPortFrom(netip.MustParseAddr("192.0.2.2"), uint16(port)).String()
}

// Both directions whole, and half-closed: the answer comes after the question's end.
func TestStream(t *testing.T) {
	at := listen(t, func(c *net.TCPConn) {
		sum := sha256.New()
		_, _ = io.Copy(sum, c) // to the end
		_, _ = c.Write(bytes.Repeat(sum.Sum(nil), 10_000))
		_ = c.Close()
	})
	n, g := inside(t)
	c, err := n.Dial("tcp", at)
	require.NoError(t, err)
	data := bytes.Repeat([]byte("all the way out"), 100_000)
	_, err = c.Write(data)
	require.NoError(t, err)
	require.NoError(t, c.(*stdnet.Conn).CloseWrite())
	got, err := io.ReadAll(c)
	require.NoError(t, err)
	sum := sha256.Sum256(data)
	require.True(t, bytes.Equal(bytes.Repeat(sum[:], 10_000), got))
	require.NoError(t, c.Close())
	require.Eventually(t, func() bool { return g.Stats.Open.Load() == 0 }, 20*time.Second, time.Millisecond)
	require.EqualValues(t, len(data), g.Stats.BytesOut.Load())
	require.EqualValues(t, len(got), g.Stats.BytesIn.Load())
}

// What was written before an exit is handed over, though nobody waits for it inside.
func TestDrain(t *testing.T) {
	got := make(chan int64, 1)
	at := listen(t, func(c *net.TCPConn) {
		n, _ := io.Copy(io.Discard, c)
		got <- n
		_ = c.Close()
	})
	n, g := inside(t)
	c, err := n.Dial("tcp", at)
	require.NoError(t, err)
	_, err = c.Write(make([]byte, 1<<20))
	require.NoError(t, err)
	require.NoError(t, c.Close())
	g.Drain(t.Context(), 10*time.Second)
	require.EqualValues(t, 1<<20, <-got)
}

// What the system has taken arrives though the gateway ends before the peer outside reads it.
func TestCloseBehindTheEnd(t *testing.T) {
	read, got := make(chan struct{}), make(chan error, 1)
	at := listen(t, func(c *net.TCPConn) {
		<-read
		n, err := io.Copy(io.Discard, c)
		if err == nil && n != 200_000 {
			err = io.ErrUnexpectedEOF
		}
		got <- err
		_ = c.Close()
	})
	n, g := inside(t)
	c, err := n.Dial("tcp", at)
	require.NoError(t, err)
	_, err = c.Write(make([]byte, 200_000))
	require.NoError(t, err)
	require.NoError(t, c.Close())
	g.Drain(t.Context(), 10*time.Second)
	require.NoError(t, g.Close())
	close(read)
	require.NoError(t, <-got)
}

func TestResetIsPassedOn(t *testing.T) {
	ended := make(chan error, 1)
	at := listen(t, func(c *net.TCPConn) {
		p := make([]byte, 1)
		_, err := io.ReadFull(c, p)
		if p[0] == 'r' {
			_ = c.SetLinger(0)
			_ = c.Close()
			return
		}
		if err == nil { // else the reset was faster than the byte
			_, err = c.Read(p)
		}
		ended <- err
		_ = c.Close()
	})
	n, _ := inside(t)
	c, err := n.Dial("tcp", at)
	require.NoError(t, err)
	_, err = c.Write([]byte("r"))
	require.NoError(t, err)
	_, err = c.Read(make([]byte, 1))
	require.ErrorIs(t, err, syscall.ECONNRESET, "from outside")
	require.NoError(t, c.Close())

	c, err = n.Dial("tcp", at)
	require.NoError(t, err)
	_, err = c.Write([]byte("x"))
	require.NoError(t, err)
	require.NoError(t, c.(*stdnet.Conn).Abort())
	require.ErrorIs(t, <-ended, syscall.ECONNRESET, "from inside")
}

func TestRefused(t *testing.T) {
	const port = 1 // which nobody is given who asks for any
	n, g := inside(t)
	_, err := n.Dial("tcp", inward(port))
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.EqualValues(t, 1, g.Stats.Refused.Load())
	require.Zero(t, g.Stats.Connections.Load())

	u, err := n.Dial("udp", inward(port))
	require.NoError(t, err)
	defer u.Close()
	require.NoError(t, u.SetDeadline(time.Now().Add(20*time.Second)))
	for err = nil; err == nil; { // Linux tells of it, by the error queue
		if _, err = u.Write([]byte("?")); err == nil {
			_, err = u.Read(make([]byte, 9))
		}
	}
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
}

func TestDatagrams(t *testing.T) {
	echo, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		p := make([]byte, 65535)
		for {
			k, from, err := echo.ReadFromUDPAddrPort(p)
			if err != nil {
				return
			}
			_, _ = echo.WriteToUDPAddrPort(p[:k], from)
		}
	}()
	defer func() { require.NoError(t, echo.Close()); <-done }()
	n, g := inside(t)
	c, err := n.Dial("udp", inward(echo.LocalAddr().(*net.UDPAddr).Port))
	require.NoError(t, err)
	defer c.Close()
	for _, size := range []int{0, 1, 1472, 9000} { // the last in fragments
		_, err = c.Write(make([]byte, size))
		require.NoError(t, err)
		k, err := c.Read(make([]byte, 65535)) // from the address inside, or it would not be ours
		require.NoError(t, err)
		require.Equal(t, size, k)
	}
	require.EqualValues(t, 1, g.Stats.Sessions.Load())
}

// A dial that hangs ends with the gateway, and so does everything else.
func TestCloseEndsAll(t *testing.T) {
	a, b, err := stdnet.Pair(stack.Config{Gateway: netip.MustParseAddr("192.0.2.2")}, stack.Config{})
	require.NoError(t, err)
	hangs := make(chan struct{}, 1)
	g, err := gateway.Start(stdnet.New(b), gateway.Config{Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		hangs <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	}})
	require.NoError(t, err)
	go func() { _, _ = stdnet.New(a).Dial("tcp", "198.51.100.1:1") }()
	<-hangs
	u, err := stdnet.New(a).Dial("udp", "127.0.0.1:1")
	require.NoError(t, err)
	require.NoError(t, u.Close())
	require.NoError(t, g.Close())
	require.NoError(t, errors.Join(a.Close(), b.Close()))
}

func TestDirect(t *testing.T) {
	for _, to := range []string{"127.0.0.1:80", "127.9.9.9:53", "0.0.0.0:80"} {
		_, err := gateway.Direct("tcp", netip.MustParseAddrPort(to))
		require.ErrorIs(t, err, syscall.EACCES, to)
	}
	_, err := gateway.Direct("tcp", netip.MustParseAddrPort("192.0.2.1:80"))
	require.NoError(t, err)
}
