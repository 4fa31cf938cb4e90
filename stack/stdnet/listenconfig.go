package stdnet

import (
	"context"
	"net"

	"github.com/sockeye-net/sockeye/stack/host"
)

// A Control changes the options of a socket that has been made and not yet bound or
// connected, as package net's Control does with a descriptor. It runs under the
// stack's lock: it only looks at its arguments and assigns fields.
type Control func(network, address string, o *host.Options)

// A ListenConfig says how to listen, as package net's of the same name. Net is
// required; every other zero value is a default.
type ListenConfig struct {
	Net         *Net
	Control     Control             // nil: none
	KeepAlive   net.KeepAliveConfig // of accepted streams; the zero value: on, with package net's times
	NoKeepAlive bool                // no keep-alive, whatever KeepAlive says
	Backlog     int                 // connections that wait to be accepted; 0: 4096
}

// Listen waits for connections to address; see Net.Listen. ctx is for the name's lookup.
func (c *ListenConfig) Listen(ctx context.Context, network, address string) (net.Listener, error) {
	return c.Net.listen(ctx, network, address, c)
}

// ListenPacket returns a socket for datagrams to address; see Net.ListenPacket.
func (c *ListenConfig) ListenPacket(ctx context.Context, network, address string) (net.PacketConn, error) {
	return c.Net.listenPacket(ctx, network, address, c)
}

// stream sets the options of a listener.
func (c *ListenConfig) stream(network, address string, o *host.Options) {
	o.ReuseAddr = true // as package net: TIME-WAIT does not keep a server from coming back
	streamDefaults(o)
	if c.KeepAlive.Enable {
		keepAlive(o, c.KeepAlive)
	}
	o.TCP.KeepAlive = !c.NoKeepAlive
	if c.Control != nil {
		c.Control(network, address, o)
	}
}

func (c *ListenConfig) packet(network, address string, o *host.Options) {
	o.Broadcast = true
	if c.Control != nil {
		c.Control(network, address, o)
	}
}

func (c *ListenConfig) backlog() int {
	if c.Backlog <= 0 {
		return backlog
	}
	return c.Backlog
}
