package tcp

import (
	"time"
	"unsafe"

	"github.com/sockeye-net/sockeye/stack/clock"
)

// Path MTU discovery by the connection itself (RFC 4821), for paths on which no
// ICMP message comes back: a black hole swallows what is too large in silence.
//
// When segments above the base size time out again and again, the segment size
// falls to that base, so that data moves; then one segment of new data at a time
// is sent larger, as a probe, between what is known to pass and what is not. A
// probe that arrives raises the segment size. One that alone is lost is no sign
// of congestion: its bytes go again at the old size. The search ends when what
// it could still gain is small, and begins anew after ten minutes.
//
// The size found is told to the owner (EvPathMTU), for other connections that go
// the same way; FollowSearch takes it from there.

// MTUProbing says when a connection searches for the path MTU by itself.
type MTUProbing uint8

// The settings, as Linux's tcp_mtu_probing.
const (
	MTUProbeSuspicious MTUProbing = iota // when a black hole is suspected
	MTUProbeOff                          // never: ICMP alone tells
	MTUProbeAlways                       // from the base size up, on every connection
)

const (
	baseMTU  = 1024 + headers // RFC 4821 7.2's eff_pmtu floor for the search, as Linux's tcp_base_mss
	leastMTU = 552            // as Linux's min_pmtu: nothing smaller is believed or tried

	// R1 of RFC 9293 3.8.3 (SHLD-10): from then on the path is suspected.
	timeoutsToBase  = 3
	timeoutsToLeast = 4

	searchEnd   = 8                // bytes; less is not worth a probe, as Linux's tcp_probe_threshold
	searchAgain = 10 * time.Minute // RFC 4821 7.5 by way of RFC 1981 4, as Linux's tcp_probe_interval
	maxUnclear  = 3                // probes of one size that were lost among others
)

// commonMTUs are worth a try where the middle of the search lies near: Ethernet
// with jumbo frames and without, PPPoE, tunnels, and what IPv6 asks of every link.
var commonMTUs = [...]int32{9000, 4352, 2002, 1500, 1492, 1480, 1450, 1420, 1400, 1280}

// An mtuSearch is the search of one connection. Sizes are those of whole IP
// packets, in bytes.
type mtuSearch struct {
	again   clock.Instant // when it begins anew; Never: it is on
	low     int32         // passes
	high    int32         // is not known not to pass
	size    int32         // of the probe that is out; 0: none is
	out     span          // what that holds
	unclear uint8         // how many probes in a row said nothing
	first   bool          // the upper end is still to be tried
	alone   bool          // the probe that is out was lost, and nothing else
	doubted bool          // low is a guess: nothing of that size has arrived
	next    *mtuSearch    // in the pool
}

const searchSize = int(unsafe.Sizeof(mtuSearch{}))

// searchFrom begins a search above low, unless there is no memory for it.
func (c *Conn) searchFrom(now clock.Instant, low int) bool {
	if c.search == nil {
		c.search = c.env.takeSearch()
	}
	m := c.search
	if m == nil {
		return false
	}
	*m = mtuSearch{low: int32(low), high: int32(c.mtuCeiling()), first: true}
	c.followSize(now)
	return true
}

// beginSearch begins one on a new connection, where every connection has one.
func (c *Conn) beginSearch(now clock.Instant) {
	if c.env.Config.MTUProbing == MTUProbeAlways && c.search == nil && c.mtuCeiling() >= baseMTU+searchEnd {
		c.searchFrom(now, baseMTU)
	}
}

// suspectPath is told that the oldest segment has timed out once more, and judges
// whether the path swallows its like (RFC 4821 7.7, RFC 2923 2.1). Where larger
// ones are SACKed it takes longer to believe that: the path may have changed since.
func (c *Conn) suspectPath(now clock.Instant) {
	s := c.sb
	if c.env.Config.MTUProbing == MTUProbeOff || s == nil || s.n == 0 {
		return
	}
	n, to := int(c.snd.backoff)+1, baseMTU
	if n < timeoutsToBase {
		return
	}
	if n >= timeoutsToLeast {
		to = leastMTU
	}
	passes := to - headers - c.optionLen(0)
	if r := s.at(0); min(int(r.seg), int(r.len)) <= passes {
		return // it is not its size
	}
	if n <= timeoutsToLeast && s.sackedSegs > 0 && s.sackedBytes/s.sackedSegs > passes {
		return
	}
	if c.searchFrom(now, to) {
		c.search.doubted = true
	}
}

// Searching reports whether larger packets than PathMTU may pass and that is
// still to be tried.
func (c *Conn) Searching() bool { return c.search != nil && c.search.again == clock.Never }

// FollowSearch tells what another connection to the same destination has found:
// packets of mtu bytes pass and, where its search is over, larger ones do not. Then
// this connection tries for itself only ten minutes later.
func (c *Conn) FollowSearch(now clock.Instant, mtu int, over bool) {
	if c.state == StateClosed || c.state == StateTimeWait || c.env.Config.MTUProbing == MTUProbeOff || mtu < leastMTU {
		return
	}
	m := c.search
	switch {
	case m == nil && (mtu >= int(c.mtu) || !c.searchFrom(now, mtu)), m != nil && mtu < int(m.low):
		return
	case m != nil && mtu > int(m.low):
		m.low, m.doubted = int32(mtu), false
		c.followSize(now)
		c.settleSearch(now)
	}
	if m = c.search; over && m != nil && m.size == 0 {
		m.again = now.Add(searchAgain)
	}
}

// boundSearch follows a change of the path MTU from was, by a router's word or
// because that has become too old.
func (c *Conn) boundSearch(was int) {
	m, most := c.search, int32(c.mtuCeiling())
	m.low = min(m.low, most)
	if m.size > most { // we need not wait for the signs of its loss
		m.size = 0
		if i := c.sb.find(m.out.l); i < c.sb.n && c.sb.at(i).flags&sacked == 0 {
			c.sb.mark(i)
		}
	}
	if int(c.mtu) > was || m.high > most {
		m.high, m.first, m.again, m.unclear = most, true, clock.Never, 0
	}
}

// nextSize is the size of the next probe: first the upper end, for often it was
// no black hole, or a router has told its MTU meanwhile; then the middle, or a
// common size near it.
func (m *mtuSearch) nextSize() int32 {
	if m.first {
		return m.high
	}
	mid := (m.low + m.high + 1) / 2
	best := mid
	for _, x := range commonMTUs {
		if x < m.low+searchEnd || x > m.high {
			continue
		}
		if best == mid || max(x-mid, mid-x) < max(best-mid, mid-best) {
			best = x
		}
	}
	return best
}

// settleSearch ends the search where there is no more to gain, for a while or,
// where everything passes, for good.
func (c *Conn) settleSearch(now clock.Instant) {
	m, most := c.search, int32(c.mtuCeiling())
	switch {
	case m.low >= most && m.size == 0 && most > defaultPeerMSS+headers:
		c.dropSearch()
	case m.high-m.low < searchEnd:
		m.again = now.Add(searchAgain)
	}
}

// searching reports whether it is time for a probe.
func (c *Conn) searching(now clock.Instant) bool {
	m := c.search
	if m.size != 0 {
		return false
	}
	if m.again != clock.Never {
		if !m.again.Due(now) {
			return false
		}
		m.high, m.first, m.again, m.unclear = int32(c.mtuCeiling()), true, clock.Never, 0
	}
	if m.high-m.low < searchEnd {
		m.again = now.Add(searchAgain)
		return false
	}
	return true
}

// transmitSizing sends new data as a probe, where one is due and there is enough
// behind it to show its loss (RFC 4821 7.4). wait asks to let ACKs make room for
// it first.
func (c *Conn) transmitSizing(now clock.Instant, out *Segment, sack bool) (ok, wait bool) {
	if sack || c.forwarding() || c.sb != nil && (c.sb.rec.mode != open || c.sb.lostBytes > 0) || !c.searching(now) {
		return false, false
	}
	m := c.search
	size := m.nextSize()
	n := int(size) - headers - c.optionLen(0)
	need := n + (dupThresh+1)*c.sendMSS(0)
	if n <= c.sendMSS(0) || c.unsent() < need || c.cwnd() < need || int(c.snd.wnd) < need {
		return false, false
	}
	pipe, usable := c.inFlight(), c.snd.una.Add(int(c.snd.wnd)).Sub(c.snd.nxt)
	if c.cwnd()-pipe < n || usable < need {
		return false, pipe > 0
	}
	if !c.scoreboard().room(c.env, 1) {
		return false, false
	}
	m.size, m.out, m.alone = size, span{c.snd.nxt, c.snd.nxt.Add(n)}, false
	c.sendRange(now, out, n, false, n, false)
	return true, false
}

// sizing reports whether what begins at SND.NXT is the probe.
func (c *Conn) sizing() bool {
	return c.search != nil && c.search.size != 0 && c.search.out.l == c.snd.nxt
}

// judgeSearch follows an ACK: whether data of the lower size, or the probe, has arrived.
func (c *Conn) judgeSearch(now clock.Instant, advanced bool) {
	m := c.search
	if advanced && m.doubted {
		m.doubted = false
		c.events |= EvPathMTU
	}
	if m.size == 0 {
		return
	}
	if c.snd.una.Less(m.out.r) {
		i := c.sb.find(m.out.l)
		if i == c.sb.n || c.sb.at(i).flags&sacked == 0 || c.sb.at(i).end().Less(m.out.r) {
			return
		}
	}
	m.low, m.size, m.first, m.unclear = m.size, 0, false, 0
	c.refreshMSS()
	c.settleSearch(now)
	c.events |= EvPathMTU
}

// onlySizing reports whether the newly lost bytes are those of the probe: that
// is no sign of congestion (RFC 4821 7.6.2).
func (c *Conn) onlySizing(newly int) bool {
	m := c.search
	if m == nil || m.size == 0 {
		return false
	}
	i := c.sb.find(m.out.l)
	if i == c.sb.n || c.sb.at(i).flags&lost == 0 || int(c.sb.at(i).len) != newly {
		return false
	}
	m.alone = true
	return true
}

// countedSizing is onlySizing where duplicate ACKs count: it takes the probe as
// lost if it is the oldest segment. Duplicates of what left before then start no
// fast recovery.
func (c *Conn) countedSizing() bool {
	m := c.search
	if m == nil || m.size == 0 || m.out.l != c.snd.una || c.sb.at(0).end() != m.out.r {
		return false
	}
	c.sb.mark(0)
	m.alone = true
	c.snd.guard = c.snd.una
	return true
}

// sizingResent is told that record r goes again. If it was the probe, that has
// failed; where other segments were lost with it, it says nothing (RFC 4821
// 7.6.3), unless that comes again and again.
func (c *Conn) sizingResent(now clock.Instant, r *record) {
	m := c.search
	if m.size == 0 || r.seq.Less(m.out.l) || !r.seq.Less(m.out.r) {
		return
	}
	size := m.size
	m.size = 0
	if !m.alone {
		if m.unclear++; m.unclear < maxUnclear {
			return
		}
	}
	m.first, m.unclear = false, 0
	m.high = min(m.high, size-1)
	if m.high-m.low < searchEnd {
		c.events |= EvPathMTU // found: who shares it may keep it for as long again
	}
	c.settleSearch(now)
}

// takeSearch returns a search, from the pool or new; nil: the Budget is used up.
func (e *Env) takeSearch() *mtuSearch {
	if !e.Budget.Take(searchSize) {
		return nil
	}
	m := e.searches
	if m == nil {
		return new(mtuSearch)
	}
	e.searches = m.next
	e.freeSearches--
	m.next = nil
	return m
}

// dropSearch gives the search back to the pool.
func (c *Conn) dropSearch() {
	m, e := c.search, c.env
	if m == nil {
		return
	}
	c.search = nil
	e.Budget.Give(searchSize)
	if e.freeSearches < maxPooled {
		*m = mtuSearch{next: e.searches}
		e.searches = m
		e.freeSearches++
	}
}
