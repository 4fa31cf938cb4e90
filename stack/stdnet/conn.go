package stdnet

import (
	"io"
	"net"
	"sync"
	"time"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/host"
)

// A Conn is a stream: a net.Conn with what *net.TCPConn offers, but for what
// needs a descriptor of the system. It is safe for concurrent use.
type Conn struct {
	sock *stack.Socket
	flow flow
}

var (
	_ net.Conn      = (*Conn)(nil)
	_ io.ReaderFrom = (*Conn)(nil)
	_ io.WriterTo   = (*Conn)(nil)
)

// newConn wraps a stream that was connected to remote. It gives s up if it fails.
func newConn(s *stack.Socket, network string, remote net.Addr) (net.Conn, error) {
	f, err := addresses(s, network)
	if err != nil {
		_ = s.Close()
		return nil, f.fail("dial", "getsockname", err)
	}
	f.remote = remote
	return &Conn{sock: s, flow: f}, nil
}

// addresses returns the flow of a connected socket. A connection that is over
// already has no peer any more; that is not an error here, Read will tell.
func addresses(s *stack.Socket, network string) (flow, error) {
	f := flow{network: network}
	local, err := s.LocalAddr()
	if err != nil {
		return f, err
	}
	f.local = netAddr(s.Kind(), local)
	if remote, err := s.RemoteAddr(); err == nil {
		f.remote = netAddr(s.Kind(), remote)
	}
	return f, nil
}

// Socket returns the socket behind c, for its ID and its Info.
func (c *Conn) Socket() *stack.Socket { return c.sock }

// LocalAddr returns our address, a *net.TCPAddr.
func (c *Conn) LocalAddr() net.Addr { return c.flow.local }

// RemoteAddr returns the peer's address, a *net.TCPAddr.
func (c *Conn) RemoteAddr() net.Addr { return c.flow.remote }

// Read reads what has arrived, waiting for something. io.EOF is the end.
func (c *Conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		_, err := c.sock.LocalAddr() // all that may be wrong is that c is closed
		return 0, c.flow.fail("read", "read", err)
	}
	n, err := c.sock.Recv(p, 0)
	if err != nil {
		return n, c.flow.fail("read", "read", err)
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// Write queues all of p, waiting for room in the send buffer.
func (c *Conn) Write(p []byte) (int, error) {
	n, err := c.sock.Send(p, 0)
	return n, c.flow.fail("write", "write", err)
}

// copyBuffers are for ReadFrom and WriteTo. 128 KiB keeps a 64 KiB
// super-segment filling while the other half is on its way.
var copyBuffers = sync.Pool{New: func() any { return new([128 << 10]byte) }}

// ReadFrom writes to c what r gives, to its end.
func (c *Conn) ReadFrom(r io.Reader) (int64, error) {
	b := copyBuffers.Get().(*[128 << 10]byte)
	defer copyBuffers.Put(b)
	n, err := io.CopyBuffer(onlyWriter{c}, r, b[:])
	return n, c.flow.wrap("readfrom", err)
}

// WriteTo writes to w what c receives, to the end.
func (c *Conn) WriteTo(w io.Writer) (int64, error) {
	b := copyBuffers.Get().(*[128 << 10]byte)
	defer copyBuffers.Put(b)
	n, err := io.CopyBuffer(w, onlyReader{c}, b[:])
	return n, c.flow.wrap("writeto", err)
}

// They hide ReadFrom and WriteTo from io.CopyBuffer.
type (
	onlyWriter struct{ io.Writer }
	onlyReader struct{ io.Reader }
)

// CloseRead ends the receiving direction: Read returns what has arrived, then io.EOF.
func (c *Conn) CloseRead() error {
	return c.flow.fail("close", "shutdown", c.sock.Shutdown(host.ShutRead))
}

// CloseWrite ends the sending direction: the peer reads what was written, then io.EOF.
func (c *Conn) CloseWrite() error {
	return c.flow.fail("close", "shutdown", c.sock.Shutdown(host.ShutWrite))
}

// Close gives the connection up; blocked calls end. What was written is
// delivered in the background, unless SetLinger says otherwise.
func (c *Conn) Close() error { return c.flow.fail("close", "close", c.sock.Close()) }

// Abort closes the connection with a reset.
func (c *Conn) Abort() error { return c.flow.fail("close", "close", c.sock.Abort()) }

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error { return setDeadlines(c.sock, &c.flow, t) }

// SetReadDeadline makes reads fail with os.ErrDeadlineExceeded from t on; zero: never.
func (c *Conn) SetReadDeadline(t time.Time) error {
	return c.flow.failLocal("set", "", c.sock.SetReadDeadline(t))
}

// SetWriteDeadline does the same for writes.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	return c.flow.failLocal("set", "", c.sock.SetWriteDeadline(t))
}

func setDeadlines(s *stack.Socket, f *flow, t time.Time) error {
	err := s.SetReadDeadline(t)
	if err == nil {
		err = s.SetWriteDeadline(t)
	}
	return f.failLocal("set", "", err)
}
