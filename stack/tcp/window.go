package tcp

import (
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// roomToOffer is how many bytes beyond RCV.NXT the peer may send, by our
// buffer and the host's Budget.
func (c *Conn) roomToOffer() int {
	room := max(min(c.recvBuffer()-c.in.Len(), c.mostWindow()), 0)
	// As the Budget drains, windows stop growing.
	return min(room, c.fairShare(), 65535<<c.opt.rcvShift)
}

// worthOffering is the receiver's part of silly-window avoidance (RFC 9293
// 3.8.6.2.2): the right edge moves in steps.
func (c *Conn) worthOffering(room int) bool {
	grow := room - c.rcv.adv.Sub(c.rcv.nxt)
	return grow > 0 && grow >= min(c.mostWindow()/2, advertisedMSS(c.env, &c.opts.Options))
}

// window returns SEG.WND as it goes on the wire and moves RCV.NXT + RCV.WND,
// never to the left (SHLD-14).
func (c *Conn) window() uint16 {
	shift := c.opt.rcvShift
	cur := max(c.rcv.adv.Sub(c.rcv.nxt), 0)
	room := c.roomToOffer()
	field := (cur + 1<<shift - 1) >> shift
	if c.worthOffering(room) && room>>shift > cur>>shift {
		field = room >> shift
	} else if field<<shift > cur && c.in.Len()+field<<shift > c.recvBuffer()+c.slack() {
		// Rounding up keeps the edge, and adds less than a unit to it. Where that
		// has added up, round down: the edge that the peer sees may then move
		// left by less than a unit (RFC 7323 2.4), but what it had seen is still accepted.
		field = cur >> shift
	}
	field = min(field, 65535)
	c.rcv.adv = wire.MaxSeq(c.rcv.adv, c.rcv.nxt.Add(field<<shift))
	return uint16(field)
}

// slack bounds what rounding up may add to the buffer.
func (c *Conn) slack() int { return max(c.recvBuffer()/16, 1<<c.opt.rcvShift) }

// synWindow is the window of our SYN or SYN-ACK, which is not scaled (RFC 7323 2.2).
func synWindow(e *Env, o *Options) uint16 {
	return uint16(min(o.firstWindow(e), 65535, e.Budget.Free()/4))
}

// RecvLimit is the size of the receive buffer now, bytes.
func (c *Conn) RecvLimit() int { return c.recvBuffer() }

// Readable returns how many bytes the next reads give, up to an urgent byte that
// is not part of the stream.
func (c *Conn) Readable() int {
	if at := c.markIn(); at > 0 && !c.opts.OOBInline {
		return at
	}
	return c.readable()
}

// ReadableToMark is Readable as SIOCINQ counts it: at an urgent byte that is not
// part of the stream it is 0.
func (c *Conn) ReadableToMark() int {
	if at := c.markIn(); at >= 0 && !c.opts.OOBInline {
		return at
	}
	return c.in.Len()
}

// readable is how many bytes can be read across the mark.
func (c *Conn) readable() int {
	if c.opts.OOBInline || c.markIn() < 0 {
		return c.in.Len()
	}
	return c.in.Len() - 1
}

// AtEOF reports that everything up to the peer's FIN has been read.
func (c *Conn) AtEOF() bool { return c.has&finReceived != 0 && c.readable() == 0 }

// Finished reports that the peer's FIN has come, and all before it.
func (c *Conn) Finished() bool { return c.has&finReceived != 0 }

// Read copies received bytes to p and returns how many there were.
func (c *Conn) Read(now clock.Instant, p []byte) int {
	total := 0
	for len(p) > 0 {
		s := c.RecvSpan(len(p))
		n := copy(p, s[0])
		n += copy(p[n:], s[1])
		c.RecvCommit(now, n)
		p = p[n:]
		total += n
		if n == 0 || c.AtMark() {
			break
		}
	}
	return total
}

// Peek copies received bytes to p, leaves them where they are and returns how
// many there were, at most 64 KiB.
func (c *Conn) Peek(p []byte) int {
	from, n := 0, min(len(p), maxLend)
	switch at := c.markIn(); {
	case at > 0:
		n = min(n, at)
	case at == 0 && !c.opts.OOBInline:
		from = 1
	}
	s := c.in.Spans(from, n)
	n = copy(p, s[0])
	return n + copy(p[n:], s[1])
}

// RecvSpan lends the received bytes, at most n; RecvCommit says how many were
// taken. Between the two they may be read outside the owner's lock, whatever
// happens to the connection meanwhile. What lends nothing needs no RecvCommit.
func (c *Conn) RecvSpan(n int) [2][]byte {
	if c.rcv.urgent != noUrgentByte {
		n = c.beforeMark(n)
	}
	n = min(n, c.in.Len(), maxLend)
	if n <= 0 {
		return [2][]byte{}
	}
	c.in.Pin()
	return c.in.Spans(0, n)
}

// RecvCommit ends a RecvSpan and drops the first n received bytes, which may be
// 0. It owes a window update when that opens the window by much.
func (c *Conn) RecvCommit(now clock.Instant, n int) {
	c.in.Unpin()
	c.growRecv(now, n)
	c.take(n)
}

// take drops the first n received bytes.
func (c *Conn) take(n int) {
	n = min(n, c.in.Len())
	if n <= 0 {
		return
	}
	c.in.Discard(c.env.Budget, n)
	c.passMark()
	if !c.state.receives() || c.state == StateClosed {
		return
	}
	room := c.roomToOffer()
	// Twice what is still open: each update costs the peer a packet.
	if c.worthOffering(room) && room >= 2*c.rcv.adv.Sub(c.rcv.nxt) {
		c.has |= owesWindow
	}
}
