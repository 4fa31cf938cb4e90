package tcp

import (
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// Urgent data (RFC 9293 3.8.5, RFC 6093): a mark in the stream that moves forward
// only. On the wire the pointer names the byte behind the last urgent one
// (MUST-62); here RCV.UP is that last byte itself, and SND.UP what is behind it.
//
// For the owner it is as on Linux: one byte, the last, is urgent. It is read
// apart from the stream (ReadUrgent) unless Options.OOBInline leaves it in, and
// a Read that begins before it ends there. New protocols do without (SHLD-13).

// callFacts are single bits that calls set and segments follow.
type callFacts uint8

const (
	urgentOut callFacts = 1 << iota // urgent data up to snd.up is not acknowledged
	moreSoon                        // the owner said that more follows at once
	pushAll                         // what is queued goes, full or not
	ecnSeen                         // the peer has sent something ECN-capable
	adaptRTO                        // the next sample follows a spurious timeout
	paced                           // there is a rate at which data leaves: pacingRate
	wantsRoom                       // the owner found no room for more: EvWritable is news to him
)

// An urgentByte is what is known of the byte at RCV.UP: nothing, or one of the
// bits and, with urgentHere, the byte itself.
type urgentByte uint16

const (
	urgentHere   urgentByte = 0x100 << iota // it has come; the low byte is it
	urgentAhead                             // it was announced
	urgentGone                              // it has been read apart from the stream
	noUrgentByte urgentByte = 0
)

// WriteUrgent is Write whose last byte is urgent. Without room it takes nothing
// and moves no mark.
func (c *Conn) WriteUrgent(now clock.Instant, p []byte) int {
	n := c.Write(now, p)
	if n > 0 {
		c.snd.up = c.snd.una.Add(c.snd.nxt.Sub(c.snd.una) + c.unsent())
		c.calls |= urgentOut
	}
	return n
}

// stampUrgent gives a segment that begins before the mark the pointer to it,
// whatever the segment carries. A mark beyond 64 KiB is announced as far as the
// field reaches where that is beyond all that has been sent (as on Linux).
func (c *Conn) stampUrgent(out *Segment) {
	ahead := c.snd.up.Sub(out.Seg.Seq)
	switch {
	case ahead <= 0:
		return
	case ahead <= 0xffff:
		out.Seg.Urgent = uint16(ahead)
	case c.snd.nxt.Less(out.Seg.Seq.Add(0xffff)):
		out.Seg.Urgent = 0xffff
	default:
		return
	}
	out.Seg.Flags |= wire.URG
}

// urgentACKed follows SND.UNA.
func (c *Conn) urgentACKed() {
	if c.snd.up.LessEq(c.snd.una) {
		c.calls &^= urgentOut
	}
}

// arriveURG is RFC 9293 3.10.7.4, sixth: the mark only moves forward, and what
// has been received is not marked afterwards.
func (c *Conn) arriveURG(s *arriving) {
	if !c.state.receives() {
		return
	}
	if s.flags&wire.URG != 0 {
		c.moveMark(s.in.Seg.Seq.Add(int(s.in.Seg.Urgent) - 1))
	}
	if c.rcv.urgent != urgentAhead {
		return
	}
	if at := c.rcv.up.Sub(s.in.Seg.Seq); at >= 0 && at < len(s.in.Payload) {
		c.rcv.urgent = urgentHere | urgentByte(s.in.Payload[at])
		c.events |= EvUrgent | EvReadable
	}
}

// moveMark takes the announcement of an urgent byte at up.
//
// Deviates from RFC 9293 s.3.10.7.4: a mark on bytes that were received before
// is no news although the owner may not have read them, as on Linux; an old
// duplicate must not mark what it did not mark at first.
func (c *Conn) moveMark(up wire.Seq) {
	if up.Less(c.rcv.nxt) || c.rcv.urgent != noUrgentByte && up.LessEq(c.rcv.up) {
		return
	}
	if c.rcv.urgent != noUrgentByte && c.in.Len() > 0 && c.rcv.up == c.copied() && !c.opts.OOBInline {
		// The byte before was the next to be read, and is not part of the stream.
		c.rcv.urgent = noUrgentByte
		c.take(1)
	}
	c.rcv.up, c.rcv.urgent = up, urgentAhead
	c.events |= EvUrgent
}

// copied is the sequence number of the next byte to be read.
func (c *Conn) copied() wire.Seq {
	n := c.in.Len()
	if c.has&finReceived != 0 {
		n++
	}
	return c.rcv.nxt.Add(-n)
}

// markIn returns how many bytes to read lie before the urgent one, or -1 where
// it is not among those received in order.
func (c *Conn) markIn() int {
	if c.rcv.urgent == noUrgentByte {
		return -1
	}
	if n := c.rcv.up.Sub(c.copied()); n < c.in.Len() {
		return max(n, -1)
	}
	return -1
}

// AtMark reports whether the next byte in the stream is the urgent one (SIOCATMARK).
func (c *Conn) AtMark() bool { return c.rcv.urgent != noUrgentByte && c.rcv.up == c.copied() }

// UrgentLeft returns how many bytes have to be read to be beyond the mark, those
// that have not come included; 0: there is no urgent data (MUST-33).
func (c *Conn) UrgentLeft() int {
	if c.rcv.urgent == noUrgentByte {
		return 0
	}
	return max(c.rcv.up.Sub(c.copied())+1, 0)
}

// HasUrgent reports whether an urgent byte has come that was not read (POLLPRI).
func (c *Conn) HasUrgent() bool { return c.rcv.urgent&urgentHere != 0 }

// ReadUrgent returns the urgent byte. ok is false while it has not come;
// announced is false where there is none to be read apart from the stream.
func (c *Conn) ReadUrgent(peek bool) (b byte, ok, announced bool) {
	u := c.rcv.urgent
	if c.opts.OOBInline || u&(urgentHere|urgentAhead) == 0 {
		return 0, false, false
	}
	if u&urgentHere == 0 {
		return 0, false, true
	}
	if !peek {
		c.rcv.urgent = urgentGone
	}
	return byte(u), true, true
}

// SkipMark drops the urgent byte where it is the next in the stream and not part
// of it: who reads on has passed it.
func (c *Conn) SkipMark() {
	if c.markIn() == 0 && !c.opts.OOBInline {
		c.take(1)
	}
}

// beforeMark bounds a read of n bytes, of which some may have been taken before:
// it ends at the mark, and begins behind it.
func (c *Conn) beforeMark(n int) int {
	switch at := c.markIn(); {
	case at > 0:
		return min(n, at)
	case at == 0:
		c.SkipMark()
	}
	return n
}

// passMark forgets the mark when the reader is beyond it.
func (c *Conn) passMark() {
	if c.rcv.urgent != noUrgentByte && c.rcv.up.Less(c.copied()) {
		c.rcv.urgent = noUrgentByte
	}
}
