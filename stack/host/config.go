package host

import (
	"net/netip"

	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
)

// Config describes a host. Zero values are defaults, but for Seed.
type Config struct {
	Seed     [32]byte       // secrets and every random choice come from it; zero is refused
	Prefixes []netip.Prefix // our addresses, each with the length of its network
	Routes   []Route        // beyond the prefixes' own networks
	Memory   int            // Budget, bytes; 0: 64 MiB
	TTL      uint8          // of packets sent; 0: 64
	TCP      tcp.Config
	Trace    *trace.Log // nil: off
	Share    Share      // which of several Hosts that are one; zero: alone
	Tap      *link.Tap  // nil: off; gets every packet in, out and across the host

	// Tally, of several Hosts that are one, adds n to the flows of a kind that all of
	// them hold for who forwards, and returns how many that are; safe for concurrent
	// use. nil: each has bounds of its own.
	Tally func(k Kind, n int) int
}

// A Route says that Prefix is reached through Via; an invalid Via means that it is on-link.
type Route struct {
	Prefix netip.Prefix
	Via    netip.Addr
}

const (
	// DefaultMemory is Config.Memory where that is 0.
	DefaultMemory = 64 << 20

	defaultTTL = 64 // RFC 1700's recommendation

	minMTU = 68 // RFC 791 3.2: every link carries this much
	maxMTU = 65535
)

// cleanFeatures brings what a link says of itself into what IPv4 can use.
func cleanFeatures(f link.Features) link.Features {
	f.MTU = min(max(f.MTU, minMTU), maxMTU)
	f.MaxGSO = min(max(f.MaxGSO, 0), maxMTU)
	f.USO = f.USO && f.ChecksumOffload
	return f
}
