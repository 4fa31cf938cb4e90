package tcp

import "github.com/sockeye-net/sockeye/stack/clock"

// A Reader is the memory of somebody who waits to receive. What arrives in order
// and finds nothing before it in the receive ring goes straight there: one copy
// instead of two.
type Reader struct {
	Buf []byte // free space
	N   int    // how much of it was filled
	TOS uint8  // of the latest segment that did, for the host
}

// readDirect gives the reader as much of an in-order segment as goes to it, and
// cuts that off. With a hole ahead, or anything urgent, the ring has it all.
func (c *Conn) readDirect(now clock.Instant, s *arriving) {
	r := s.in.Reader
	if c.in.Len() > 0 || c.re != nil || c.rcv.urgent != noUrgentByte {
		return
	}
	n := copy(r.Buf[r.N:], s.text)
	if n == 0 {
		return
	}
	r.N += n
	c.growRecv(now, n)
	c.in.Skip(n)
	s.seq, s.text = s.seq.Add(n), s.text[n:]
	c.received(n)
}
