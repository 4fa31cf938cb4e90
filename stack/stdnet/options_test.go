package stdnet_test

import (
	"bytes"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/stdnet"
)

func options(t *testing.T, c *stdnet.Conn) host.Options {
	t.Helper()
	o, err := c.Socket().Options()
	require.NoError(t, err)
	return o
}

func TestStreamOptions(t *testing.T) {
	a, b := pair(t)
	c, s := connected(t, a, b)
	for _, end := range []*stdnet.Conn{c, s} { // dialed and accepted alike: as package net
		o := options(t, end).TCP
		require.True(t, o.NoDelay)
		require.True(t, o.KeepAlive)
		require.Equal(t, 15*time.Second, o.KeepIdle)
		require.Equal(t, 15*time.Second, o.KeepIntvl)
		require.Equal(t, 9, o.KeepCount)
	}
	require.NoError(t, c.SetNoDelay(false))
	require.False(t, options(t, c).TCP.NoDelay)
	require.NoError(t, c.SetKeepAlivePeriod(time.Minute))
	require.NoError(t, c.SetReadBuffer(32<<10))
	require.NoError(t, c.SetWriteBuffer(16<<10))
	o := options(t, c).TCP
	require.Equal(t, []time.Duration{time.Minute, time.Minute}, []time.Duration{o.KeepIdle, o.KeepIntvl})
	require.Equal(t, []int{9, 32 << 10, 16 << 10}, []int{o.KeepCount, o.RecvBuffer, o.SendBuffer})
	require.NoError(t, c.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: time.Hour, Interval: -1, Count: 3}))
	o = options(t, c).TCP
	require.Equal(t, []time.Duration{time.Hour, time.Minute}, []time.Duration{o.KeepIdle, o.KeepIntvl})
	require.Equal(t, 3, o.KeepCount)
	require.NoError(t, c.SetKeepAlive(false))
	require.False(t, options(t, c).TCP.KeepAlive)
	require.NoError(t, c.SetLinger(7))
	require.Equal(t, 7*time.Second, options(t, c).Linger)
	require.NoError(t, c.SetLinger(-1))
	require.False(t, options(t, c).LingerOn)
	require.NoError(t, c.Close())
	require.ErrorIs(t, c.SetNoDelay(true), net.ErrClosed)
}

func TestDialerKeepAlive(t *testing.T) {
	a, b := pair(t)
	l, err := b.Listen("tcp", ":80")
	require.NoError(t, err)
	defer l.Close()
	for _, tc := range []struct {
		d    stdnet.Dialer
		on   bool
		idle time.Duration
	}{
		{stdnet.Dialer{Net: a}, true, 15 * time.Second},
		{stdnet.Dialer{Net: a, KeepAlive: net.KeepAliveConfig{Enable: true, Idle: time.Minute}}, true, time.Minute},
		{stdnet.Dialer{Net: a, NoKeepAlive: true}, false, 15 * time.Second},
	} {
		c, err := tc.d.Dial("tcp", "192.0.2.2:80")
		require.NoError(t, err)
		o := options(t, c.(*stdnet.Conn)).TCP
		require.Equal(t, tc.on, o.KeepAlive)
		require.Equal(t, tc.idle, o.KeepIdle)
		require.NoError(t, c.Close())
	}
}

func TestCopy(t *testing.T) {
	a, b := pair(t)
	c, s := connected(t, a, b)
	want := pattern(3 << 20)
	sent := make(chan error, 1)
	go func() {
		_, err := io.Copy(c, io.MultiReader(bytes.NewReader(want[:1<<20]), bytes.NewReader(want[1<<20:]))) // Conn.ReadFrom
		if err == nil {
			err = c.CloseWrite()
		}
		sent <- err
	}()
	var got bytes.Buffer
	n, err := io.Copy(&got, s) // Conn.WriteTo
	require.NoError(t, err)
	require.NoError(t, <-sent)
	require.Equal(t, int64(len(want)), n)
	require.True(t, bytes.Equal(want, got.Bytes()))

	// From one connection to another, as a proxy does.
	c2, s2 := connected(t, a, b)
	go func() {
		_, err := s.Write(want)
		if err == nil {
			err = s.CloseWrite()
		}
		sent <- err
	}()
	forwarded := make(chan error, 1)
	go func() {
		_, err := io.Copy(c2, c)
		if err == nil {
			err = c2.CloseWrite()
		}
		forwarded <- err
	}()
	all, err := io.ReadAll(s2)
	require.NoError(t, err)
	require.NoError(t, <-sent)
	require.NoError(t, <-forwarded)
	require.True(t, bytes.Equal(want, all))
}

func TestCloseRead(t *testing.T) {
	a, b := pair(t)
	c, s := connected(t, a, b)
	require.NoError(t, c.CloseRead())
	n, err := c.Read(make([]byte, 1))
	require.Zero(t, n)
	require.Equal(t, io.EOF, err)
	n, err = c.Read(nil)
	require.Zero(t, n)
	require.NoError(t, err, "nothing was asked for")
	_, err = c.Write([]byte("x"))
	require.NoError(t, err)
	n, err = s.Read(make([]byte, 1))
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.NoError(t, s.Abort())
	require.NoError(t, c.SetReadDeadline(time.Now().Add(10*time.Second)))
	for err == nil {
		_, err = c.Write([]byte("x"))
	}
	require.True(t, isAny(err, syscall.ECONNRESET, syscall.EPIPE), "%v", err)
}
