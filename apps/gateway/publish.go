package gateway

import (
	"context"
	"net"
	"net/netip"
	"time"

	"github.com/sockeye-net/sockeye/stack/stdnet"
)

// dialInside is how long somebody inside has to take a connection.
const dialInside = 10 * time.Second

// leftAlone is how long a listener, or a port, that fails is left alone.
const leftAlone = 10 * time.Millisecond

// pause waits so long, and reports whether the gateway is still there.
func (g *Gateway) pause() bool {
	select {
	case <-g.ctx.Done():
		return false
	case <-time.After(leftAlone):
		return true
	}
}

// Publish lets those outside who connect to l reach an address inside, by way of n.
// It takes l over, and returns at once.
func (g *Gateway) Publish(l net.Listener, n *stdnet.Net, inside netip.AddrPort) {
	context.AfterFunc(g.ctx, func() { _ = l.Close() })
	g.run(func() {
		for {
			c, err := l.Accept()
			if err != nil { // too many descriptors, perhaps: not for ever
				if !g.pause() {
					return
				}
				continue
			}
			g.run(func() { g.admit(c, n, inside) })
		}
	})
}

// admit connects one from outside.
func (g *Gateway) admit(c net.Conn, n *stdnet.Net, to netip.AddrPort) {
	out, ok := c.(stream)
	if !ok {
		_ = c.Close()
		return
	}
	g.outs.Add(1) // before somebody inside knows: he may answer and be gone at once
	d := stdnet.Dialer{Net: n, Timeout: dialInside, NoKeepAlive: true}
	in, err := d.DialContext(g.ctx, "tcp", to.String())
	if err != nil {
		g.outs.Add(-1)
		g.Stats.Refused.Add(1)
		reset(out)
		return
	}
	g.Stats.Connections.Add(1)
	g.Stats.Open.Add(1)
	defer g.Stats.Open.Add(-1)
	g.relay(in.(stream), out)
}
