package browse

import (
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

// Sockets are the Berkeley calls that a Browser makes. *socket.API has them.
type Sockets interface {
	http.Sockets
	Shutdown(fd, how int) error
}

// A conn is a connected descriptor as package net has connections, for crypto/tls and HTTP/2. A deadline
// counts for the calls that begin after it was set.
type conn struct {
	api           Sockets
	fd            int
	local, remote net.Addr
	read, write   atomic.Int64   // deadlines, Unix nanoseconds; 0: none
	calls         sync.WaitGroup // that use fd
	mu            sync.Mutex     // of closed, and of who still enters
	owns          bool           // Close closes fd, too
	closed        bool
}

func newConn(api Sockets, fd int, remote netip.AddrPort) *conn {
	local, _ := api.GetSockName(fd)
	return &conn{api: api, fd: fd, local: net.TCPAddrFromAddrPort(local), remote: net.TCPAddrFromAddrPort(remote)}
}

// Read reads what is there. The end of the connection is http.ErrTruncated: only TLS can say that
// it is meant (RFC 9112 9.8).
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.call(&c.read, socket.SO_RCVTIMEO, func() (int, error) { return c.api.Recv(c.fd, p, 0) })
	if n == 0 && err == nil && len(p) > 0 {
		return 0, http.ErrTruncated
	}
	return n, err
}

// Write writes all of p.
func (c *conn) Write(p []byte) (done int, err error) {
	for done < len(p) && err == nil {
		var n int
		n, err = c.call(&c.write, socket.SO_SNDTIMEO, func() (int, error) { return c.api.Send(c.fd, p[done:], socket.MSG_NOSIGNAL) })
		done += n
	}
	return done, err
}

// call makes one call that waits no longer than until its deadline.
func (c *conn) call(deadline *atomic.Int64, opt int, do func() (int, error)) (int, error) {
	if !c.enter() {
		return 0, net.ErrClosed
	}
	defer c.calls.Done()
	wait := time.Duration(0)
	if at := deadline.Load(); at != 0 {
		if wait = time.Until(time.Unix(0, at)); wait <= 0 {
			return 0, os.ErrDeadlineExceeded
		}
		wait = max(wait, time.Millisecond)
	}
	if err := c.api.SetSockOptTimeval(c.fd, socket.SOL_SOCKET, opt, wait); err != nil {
		return 0, err
	}
	n, err := do()
	if err == syscall.EAGAIN {
		err = os.ErrDeadlineExceeded
	}
	return max(n, 0), err // the kernel's calls say -1
}

// enter begins a call, unless the connection is closed.
func (c *conn) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.calls.Add(1)
	return true
}

// Close ends the connection politely and what waits, and gives the descriptor back if it is ours.
func (c *conn) Close() error {
	c.mu.Lock()
	was := c.closed
	c.closed = true
	c.mu.Unlock()
	if was {
		return nil
	}
	c.sayGoodbye()
	if !c.owns {
		return nil
	}
	_ = c.api.Shutdown(c.fd, socket.SHUT_RDWR)
	c.calls.Wait()
	return c.api.Close(c.fd)
}

const (
	goodbyeWait = time.Second // how long the peer's own end is waited for
	goodbyeMost = 256 << 10   // how much of what it still sends is read
)

// sayGoodbye sends our FIN and reads up to the peer's: what is left unread in a socket that is closed, such as
// the close_notify that answers ours, makes an RST of its end (RFC 2525 2.17), and an RST may take from the
// peer what we sent before it.
func (c *conn) sayGoodbye() {
	if c.api.Shutdown(c.fd, socket.SHUT_WR) != nil {
		return // it has ended already
	}
	until := time.Now().Add(goodbyeWait)
	scrap := make([]byte, 16<<10)
	for got := 0; got < goodbyeMost; {
		wait := time.Until(until)
		if wait < time.Millisecond || c.api.SetSockOptTimeval(c.fd, socket.SOL_SOCKET, socket.SO_RCVTIMEO, wait) != nil {
			return
		}
		n, err := c.api.Recv(c.fd, scrap, 0)
		if n <= 0 || err != nil {
			return
		}
		got += n
	}
}

func (c *conn) LocalAddr() net.Addr  { return c.local }
func (c *conn) RemoteAddr() net.Addr { return c.remote }

func (c *conn) SetDeadline(t time.Time) error {
	_ = c.SetReadDeadline(t)
	return c.SetWriteDeadline(t)
}

func (c *conn) SetReadDeadline(t time.Time) error  { return set(&c.read, t) }
func (c *conn) SetWriteDeadline(t time.Time) error { return set(&c.write, t) }

func set(d *atomic.Int64, t time.Time) error {
	if t.IsZero() {
		d.Store(0)
	} else {
		d.Store(t.UnixNano())
	}
	return nil
}
