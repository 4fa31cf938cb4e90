package tcp

import (
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
)

// The path MTU as the owner tells it (RFC 1191), and what the segment size is by it.

// mtuCeiling is what the largest segment may be by all that is not the search:
// the path MTU, the peer's MSS and the owner's bound; with headers, bytes.
func (c *Conn) mtuCeiling() int {
	mss := min(int(c.opt.peerMSS), int(c.mtu)-headers)
	if c.opts.MaxSeg > 0 {
		mss = min(mss, max(c.opts.MaxSeg, minPeerMSS))
	}
	return max(mss+headers, minMTU)
}

// PathMTU returns the path MTU in bytes, as far as it is known: what SetPMTU
// told, or less where the connection has found out that this does not pass.
func (c *Conn) PathMTU() int {
	if c.search != nil {
		return min(int(c.mtu), int(c.search.low))
	}
	return int(c.mtu)
}

// refreshMSS follows a change of the path MTU, the peer's MSS or our bound.
func (c *Conn) refreshMSS() {
	most := c.mtuCeiling()
	if c.search != nil {
		most = min(most, int(c.search.low))
	}
	c.mss = uint16(most - headers)
	if c.cc != nil {
		c.cc.SetMSS(c.sendMSS(0))
	}
}

// SetPMTU tells the path MTU in bytes, never more than the link's. Below 552
// it counts as 552 and the segments may be fragmented (RFC 1191 3, 6.1 and
// the attack that forges small ones). What is in flight and too large for it
// goes again at once, and that is no sign of congestion (RFC 1191 6.5).
func (c *Conn) SetPMTU(now clock.Instant, mtu int) {
	if c.state == StateClosed {
		return
	}
	was := int(c.mtu)
	c.setMTU(mtu)
	if c.search != nil {
		c.boundSearch(was)
	}
	c.followSize(now)
}

// fragments reports whether segments may be fragmented on their way: no DF, and
// no super-segments, for a device would give their pieces identifications of its own.
func (c *Conn) fragments() bool { return c.has&smallMTU != 0 || c.opts.NoDF }

func (c *Conn) setMTU(mtu int) {
	c.has &^= smallMTU
	if mtu < min(leastMTU, c.env.MTU) {
		mtu = leastMTU
		c.has |= smallMTU
	}
	c.mtu = uint16(max(min(mtu, c.env.MTU, maxMTU), minMTU))
}

// followSize follows a change of the path MTU. What is in flight and too large
// for it is lost, which is no sign of congestion (RFC 1191 6.5).
func (c *Conn) followSize(now clock.Instant) {
	old := c.mss
	c.refreshMSS()
	if c.mss >= old || c.sb == nil || !c.state.synchronized() {
		return
	}
	c.excuseLoss(now)
	if c.sb.markLarger(c.sendMSS(0)) > 0 {
		c.armRetransmit(now, true) // what goes again has its time before it
	}
}

// excuseLoss takes the latest reduction back where all that was lost was larger
// than a segment may be now: a small segment that passed the others by has told of
// their loss before the router did.
func (c *Conn) excuseLoss(now clock.Instant) {
	s, mss := c.sb, c.sendMSS(0)
	if s.rec.mode != fastRecovery || c.episode().is&undoable == 0 {
		return
	}
	for i := range s.n {
		if r := s.at(i); r.flags&lost != 0 && min(int(r.seg), int(r.len)) <= mss {
			return
		}
	}
	*c.episode() = episode{}
	c.cc.OnSpurious()
	s.rec = recovery{}
	s.dupBytes = 0
	c.snd.dupacks = 0
	c.traceCwnd(now, trace.CwndUndo)
}
