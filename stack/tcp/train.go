package tcp

import (
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// Segments come in trains: after one that has gone through all the steps of
// Arrive come others with the same header, each with the next bytes. Those steps
// would find for each what they found for the first, and change nothing but how
// much has been received; so a train takes them once. What the owner has to see
// to: that they came together, are the next bytes, have the same ACK, window,
// options and ECN codepoint as the first, no flags but ACK (and PSH on the last),
// no more bytes each than the first, and good checksums.
//
// The owner asks TrainRoom after the first has arrived, copies what follows to
// TrainSpans, verifies it there, and says by ArriveTrain how much was good.
// Nothing else may be called between the three.

// A Train is what followed a segment.
type Train struct {
	Bytes    int  // of text
	Segments int  // that brought them; all but the last have Size
	Size     int  // bytes of text in the first of all, and the most that any has
	Push     bool // the last one says PSH
}

// TrainRoom returns how many bytes of text may follow the segment in, which has
// just arrived; 0 where each has to arrive by itself.
func (c *Conn) TrainRoom(in *Arrival) int {
	s := arriving{in: in}
	switch {
	case !in.InOrder, !c.state.receives(), c.has&(orphan|finKnown) != 0, c.unclaimed, c.env.RunsLow(),
		in.Seg.Flags != wire.ACK, in.Seg.Options.NumSACK > 0,
		c.rcv.urgent != noUrgentByte,
		in.Seg.Ack != c.snd.una, s.window(c) != c.snd.wnd, c.snd.wnd == 0: // its ACK was not the latest news
		return 0
	}
	if b := c.sb; b != nil && (b.rec.mode != open || b.anySack || c.snd.dupacks > 0 || c.search != nil) {
		return 0
	}
	room := c.rcv.adv.Sub(c.rcv.nxt)
	if c.trainDirect(in) {
		room = min(room, len(in.Reader.Buf)-in.Reader.N)
	}
	return room
}

// trainDirect reports whether a train goes to who waits for it; what no longer
// fits there has to arrive by itself.
func (c *Conn) trainDirect(in *Arrival) bool {
	return in.Reader != nil && c.in.Len() == 0 && in.Reader.N < len(in.Reader.Buf)
}

// TrainSpans lends the place of the next n bytes, at most TrainRoom, or of less
// where memory is short. Until ArriveTrain nobody reads there.
func (c *Conn) TrainSpans(in *Arrival, n int) [2][]byte {
	if c.trainDirect(in) {
		return [2][]byte{in.Reader.Buf[in.Reader.N:][:n]}
	}
	return c.in.Tail(c.env.Budget, n)
}

// ArriveTrain takes t.Bytes of TrainSpans, perhaps none.
func (c *Conn) ArriveTrain(now clock.Instant, in *Arrival, t *Train) {
	direct := c.trainDirect(in)
	if !direct {
		c.in.Extend(t.Bytes)
	}
	if t.Bytes == 0 {
		if c.in.Len() == 0 {
			c.in.Trim(c.env.Budget)
		}
		return
	}
	c.traceTrain(now, in, t)
	c.count.segsIn += uint32(t.Segments)
	c.count.dataIn += uint32(t.Segments)
	last := c.rcv.nxt.Add((t.Segments - 1) * t.Size)
	c.updateWindow(now, &arriving{in: in, seq: last, ack: in.Seg.Ack})
	for left := t.Bytes; left > 0; left -= t.Size {
		c.noteRecvRTT(now, min(left, t.Size), &in.Seg.Options)
	}
	if direct {
		in.Reader.N += t.Bytes
		c.growRecv(now, t.Bytes)
		c.in.Skip(t.Bytes)
	}
	c.received(t.Bytes)
	c.ackText(now)
}

// traceTrain notes each of the segments.
func (c *Conn) traceTrain(now clock.Instant, in *Arrival, t *Train) {
	if c.env.Trace == nil {
		return
	}
	e := c.event(now, trace.Received, trace.None)
	e.Ack, e.Window = uint32(in.Seg.Ack), uint32(in.Seg.Window)<<c.opt.sndShift
	at := c.rcv.nxt
	for left := t.Bytes; left > 0; left -= t.Size {
		e.Seq, e.Len, e.Flags = uint32(at), uint32(min(left, t.Size)), uint8(wire.ACK)
		if t.Push && left <= t.Size {
			e.Flags |= uint8(wire.PSH)
		}
		c.env.Trace.Add(e)
		at = at.Add(int(e.Len))
	}
}
