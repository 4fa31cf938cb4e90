package stdnet_test

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/stdnet"
)

// A wire is a link that can be cut, so that nothing comes or goes any more, and nobody is told.
type wire struct {
	link.Link
	cut atomic.Bool
}

func (w *wire) WriteBatch(ps []link.Packet) error {
	if w.cut.Load() {
		return nil
	}
	return w.Link.WriteBatch(ps)
}

func (w *wire) TryRead(ps []link.Packet) (int, error) {
	n, err := w.Link.TryRead(ps)
	if w.cut.Load() {
		n = 0
	}
	return n, err
}

// What the other end of a blocked call does, what becomes of the call, and when.
func TestWhatEndsABlockedCall(t *testing.T) {
	read := func(c *stdnet.Conn) error { _, err := c.Read(make([]byte, 1)); return err }
	write := func(c *stdnet.Conn) error { _, err := c.Write(make([]byte, 64<<20)); return err } // more than both buffers
	type other struct {
		c, s *stdnet.Conn
		w    *wire
		b    *stack.Stack
	}
	cut := func(x other) { x.w.cut.Store(true) }
	for _, row := range []struct {
		name   string
		before func(c *stdnet.Conn) error
		call   func(c *stdnet.Conn) error
		then   func(x other)
		is     error
		after  time.Duration // at once: 0; never: -1
	}{
		{"Read, the peer ends (RFC 9293 3.10.4)", nil, read, func(x other) { _ = x.s.CloseWrite() }, io.EOF, 0},
		{"Read, the peer closes", nil, read, func(x other) { _ = x.s.Close() }, io.EOF, 0},
		{"Read, the peer resets (RFC 9293 3.10.7.4)", nil, read, func(x other) { _ = x.s.Abort() }, syscall.ECONNRESET, 0},
		{"Read, the peer's stack closes", nil, read, func(x other) { _ = x.b.Close() }, syscall.ECONNRESET, 0},
		{"Read, the peer vanishes: 9 probes (RFC 9293 3.8.4)", nil, read, cut, syscall.ETIMEDOUT, (15 + 9*15) * time.Second},
		{"Read, the peer vanishes and nobody probes", func(c *stdnet.Conn) error { return c.SetKeepAlive(false) }, read, cut, nil, -1},
		{"Read, we end reading", nil, read, func(x other) { _ = x.c.CloseRead() }, io.EOF, 0},
		{"Read goes on, we end writing", nil, read, func(x other) { _ = x.c.CloseWrite() }, nil, -1},
		{"Write, the peer resets", nil, write, func(x other) { _ = x.s.Abort() }, syscall.ECONNRESET, 0},
		{"Write, the peer's stack closes", nil, write, func(x other) { _ = x.b.Close() }, syscall.ECONNRESET, 0},
		{"Write, we end writing", nil, write, func(x other) { _ = x.c.CloseWrite() }, syscall.EPIPE, 0},
		{"Write goes on, the peer does not read but is there (RFC 9293 3.8.6.1)", nil, write, func(other) {}, nil, -1},
		{"Write goes on, the peer ends", nil, write, func(x other) { _ = x.s.CloseWrite() }, nil, -1},
		{"Write, the peer vanishes: its user timeout (RFC 9293 3.9.1)", func(c *stdnet.Conn) error {
			return c.Socket().SetOptions(func(o *host.Options) { o.TCP.UserTimeout = 30 * time.Second })
		}, write, cut, syscall.ETIMEDOUT, 30 * time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				la, lb := link.NewPipe(link.Features{MTU: 1500}, 1024)
				x := other{w: &wire{Link: la}}
				sa, err := stack.New(stack.Config{Link: x.w, Prefixes: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}})
				require.NoError(t, err)
				x.b, err = stack.New(stack.Config{Link: lb, Prefixes: []netip.Prefix{netip.MustParsePrefix("192.0.2.2/24")}})
				require.NoError(t, err)
				a, s, err := ends(stdnet.New(sa), stdnet.New(x.b), "192.0.2.2:0")
				require.NoError(t, err)
				x.c, x.s = a.(*stdnet.Conn), s.(*stdnet.Conn)
				if row.before != nil {
					require.NoError(t, row.before(x.c))
				}
				result := make(chan error, 1)
				go func() { result <- row.call(x.c) }()
				synctest.Wait()
				require.Empty(t, result, "it does not wait")
				begin := time.Now()
				row.then(x)
				if row.after < 0 {
					time.Sleep(24 * time.Hour)
					require.Empty(t, result)
					require.NoError(t, x.c.Close())
					require.ErrorIs(t, <-result, net.ErrClosed)
				} else {
					require.ErrorIs(t, <-result, row.is)
					require.InDelta(t, row.after.Seconds(), time.Since(begin).Seconds(), 0.3) // the timer began with the last segment
					_ = x.c.Close()
				}
				_ = x.s.Close()
				require.NoError(t, errors.Join(sa.Close(), x.b.Close()))
			})
		})
	}
}
