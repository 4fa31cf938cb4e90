package stdnet

import (
	"net"
	"time"

	"github.com/sockeye-net/sockeye/stack/host"
)

// set changes what all sockets have, setStream what only streams do: their errors name the
// peer, too, as package net's.
func (c *Conn) set(f func(*host.Options)) error {
	return c.flow.failLocal("set", "setsockopt", c.sock.SetOptions(f))
}

func (c *Conn) setStream(f func(*host.Options)) error {
	return c.flow.fail("set", "setsockopt", c.sock.SetOptions(f))
}

// SetNoDelay switches Nagle's algorithm off (the default) or on.
func (c *Conn) SetNoDelay(noDelay bool) error {
	return c.setStream(func(o *host.Options) { o.TCP.NoDelay = noDelay })
}

// SetLinger says what Close does with what the peer does not have yet: sec < 0,
// the default, delivers it in the background; 0 drops it and resets the
// connection; sec > 0 makes Close wait that long for the delivery.
func (c *Conn) SetLinger(sec int) error {
	return c.setStream(func(o *host.Options) {
		o.LingerOn = sec >= 0
		o.Linger = time.Duration(sec) * time.Second
	})
}

// SetKeepAlive switches keep-alive probes on (the default) or off.
func (c *Conn) SetKeepAlive(on bool) error {
	return c.setStream(func(o *host.Options) { o.TCP.KeepAlive = on })
}

// SetKeepAlivePeriod sets how long the connection is idle before a probe, and
// how long it is from one probe to the next; 0 is 15 s.
func (c *Conn) SetKeepAlivePeriod(d time.Duration) error {
	return c.setStream(func(o *host.Options) {
		keepAlive(o, net.KeepAliveConfig{Enable: o.TCP.KeepAlive, Idle: d, Interval: d, Count: -1})
	})
}

// SetKeepAliveConfig sets all of it, as *net.TCPConn does.
func (c *Conn) SetKeepAliveConfig(k net.KeepAliveConfig) error {
	return c.setStream(func(o *host.Options) { keepAlive(o, k) })
}

// SetReadBuffer sets the size of the receive buffer in bytes; 0 is the default.
func (c *Conn) SetReadBuffer(bytes int) error {
	return c.set(func(o *host.Options) { o.TCP.RecvBuffer = max(bytes, 0) })
}

// SetWriteBuffer sets the size of the send buffer in bytes; 0 is the default.
func (c *Conn) SetWriteBuffer(bytes int) error {
	return c.set(func(o *host.Options) { o.TCP.SendBuffer = max(bytes, 0) })
}
