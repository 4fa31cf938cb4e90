package stack

import (
	"net/netip"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
)

// Config describes a Stack. Link is required; every other zero value is a default.
type Config struct {
	// Link carries the packets. The stack owns it from New on: Close closes it.
	Link link.Link

	// Links are several, in the place of Link: Queues. The stack owns them all.
	Links Links

	// Prefixes are our addresses, each with the length of its network:
	// 192.0.2.2/24. With none, only 127.0.0.0/8 can be reached.
	Prefixes []netip.Prefix

	// Gateway is the next hop of a default route. Invalid: no default route.
	Gateway netip.Addr

	// Routes are further routes.
	Routes []host.Route

	// Memory bounds the bytes that the host holds for all its sockets. 0: 64 MiB.
	// With several Links each shard has its share.
	Memory int

	// TTL of packets sent. 0: 64.
	TTL uint8

	// TCP is what all connections have in common.
	TCP tcp.Config

	// Seed is where initial sequence numbers, ports and every other random
	// choice come from. Zero: 32 bytes from the system. Set it only to make a
	// test repeatable.
	Seed [32]byte

	// Trace is called with what happened, in order, never under the lock and
	// never twice at once; with several Links in the order of each shard. The
	// slice is valid during the call. nil: tracing is off.
	Trace func([]trace.Event)

	// Tap gets a copy of each packet. nil: none.
	Tap *link.Tap

	// Clock gives the time. nil: the system's monotonic clock.
	Clock func() clock.Instant
}

// traceLog is how many events one pass through the lock may record.
const traceLog = 4096

func (cfg *Config) host(log *trace.Log, share host.Share) host.Config {
	routes := cfg.Routes
	if cfg.Gateway.IsValid() {
		all := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
		routes = append(routes[:len(routes):len(routes)], host.Route{Prefix: all, Via: cfg.Gateway})
	}
	memory := cfg.Memory
	if share.Count > 1 {
		if memory <= 0 {
			memory = host.DefaultMemory
		}
		memory = max(memory/share.Count, 1)
	}
	return host.Config{
		Seed: cfg.Seed, Prefixes: cfg.Prefixes, Routes: routes, Memory: memory, Share: share,
		TTL: cfg.TTL, TCP: cfg.TCP, Trace: log, Tap: cfg.Tap,
	}
}
