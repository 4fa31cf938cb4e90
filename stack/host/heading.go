package host

import (
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A heading is the IP header of the last segment that left, with what it was made
// of: the next one is mostly of the same connection, and differs in little.
type heading struct {
	local, remote wire.Endpoint // of the connection that flow is of; none: of a listener
	flow          tcp.Flow
	tos, ttl      uint8
	df            bool
	made          bool
	head          wire.Template
}

// of returns the flow of a connection, and keeps it for the next time.
func (g *heading) of(s *socket) *tcp.Flow {
	if g.local != s.local || g.remote != s.remote {
		g.local, g.remote, g.flow, g.made = s.local, s.remote, s.flow(), false
	}
	return &g.flow
}

// turn makes the header that of flow, and of what ip says: TOS, TTL and DF.
func (g *heading) turn(flow *tcp.Flow, ip wire.IPv4) {
	if flow != &g.flow && *flow != g.flow {
		g.local, g.remote, g.flow, g.made = wire.Endpoint{}, wire.Endpoint{}, *flow, false
	}
	if g.made && g.tos == ip.TOS && g.ttl == ip.TTL && g.df == ip.DF {
		return
	}
	g.tos, g.ttl, g.df, g.made = ip.TOS, ip.TTL, ip.DF, true
	ip.Protocol, ip.Src, ip.Dst = wire.ProtoTCP, flow.Local.Addr(), flow.Remote.Addr()
	g.head.Set(ip)
}
