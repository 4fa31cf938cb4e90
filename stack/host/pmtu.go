package host

import (
	"net/netip"
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
)

// What routers told of the MTU of paths (RFC 1191), per destination. The caches
// are small and keyed: an attacker can neither grow one nor aim at an entry.
// There are two, because only what quotes a TCP segment is checked by a
// sequence number (RFC 5927 7.2): whoever knows an open UDP port could else
// slow down every connection to any destination.
const (
	pmtuSets = 64
	pmtuWays = 4
	pmtuLife = 10 * time.Minute // RFC 1191 6.3
	// leastPMTU is the least we believe (as Linux): a smaller link fragments,
	// so packets to it leave without DF.
	leastPMTU = 552
)

// plateaus are likely MTUs for routers that do not say theirs (RFC 1191 7.1).
var plateaus = [...]int{32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68}

type pathEntry struct {
	dst    uint32
	mtu    uint16
	locked bool // below leastPMTU: send without DF
	over   bool // of probedPaths: the search has ended
	until  clock.Instant
}

// A pathUser is one of the caches.
type pathUser uint8

const (
	datagramPaths pathUser = iota // UDP and ICMP
	streamPaths                   // TCP
	probedPaths                   // TCP, what connections found out by themselves (RFC 4821)
	numPathUsers
)

type pathCache struct {
	key  secret
	sets *[pmtuSets][pmtuWays]pathEntry // nil: nothing was ever told
}

func (c *pathCache) set(dst uint32) *[pmtuWays]pathEntry {
	return &c.sets[c.key.addresses(dst, 0, 0)%pmtuSets]
}

// pathMTU returns the MTU of the path to dst in bytes, and whether packets must go without DF.
func (h *Host) pathMTU(dst netip.Addr, u pathUser) (mtu int, locked bool) {
	if e := h.paths[u].find(h.now, number(dst)); e != nil {
		return min(int(e.mtu), h.feat.MTU), e.locked
	}
	return h.feat.MTU, false
}

// find returns the entry for dst that is valid now, or nil.
func (c *pathCache) find(now clock.Instant, dst uint32) *pathEntry {
	if c.sets == nil {
		return nil
	}
	set := c.set(dst)
	for i := range set {
		if e := &set[i]; e.dst == dst && now.Before(e.until) {
			return e
		}
	}
	return nil
}

// learnPMTU notes what a router said when it refused a packet of total bytes
// to dst: a next-hop MTU, or 0. A path MTU is never raised by a message (RFC
// 1191 3), and what cannot be true is not believed: every link carries 68
// bytes, and no router refuses what fits. What holds for streams, the stricter
// users, holds for datagrams too.
func (h *Host) learnPMTU(now clock.Instant, dst netip.Addr, u pathUser, claimed, total int) {
	if total <= minMTU || claimed >= total {
		return
	}
	if u == streamPaths {
		h.learnPMTU(now, dst, datagramPaths, claimed, total)
	}
	known, locked := h.pathMTU(dst, u)
	mtu := claimed
	if claimed == 0 {
		mtu = plateauBelow(min(total, known))
	}
	lock := mtu < leastPMTU
	mtu = max(mtu, min(leastPMTU, h.feat.MTU))
	if mtu > known || mtu == known && lock == locked || locked && !lock {
		return
	}
	h.paths[u].store(now, number(dst), pathEntry{mtu: uint16(mtu), locked: lock})
	if u == streamPaths {
		h.pathsChanged(now)
	}
}

// plateauBelow returns the largest plateau below n.
func plateauBelow(n int) int {
	for _, p := range plateaus {
		if p < n {
			return p
		}
	}
	return minMTU
}

// store puts e in place of the older entry for dst, or of the one that ends first.
func (c *pathCache) store(now clock.Instant, dst uint32, e pathEntry) {
	if c.sets == nil {
		c.sets = new([pmtuSets][pmtuWays]pathEntry)
	}
	set := c.set(dst)
	victim := &set[0]
	for i := range set {
		if set[i].dst == dst {
			victim = &set[i]
			break
		}
		if set[i].until < victim.until {
			victim = &set[i]
		}
	}
	e.dst, e.until = dst, now.Add(pmtuLife)
	*victim = e
}
