package tcp

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/buffer"
	"github.com/sockeye-net/sockeye/stack/cells"
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp/congestion"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A desk is one end in some state, without options agreed, to which a single
// segment is given. Numbers are relative to ISS and IRS.
type desk struct {
	env      *Env
	now      clock.Instant
	opts     Options
	irs, iss wire.Seq
	l        *Listener
	c        *Conn // nil: LISTEN, or its SYN-RECEIVED, or CLOSED
	refused  reply
	in       Arrival
	out      Segment
}

const (
	cellBuffer = 2048  // receive buffer and thus window, bytes
	cellWindow = 60000 // that the peer offers
	cellFlight = 1000  // bytes outstanding, where there are any
)

var cellFlow = Flow{addrA, addrB}

// cellText is what the peer sends: the contents do not matter here.
var cellText [2 * cellBuffer]byte

// arrive gives a segment to whoever is there, as a host does.
func (d *desk) arrive(s cellSegment) {
	d.in = Arrival{Segments: 1, Payload: cellText[:s.text]}
	d.in.Seg = wire.TCP{
		SrcPort: addrB.Port(), DstPort: addrA.Port(), Flags: s.flags, Window: uint16(s.wnd),
		Seq: d.irs.Add(s.seq), Ack: d.iss.Add(s.ack),
	}
	if d.c != nil {
		d.c.Arrive(d.now, &d.in)
		return
	}
	verdict := Reset
	var hs *Handshake
	if d.l != nil {
		verdict, hs = d.l.Arrive(d.now, cellFlow, &d.in, false)
	}
	switch verdict {
	case Reset:
		if Refuse(&d.in, &d.out) {
			d.refused = d.render()
		}
	case Established:
		d.c = new(Conn)
		d.c.InitPassive(d.now, d.env, 1, hs, d.opts, 1500)
		d.c.Arrive(d.now, &d.in)
	}
}

func (d *desk) transmit() bool {
	if d.c != nil {
		return d.c.Transmit(d.now, &d.out)
	}
	var f Flow
	return d.l != nil && d.l.Transmit(d.now, &f, &d.out)
}

func (d *desk) drain() {
	for d.transmit() {
		d.now = d.now.Add(ms)
	}
}

// render returns d.out in relative numbers. PSH says nothing here; a RST's
// number without an ACK field is that of a closed port: absolute.
func (d *desk) render() reply {
	h := &d.out.Seg
	r := reply{flags: h.Flags &^ wire.PSH, seq: h.Seq.Sub(d.iss)}
	if h.Flags&wire.ACK != 0 {
		r.ack = h.Ack.Sub(d.irs)
	}
	if d.c == nil && d.l == nil && h.Flags&wire.ACK != 0 {
		r.seq = int(h.Seq)
	}
	return r
}

// The steps of the scripts that lead into a state.
type cellStep func(*desk)

func opens(d *desk) {
	d.c = new(Conn)
	d.c.Init(d.env, 1, cellFlow, d.opts, 1500)
	d.c.Open(d.now)
	d.iss = d.c.snd.iss
	d.drain()
}

func listens(d *desk) {
	d.l = new(Listener)
	d.l.Init(d.env, 1, d.opts)
	d.iss = d.env.isn(d.now, cellFlow)
}

// hears lets the peer send; ack counts from SND.UNA, seq from RCV.NXT.
func hears(flags wire.Flags, text int, all bool) cellStep {
	return func(d *desk) {
		s := cellSegment{flags: flags, wnd: cellWindow, text: text}
		if c := d.c; c != nil && c.state != StateSynSent {
			s.seq, s.ack = c.rcv.nxt.Sub(d.irs), c.snd.una.Sub(d.iss)
			if all {
				s.ack = c.snd.nxt.Sub(d.iss)
			}
		} else if all {
			s.ack = 1
		}
		d.arrive(s)
		d.drain()
	}
}

var (
	synComes  = hears(wire.SYN, 0, false)
	synAck    = hears(wire.SYN|wire.ACK, 0, true)
	textComes = hears(wire.ACK, cellBuffer, true)
	finComes  = hears(wire.ACK|wire.FIN, 0, false)
	ackComes  = hears(wire.ACK, 0, true)
)

func writes(d *desk) { d.c.Write(d.now, cellText[:cellFlight]); d.drain() }
func shuts(d *desk)  { d.c.CloseWrite(d.now); d.drain() }

// A cellStart is a state and the script that leads into it.
type cellStart struct {
	name   string
	state  State
	script []cellStep
}

// cellStarts are the states, where it makes a difference with the receive
// window open and closed, and with data outstanding and without.
func cellStarts() []cellStart {
	all := []cellStart{
		{"CLOSED", StateClosed, nil},
		{"LISTEN", StateListen, []cellStep{listens}},
		{"SYN-SENT", StateSynSent, []cellStep{opens}},
		{"SYN-RECEIVED, opens crossed", StateSynReceived, []cellStep{opens, synComes}},
		{"SYN-RECEIVED, from LISTEN", StateSynReceived, []cellStep{listens, synComes}},
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
			add := func(s State, steps ...[]cellStep) {
				x := cellStart{s.String() + name, s, append([]cellStep{}, begin...)}
				for _, y := range steps {
					x.script = append(x.script, y...)
				}
				all = append(all, x)
			}
			fin, shut := []cellStep{finComes}, []cellStep{shuts}
			add(StateEstablished, data)
			add(StateFinWait1, data, shut)
			add(StateCloseWait, fin, data)
			add(StateClosing, data, shut, fin)
			add(StateLastAck, fin, data, shut)
			if !flight {
				add(StateFinWait2, shut, []cellStep{ackComes})
				add(StateTimeWait, shut, []cellStep{ackComes}, fin)
			}
		}
	}
	return all
}

func (x *cellStart) build(env *Env) *desk {
	d := &desk{env: env, now: epoch, irs: peerISS, iss: 5000, opts: Options{RecvBuffer: cellBuffer, QuickACK: true, OOBInline: true}}
	for _, f := range x.script {
		f(d)
	}
	d.now = d.now.Add(100 * ms)
	return d
}

func (d *desk) release() {
	if d.c != nil {
		d.c.Release()
	}
	if d.l != nil {
		d.l.Close()
	}
}

func (d *desk) state() State {
	switch {
	case d.c != nil:
		return d.c.state
	case d.l == nil:
		return StateClosed
	case d.l.syns.find(d.env, cellFlow) != none:
		return StateSynReceived
	}
	return StateListen
}

// model returns the model in the state that d is in.
func (d *desk) model() model {
	m := model{state: d.state(), passive: d.l != nil, sndNxt: 1, rcvNxt: 1, rcvWnd: cellBuffer}
	c := d.c
	if c == nil {
		return m
	}
	m.sndUna, m.sndNxt = c.snd.una.Sub(d.iss), c.snd.nxt.Sub(d.iss)
	m.sndWnd, m.maxSndWnd = int(c.snd.wnd), int(c.snd.maxWnd)
	m.sndWl1, m.sndWl2 = c.snd.wl1.Sub(d.irs), c.snd.wl2.Sub(d.iss)
	m.finSent, m.finKnown = c.has&finSent != 0, c.has&finKnown != 0
	if c.state != StateSynSent {
		m.rcvNxt, m.rcvWnd = c.rcv.nxt.Sub(d.irs), c.rcv.adv.Sub(c.rcv.nxt)
	}
	return m
}

// An outcome is what one segment did.
type outcome struct {
	reply                  reply
	more                   int // segments beyond the reply
	state                  State
	rcvNxt, sndUna, sndWnd int
	text, held             int
	finKnown, msl2         bool
	err                    Error
}

// outcome returns what the model expects. Numbers of a state that has none are 0.
func (m *model) outcome() outcome {
	o := outcome{reply: m.reply, state: m.state, text: m.text, held: m.held, msl2: m.msl2, err: m.err}
	if m.state != StateClosed && m.state != StateListen {
		o.rcvNxt, o.sndUna = m.rcvNxt, m.sndUna
	}
	if m.state.synchronized() {
		o.sndWnd, o.finKnown = m.sndWnd, m.finKnown
		if o.reply.flags == wire.ACK && o.reply.seq == m.sndNxt {
			o.reply.seq = o.pureSeq(m.sndNxt)
		}
	}
	return o
}

// pureSeq is the number of a segment without text (the listed deviation in
// persist.go): SND.NXT, but not beyond the peer's window.
func (o *outcome) pureSeq(nxt int) int { return min(nxt, o.sndUna+o.sndWnd) }

// answer gives s to d and returns what it did.
func (d *desk) answer(s cellSegment) outcome {
	before, linger := 0, clock.Never
	if d.c != nil {
		before, linger = d.c.Readable(), d.c.timers[timerTimeWait]
	}
	if d.c != nil && d.c.state == StateTimeWait {
		in := Arrival{}
		in.Seg.Flags, in.Seg.Seq = s.flags, d.irs.Add(s.seq)
		if d.c.Reusable(d.now, &in) {
			return outcome{state: StateListen}
		}
	}
	if d.state() == StateListen {
		d.iss = d.env.isn(d.now, cellFlow)
	}
	d.arrive(s)
	o := outcome{reply: d.refused}
	for d.transmit() {
		if o.reply.flags == 0 {
			o.reply = d.render()
		} else {
			o.more++
		}
	}
	o.state = d.state()
	c := d.c
	if c == nil {
		if i := none; d.l != nil {
			if i = d.l.syns.find(d.env, cellFlow); i != none {
				o.rcvNxt = d.l.syns.recs[i].irs.Sub(d.irs) + 1
			}
		}
		return o
	}
	if d.l != nil && o.state == StateSynReceived {
		o.more++ // the listener made a connection of a handshake that is not complete
	}
	o.err, o.text = c.err, c.Readable()-before
	o.msl2 = c.timers[timerTimeWait] != linger && c.state == StateTimeWait
	if c.re != nil {
		o.held = c.re.bytes
	}
	if o.state != StateClosed {
		o.sndUna = c.snd.una.Sub(d.iss)
		if o.state != StateSynSent {
			o.rcvNxt = c.rcv.nxt.Sub(d.irs)
		} else {
			o.rcvNxt = 1
		}
	}
	if o.state.synchronized() {
		o.sndWnd, o.finKnown = int(c.snd.wnd), c.has&finKnown != 0
	}
	return o
}

// cellSegments calls f with every cell of a state.
func (m *model) cellSegments(f func(cellSegment)) {
	cells.Numbers{Una: m.sndUna, Nxt: m.sndNxt, MaxWnd: m.maxSndWnd, RcvNxt: m.rcvNxt, RcvWnd: m.rcvWnd}.Each(
		func(flags wire.Flags, seq, ack, wnd, text int) { f(cellSegment{flags, seq, ack, wnd, text}) })
}

// A cell is a state and a segment, and what comes of it.
type cell struct {
	start     *cellStart
	from      *model
	seg       cellSegment
	want, got outcome
}

func (x *cell) String() string {
	m := x.from
	return fmt.Sprintf("%s (una %d nxt %d, rcv %d+%d): %v seq %d ack %d wnd %d text %d\n  want %+v\n  got  %+v", x.start.name,
		m.sndUna, m.sndNxt, m.rcvNxt, m.rcvWnd, x.seg.flags, x.seg.seq, x.seg.ack, x.seg.wnd, x.seg.text, x.want, x.got)
}

// TestEveryCell holds what a single segment does in every state against the model.
func TestEveryCell(t *testing.T) {
	env := NewEnv(Config{NoSACK: true, NoTimestamps: true, NoScale: true, Congestion: congestion.NewReno{}}, [32]byte{9}, buffer.NewBudget(8<<20), nil)
	cells, seen := 0, map[State]bool{}
	covered := make([]int, len(cellWaivers))
	var failures []string
	bad := 0
	starts := cellStarts()
	for i := range starts {
		x := &starts[i]
		d := x.build(env)
		require.Equal(t, x.state, d.state(), x.name)
		from := d.model()
		require.Equal(t, strings.Contains(x.name, "closed"), from.rcvWnd == 0, x.name)
		d.release()
		seen[x.state] = true
		perStart := 0
		from.cellSegments(func(s cellSegment) {
			cells++
			d := x.build(env)
			m := from
			m.arrives(s)
			y := cell{x, &from, s, m.outcome(), d.answer(s)}
			if d.c != nil && !s.has(wire.PSH|wire.URG) { // those two change none of the invariants
				checkConn(t, d.c, &y)
			}
			d.release()
			if y.want == y.got {
				return
			}
			for i := range cellWaivers {
				if cellWaivers[i].covers(&y) {
					covered[i]++
					return
				}
			}
			bad++
			if perStart++; perStart <= 6 {
				failures = append(failures, y.String())
			}
		})
	}
	require.Len(t, seen, int(numStates)-1)
	require.Zero(t, env.Budget.Used())
	require.Zero(t, env.Stats.IllegalTransitions)
	t.Logf("%d cells in %d starts", cells, len(starts))
	for i, w := range cellWaivers {
		assert.Equal(t, w.cells, covered[i], "cells under the waiver %q", w.reason)
	}
	require.Zero(t, bad, "%d cells differ, among them:\n%s", bad, strings.Join(failures, "\n"))
}
