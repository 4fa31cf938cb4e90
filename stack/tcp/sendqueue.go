package tcp

import (
	"time"

	"github.com/sockeye-net/sockeye/stack/buffer"
	"github.com/sockeye-net/sockeye/stack/clock"
)

// maxLend is the most that a span of a ring may be asked for, bytes.
const maxLend = buffer.MaxChunk

// mayWrite reports whether the owner may still queue data.
func (c *Conn) mayWrite() bool {
	if c.has&finQueued != 0 {
		return false
	}
	switch c.state {
	case StateSynSent, StateSynReceived, StateEstablished, StateCloseWait:
		return true
	}
	return false
}

// Writable returns how many bytes Write would take now.
func (c *Conn) Writable() int {
	if !c.mayWrite() {
		return 0
	}
	return max(c.lowRoom(c.sendBuffer()-c.out.Len()), 0)
}

// Write copies p to the send ring and returns how many bytes there was room for.
// When the Budget refuses some, call Transmit, and EvWritable comes once there is memory.
func (c *Conn) Write(now clock.Instant, p []byte) int {
	n := c.mayQueue(min(len(p), c.Writable()))
	if n < len(p) {
		c.calls |= wantsRoom
	}
	if n == 0 {
		return 0
	}
	c.checkAppLimited()
	took := c.out.Append(c.env.Budget, p[:n])
	if took < n {
		c.has |= starved
	}
	c.queued(now)
	return took
}

// SendSpan lends up to n bytes of room in the send ring; SendCommit says how many
// were filled. When the Budget has none, call Transmit, and EvWritable comes once it has.
func (c *Conn) SendSpan(n int) [2][]byte {
	want := min(n, maxLend)
	n = c.mayQueue(min(want, c.Writable()))
	if n < want {
		c.calls |= wantsRoom
	}
	if n <= 0 {
		return [2][]byte{}
	}
	span := c.out.Tail(c.env.Budget, n)
	if len(span[0]) == 0 {
		c.has |= starved
	}
	return span
}

// SendCommit queues the first n bytes of the last SendSpan; 0 gives it back.
func (c *Conn) SendCommit(now clock.Instant, n int) {
	if n <= 0 || !c.mayWrite() {
		c.out.Trim(c.env.Budget)
		return
	}
	c.noMore()
	c.checkAppLimited()
	c.out.Extend(n)
	c.queued(now)
}

// queued follows new data in the send ring.
func (c *Conn) queued(now clock.Instant) {
	c.holdUntil(now)
	c.armPersist(now)
	c.clockBusy(now)
}

// memoryRetry is how often a connection that the Budget refused looks again, and
// memoryRetryLate how often one that has something in its send ring: an ACK will
// tell its owner, unless the peer takes nothing.
const (
	memoryRetry     = 20 * time.Millisecond
	memoryRetryLate = time.Second
)

// Starved reports whether the Budget refused the owner memory and EvWritable
// will tell when there is some.
func (c *Conn) Starved() bool { return c.has&starved != 0 }

// armMemory starts the timer of an owner who waits for memory: an ACK may never
// come that would tell him of room.
func (c *Conn) armMemory(now clock.Instant) {
	if c.has&starved == 0 || c.timers[timerMemory] != clock.Never {
		return
	}
	retry := memoryRetry
	if c.out.Len() > 0 {
		retry = memoryRetryLate
	}
	c.timers[timerMemory] = now.Add(retry)
}

// feed ends starving where memory came back.
func (c *Conn) feed() {
	if c.has&starved != 0 && c.env.Budget.Free() >= buffer.MinChunk {
		c.has &^= starved
		c.timers[timerMemory] = clock.Never
		c.events |= EvWritable
	}
}

// NoteStarved looks, before the owner is told that he may write, whether the
// Budget would refuse him; then Starved is true, and EvWritable will tell.
func (c *Conn) NoteStarved() {
	if c.Writable() > 0 && c.env.Budget.Free() < buffer.MinChunk && c.out.Held() <= c.out.Len() {
		c.has |= starved
	}
}

// memoryTimeout tells the owner to try again when there is room in the Budget.
func (c *Conn) memoryTimeout(now clock.Instant) {
	if !c.mayWrite() {
		c.has &^= starved
		return
	}
	if !c.roomAgain() {
		c.armMemory(now)
		return
	}
	c.feed()
}

// Unsent returns how many bytes of the send ring were never sent (SIOCOUTQNSD).
func (c *Conn) Unsent() int {
	if c.state == StateClosed {
		return 0
	}
	return c.unsent()
}

// Unacked returns how many bytes of the send ring the peer has not acknowledged (SIOCOUTQ).
func (c *Conn) Unacked() int { return c.out.Len() }

// sentText is how many bytes of the send ring have a sequence number.
func (c *Conn) sentText() int {
	if c.has&finSent != 0 {
		return c.out.Len()
	}
	n := c.snd.nxt.Sub(c.snd.una)
	if c.state == StateSynSent || c.state == StateSynReceived {
		n-- // the SYN
	}
	return n
}

// unsent is how many bytes of the send ring were never sent.
func (c *Conn) unsent() int { return c.out.Len() - c.sentText() }

// waiting is unsent and a FIN that was never sent.
func (c *Conn) waiting() int {
	n := c.unsent()
	if c.has&(finQueued|finSent) == finQueued {
		n++
	}
	return n
}

// nextNew returns how many bytes of new data go in the next segment, 0 for
// none, when a segment holds mss.
func (c *Conn) nextNew(mss int) int {
	unsent := c.unsent()
	usable := c.snd.una.Add(int(c.snd.wnd)).Sub(c.snd.nxt)
	if unsent <= 0 || usable <= 0 {
		return 0
	}
	pipe := c.inFlight()
	room := c.cwnd() - pipe
	if pipe == 0 {
		room = max(room, mss)
	}
	if c.forwarding() {
		room = min(room, c.forwardRoom(mss))
	}
	if room < min(mss, unsent) {
		c.noteLimited()
		return 0
	}
	n := min(unsent, usable, room, c.burst(mss))
	if room < n+mss && unsent > n {
		c.noteLimited()
	}
	if c.holdSuper(n, unsent, pipe, mss) {
		return 0
	}
	if tail := n % mss; tail > 0 && !c.sendTail(n, tail, unsent, usable) {
		n -= tail
	}
	return n
}

// burst is the most that one transmission holds: a super-segment of whole
// segments, within what may leave at once, or one segment.
func (c *Conn) burst(mss int) int {
	most := c.superSegment(mss)
	if c.calls&paced != 0 && most > mss {
		n := paceBurst(c.pacingRate(), mss)
		most = min(most, n-n%mss)
	}
	return most
}

// superSegment is what the link takes at once, or else what the owner cuts for it,
// in whole segments. Where there is a rate, that is not much, and who models the
// path learns more of it from single segments.
func (c *Conn) superSegment(mss int) int {
	most := c.env.MaxGSO - maxHeaders/2
	if c.env.MaxGSO == 0 && c.calls&paced == 0 {
		most = c.env.MaxCut * mss
	}
	most = min(most, maxLend)
	if most < 2*mss || c.fragments() || c.calls&urgentOut != 0 {
		return mss
	}
	return most - most%mss
}

// sendTail reports whether the last tail bytes of n, less than a segment, may
// go now: all that is queued where Nagle and cork agree, or half of the
// largest window ever offered (RFC 9293 3.8.6.2.1).
func (c *Conn) sendTail(n, tail, unsent, usable int) bool {
	if n == unsent {
		return c.mayBePartial()
	}
	if n > tail {
		return false
	}
	return n == usable && (c.has&overrideSWS != 0 || n >= int(c.snd.maxWnd/2))
}

// holdSuper holds a partial super-segment back while a full one is in flight
// and its ACK will soon let a larger one go. What the owner cuts is not worth
// that wait.
func (c *Conn) holdSuper(n, unsent, pipe, mss int) bool {
	if c.env.MaxGSO == 0 {
		return false
	}
	most := c.burst(mss)
	if most == mss || n >= most || pipe < buffer.MaxChunk || c.has&(finQueued|overrideSWS) != 0 {
		return false
	}
	if c.sb != nil && c.sb.rec.mode != open {
		return false
	}
	const shortPath = 2 * time.Millisecond
	return n < unsent || c.rtt.srtt < shortPath
}
