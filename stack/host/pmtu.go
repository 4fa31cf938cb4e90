package host

import (
	"net/netip"
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
)

// What routers told of the MTU of paths (RFC 1191), per destination. The cache
// is small and keyed: an attacker can neither grow it nor aim at an entry.
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
	until  clock.Instant
}

type pathCache struct {
	key  secret
	sets *[pmtuSets][pmtuWays]pathEntry // nil: nothing was ever told
}

func (c *pathCache) set(dst uint32) *[pmtuWays]pathEntry {
	return &c.sets[c.key.addresses(dst, 0, 0)%pmtuSets]
}

// pathMTU returns the MTU of the path to dst in bytes, and whether packets must go without DF.
func (h *Host) pathMTU(dst netip.Addr) (mtu int, locked bool) {
	if h.paths.sets == nil {
		return h.feat.MTU, false
	}
	n := number(dst)
	set := h.paths.set(n)
	for i := range set {
		if e := &set[i]; e.dst == n && h.now.Before(e.until) {
			return min(int(e.mtu), h.feat.MTU), e.locked
		}
	}
	return h.feat.MTU, false
}

// learnPMTU notes what a router said when it refused a packet of total bytes
// to dst: a next-hop MTU, or 0. It returns the new MTU, and whether it is news:
// a path MTU is never raised by a message (RFC 1191 3).
func (h *Host) learnPMTU(now clock.Instant, dst netip.Addr, claimed, total int) (int, bool) {
	known, locked := h.pathMTU(dst)
	mtu := claimed
	if claimed == 0 {
		mtu = plateauBelow(min(total, known))
	}
	lock := mtu < leastPMTU
	mtu = max(mtu, min(leastPMTU, h.feat.MTU))
	if mtu > known || mtu == known && lock == locked || locked && !lock {
		return known, false
	}
	h.storePMTU(now, number(dst), pathEntry{mtu: uint16(mtu), locked: lock})
	return mtu, true
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

// storePMTU puts e in place of the older entry for dst, or of the one that ends first.
func (h *Host) storePMTU(now clock.Instant, dst uint32, e pathEntry) {
	if h.paths.sets == nil {
		h.paths.sets = new([pmtuSets][pmtuWays]pathEntry)
	}
	set := h.paths.set(dst)
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
