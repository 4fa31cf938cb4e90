package browse

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sockeye-net/sockeye/apps/http"
	"github.com/sockeye-net/sockeye/stack/socket"
)

// Connect makes a connection for libraries that want a net.Conn, by the Berkeley calls of api: who observes them hears
// of each. The calls wait until the deadline of ctx; a deadline of the connection counts for the calls that begin after
// it was set. The error is a *net.OpError.
func Connect(ctx context.Context, api Sockets, to netip.AddrPort) (net.Conn, error) {
	fail := func(err error) error {
		if err == syscall.EINPROGRESS { // so Linux says that SO_SNDTIMEO ended a connect
			err = os.ErrDeadlineExceeded
		}
		return &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(to), Err: err}
	}
	wait := time.Duration(0)
	if until, ok := ctx.Deadline(); ok {
		wait = max(time.Until(until), time.Millisecond)
	}
	if err := ctx.Err(); err != nil {
		return nil, fail(err)
	}
	fd, err := api.Socket(socket.AF_INET, socket.SOCK_STREAM, 0)
	if err != nil {
		return nil, fail(err)
	}
	if o, ok := api.(interface {
		SetNoDelay(fd int, on bool) error
	}); ok {
		_ = o.SetNoDelay(fd, true) // without it it is only slower
	}
	if err = api.SetSockOptTimeval(fd, socket.SOL_SOCKET, socket.SO_SNDTIMEO, wait); err == nil {
		err = api.Connect(fd, to)
	}
	if err != nil {
		_ = api.Close(fd)
		return nil, fail(err)
	}
	return &called{conn: newConn(api, fd, to)}, nil
}

// A called connection is one in the clear: its end is the end.
type called struct {
	*conn
	busy atomic.Int32 // calls that may wait
	once sync.Once
}

func (c *called) Read(p []byte) (int, error) {
	c.busy.Add(1)
	defer c.busy.Add(-1)
	n, err := c.conn.Read(p)
	if errors.Is(err, http.ErrTruncated) {
		return 0, io.EOF
	}
	return n, c.named("read", err)
}

func (c *called) Write(p []byte) (int, error) {
	c.busy.Add(1)
	defer c.busy.Add(-1)
	n, err := c.conn.Write(p)
	return n, c.named("write", err)
}

// Close ends what waits, and gives the descriptor back.
func (c *called) Close() (err error) {
	c.once.Do(func() {
		c.mu.Lock()
		c.closed = true
		c.mu.Unlock()
		if c.busy.Load() > 0 {
			_ = c.api.Shutdown(c.fd, socket.SHUT_RDWR) // it may have ended already
		}
		c.calls.Wait()
		err = c.named("close", c.api.Close(c.fd))
	})
	return err
}

// named is an error as package net has it.
func (c *called) named(op string, err error) error {
	if err == nil {
		return nil
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.local, Addr: c.remote, Err: err}
}
