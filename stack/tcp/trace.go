package tcp

import (
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// event returns an Event with what every event of a connection says.
func (c *Conn) event(now clock.Instant, k trace.Kind, why trace.Reason) trace.Event {
	e := trace.Event{At: now, Conn: c.id, Kind: k, Reason: why, State: uint8(c.state)}
	e.Seq, e.Ack = uint32(c.snd.nxt), uint32(c.rcv.nxt)
	e.SRTT = uint32(c.rtt.srtt / 1000)
	e.RTO = uint32(c.timeout() / 1000)
	if c.cc != nil {
		e.Cwnd = uint32(c.cwnd())
	}
	return e
}

func (c *Conn) traceTimer(now clock.Instant, why trace.Reason) {
	if c.env.Trace != nil {
		c.env.Trace.Add(c.event(now, trace.TimerFired, why))
	}
}

func (c *Conn) traceCwnd(now clock.Instant, why trace.Reason) {
	if c.env.Trace != nil {
		c.env.Trace.Add(c.event(now, trace.CwndChanged, why))
	}
}

func (c *Conn) traceSent(now clock.Instant, out *Segment) {
	if c.env.Trace == nil {
		return
	}
	e := c.event(now, trace.Sent, out.Why)
	e.Flags = uint8(out.Seg.Flags)
	e.Seq, e.Ack, e.Len = uint32(out.Seg.Seq), uint32(out.Seg.Ack), uint32(out.Len())
	e.Window = uint32(out.Seg.Window)
	if out.Seg.Flags&wire.SYN == 0 {
		e.Window <<= c.opt.rcvShift
	}
	if c.env.MaxGSO > 0 || out.GSOSize == 0 {
		c.env.Trace.Add(e)
		return
	}
	for left := out.Len(); left > 0; left -= out.GSOSize { // each as it goes on the wire
		e.Len, e.Flags = uint32(min(left, out.GSOSize)), uint8(out.Flags(left == out.Len(), left <= out.GSOSize))
		c.env.Trace.Add(e)
		e.Seq += e.Len
	}
}

// traceArrival notes a segment, or why it has no effect.
func (c *Conn) traceArrival(now clock.Instant, k trace.Kind, why trace.Reason, in *Arrival) {
	if c.env.Trace == nil {
		return
	}
	e := c.event(now, k, why)
	e.Flags = uint8(in.Seg.Flags)
	e.Seq, e.Ack, e.Len = uint32(in.Seg.Seq), uint32(in.Seg.Ack), uint32(len(in.Payload))
	e.Window = uint32(in.Seg.Window)
	if in.Seg.Flags&wire.SYN == 0 {
		e.Window <<= c.opt.sndShift
	}
	c.env.Trace.Add(e)
}

// drop counts a segment, or a part of it, that had no effect.
func (c *Conn) drop(now clock.Instant, why trace.Reason, in *Arrival) {
	c.env.Stats.Dropped[why]++
	c.traceArrival(now, trace.Dropped, why, in)
}
