package host

import "github.com/sockeye-net/sockeye/stack/clock"

// What one connection learns of a path, all to that destination follow (RFC
// 1191 6.4). Nobody is looked for: a change moves h.pathGen on, and a connection
// that has seen another generation asks the caches once, before it sends next. So
// a message costs the same however many connections there are, and a segment one
// comparison. An entry that becomes too old is a change too.

// pathsChanged begins a new generation.
func (h *Host) pathsChanged(now clock.Instant) {
	h.pathGen++
	if h.pathEnd == clock.Never {
		h.pathEnd = now.Add(pmtuLife) // later entries end later
	}
}

// firstEnd returns when the next entry becomes too old. It looks at all of them,
// which are few.
func (c *pathCache) firstEnd(now clock.Instant) clock.Instant {
	first := clock.Never
	if c.sets != nil {
		for i := range c.sets {
			for j := range c.sets[i] {
				if e := &c.sets[i][j]; now.Before(e.until) {
					first = clock.Earliest(first, e.until)
				}
			}
		}
	}
	return first
}

// followPath tells the connection of s what its path carries, where that may
// have changed since it was told last.
func (h *Host) followPath(now clock.Instant, s *socket) {
	if h.pathEnd.Due(now) {
		h.pathGen++
		h.pathEnd = h.paths[streamPaths].firstEnd(now)
	}
	if s.pathGen == h.pathGen {
		return
	}
	s.pathGen = h.pathGen
	h.tellPath(now, s)
}

// tellPath tells the connection of s what its path carries.
func (h *Host) tellPath(now clock.Instant, s *socket) {
	s.conn.SetPMTU(now, h.streamMTU(s))
	if e := h.paths[probedPaths].find(now, number(s.remote.Addr())); e != nil {
		s.conn.FollowSearch(now, int(e.mtu), e.over)
	}
}

// streamMTU returns the path MTU for the connection of s as SetPMTU takes it:
// below leastPMTU where its segments must go without DF.
func (h *Host) streamMTU(s *socket) int {
	if s.discover == DiscoverDont {
		return h.feat.MTU
	}
	mtu, locked := h.pathMTU(s.remote.Addr(), streamPaths)
	if locked {
		return min(mtu, leastPMTU-1)
	}
	return mtu
}

// pathFound notes what the connection of s has found out about its path, for the
// others and for those to come. It is believed as long as a router's word.
func (h *Host) pathFound(now clock.Instant, s *socket) {
	c, dst, mtu := &h.paths[probedPaths], number(s.remote.Addr()), s.conn.PathMTU()
	old := c.find(now, dst)
	known, _ := h.pathMTU(s.remote.Addr(), streamPaths)
	switch {
	case mtu < known:
		c.store(now, dst, pathEntry{mtu: uint16(mtu), over: !s.conn.Searching()})
	case old != nil: // everything passes after all: who follows is told so, and then there is nothing to know
		old.mtu, old.over = uint16(mtu), true
	default:
		return
	}
	h.pathGen++
	s.pathGen = h.pathGen
}
