package host

import (
	"encoding/binary"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// Where the link takes single packets only, TCP decides once for several segments
// all the same, and they are cut here: what TCP and the headers cost is paid once
// for all of them. On the wire nothing tells the difference.

// maxCut is how many segments a connection gives in its turn. More gain little,
// and other connections would wait for them.
const maxCut = 16

// cutSegment writes h.segment, which stands for several, to out from n on, where
// there is room for them, and returns where it ends.
func (h *Host) cutSegment(now clock.Instant, s *socket, flow *tcp.Flow, out []link.Packet, n int) int {
	seg, first := &h.segment, n
	h.turnHeading(s, flow)
	ip, t := &h.heading.head, &h.stencil
	t.Set(&seg.Seg)
	body, seq, left := seg.Payload, seg.Seg.Seq, seg.Len()
	for left > 0 && n < len(out) {
		size := min(left, seg.GSOSize)
		flags := seg.Flags(n == first, size == left)
		p, b := &out[n], h.head(n)
		tcpLen := t.Len() + size
		at := ip.Put(b, tcpLen, 0) // DF: tcp makes no super-segments without
		length, sum := t.Put(b[at:], ip.SumPseudo(tcpLen), seq, flags)
		p.Head, p.GSOSize, p.CsumDone = b[:at+length], 0, h.feat.ChecksumOffload
		moveSpans(&p.Body, &body, size)
		field := ^wire.Fold(ip.SumPseudo(tcpLen))
		if !p.CsumDone {
			field = wire.Fold(wire.SumPair(sum, p.Body))
		}
		binary.BigEndian.PutUint16(b[at+16:], field)
		if h.tap != nil {
			h.tap.Put(now, link.Out, seg.Why, s.trace(), p)
		}
		seq, left = seq.Add(size), left-size
		n++
	}
	h.countSegments(n - first)
	return n
}

// moveSpans moves the first n bytes of from, which has as many, to to.
func moveSpans(to, from *[2][]byte, n int) {
	if n <= len(from[0]) {
		to[0], to[1] = from[0][:n], nil
		from[0] = from[0][n:]
		return
	}
	n -= len(from[0])
	to[0], to[1] = from[0], from[1][:n]
	from[0], from[1] = from[1][n:], nil
}
