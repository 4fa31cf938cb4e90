package oracle

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A move is one step of a random sequence: a segment of the peer, or a call, or
// time that passes. Its numbers are fixed, so that a sequence may be played
// again, and with moves left out.
type move struct {
	kind moveKind
	seg  segment       // of hear
	n    int           // of send: bytes
	wait time.Duration // of pass
}

type moveKind uint8

const (
	hear moveKind = iota
	send
	read
	shut
	shutRead
	closeAll
	pass
	timeout // of a retransmission
	open
	listen
)

var moveNames = [...]string{"hear", "send", "read", "shutdown", "shutdown for reading", "close", "pass", "timeout", "connect", "listen"}

func (m move) String() string {
	switch m.kind {
	case hear:
		return "< " + m.seg.String()
	case send:
		return fmt.Sprintf("send(%d)", m.n)
	case pass:
		return fmt.Sprintf("+%v", m.wait)
	}
	return moveNames[m.kind] + "()"
}

// sequenceBuffer is the receive buffer in sequences, large enough never to close
// the window: gVisor counts memory where ours counts bytes.
const sequenceBuffer = 30000

// A view is what can be seen of a move. Segments of data that follow each other
// are one, a FIN that follows data is part of it, and the ACK is the last one.
type view struct {
	data  string // ranges sent, with SYN, FIN and RST
	ack   int    // -1: none
	sack  string // with it
	state tcp.State
	got   string // what a call returned
}

func (v view) String() string {
	return fmt.Sprintf("[%s] ack %d%s, %v %s", v.data, v.ack, v.sack, v.state, v.got)
}

// make plays a move.
func (p *party) play(m move) (v view) {
	var err error
	switch m.kind {
	case hear:
		p.hear(m.seg)
	case send:
		var n int
		n, err = p.stack.Send(p.now, p.conn, make([]byte, m.n))
		v.got = fmt.Sprint("sent ", n)
	case read:
		n, end, why, wrong := p.take(p.taken + 1)
		p.taken += n
		v.got, err = fmt.Sprintf("read %d, end %v, wrong %v", n, end, wrong), why
	case shut:
		err = p.stack.Shutdown(p.now, p.conn, host.ShutWrite)
	case shutRead:
		err = p.stack.Shutdown(p.now, p.conn, host.ShutRead)
	case closeAll:
		err = p.stack.Close(p.now, p.conn)
	case pass:
		p.pass(m.wait)
	case timeout:
		v.say(p.untilSaid(), m.kind)
		v.state = p.state()
		return v
	case open:
		err = p.open(sequenceBuffer)
	case listen:
		err = p.listen(sequenceBuffer)
	}
	if err != nil {
		v.got += " " + err.Error()
	}
	v.say(p.drain(), m.kind)
	p.accept()
	v.state = p.state()
	if v.state != tcp.StateEstablished {
		v.sack = "" // gVisor sends no blocks once it has sent its FIN (RFC 2018 3 does not end there)
	}
	return v
}

// untilSaid lets time pass until something is said.
func (p *party) untilSaid() (said []reply) {
	end := p.now.Add(5 * time.Second)
	for at := p.stack.Deadline(); len(said) == 0 && at != clock.Never && at <= end; at = p.stack.Deadline() {
		p.now = max(p.now, at)
		p.stack.Expire(p.now)
		said = p.drain()
	}
	return said
}

// say brings what was said into the form of a view. A read may tell of the window,
// which is a matter of taste; of what a timeout sends again only the beginning counts.
func (v *view) say(said []reply, kind moveKind) {
	var parts []string
	v.ack = -1
	for i := 0; i < len(said); i++ {
		r := said[i]
		if r.flags&wire.ACK != 0 {
			v.ack, v.sack = r.ack, r.sack
		}
		special := r.flags & (wire.SYN | wire.FIN | wire.RST)
		if r.text == 0 && special == 0 {
			continue
		}
		end := r.seq + r.text
		for i+1 < len(said) && special == 0 {
			next := said[i+1]
			if next.seq != end || next.flags&(wire.SYN|wire.RST) != 0 || next.text == 0 && next.flags&wire.FIN == 0 {
				break
			}
			end += next.text
			special |= next.flags & wire.FIN
			v.ack, v.sack = next.ack, next.sack
			i++
		}
		parts = append(parts, fmt.Sprintf("%v %d:%d", special, r.seq, end))
	}
	switch {
	case kind == timeout && len(said) > 0:
		parts = []string{fmt.Sprint("again from ", said[0].seq)}
	case kind == read && len(parts) == 0:
		v.ack, v.sack = -1, ""
	}
	v.data = strings.Join(parts, ", ")
}

// A walk makes a random sequence as it goes, from what ours has said. Its peer
// keeps to its word: nothing follows its FIN, and the FIN stays where it is.
type walk struct {
	rnd   *rand.Rand
	p     *party // ours
	high  int    // the end of all text that the peer has sent
	fin   int    // the number of its FIN; 0: not sent
	wrote int    // bytes
	out   int    // segments of ours since all was acknowledged
}

// next returns the next move.
func (w *walk) next() move {
	for range 100 {
		if m := w.draw(); w.allows(m) {
			return m
		}
	}
	return move{kind: pass, wait: ms}
}

// allows reports whether a move belongs in a sequence here.
func (w *walk) allows(m move) bool {
	state := w.p.state()
	switch m.kind {
	case hear:
		return known(w.p.numbers(), m.seg) == ""
	case send: // gVisor's congestion window counts segments, ours bytes (RFC 5681 3.1)
		held := w.p.mode.nagle && w.wrote > w.p.nxt-1 // gVisor does not split what it joins
		return w.out+segmentsOf(m.n) <= 9 && state != tcp.StateSynReceived && !held
	case shut: // RFC 9293 3.10.4 queues a FIN in SYN-RECEIVED, gVisor gives up; and its Nagle holds the text before a FIN
		return state != tcp.StateSynReceived && (!w.p.mode.nagle || w.p.una == w.p.nxt)
	case read: // in SYN-RECEIVED gVisor says "not connected", Linux and ours wait
		return state != tcp.StateSynReceived
	case pass: // with SACK a tail loss probe comes early, and not at the same time (RFC 8985 7.2)
		return !w.p.mode.sack || w.p.una == w.p.nxt
	case closeAll: // with unread text gVisor resets TIME-WAIT (RFC 1337, and Linux does not)
		return state != tcp.StateTimeWait && (!w.p.mode.nagle || w.p.una == w.p.nxt)
	case timeout:
		return !w.p.mode.sack && w.p.una < w.p.nxt
	}
	return true
}

// most is how many bytes one call may send. gVisor's Nagle lets the last piece of a
// call go that has more than one segment (RFC 9293 3.7.4 does not).
func (w *walk) most() int {
	if w.p.mode.nagle {
		return 900
	}
	return 2500
}

func segmentsOf(n int) int { return (n + 999) / 1000 }

// draw makes up a move.
func (w *walk) draw() move {
	switch w.p.state() {
	case tcp.StateSynSent:
		return w.duringOpen()
	case tcp.StateListen:
		return w.duringListen()
	}
	switch n := w.rnd.IntN(100); {
	case n < 60:
		return move{kind: hear, seg: w.keepWord(w.segment())}
	case n < 75:
		return move{kind: send, n: 1 + w.rnd.IntN(w.most())}
	case n < 88:
		return move{kind: read}
	case n < 90:
		return move{kind: shut}
	case n < 91:
		return move{kind: closeAll}
	}
	if w.rnd.IntN(8) == 0 && w.p.una < w.p.nxt {
		return move{kind: timeout}
	}
	return move{kind: pass, wait: time.Duration(1+w.rnd.IntN(10)) * ms}
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
		w.out += segmentsOf(m.n)
	}
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

// known names the difference that a segment is known to make, by the cells: such
// segments do not belong in a sequence, or it would end with them.
func known(n numbers, s segment) string {
	x := &cell{start: &cellStart{name: n.state.String()}, from: n, seg: s}
	end := s.seq + s.len()
	switch {
	case x.on(tcp.StateClosed, tcp.StateListen, tcp.StateSynSent):
		return ""
	case s.has(wire.ACK) && x.badACK():
		return "an ACK that RFC 5961 5.2 does not take"
	case s.has(wire.RST) && s.seq >= x.edge(), s.has(wire.RST) && x.on(tcp.StateClosing, tcp.StateLastAck):
		return "a reset beyond the window, or after all was said"
	case end > x.edge():
		return "beyond the window"
	case x.on(tcp.StateSynReceived) && !(s.seq == n.rcvNxt && s.flags&(wire.SYN|wire.ACK) == wire.ACK && s.ack == n.nxt):
		return "anything odd in SYN-RECEIVED"
	case s.has(wire.FIN) && s.seq < n.rcvNxt && s.seq+s.text == n.rcvNxt:
		return "a FIN at RCV.NXT behind old text"
	case s.has(wire.FIN) && s.text == 0 && s.seq > n.rcvNxt:
		return "a bare FIN after a hole, which gVisor does not hold (RFC 9293 3.10.7.4 eighth, SHLD-31)"
	case x.on(afterFIN...) && (end > n.rcvNxt || s.seq > n.rcvNxt):
		return "beyond the peer's FIN"
	case x.on(tcp.StateFinWait1) && s.seq > n.rcvNxt && s.ack == n.nxt:
		return "the ACK of our FIN after a hole"
	case x.on(tcp.StateClosing, tcp.StateLastAck) && s.len() > 0:
		return "text in CLOSING and LAST-ACK"
	}
	return ""
}

// tolerable reports a difference that ends no sequence: where a segment says
// nothing new, one of the two answers it with an ACK that says nothing new either.
// gVisor limits such ACKs to two in a second (RFC 5961 7), wants an ACK in what it
// answers so, and answers everything in TIME-WAIT (cellWaivers).
func (q *sequence) tolerable(m move) bool {
	from := q.from
	us, gv := q.us, q.gv
	us.ack, gv.ack, us.sack, gv.sack = 0, 0, "", ""
	x := &cell{from: from, seg: m.seg}
	stale := !x.acceptable() || m.seg.has(wire.RST|wire.SYN) || from.state == tcp.StateTimeWait
	nothing := func(ack int) bool { return ack == -1 || ack == from.rcvNxt }
	return m.kind == hear && us == gv && stale && nothing(q.us.ack) && nothing(q.gv.ack)
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
	}
	switch r.IntN(16) {
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
	}
	return s
}

// A sequence is what was played, and where the two parted.
type sequence struct {
	seed   uint64
	mode   mode
	moves  []move
	states []tcp.State // ours before each
	from   numbers     // of ours before the last move
	us, gv view        // of the last move
	parted bool
}

func (q *sequence) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d, %+v\n", q.seed, q.mode)
	for i, m := range q.moves {
		state := ""
		if i < len(q.states) {
			state = q.states[i].String()
		}
		fmt.Fprintf(&b, "  %-12s %v\n", state, m)
	}
	fmt.Fprintf(&b, "  ours   %v\n  gVisor %v", q.us, q.gv)
	return b.String()
}

const sequenceLength = 40

// roam plays a random sequence on both, until they part or all is over.
func (b *table) roam(seed uint64) *sequence {
	us, gv := b.seats()
	w := &walk{rnd: rand.New(rand.NewPCG(seed, 1)), p: us.sit()}
	q := &sequence{seed: seed}
	other := gv.sit()
	q.mode = mode{sack: w.rnd.IntN(3) == 0, nagle: w.rnd.IntN(3) == 0}
	w.p.mode, other.mode = q.mode, q.mode
	first := move{kind: open}
	if w.rnd.IntN(3) == 0 {
		first = move{kind: listen}
	}
	for m := first; len(q.moves) < sequenceLength; m = w.next() {
		if q.step(w.p, other, m); q.parted {
			break
		}
		w.heed(q.from, m)
		if q.us.state == tcp.StateClosed || m.kind == timeout {
			break
		}
	}
	w.p.leave()
	other.leave()
	return q
}

// step plays a move on both.
func (q *sequence) step(p, other *party, m move) {
	q.states = append(q.states, p.state())
	q.moves = append(q.moves, m)
	q.from = p.numbers()
	q.us, q.gv = p.play(m), other.play(m)
	q.parted = q.us != q.gv && !q.tolerable(m)
}

// replay plays moves on new parties.
func (b *table) replay(seed uint64, mode mode, moves []move) *sequence {
	us, gv := b.seats()
	p, other := us.sit(), gv.sit()
	p.mode, other.mode = mode, mode
	q := &sequence{seed: seed, mode: mode}
	w := &walk{p: p}
	for _, m := range moves {
		if !w.allows(m) {
			break
		}
		if q.step(p, other, m); q.parted {
			break
		}
		w.heed(q.from, m)
	}
	p.leave()
	other.leave()
	return q
}

// shrink leaves out what is not needed for the two to part, by the same words.
func (b *table) shrink(q *sequence, same func(*sequence) bool) *sequence {
	for again := true; again; {
		again = false
		for i := len(q.moves) - 2; i > 0; i-- {
			less := b.replay(q.seed, q.mode, slices.Delete(slices.Clone(q.moves), i, i+1))
			if less.parted && same(less) && less.from.state == q.from.state {
				q, again = less, true
				i = min(i, len(q.moves)-1)
			}
		}
	}
	return q
}

// TestSequencesOnGvisor holds random sequences of segments, calls and time
// against gVisor. SOCKEYE_SEED plays one sequence again.
func TestSequencesOnGvisor(t *testing.T) {
	b := &table{t: t}
	defer b.clear()
	runs := 4000
	if os.Getenv("SOCKEYE_LONG") == "1" {
		runs = 100_000
	}
	seed := uint64(time.Now().UnixNano())
	if one, err := strconv.ParseUint(os.Getenv("SOCKEYE_SEED"), 10, 64); err == nil {
		seed, runs = one, 1
		q := b.roam(seed)
		t.Logf("parted: %v, %v", q.parted, q)
	}
	covered := make([]int, len(sequenceWaivers))
	moves, whole := 0, 0
	var failures []string
	for i := range runs {
		q := b.roam(seed + uint64(i))
		moves += len(q.moves)
		if !q.parted {
			whole++
			continue
		}
		if w := waiverOf(q); w >= 0 {
			covered[w]++
			continue
		}
		short := b.shrink(q, func(r *sequence) bool { return waiverOf(r) < 0 })
		if failures = append(failures, short.String()); len(failures) == 5 {
			break
		}
	}
	t.Logf("seeds from %d: %d sequences, %d moves; %d to their end", seed, runs, moves, whole)
	for i, w := range sequenceWaivers {
		t.Logf("%6d  %s (%s)", covered[i], w.reason, w.rfc)
	}
	require.Zero(t, len(failures), "%s", strings.Join(failures, "\n"))
}

func waiverOf(q *sequence) int {
	return slices.IndexFunc(sequenceWaivers, func(w sequenceWaiver) bool { return w.covers(q) })
}

// A sequenceWaiver is a difference in what the last move of a sequence did that
// is explained.
type sequenceWaiver struct {
	rfc, reason string
	covers      func(q *sequence) bool
}

var sequenceWaivers = []sequenceWaiver{}
