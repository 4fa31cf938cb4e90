package stdnet

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/host"
)

// A Dialer says how to connect, as package net's of the same name. Net is
// required; every other zero value is a default.
type Dialer struct {
	Net         *Net
	Timeout     time.Duration       // for the whole dial; 0: TCP's own, some four minutes
	Deadline    time.Time           // likewise, as a time; zero: none
	LocalAddr   net.Addr            // to dial from; nil: by the route, and a free port
	KeepAlive   net.KeepAliveConfig // of streams; the zero value: on, with package net's times
	NoKeepAlive bool                // no keep-alive, whatever KeepAlive says
	Control     Control             // nil: none
}

// Dial connects to address on a network. See Net.Dial.
func (d *Dialer) Dial(network, address string) (net.Conn, error) {
	return d.DialContext(context.Background(), network, address)
}

// DialContext is Dial that ends at once when ctx does. A ctx that ends later has
// no effect on the connection. The addresses of a name are tried one after the
// other, each with its share of the time; the first one's error is returned.
func (d *Dialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	if d.Timeout > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, d.Timeout)
		defer stop()
	}
	if !d.Deadline.IsZero() {
		var stop context.CancelFunc
		ctx, stop = context.WithDeadline(ctx, d.Deadline)
		defer stop()
	}
	f := &flow{network: network, local: d.LocalAddr}
	kind, err := kindOf(network)
	if err != nil {
		return nil, f.fail("dial", "", err)
	}
	if address == "" {
		return nil, f.fail("dial", "", &net.AddrError{Err: "missing address"})
	}
	addrs, err := d.Net.resolve(ctx, network, address, loopback)
	if err != nil {
		return nil, f.fail("dial", "", contextError(err))
	}
	var first error
	for i, to := range addrs {
		c, err := d.share(ctx, kind, network, to, len(addrs)-i)
		if err == nil {
			return c, nil
		}
		if first == nil {
			first = err
		}
		if ctx.Err() != nil {
			break
		}
	}
	if e, ok := first.(*net.OpError); ok && address[0] == ':' {
		e.Addr = anywhere(kind, addrs[0].Port()) // as package net shows what has no host
	}
	return nil, first
}

// leastShare is what one of several addresses gets of the time at least, while
// there is as much.
const leastShare = 2 * time.Second

// share dials one address, of which left remain, in its share of the time.
func (d *Dialer) share(ctx context.Context, k host.Kind, network string, to netip.AddrPort, left int) (net.Conn, error) {
	if end, ok := ctx.Deadline(); ok && left > 1 {
		remains := time.Until(end)
		part, stop := context.WithTimeout(ctx, max(remains/time.Duration(left), min(leastShare, remains)))
		defer stop()
		ctx = part
	}
	return d.dialOne(ctx, k, network, to)
}

func (d *Dialer) dialOne(ctx context.Context, k host.Kind, network string, to netip.AddrPort) (net.Conn, error) {
	f := &flow{network: network, local: d.LocalAddr, remote: netAddr(k, to)}
	if err := ctx.Err(); err != nil {
		return nil, f.fail("dial", "", contextError(err))
	}
	s, err := d.Net.stack.Socket(k)
	if err != nil {
		return nil, f.fail("dial", "socket", err)
	}
	if err := d.prepare(s, k, f); err != nil {
		_ = s.Close()
		return nil, err
	}
	if err := connect(ctx, s, to); err != nil {
		_ = s.Abort()
		return nil, f.fail("dial", "connect", err)
	}
	if k == host.Stream {
		return newConn(s, network, f.remote)
	}
	c, err := newPacketConn(s, network)
	if err != nil {
		return nil, err // and not a nil *PacketConn
	}
	return c, nil
}

// prepare sets the options and the local address of a socket that will connect.
func (d *Dialer) prepare(s *stack.Socket, k host.Kind, f *flow) error {
	err := setUp(s, func(o *host.Options) {
		o.Broadcast = k != host.Stream
		if k == host.Stream {
			streamDefaults(o)
			if d.KeepAlive.Enable {
				keepAlive(o, d.KeepAlive)
			}
			o.TCP.KeepAlive = !d.NoKeepAlive
		}
		if d.Control != nil {
			d.Control(f.network, f.remote.String(), o)
		}
	})
	if err != nil {
		return f.fail("dial", "setsockopt", err)
	}
	if d.LocalAddr == nil {
		return nil
	}
	local, ok := addrPort(d.LocalAddr)
	if !ok || netAddr(k, local).Network() != d.LocalAddr.Network() {
		return f.fail("dial", "", &net.AddrError{Err: "mismatched local address type", Addr: d.LocalAddr.String()})
	}
	return f.fail("dial", "bind", s.Bind(local))
}

var past = time.Unix(1, 0)

// connect connects s, for as long as ctx lasts.
func connect(ctx context.Context, s *stack.Socket, to netip.AddrPort) error {
	stop := context.AfterFunc(ctx, func() { _ = s.SetWriteDeadline(past) })
	err := s.Connect(to, 0)
	if !stop() && (err == nil || errors.Is(err, os.ErrDeadlineExceeded)) {
		// ctx has ended, and whether s has a deadline now or a moment later
		// nobody knows: it is of no use any more.
		return contextError(ctx.Err())
	}
	return err
}
