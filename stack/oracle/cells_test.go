package oracle

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/cells"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/wire"
)

const (
	cellBuffer = 2048  // receive buffer and thus window, bytes
	cellWindow = 60000 // that the peer offers
	cellFlight = 1000  // bytes outstanding, where there are any
)

// A cellStart is a state and the steps that lead into it, as in package tcp's
// TestEveryCell: with the receive window open and closed, and with data
// outstanding and without.
type cellStart struct {
	name  string
	state tcp.State
	steps []cellStep
}

type cellStep func(*party) error

func opens(p *party) error   { return p.open(cellBuffer) }
func listens(p *party) error { return p.listen(cellBuffer) }

// hears lets the peer send at RCV.NXT, acknowledging all that was sent or what
// was acknowledged before.
func hears(flags wire.Flags, text int, all bool) cellStep {
	return func(p *party) error {
		if all {
			p.una = p.nxt
		}
		p.hear(segment{flags: flags, seq: p.rcvNxt, ack: p.una, wnd: cellWindow, text: text})
		p.drain()
		p.accept()
		return nil
	}
}

var (
	synComes  = hears(wire.SYN, 0, false)
	synAck    = hears(wire.SYN|wire.ACK, 0, true)
	textComes = hears(wire.ACK, cellBuffer, true)
	finComes  = hears(wire.ACK|wire.FIN, 0, false)
	ackComes  = hears(wire.ACK, 0, true)
)

func writes(p *party) error {
	_, err := p.stack.SendWith(p.now, p.conn, make([]byte, cellFlight), 0)
	p.drain()
	return err
}

func shuts(p *party) error {
	err := p.stack.Shutdown(p.now, p.conn, host.ShutWrite)
	p.drain()
	return err
}

func cellStarts() []cellStart {
	all := []cellStart{
		{"CLOSED", tcp.StateClosed, nil},
		{"LISTEN", tcp.StateListen, []cellStep{listens}},
		{"SYN-SENT", tcp.StateSynSent, []cellStep{opens}},
		{"SYN-RECEIVED, opens crossed", tcp.StateSynReceived, []cellStep{opens, synComes}},
		{"SYN-RECEIVED, from LISTEN", tcp.StateListen, []cellStep{listens, synComes}},
	}
	for _, closed := range []bool{false, true} {
		for _, flight := range []bool{false, true} {
			name, begin, data := "", []cellStep{opens, synAck}, []cellStep{}
			if closed {
				name, begin = name+", window closed", append(begin, textComes)
			}
			if flight {
				name, data = name+", data out", []cellStep{writes}
			}
			add := func(s tcp.State, steps ...[]cellStep) {
				all = append(all, cellStart{s.String() + name, s, append(slices.Clone(begin), slices.Concat(steps...)...)})
			}
			fin, shut := []cellStep{finComes}, []cellStep{shuts}
			add(tcp.StateEstablished, data)
			add(tcp.StateFinWait1, data, shut)
			add(tcp.StateCloseWait, fin, data)
			add(tcp.StateClosing, data, shut, fin)
			add(tcp.StateLastAck, fin, data, shut)
			if !flight {
				add(tcp.StateFinWait2, shut, []cellStep{ackComes})
				add(tcp.StateTimeWait, shut, []cellStep{ackComes}, fin)
			}
		}
	}
	return all
}

// place brings a new party of s into the state.
func (x *cellStart) place(s *seat) (*party, error) {
	p := s.sit()
	for i, f := range x.steps {
		if err := f(p); err != nil {
			return p, fmt.Errorf("%s: %s, step %d: %w", s.name, x.name, i+1, err)
		}
	}
	switch x.state {
	case tcp.StateClosed, tcp.StateListen, tcp.StateSynSent, tcp.StateSynReceived:
		p.una, p.nxt, p.rcvNxt, p.wnd, p.maxWnd = 0, 1, 1, cellBuffer, 0
	}
	return p, nil
}

// numbers of a party in some state.
type numbers struct {
	state                         tcp.State
	una, nxt, rcvNxt, wnd, maxWnd int
}

func (p *party) numbers() numbers {
	return numbers{p.state(), p.una, p.nxt, p.rcvNxt, p.wnd, p.maxWnd}
}

// segments calls f with every cell of a state.
func (n *numbers) segments(f func(segment)) {
	cells.Numbers{Una: n.una, Nxt: n.nxt, MaxWnd: n.maxWnd, RcvNxt: n.rcvNxt, RcvWnd: n.wnd}.Each(
		func(flags wire.Flags, seq, ack, wnd, text int) { f(segment{flags, seq, ack, wnd, text}) })
}

// An outcome is what a segment did, as far as it can be seen from outside.
type outcome struct {
	said  string // the replies; one that is repeated at once counts once
	then  string // the reply to an ACK of a SYN-ACK that came after it, of a listener
	state tcp.State
	text  int    // bytes to be read
	end   bool   // and then the end of the stream
	err   string // or an error
}

func (o outcome) String() string {
	return fmt.Sprintf("[%s] then [%s] %v text %d end %v %s", o.said, o.then, o.state, o.text, o.end, o.err)
}

// answer gives the party a segment and returns what it did. The text of a start
// with a closed window counts in.
func (p *party) answer(s segment, passive bool) outcome {
	p.hear(s)
	said := spoken(p.drain())
	o := p.look(passive)
	o.said = said
	return o
}

// look returns what can be seen of a party. Whether a listener has one in
// SYN-RECEIVED the ACK of a SYN-ACK tells.
func (p *party) look(passive bool) (o outcome) {
	if passive {
		p.hear(segment{flags: wire.ACK, seq: p.rcvNxt, ack: 1, wnd: cellWindow})
		o.then = spoken(p.drain())
	}
	p.accept()
	o.state = p.state()
	if p.conn != 0 && o.state != tcp.StateSynSent && o.state != tcp.StateSynReceived {
		var why error
		var wrong bool
		o.text, o.end, why, wrong = p.take(1)
		if why != nil {
			o.err = why.Error()
		}
		if wrong {
			o.err += " and wrong text"
		}
	}
	return o
}

func spoken(rs []reply) string {
	var words []string
	for _, r := range rs {
		if w := r.String(); len(words) == 0 || words[len(words)-1] != w {
			words = append(words, w)
		}
	}
	return strings.Join(words, "; ")
}

// A cell is a state and a segment, and what comes of it.
type cell struct {
	start  *cellStart
	from   numbers
	still  outcome // without the segment
	seg    segment
	us, gv outcome
}

func (x *cell) String() string {
	n := x.from
	return fmt.Sprintf("%s (una %d nxt %d, rcv %d+%d): %v\n  ours   %v\n  gVisor %v", x.start.name, n.una, n.nxt, n.rcvNxt, n.wnd, x.seg, x.us, x.gv)
}

// seatings is how many parties use a stack before it is replaced.
const seatings = 200

// A table is the two stacks side by side, replaced now and then.
type table struct {
	t      *testing.T
	us, gv *seat
	left   int
}

func (b *table) seats() (us, gv *seat) {
	if b.left == 0 {
		b.clear()
		var err error
		b.us, err = ourSeat()
		require.NoError(b.t, err)
		b.gv, err = gvisorSeat()
		require.NoError(b.t, err)
		b.left = seatings
	}
	b.left--
	return b.us, b.gv
}

func (b *table) clear() {
	if b.us != nil {
		b.us.stack.CloseAll(b.us.now)
		b.gv.stack.CloseAll(b.gv.now)
	}
	b.us, b.gv, b.left = nil, nil, 0
}

// sampleOf is which part of the cells runs without SOCKEYE_LONG=1.
const sampleOf = 20

// TestEveryCellOnGvisor holds what a single segment does in every state against
// what gVisor does: a sample by a new seed each time, all with SOCKEYE_LONG=1.
// Where the two differ a waiver has to say why, and then how often.
func TestEveryCellOnGvisor(t *testing.T) {
	long := os.Getenv("SOCKEYE_LONG") == "1"
	seed := uint64(time.Now().UnixNano())
	rnd := rand.New(rand.NewPCG(seed, 0))
	b := &table{t: t}
	defer b.clear()
	cells, ran, bad := 0, 0, 0
	covered := make([]int, len(cellWaivers))
	var failures []string
	starts := cellStarts()
	for i := range starts {
		x := &starts[i]
		from, still := b.begin(x)
		perStart := 0
		from.segments(func(s segment) {
			cells++
			if !long && rnd.IntN(sampleOf) != 0 {
				return
			}
			ran++
			y := b.compare(x, s)
			y.from, y.still = from, still
			if y.us == y.gv {
				return
			}
			if i := y.waived(); i >= 0 {
				covered[i]++
				return
			}
			bad++
			if perStart++; perStart <= 3 {
				failures = append(failures, y.String())
			}
		})
	}
	require.Equal(t, 280320, cells, "as in package tcp's TestEveryCell")
	t.Logf("seed %d: %d of %d cells in %d starts", seed, ran, cells, len(starts))
	for i, w := range cellWaivers {
		if long {
			assert.Equal(t, w.cells, covered[i], "cells under the waiver %q", w.reason)
		}
	}
	require.Zero(t, bad, "seed %d: %d cells differ, among them:\n%s", seed, bad, strings.Join(failures, "\n"))
}

// begin brings both into a state, holds that it is the same one, and returns its
// numbers and what can be seen of it when no segment comes.
func (b *table) begin(x *cellStart) (from numbers, still outcome) {
	us, gv := b.seats()
	p, err := x.place(us)
	require.NoError(b.t, err)
	q, err := x.place(gv)
	require.NoError(b.t, err)
	from, theirs := p.numbers(), q.numbers()
	theirs.wnd = min(theirs.wnd, from.wnd) // gVisor's window counts on beyond a FIN
	require.Equal(b.t, from, theirs, "%s: the numbers of ours and of gVisor", x.name)
	require.Equal(b.t, x.state, from.state, x.name)
	require.Equal(b.t, strings.Contains(x.name, "closed"), from.wnd == 0, x.name)
	passive := x.state == tcp.StateListen
	still = p.look(passive)
	require.Equal(b.t, still, q.look(passive), "%s: what can be seen of ours and of gVisor", x.name)
	p.leave()
	q.leave()
	return from, still
}

// compare gives a segment to both.
func (b *table) compare(x *cellStart, s segment) *cell {
	us, gv := b.seats()
	y := &cell{start: x, seg: s}
	for _, side := range []struct {
		s *seat
		o *outcome
	}{{us, &y.us}, {gv, &y.gv}} {
		p, err := x.place(side.s)
		require.NoError(b.t, err)
		side.s.pass(100 * ms)
		p.drain()
		*side.o = p.answer(s, x.state == tcp.StateListen)
		p.leave()
	}
	return y
}
