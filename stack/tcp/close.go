package tcp

import (
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// CloseWrite queues a FIN after the data (half-close, RFC 9293 3.10.4).
func (c *Conn) CloseWrite(now clock.Instant) {
	if c.has&finQueued != 0 {
		return
	}
	switch c.state {
	case StateSynSent, StateSynReceived:
		c.has |= finQueued // it goes when ESTABLISHED is reached
	case StateEstablished:
		c.has |= finQueued
		c.setState(now, StateFinWait1)
	case StateCloseWait:
		c.has |= finQueued
		c.setState(now, StateLastAck)
	}
	c.armPersist(now)
}

// Close is the owner's last call: FIN, or RST where received data is unread
// (RFC 9293 SHLD-3). The connection goes on without an owner until it is
// closed; an RST still has to be fetched by Transmit.
func (c *Conn) Close(now clock.Instant) {
	c.has |= orphan
	switch c.state {
	case StateClosed:
		c.in.Release(c.env.Budget)
		return
	case StateSynSent:
		c.end(now, 0) // RFC 9293 3.10.4: delete the TCB
		return
	case StateTimeWait:
		c.in.Release(c.env.Budget)
		return
	}
	if c.in.Len() > 0 {
		c.abort(now, 0)
		return
	}
	c.CloseWrite(now)
	if c.state == StateFinWait2 {
		c.armFinWait2(now)
	}
}

// Abort resets the connection (RFC 9293 3.10.5). The RST has still to be
// fetched by Transmit.
func (c *Conn) Abort(now clock.Instant) {
	if c.state != StateClosed {
		c.abort(now, ErrAborted)
	}
}

// abort ends the connection with an RST where the peer knows of it.
//
// Deviates from RFC 9293 s.3.10.5: in CLOSING and LAST-ACK too where something of
// ours is not acknowledged; the peer would wait for the rest of the stream.
func (c *Conn) abort(now clock.Instant, why Error) {
	state, seq := c.state, c.pureSeq()
	c.end(now, why)
	switch state {
	case StateSynReceived, StateEstablished, StateFinWait1, StateFinWait2, StateCloseWait:
		c.oweRST(seq, true)
	case StateLastAck, StateClosing:
		if c.snd.una != c.snd.nxt {
			c.oweRST(seq, true)
		}
	}
}

// end is the end of the connection, for a reason or for none.
func (c *Conn) end(now clock.Instant, why Error) {
	c.err = why
	c.setState(now, StateClosed)
	if c.has&orphan != 0 {
		c.in.Release(c.env.Budget)
	}
}

// oweRST owes a reset with the given sequence number.
func (c *Conn) oweRST(seq wire.Seq, ack bool) {
	c.has = c.has&^rstACK | owesRST
	if ack {
		c.has |= rstACK
	}
	c.snd.reset = seq
}

// takeFIN follows the peer's FIN, which is next in sequence (RFC 9293
// 3.10.7.4, eighth).
func (c *Conn) takeFIN(now clock.Instant) {
	c.rcv.nxt = c.rcv.nxt.Add(1)
	c.rcv.adv = wire.MaxSeq(c.rcv.adv, c.rcv.nxt)
	c.has |= finReceived
	c.events |= EvReadable
	c.dropReassembly()
	c.in.Trim(c.env.Budget)
	c.oweACK()
	switch c.state {
	case StateEstablished:
		c.setState(now, StateCloseWait)
	case StateFinWait1:
		c.setState(now, StateClosing) // had our FIN been acknowledged, FIN-WAIT-2 would be the state
	case StateFinWait2:
		c.setState(now, StateTimeWait)
	}
}

// armFinWait2 bounds how long a peer may leave an orphan half closed. As on
// Linux an owner may have chosen not to wait at all (TCP_LINGER2 below 0): then
// the peer's FIN, which is still to come, finds a reset.
//
// Deviates from RFC 9293 s.3.6: FIN-WAIT-2 ends without the peer's FIN where
// nobody is left to wait for it; a peer that never sends it would hold the
// connection for good.
func (c *Conn) armFinWait2(now clock.Instant) {
	switch {
	case c.has&orphan == 0:
	case c.opts.FinWait2 < 0:
		c.abort(now, 0)
	default:
		c.timers[timerTimeWait] = now.Add(orDefault(c.opts.FinWait2, c.env.Config.FinWait2))
	}
}

// lingerTimeout is the end of TIME-WAIT, or of an orphan's FIN-WAIT-2.
func (c *Conn) lingerTimeout(now clock.Instant) {
	if c.state == StateTimeWait {
		c.traceTimer(now, trace.TimerTimeWait)
		c.end(now, 0)
		return
	}
	c.traceTimer(now, trace.TimerFinWait2)
	c.end(now, 0)
}

// Reusable reports whether the SYN in may open a new connection in the place
// of this one in TIME-WAIT: its timestamp, or without that its sequence
// number, shows that it is no old duplicate (RFC 6191 2, RFC 1122 4.2.2.13).
// The owner then Releases c and gives the segment to the listener.
//
// Deviates from RFC 6191 s.2: where c had no timestamps, a SYN that has one goes by its
// sequence number, as on Linux, and is not taken at any: an old duplicate may have one too.
func (c *Conn) Reusable(now clock.Instant, in *Arrival) bool {
	const control = wire.SYN | wire.ACK | wire.RST | wire.FIN
	if c.state != StateTimeWait || in.Seg.Flags&control != wire.SYN {
		return false
	}
	if o := &in.Seg.Options; c.opt.ts && o.HasTimestamps && c.rcv.tsRecentAt != clock.Never {
		if tsLess(c.rcv.tsRecent, o.TSVal) {
			return true
		}
		if o.TSVal != c.rcv.tsRecent && now.Sub(c.rcv.tsRecentAt) <= tsValid {
			return false
		}
	}
	return c.rcv.nxt.Less(in.Seg.Seq)
}
