package tcp

import (
	"math"
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// Buffers whose size the owner has not set follow the flow: the receive buffer
// what the owner reads in a round trip (dynamic right-sizing), the send buffer
// the congestion window. They only grow, but for the send buffer of a near path,
// and hold memory only while bytes are in them; what they may hold is bounded by the Config, and what they do hold,
// and what is offered to the peer, by the Budget.

// How large the buffers begin, bytes. The receiver's is little to lose to an
// owner who never reads, and ample for the peer's initial window; the sender's
// takes what an owner likes to write at once.
const (
	firstRecv = FirstBuffer
	firstSend = 512 << 10
)

// FirstBuffer is how large, in bytes, the receive buffer of a connection begins
// whose owner has not set it.
const FirstBuffer = 128 << 10

// bufUnit is what sendVars.buf and recvVars.buf count.
const bufUnit = 32 << 10

// inUnits is a size below maxBuffer in bufUnit, rounded up.
func inUnits(bytes int) uint16 { return uint16((bytes + bufUnit - 1) / bufUnit) }

// recvLimit is the largest receive buffer that a connection may come to have:
// the window scale of our SYN has to span it (RFC 7323 2.3).
func (o *Options) recvLimit(e *Env) int {
	if o.RecvBuffer > 0 {
		return fixedBuffer(o.RecvBuffer)
	}
	return e.Config.MaxRecvBuffer
}

// window is the largest window that a connection may come to offer.
func (o *Options) window(e *Env) int { return o.clamp(o.recvLimit(e)) }

// firstWindow is the largest window when a connection opens.
func (o *Options) firstWindow(e *Env) int {
	return o.clamp(min(o.recvLimit(e), max(o.RecvBuffer, firstRecv)))
}

// clamp applies WindowClamp to the size of a buffer.
func (o *Options) clamp(window int) int {
	if o.WindowClamp > 0 {
		return min(window, max(o.WindowClamp, minClamp))
	}
	return window
}

// fixedBuffer brings a size that the owner asked for within its bounds.
func fixedBuffer(bytes int) int { return min(max(bytes, minBuffer), maxBuffer) }

// recvBuffer is the size of the receive buffer now, bytes.
func (c *Conn) recvBuffer() int {
	if c.opts.RecvBuffer > 0 {
		return fixedBuffer(c.opts.RecvBuffer)
	}
	return min(max(int(c.rcv.buf)*bufUnit, firstRecv), c.env.Config.MaxRecvBuffer)
}

// mostWindow is the largest window to offer now.
func (c *Conn) mostWindow() int { return c.opts.clamp(c.recvBuffer()) }

// sendBuffer is the size of the send buffer now, bytes.
func (c *Conn) sendBuffer() int {
	if c.opts.SendBuffer > 0 {
		return fixedBuffer(c.opts.SendBuffer)
	}
	return min(max(int(c.snd.buf)*bufUnit, firstSend), c.env.Config.MaxSendBuffer)
}

// sizeSend lets the send buffer hold two congestion windows: one that is in
// flight, and one to be sent while the owner is away. It only grows, except on a
// near path, where a larger one than is useful is a loss. flight is what was in
// flight when the ACK came, bytes.
func (c *Conn) sizeSend(flight int) {
	if c.opts.SendBuffer > 0 {
		return
	}
	useful, near := c.usefulWindow(flight)
	want := inUnits(min(2*min(useful, c.env.Config.MaxSendBuffer/2), c.fairShare())) // twice the window may be too much for an int
	if want > c.snd.buf || near {
		c.snd.buf = want
	}
}

// nearPath is the round-trip time below which a path carries more than memory
// does: there the cache is what a queue would spill.
const nearPath = 2 * time.Millisecond

// usefulWindow is how much of the congestion window fills the path. On a near
// path where nothing is lost slow start goes on into a queue that grows with the
// send buffer and gives nothing: what is in flight beyond twice the path itself,
// as the smallest round-trip time tells it, is that queue.
func (c *Conn) usefulWindow(flight int) (bytes int, near bool) {
	w, r := c.cc.Window(), &c.rtt
	if r.min == 0 || r.min >= nearPath || r.srtt <= 2*r.min {
		return w, false
	}
	return min(w, int(int64(flight)*2*int64(r.min)/int64(r.srtt))), true
}

// growRecv follows what the owner reads: the buffer holds four times what he
// took in a round trip. Twice would hold the flow beside what waits behind a
// hole; a peer in slow start sends twice as much in the next round trip, and
// the measure is that of the last one. He is about to take n bytes more.
func (c *Conn) growRecv(now clock.Instant, n int) {
	if c.opts.RecvBuffer > 0 || n <= 0 || !c.state.receives() {
		return
	}
	rtt := c.recvRTT()
	tick, read := uint32(uint64(now)/uint64(time.Microsecond)), uint32(c.in.Start())+uint32(n)
	if rtt == 0 || tick-c.rcv.tuneAt < uint32(rtt/time.Microsecond) {
		return
	}
	c.rcv.tuneAt, c.rcv.tuneFrom, read = tick, read, read-c.rcv.tuneFrom
	want := int(min(4*int64(read), int64(c.env.Config.MaxRecvBuffer)))
	if want = min(want, c.fairShare()); want > c.recvBuffer() {
		c.rcv.buf = inUnits(want)
	}
}

// noteRecvRTT takes the round-trip time of a receiver, who sends nothing that
// would be acknowledged: from the echo of his timestamp in full segments. A
// peer that was idle meanwhile makes it too long, so it falls at once and
// rises slowly.
func (c *Conn) noteRecvRTT(now clock.Instant, text int, o *wire.TCPOptions) {
	if c.opts.RecvBuffer > 0 || text < int(c.rcv.mss) {
		return
	}
	m := c.echoed(now, o)
	if m <= tsTick {
		c.rcv.rtt = 0 // the handshake knows it better than a clock that ticks every millisecond
		return
	}
	v := int(min(m/rttUnit, math.MaxUint16))
	if old := int(c.rcv.rtt); old == 0 || v < old {
		c.rcv.rtt = uint16(v)
	} else {
		c.rcv.rtt += uint16((v - old + 63) / 64)
	}
}

// rttUnit is what recvVars.rtt counts.
const rttUnit = time.Millisecond / 16

// recvRTT is the receiver's round-trip time, 0 where nothing is known: without
// timestamps that of the handshake and of what it sends itself.
func (c *Conn) recvRTT() time.Duration {
	if c.rcv.rtt > 0 {
		return time.Duration(c.rcv.rtt) * rttUnit
	}
	return c.rtt.srtt
}
