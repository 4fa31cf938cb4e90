package stdnet_test

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/stdnet"
	"github.com/sockeye-net/sockeye/stack/stdnet/stdnettest"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
)

// crowdOf dials from a to b until that fails, and returns the connections and the error.
func crowdOf(t *testing.T, a, b *stdnet.Net) (cs, ss []net.Conn, failure error) {
	l, err := b.Listen("tcp", ":80")
	require.NoError(t, err)
	accepted := make(chan net.Conn)
	go func() {
		defer close(accepted)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	d := stdnet.Dialer{Net: a, Timeout: 10 * time.Second, NoKeepAlive: true}
	for range 100_000 {
		c, err := d.Dial("tcp", "192.0.2.2:80")
		if err != nil {
			failure = err
			break
		}
		cs, ss = append(cs, c), append(ss, <-accepted)
	}
	t.Cleanup(func() {
		require.NoError(t, l.Close())
		for range accepted {
		}
	})
	require.Greater(t, len(cs), 100)
	require.Error(t, failure)
	return cs, ss, failure
}

// talk has every connection carry something each way.
func talk(t *testing.T, cs, ss []net.Conn) {
	t.Helper()
	p := make([]byte, 100)
	for i := range cs {
		for _, way := range [][2]net.Conn{{cs[i], ss[i]}, {ss[i], cs[i]}} {
			require.NoError(t, errors.Join(way[0].SetDeadline(time.Now().Add(time.Minute)), way[1].SetDeadline(time.Now().Add(time.Minute))))
			_, err := way[0].Write([]byte("still there"))
			require.NoError(t, err)
			_, err = io.ReadFull(way[1], p[:11])
			require.NoError(t, err)
			require.Equal(t, "still there", string(p[:11]))
		}
	}
}

// scarce returns two hosts with so much memory each.
func scarce(t *testing.T, memoryA, memoryB int) (a, b *stdnet.Net) {
	cfg := tcp.Config{MSL: time.Second}
	sa, sb := stdnettest.Pair(t, stack.Config{Memory: memoryA, TCP: cfg}, stack.Config{Memory: memoryB, TCP: cfg})
	return stdnet.New(sa), stdnet.New(sb)
}

// Who dials at the end of his memory is told so, as package net would tell it; the
// connections that there are live, and when some go there is room again.
func TestDialWithoutMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := scarce(t, 256<<10, 64<<20)
		cs, ss, err := crowdOf(t, a, b)
		require.ErrorIs(t, err, syscall.ENOBUFS)
		var op *net.OpError
		require.ErrorAs(t, err, &op)
		require.False(t, op.Timeout())
		require.Regexp(t, "^dial tcp 192\\.0\\.2\\.2:80: (socket|connect): "+syscall.ENOBUFS.Error()+"$", err.Error())
		talk(t, cs, ss)
		for i := range len(cs) / 2 {
			require.NoError(t, cs[i].Close())
			require.NoError(t, ss[i].Close())
		}
		time.Sleep(time.Hour)
		talk(t, cs[len(cs)/2:], ss[len(ss)/2:])
		c, err := a.Dial("tcp", "192.0.2.2:80")
		require.NoError(t, err)
		require.NoError(t, c.Close())
	})
}

// Who is dialed at the end of his memory does not answer, and counts why; his
// connections live, and a client that keeps trying gets in when there is room.
func TestListenWithoutMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := scarce(t, 64<<20, 256<<10)
		cs, ss, err := crowdOf(t, a, b)
		var op *net.OpError
		require.ErrorAs(t, err, &op)
		require.True(t, op.Timeout(), "%v", err)
		n := b.Stack().Counters()
		require.NotZero(t, n.Drop[trace.DropMemory])
		require.NotZero(t, n.TCP.ListenDrops)
		talk(t, cs, ss)
		later := make(chan error, 1)
		go func() {
			c, err := a.Dial("tcp", "192.0.2.2:80")
			if err == nil {
				err = c.Close()
			}
			later <- err
		}()
		time.Sleep(5 * time.Second)
		require.Empty(t, later)
		for i := range len(cs) / 2 {
			require.NoError(t, cs[i].Close())
			require.NoError(t, ss[i].Close())
		}
		require.NoError(t, <-later)
		talk(t, cs[len(cs)/2:], ss[len(ss)/2:])
	})
}
