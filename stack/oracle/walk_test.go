package oracle

import (
	"math/rand/v2"
	"time"

	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A walk makes a random sequence as it goes, from what ours has said. Its peer
// keeps to its word: nothing follows its FIN, and the FIN stays where it is.
type walk struct {
	rnd   *rand.Rand
	p     *party // ours
	high  int    // the end of all text that the peer has sent
	fin   int    // the number of its FIN; 0: not sent
	wrote int    // bytes
	out   int    // segments of ours since all was acknowledged

	late   bool // a timeout has sent something again
	beyond bool // the last move was under a waiver
	waiver int
}

// next returns the next move. One for which there is a waiver ends the sequence:
// it is played only now and then, to see that it makes a difference still.
func (w *walk) next() move {
	for range 100 {
		m := w.draw()
		waiver := w.waiverOf(m)
		if waiver < 0 {
			return m
		}
		if w.rnd.IntN(20) == 0 {
			w.beyond, w.waiver = true, waiver
			return m
		}
	}
	return move{kind: pass, wait: ms}
}

// most is how many bytes one call may send. gVisor's Nagle lets the last piece of a
// call go that has more than one segment (RFC 9293 3.7.4 does not).
func (w *walk) most() int {
	if w.p.mode.nagle {
		return 900
	}
	return 2500
}

// segmentsOf is how many segments n bytes are at least.
func (p *party) segmentsOf(n int) int {
	size := 1000
	if p.mode.stamps {
		size -= 12
	}
	return (n + size - 1) / size
}

// draw makes up a move.
func (w *walk) draw() move {
	switch w.p.state() {
	case tcp.StateSynSent:
		return w.duringOpen()
	case tcp.StateListen:
		return w.duringListen()
	}
	if w.late {
		return w.recovers()
	}
	switch n := w.rnd.IntN(100); {
	case n < 60:
		return move{kind: hear, seg: w.keepWord(w.segment())}
	case n < 75:
		if w.p.mode.full {
			return move{kind: send, n: 1000 * (1 + w.rnd.IntN(6))}
		}
		return move{kind: send, n: 1 + w.rnd.IntN(w.most())}
	case n < 88:
		return move{kind: read}
	case n < 90:
		return move{kind: shut}
	case n < 91:
		return move{kind: closeAll}
	}
	// gVisor counts a FIN as a segment where ours counts a byte (RFC 5681 3.1).
	fin := w.p.mode.full && w.p.state() != tcp.StateEstablished && w.p.state() != tcp.StateCloseWait
	often := 8
	if w.p.mode.sack {
		often = 2 // most of them the waiver turns down
	}
	if w.rnd.IntN(often) == 0 && w.p.una < w.p.nxt && !fin {
		return move{kind: timeout}
	}
	return move{kind: pass, wait: time.Duration(1+w.rnd.IntN(10)) * ms}
}

// recovers is a move between a timeout and the ACK of all: what goes again is compared,
// new data is not, for ours lets a window that was not filled grow no further
// (RFC 7661 4), and gVisor does. Nor is there a second timeout: ours leaves ssthresh
// as the first set it (RFC 5681 3.1), gVisor halves it again.
func (w *walk) recovers() move {
	if w.rnd.IntN(8) == 0 {
		return move{kind: read}
	}
	return move{kind: hear, seg: w.keepWord(w.segment())}
}

// keepWord cuts a segment to what the peer may say once its FIN is sent.
func (w *walk) keepWord(s segment) segment {
	end := s.seq + s.text
	switch {
	case w.fin > 0 && end >= w.fin:
		s.seq = min(s.seq, w.fin)
		s.text = w.fin - s.seq
	case s.has(wire.FIN) && end < w.high:
		s.flags &^= wire.FIN
	}
	return s
}

// heed notes what the peer said.
func (w *walk) heed(from numbers, m move) {
	if m.kind == send {
		w.wrote += m.n
		w.out += w.p.segmentsOf(m.n)
	}
	w.late = w.late || m.kind == timeout
	if m.kind != hear {
		return
	}
	s := m.seg
	x := &cell{from: from, seg: s}
	counts := x.acceptable() && !s.has(wire.SYN|wire.RST) || !x.synchronized()
	if counts && s.has(wire.ACK) && s.ack <= w.p.nxt {
		w.p.una = max(w.p.una, s.ack)
		if w.p.una == w.p.nxt {
			w.out = 0
		}
	}
	if s.has(wire.RST | wire.SYN) {
		return
	}
	w.high = max(w.high, s.seq+s.text)
	if s.has(wire.FIN) {
		w.fin = s.seq + s.text
	}
}

func (w *walk) wnd() int { return 20000 + w.rnd.IntN(20000) }

// duringOpen is a move in SYN-SENT.
func (w *walk) duringOpen() move {
	s := segment{flags: wire.SYN | wire.ACK, ack: w.p.nxt, wnd: w.wnd()}
	switch w.rnd.IntN(12) {
	case 0:
		s.flags = wire.SYN
	case 1:
		s.flags = wire.RST | wire.ACK
	case 2:
		s.flags, s.ack = wire.RST, 0
	case 3:
		s.flags, s.ack = wire.RST|wire.ACK, w.p.nxt+1+w.rnd.IntN(1000)
	case 4:
		return move{kind: pass, wait: 100 * ms}
	}
	return move{kind: hear, seg: s}
}

// duringListen is a move in LISTEN or in the SYN-RECEIVED that comes of it.
func (w *walk) duringListen() move {
	s := segment{flags: wire.SYN, wnd: w.wnd()}
	if w.p.issKnown {
		s = segment{flags: wire.ACK, seq: 1, ack: 1, wnd: w.wnd()}
	}
	switch w.rnd.IntN(10) {
	case 0:
		s.flags = wire.RST
	case 1:
		s.flags |= wire.ACK
	case 2:
		s.text = 1 + w.rnd.IntN(100)*(int(s.flags&wire.ACK)>>4)
	}
	return move{kind: hear, seg: s}
}

// segment is one of the peer in a synchronized state: mostly what a peer might
// send, delayed, lost, repeated or cut otherwise, and sometimes what it may not.
func (w *walk) segment() segment {
	r, p := w.rnd, w.p
	s := segment{flags: wire.ACK, seq: p.rcvNxt, ack: p.nxt, wnd: w.wnd()}
	if r.IntN(3) == 0 && p.nxt > p.una {
		s.ack = p.una + r.IntN(p.nxt-p.una+1)
		if p.mode.full {
			s.ack -= (s.ack - 1) % 1000
		}
	}
	switch r.IntN(17) {
	case 0, 1, 2, 3, 4:
		s.text = 1 + r.IntN(1000)
	case 5, 6: // after a hole
		s.seq += 1 + r.IntN(2000)
		s.text = 1 + r.IntN(1000)
	case 7: // again, in part or in whole
		s.seq -= min(1+r.IntN(1000), max(p.rcvNxt-1, 0))
		s.text = 1 + r.IntN(1500)
	case 8:
		s.flags |= wire.FIN
		s.text = r.IntN(300)
	case 9: // FIN after a hole
		s.flags |= wire.FIN
		s.seq += r.IntN(1000)
	case 10:
		s.seq -= 1 + r.IntN(100) // a keep-alive, or older
	case 11:
		if r.IntN(4) == 0 {
			s.flags = wire.RST | wire.ACK*wire.Flags(r.IntN(2))
			s.seq += []int{-1, 0, 0, 1, 500}[r.IntN(5)]
		}
	case 12:
		if r.IntN(3) == 0 {
			s.flags |= wire.SYN
			s.seq += r.IntN(100) - 50
		}
	case 13:
		s.flags &^= wire.ACK
	case 14:
		s.flags |= wire.PSH | wire.URG
		s.text = 1 + r.IntN(100)
	case 15: // what a waiver covers
		s.text = 1 + r.IntN(100)
		switch r.IntN(3) {
		case 0:
			s.ack = p.nxt + 1 + r.IntN(100)
		case 1:
			s.seq = p.rcvNxt + p.wnd - 50 + r.IntN(100)
		case 2:
			s.flags, s.seq = wire.RST, p.rcvNxt+p.wnd+r.IntN(100)
		}
	}
	return s
}
