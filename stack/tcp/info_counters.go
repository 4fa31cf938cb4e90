package tcp

import (
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
)

// counters feed Info.
type counters struct {
	delivered int64 // bytes known to have reached the peer
	sent      int64 // bytes sent, retransmissions included
	retrans   int64 // bytes sent again

	// Segments of the wire: a super-segment counts as those it is cut into.
	segsIn, segsOut uint32
	dataIn, dataOut uint32 // of those, with data
	segsAgain       uint32 // sent again, SYNs included
	segsDelivered   uint32 // known to have reached the peer, the SYN included
	deliveredCE     uint32 // ... by ACKs that echoed a congestion mark
	dsacks          uint32 // reported by the peer as duplicates
	late            uint32 // ACKs that showed reordering
	ahead           uint32 // came out of order

	rtoMillis uint32 // spent in repair after timeouts
	rtos      uint16 // retransmission timeouts
	rtoEvents uint16 // ... of them the first after progress
}

// inSegments is how many segments of n bytes make size bytes, at least 1.
func inSegments(size, n int) uint32 { return uint32(max((size+n-1)/max(n, 1), 1)) }

// countArrival counts a segment that came for the connection.
func (c *Conn) countArrival(now clock.Instant, in *Arrival) {
	n := uint32(max(in.Segments, 1))
	c.count.segsIn += n
	if len(in.Payload) > 0 {
		c.count.dataIn += n
		c.rcv.lastText = now
	}
}

// leaves counts and traces a segment that goes out.
func (c *Conn) leaves(now clock.Instant, out *Segment) {
	n := uint32(1)
	if out.GSOSize > 0 {
		n = inSegments(out.Len(), out.GSOSize)
	}
	c.count.segsOut += n
	if out.Len() > 0 {
		c.count.dataOut += n
	}
	c.traceSent(now, out)
}

// countDelivered counts what an ACK says has arrived.
func (c *Conn) countDelivered(segs int, marked bool) {
	c.count.segsDelivered += uint32(segs)
	if marked {
		c.count.deliveredCE += uint32(segs)
	}
}

// countDSACK counts the segments that the peer got twice.
func (c *Conn) countDSACK(d span) {
	if d != (span{}) {
		c.count.dsacks += inSegments(d.r.Sub(d.l), c.sendMSS(0))
	}
}

// countTimeout counts an expiry of the retransmission timer; first says that
// there was progress since the one before.
func (c *Conn) countTimeout(first bool) {
	c.count.rtos++
	if first {
		c.count.rtoEvents++
	}
}

// leaveLoss ends the time of repair that began with a timeout.
func (c *Conn) leaveLoss(now clock.Instant) {
	if r := &c.sb.rec; r.mode == afterTimeout {
		c.count.rtoMillis += uint32(now.Sub(r.timedOut).Milliseconds())
	}
}

// A busyClock measures how long data was on its way, and what kept it: the
// chronograph of Linux, in units of about a millisecond, rests carried over.
type busyClock struct {
	since clock.Instant // begin of the present kind; idle: the rest of the one before
	spent [numBusy - 1]uint32
	kind  busyKind
}

type busyKind uint8

const (
	idle        busyKind = iota
	busy                 // something is unacknowledged or unsent
	windowBound          // ... and the peer's window keeps it
	bufferBound          // ... and the owner waits for room in the send buffer
	numBusy
)

const busyUnit = 1 << 20 // ns

// turn lets the clock count for kind from now on.
func (b *busyClock) turn(now clock.Instant, kind busyKind) {
	if kind == b.kind {
		return
	}
	rest := time.Duration(b.since)
	if b.kind != idle {
		d := now.Sub(b.since)
		b.spent[b.kind-1] += uint32(d / busyUnit)
		rest = d % busyUnit
	}
	b.kind = kind
	b.since = clock.Instant(rest)
	if kind != idle {
		b.since = now.Add(-rest)
	}
}

// read returns the time spent in kind so far.
func (b *busyClock) read(now clock.Instant, kind busyKind) time.Duration {
	d := time.Duration(b.spent[kind-1]) * busyUnit
	if b.kind == kind {
		d += now.Sub(b.since)
	}
	return d
}

// clockBusy looks what keeps the data now.
func (c *Conn) clockBusy(now clock.Instant) {
	kind := idle
	switch {
	case c.out.Len() == 0:
	case c.unsent() > 0 && c.snd.una.Add(int(c.snd.wnd)).LessEq(c.snd.nxt):
		kind = windowBound
	case c.unsent() == 0 && c.state.sends() && c.Writable() == 0:
		kind = bufferBound
	default:
		kind = busy
	}
	c.busy.turn(now, kind)
}

// The states of congestion control as tcp_info numbers them.
const (
	caOpen uint8 = iota
	caDisorder
	caCWR
	caRecovery
	caLoss
)

// caState is tcpi_ca_state.
func (c *Conn) caState() uint8 {
	switch {
	case c.sb != nil && c.sb.rec.mode == fastRecovery:
		return caRecovery
	case c.sb != nil && c.sb.rec.mode == afterTimeout:
		return caLoss
	case c.ecn&ecnReduced != 0:
		return caCWR
	case c.snd.dupacks > 0 || c.sb != nil && c.sb.anySack:
		return caDisorder
	}
	return caOpen
}

// noteOutOfOrder counts a segment ahead of RCV.NXT.
func (c *Conn) noteOutOfOrder(s *arriving) { c.count.ahead += uint32(max(s.in.Segments, 1)) }

// lastACK is how long ago an acceptable segment came; all of them acknowledge.
func (c *Conn) lastACK(now clock.Instant) time.Duration {
	return sinceOrZero(now, c.rcv.lastRecv)
}

func sinceOrZero(now, at clock.Instant) time.Duration {
	if at == clock.Never {
		return 0
	}
	return now.Sub(at)
}
