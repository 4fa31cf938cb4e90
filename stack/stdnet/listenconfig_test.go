package stdnet_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/stdnet"
	"github.com/sockeye-net/sockeye/stack/stdnet/stdnettest"
)

func TestListenConfig(t *testing.T) {
	a, b := pair(t)
	var seen []string
	lc := stdnet.ListenConfig{Net: b, KeepAlive: net.KeepAliveConfig{Enable: true, Idle: time.Minute, Interval: -1, Count: 3},
		Control: func(network, address string, o *host.Options) {
			seen = append(seen, network+" "+address)
			o.TTL = 7
		}}
	l, err := lc.Listen(t.Context(), "tcp4", "192.0.2.2:80")
	require.NoError(t, err)
	d := stdnet.Dialer{Net: a, Control: func(network, address string, o *host.Options) {
		seen = append(seen, network+" "+address)
		o.TOS = 0x20
	}}
	c, err := d.Dial("tcp", "192.0.2.2:80")
	require.NoError(t, err)
	s, err := l.Accept()
	require.NoError(t, err)
	o := options(t, s.(*stdnet.Conn))
	require.EqualValues(t, 7, o.TTL, "accepted sockets inherit")
	require.Equal(t, time.Minute, o.TCP.KeepIdle)
	require.Equal(t, 3, o.TCP.KeepCount)
	require.EqualValues(t, 0x20, options(t, c.(*stdnet.Conn)).TOS)
	p, err := lc.ListenPacket(t.Context(), "udp", ":53")
	require.NoError(t, err)
	u, err := d.Dial("udp", "192.0.2.2:53")
	require.NoError(t, err)
	require.Equal(t, []string{"tcp4 192.0.2.2:80", "tcp 192.0.2.2:80", "udp 0.0.0.0:53", "udp 192.0.2.2:53"}, seen)
	off := stdnet.ListenConfig{Net: b, NoKeepAlive: true, Backlog: 1}
	l2, err := off.Listen(t.Context(), "tcp", ":81")
	require.NoError(t, err)
	for range 2 { // one more than the backlog says
		c, err := a.Dial("tcp", "192.0.2.2:81")
		require.NoError(t, err)
		defer c.Close()
	}
	_, err = (&stdnet.Dialer{Net: a, Timeout: 50 * time.Millisecond}).Dial("tcp", "192.0.2.2:81")
	require.ErrorIs(t, err, context.DeadlineExceeded)
	s2, err := l2.Accept()
	require.NoError(t, err)
	require.False(t, options(t, s2.(*stdnet.Conn)).TCP.KeepAlive)

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	b.Lookup = func(ctx context.Context, _ string) ([]netip.Addr, error) { return nil, ctx.Err() }
	_, err = lc.Listen(ended, "tcp", "name.example:80")
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, errors.Join(c.Close(), s.Close(), l.Close(), p.Close(), u.Close(), l2.Close(), s2.Close()))
}

// Several buffers go in one call: in full segments, whatever their lengths, and what
// was written is taken off.
func TestWriteBuffers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t)
		c, s := connected(t, a, b)
		before := a.Stack().Counters().TCP.OutSegs
		var bufs net.Buffers
		var want []byte
		for i := range 50 {
			bufs = append(bufs, pattern(i*3), nil)
			want = append(want, pattern(i*3)...)
		}
		n, err := c.WriteBuffers(&bufs)
		require.NoError(t, err)
		require.EqualValues(t, len(want), n)
		require.Empty(t, bufs)
		got := make([]byte, len(want))
		_, err = io.ReadFull(s, got)
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got))
		require.LessOrEqual(t, a.Stack().Counters().TCP.OutSegs-before, uint64(len(want)/1400+2), "no segment ends with a buffer")

		empty := net.Buffers{nil, {}}
		n, err = c.WriteBuffers(&empty)
		require.NoError(t, err)
		require.Zero(t, n)

		// More than the peer takes: a deadline ends it, and what is left can go later.
		big := net.Buffers{make([]byte, 8<<20), make([]byte, 8<<20), []byte("end")}
		require.NoError(t, c.SetWriteDeadline(time.Now().Add(time.Second)))
		n, err = c.WriteBuffers(&big)
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		var left int64
		for _, p := range big {
			left += int64(len(p))
		}
		require.EqualValues(t, 16<<20+3, n+left)
		require.NoError(t, c.Close())
		_, err = c.WriteBuffers(&big)
		require.ErrorIs(t, err, net.ErrClosed)
	})
}

// What package net says of IPv6, where there is none.
func TestIPv6(t *testing.T) {
	a, _ := pair(t)
	for _, n := range []string{"tcp", "tcp4", "tcp6", "udp", "udp6"} {
		_, err := a.Dial(n, "[2001:db8::1]:80")
		var bad *net.AddrError
		require.ErrorAs(t, err, &bad, n)
		require.Equal(t, "no suitable address found", bad.Err)
		require.Equal(t, "dial", err.(*net.OpError).Op)
	}
	_, err := a.Listen("tcp6", "[::1]:0")
	require.EqualError(t, err, "listen tcp6: address ::1: no suitable address found")
	_, err = a.ListenPacket("udp6", ":0")
	require.Error(t, err)
	require.False(t, errors.Is(err, syscall.EINVAL))
}

// A Control that makes sockets transparent: a listener has the connections to everybody's
// port, and a Dialer speaks in another's name.
func TestTransparent(t *testing.T) {
	sa, sb := stdnettest.Pair(t, stack.Config{Gateway: netip.MustParseAddr("192.0.2.2")}, stack.Config{})
	a, b := stdnet.New(sa), stdnet.New(sb)
	through := func(_, _ string, o *host.Options) { o.Transparent = true }
	l, err := (&stdnet.ListenConfig{Net: b, Control: through}).Listen(t.Context(), "tcp", ":443")
	require.NoError(t, err)
	c, err := a.Dial("tcp", "198.51.100.7:443")
	require.NoError(t, err)
	s, err := l.Accept()
	require.NoError(t, err)
	require.Equal(t, "198.51.100.7:443", s.LocalAddr().String())
	require.NoError(t, errors.Join(c.Close(), s.Close(), l.Close()))

	l, err = a.Listen("tcp", ":80")
	require.NoError(t, err)
	d := stdnet.Dialer{Net: b, Control: through, LocalAddr: &net.TCPAddr{IP: net.IPv4(203, 0, 113, 5), Port: 77}}
	c, err = d.Dial("tcp", "192.0.2.1:80")
	require.NoError(t, err)
	s, err = l.Accept()
	require.NoError(t, err)
	require.Equal(t, "203.0.113.5:77", s.RemoteAddr().String())
	require.NoError(t, errors.Join(c.Close(), s.Close(), l.Close()))
}
