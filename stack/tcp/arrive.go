package tcp

import (
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// arriving is a segment under way through the steps of RFC 9293 3.10.7.4,
// trimmed as they go.
type arriving struct {
	in    *Arrival
	seq   wire.Seq
	ack   wire.Seq
	text  []byte
	flags wire.Flags
	dsack span // what its D-SACK reports; empty: there is none

	srtt, rttvar time.Duration // as they were before
}

// window is SEG.WND in bytes: never scaled on a SYN (RFC 7323 2.2).
func (s *arriving) window(c *Conn) uint32 {
	w := uint32(s.in.Seg.Window)
	if s.in.Seg.Flags&wire.SYN != 0 {
		return w
	}
	return w << c.opt.sndShift
}

// Arrive takes a segment of this flow (RFC 9293 3.10.7). It borrows in.
func (c *Conn) Arrive(now clock.Instant, in *Arrival) {
	s := arriving{in: in, seq: in.Seg.Seq, ack: in.Seg.Ack, text: in.Payload, flags: in.Seg.Flags}
	c.traceArrival(now, trace.Received, trace.None, in)
	c.countArrival(now, in)
	switch c.state {
	case StateClosed, StateListen:
		c.drop(now, trace.DropState, in)
		return
	case StateSynSent:
		c.arriveSynSent(now, &s)
	default:
		c.arriveSynchronized(now, &s)
	}
	c.armPersist(now)
}

// arriveSynchronized is RFC 9293 3.10.7.4, step by step.
func (c *Conn) arriveSynchronized(now clock.Instant, s *arriving) {
	if c.state == StateSynReceived && c.crossedSYN(now, s) {
		return
	}
	if !c.acceptable(now, s) { // first
		return
	}
	if c.arriveRST(now, s) { // second
		return
	}
	if c.arriveSYN(now, s) { // fourth; the third, security, is no more
		return
	}
	c.rcv.lastRecv = now
	if c.arriveACK(now, s) { // fifth
		return
	}
	c.arriveURG(s)       // sixth
	c.arriveText(now, s) // seventh, and eighth: FIN
}

// arriveRST is RFC 9293 3.10.7.4, second, with RFC 5961 3.
func (c *Conn) arriveRST(now clock.Instant, s *arriving) bool {
	if s.flags&wire.RST == 0 {
		return false
	}
	if c.state == StateTimeWait {
		// Deviates from RFC 9293 s.3.10.7.4: a reset does not shorten TIME-WAIT
		// (RFC 1337 3), or old duplicates could reach the next connection.
		c.drop(now, trace.DropState, s.in)
		return true
	}
	if s.seq != c.rcv.nxt {
		c.drop(now, trace.DropUnacceptable, s.in)
		// It may be acceptable for a part of its text and yet begin outside the window.
		if s.seq.InWindow(c.rcv.nxt, uint32(c.rcv.adv.Sub(c.rcv.nxt))) {
			c.challenge(now)
		}
		return true
	}
	why := ErrReset
	if c.state == StateSynReceived && c.has&passive == 0 {
		why = ErrRefused
	}
	switch c.state {
	case StateClosing, StateLastAck:
		if c.out.Len() == 0 {
			why = 0 // both sides had said all
		}
	}
	c.end(now, why)
	return true
}

// arriveSYN is RFC 9293 3.10.7.4, fourth, with RFC 5961 4: in the window or
// not, a SYN only draws a challenge ACK.
func (c *Conn) arriveSYN(now clock.Instant, s *arriving) bool {
	if s.flags&wire.SYN == 0 {
		return false
	}
	c.drop(now, trace.DropState, s.in)
	c.answerOutside(now, s)
	return true
}
