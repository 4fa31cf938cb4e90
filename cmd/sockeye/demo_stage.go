package main

import (
	"context"
	"net"
	"net/netip"

	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/socket"
	"github.com/sockeye-net/sockeye/stack/stdnet"
)

// A stage is where a demo plays: our stack, which is told of, and the network of the other side.
type stage struct {
	*session
	peer  netip.Addr // the other side
	other otherSide  // its network: the kernel's, or that of another stack
	path  *path      // nil: the way is as short as it is
}

// An otherSide is the network of the other side.
type otherSide interface {
	listener
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
	listenSmall(address string, bytes int) (net.Listener, error) // whose connections take few bytes ahead
}

// A kernelSide is the network of the kernel, in the namespace that we are in.
type kernelSide struct{ kernelNet }

func (kernelSide) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, network, address)
}

// A stackSide is the network of a stack of ours.
type stackSide struct{ *stdnet.Net }

func (s stackSide) listenSmall(address string, bytes int) (net.Listener, error) {
	c := stdnet.ListenConfig{Net: s.Net, Control: func(_, _ string, o *host.Options) { o.TCP.RecvBuffer = bytes }}
	return c.Listen(context.Background(), "tcp4", address)
}

// mark notes what happens now, between the packets; quoted is from the network.
func (st *stage) mark(quoted, en, ko string, values ...any) {
	st.tell.Mark(st.stack.Now(), st.text(en, ko, values...), quoted)
}

// A call is a connection of ours, by the Berkeley calls. After an error it does nothing more and keeps that.
type call struct {
	st  *stage
	fd  int
	err error
}

// connect connects to a port of the other side and tells what was agreed.
func (st *stage) connect(port int) *call {
	c := &call{st: st}
	if c.fd, c.err = st.api.Socket(socket.AF_INET, socket.SOCK_STREAM, 0); c.err != nil {
		return c
	}
	if c.err = st.api.Connect(c.fd, netip.AddrPortFrom(st.peer, uint16(port))); c.err == nil {
		st.tell.Agreed()
	}
	return c
}

// send sends all of p.
func (c *call) send(p []byte) {
	for len(p) > 0 && c.err == nil {
		var n int
		n, c.err = c.st.api.Send(c.fd, p, 0)
		p = p[max(n, 0):]
	}
}

// line receives up to the end of a line.
func (c *call) line() string {
	var text []byte
	for c.err == nil {
		var n int
		buf := make([]byte, 256)
		n, c.err = c.st.api.Recv(c.fd, buf, 0)
		if text = append(text, buf[:max(n, 0)]...); n <= 0 || text[len(text)-1] == '\n' {
			break
		}
	}
	return string(text)
}

// close closes the connection and tells how.
func (c *call) close() error {
	err := c.st.api.Close(c.fd)
	if c.err != nil {
		return c.err
	}
	c.st.closed()
	return err
}
