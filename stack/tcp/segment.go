package tcp

import (
	"net/netip"

	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A Flow is the four-tuple of a connection, seen from us.
type Flow struct{ Local, Remote netip.AddrPort }

// An Arrival is a segment that came in for a connection.
type Arrival struct {
	Seg      wire.TCP
	Payload  []byte  // borrowed
	ECN      uint8   // ECN codepoint of the IP header
	Segments int     // how many wire segments it stands for: above 1 for a super-segment
	Reader   *Reader // who waits for it; nil: nobody, and the receive ring takes it
	Unwanted bool    // the owner takes no text any more: it resets the connection, for him too
	InOrder  bool    // Arrive tells by it that the text was the next, without a hole, and was taken

	// Where a connection in TIME-WAIT made room for this SYN (Reopen): its SND.NXT.
	Prior    wire.Seq
	HasPrior bool
}

// A Segment is one that goes out. Sequence numbers, flags, window and options
// are in Seg, and the ports; the host writes the headers.
type Segment struct {
	Seg     wire.TCP
	Payload [2][]byte // borrowed from the send ring until the next call
	GSOSize int       // payload bytes of each wire segment; 0: this is one segment
	ECN     uint8     // ECN codepoint for the IP header; of a super-segment CWR is for the first segment
	DF      bool
	Why     trace.Reason
}

// Len returns the payload's length in bytes.
func (s *Segment) Len() int { return len(s.Payload[0]) + len(s.Payload[1]) }

// Flags returns the flags of one of the segments that a super-segment is cut into:
// CWR belongs to the first (RFC 3168 6.1.2), FIN and PSH to the last.
func (s *Segment) Flags(first, last bool) wire.Flags {
	f := s.Seg.Flags
	if !first {
		f &^= wire.CWR
	}
	if !last {
		f &^= wire.FIN | wire.PSH
	}
	return f
}

// segLen is SEG.LEN: SYN and FIN count one each.
func segLen(flags wire.Flags, text int) int {
	if flags&wire.SYN != 0 {
		text++
	}
	if flags&wire.FIN != 0 {
		text++
	}
	return text
}

// Refuse fills out with the RST that answers a segment for which there is no
// connection (RFC 9293 3.10.7.1) and reports whether there is one: never to a RST.
func Refuse(in *Arrival, out *Segment) bool {
	if in.Seg.Flags&wire.RST != 0 {
		return false
	}
	*out = Segment{DF: true, Why: trace.SendRST}
	out.Seg.SrcPort, out.Seg.DstPort = in.Seg.DstPort, in.Seg.SrcPort
	if in.Seg.Flags&wire.ACK != 0 {
		out.Seg.Seq = in.Seg.Ack
		out.Seg.Flags = wire.RST
		return true
	}
	out.Seg.Flags = wire.RST | wire.ACK
	out.Seg.Ack = in.Seg.Seq.Add(segLen(in.Seg.Flags, len(in.Payload)))
	return true
}
