//go:build linux

package browse

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/apps/internal/kernel"
)

// What a library may expect of a connection holds of one by Berkeley calls, too.
func TestConnect(t *testing.T) {
	api := &kernel.API{}
	t.Cleanup(func() { require.Zero(t, api.Open(), "descriptors left open") })
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	at := l.Addr().(*net.TCPAddr).AddrPort()
	served := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			_, err = io.CopyN(c, c, 5)
		}
		if err == nil {
			var b [1]byte
			if _, err = c.Read(b[:]); err == nil {
				err = c.Close()
			}
		}
		served <- err
	}()
	c, err := Connect(t.Context(), api, at)
	require.NoError(t, err)
	require.Equal(t, at.String(), c.RemoteAddr().String())
	require.Equal(t, "127.0.0.1", c.LocalAddr().(*net.TCPAddr).IP.String())
	_, err = io.WriteString(c, "hello")
	require.NoError(t, err)
	b := make([]byte, 5)
	_, err = io.ReadFull(c, b)
	require.NoError(t, err)
	require.Equal(t, "hello", string(b))

	var timeout net.Error
	require.NoError(t, c.SetReadDeadline(time.Now().Add(10*time.Millisecond)))
	_, err = c.Read(b)
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.ErrorAs(t, err, &timeout)
	require.True(t, timeout.Timeout())
	require.NoError(t, c.SetDeadline(time.Time{}))

	_, err = c.Write([]byte("!"))
	require.NoError(t, err)
	require.NoError(t, <-served)
	_, err = c.Read(b)
	require.Equal(t, io.EOF, err)
	require.NoError(t, c.Close())
	require.NoError(t, c.Close())
	_, err = c.Read(b)
	require.ErrorIs(t, err, net.ErrClosed)

	c, err = Connect(t.Context(), api, at)
	require.NoError(t, err)
	waited := make(chan error, 1)
	go func() {
		_, err := c.Read(make([]byte, 1))
		waited <- err
	}()
	require.Eventually(t, func() bool { return c.(*called).busy.Load() == 1 }, 5*time.Second, time.Millisecond)
	require.NoError(t, c.Close())
	require.Error(t, <-waited, "what waits ends")

	require.NoError(t, l.Close())
	_, err = Connect(t.Context(), api, at)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Connect(over, api, at)
	require.ErrorIs(t, err, context.Canceled)
}

// silent is a path on which no SYN is answered: connect says so as Linux does.
type silent struct{ *kernel.API }

func (silent) Connect(int, netip.AddrPort) error { return syscall.EINPROGRESS }

func TestConnectTooLong(t *testing.T) {
	api := silent{&kernel.API{}}
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	_, err := Connect(ctx, api, netip.MustParseAddrPort("192.0.2.1:21"))
	var op *net.OpError
	require.ErrorAs(t, err, &op)
	require.True(t, op.Timeout())
	require.Zero(t, api.Open())
}
