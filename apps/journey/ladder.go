package journey

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/socket"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// The ladder's columns: a time, a bar, an arrow, a bar, and why.
const (
	timeColumn = 12 // "    0.123 ms"
	inside     = 41 // between the bars
	whyColumns = columns - timeColumn - inside - 6
)

// How many lines of one ladder are printed before its middle is left out, and
// how many of its end.
const (
	maxLines  = 60
	tailLines = 12
)

// A ladder is the one that is being printed.
type ladder struct {
	open   bool
	flow   flowKey // whose packets are being told
	shown  flowKey // whose addresses were printed last
	lines  int
	tail   []rung // what the end will be, once lines is above maxLines
	hidden int64  // lines left out
	bytes  int64  // payload of the segments left out
}

// A rung is a line of the ladder with the payload that it speaks of, and the connection that it is of.
type rung struct {
	text  string
	bytes int
	flow  flowKey
}

// An item is one thing heard of, with its place in the order: by time, and at
// one time what comes in, what changes by it, what goes out, what the program
// is told.
type item struct {
	at    clock.Instant
	order int
	place int // among the packets that came in at one time: a change of state follows its own
	key   arrival
	tell  func()
}

const (
	orderIn = iota
	orderState
	orderOut
	orderSent // a state that is entered by sending
	orderCall
)

// An arrival names a segment that came in, for both streams that tell of it.
type arrival struct {
	seq, ack, len uint32
	flags         wire.Flags
}

// Packets takes records out of a Tap.
func (j *Journey) Packets(rs []link.Record) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, r := range rs {
		it := item{at: r.At, order: orderOut, tell: func() { j.tellPacket(&r) }}
		if r.Dir == link.In {
			j.arrived++
			it.order, it.place, it.key = orderIn, 2*j.arrived, arrivalOf(&r)
		}
		j.hear(it)
	}
}

// arrivalOf names the segment in r; anything else is the zero arrival.
func arrivalOf(r *link.Record) arrival {
	h, b, err := wire.DecodeIPv4(r.Data)
	if err != nil || h.Protocol != wire.ProtoTCP {
		return arrival{}
	}
	t, payload, err := wire.DecodeTCP(b)
	if err != nil {
		return arrival{}
	}
	return arrival{uint32(t.Seq), uint32(t.Ack), uint32(len(payload)), t.Flags}
}

// Events takes trace events: the changes of state among them.
func (j *Journey) Events(es []trace.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.recordEvents(es)
	var last trace.Event // the segment that was received last
	for _, e := range es {
		j.hearCwnd(e)
		switch {
		case e.Kind == trace.Received && e.Flags != 0:
			last = e
		case e.Kind == trace.StateChanged && tcp.State(e.State) != tcp.StateListen:
			it := item{at: e.At, order: orderState, tell: func() { j.tellState(e) }}
			switch tcp.State(e.State) {
			case tcp.StateSynSent, tcp.StateFinWait1, tcp.StateLastAck:
				it.order = orderSent
			default:
				if last.At == e.At {
					it.key = arrival{last.Seq, last.Ack, last.Len, wire.Flags(last.Flags)}
				}
			}
			j.hear(it)
		}
	}
}

// hear keeps an item until it is told. What comes after the journey's end is not.
func (j *Journey) hear(it item) {
	if !j.over {
		j.waiting = append(j.waiting, it)
	}
}

// Call takes a finished call, as socket.API.Observe gives it, at its end.
func (j *Journey) Call(now clock.Instant, c socket.Call) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.hear(item{at: now, order: orderCall, tell: func() { j.tellCall(now, c) }})
}

// Flush tells what happened up to a time; call it now and then with a time a
// few milliseconds ago, so that what is told is in order.
func (j *Journey) Flush(until clock.Instant) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.flush(until)
}

// flush tells what happened up to a time, Never: everything.
func (j *Journey) flush(until clock.Instant) {
	j.join()
	slices.SortStableFunc(j.waiting, func(a, b item) int {
		return cmp.Or(cmp.Compare(a.at, b.at), a.order-b.order, a.place-b.place)
	})
	n := 0
	for n < len(j.waiting) && (until == clock.Never || j.waiting[n].at <= until) {
		j.waiting[n].tell()
		n++
	}
	j.waiting = slices.Delete(j.waiting, 0, n)
}

// join puts each change of state behind the segment that made it.
func (j *Journey) join() {
	for i := range j.waiting {
		st := &j.waiting[i]
		if st.order != orderState || st.key == (arrival{}) {
			continue
		}
		for _, in := range j.waiting {
			if in.order == orderIn && in.at == st.at && in.key == st.key && in.place%2 == 0 {
				st.order, st.place = orderIn, in.place+1
				break
			}
		}
	}
}

// rung prints one line of the ladder, or keeps it for its end.
func (j *Journey) rung(s string, bytes int) {
	l := &j.ladder
	l.open = true
	l.lines++
	most, tail := j.mostLines()
	if j.o.All || l.lines <= most {
		j.sides(l.flow)
		j.line(s)
		return
	}
	if len(l.tail) >= tail {
		l.hidden++
		l.bytes += int64(l.tail[0].bytes)
		l.tail = slices.Delete(l.tail, 0, 1)
	}
	l.tail = append(l.tail, rung{s, bytes, l.flow})
}

// closeLadder prints the end of a ladder whose middle was left out.
func (j *Journey) closeLadder() {
	l := &j.ladder
	if l.hidden > 0 {
		j.line(strings.Repeat(" ", timeColumn+2) + j.dim(j.t("... %s more lines, %s of data ...", count(l.hidden), j.n(l.bytes, "byte"))))
	}
	for _, r := range l.tail {
		j.sides(r.flow)
		j.line(r.text)
	}
	*l = ladder{}
}

// bars notes whose packets come next: where the peer changes it is said, once one of them is printed.
func (j *Journey) bars(k flowKey) {
	if most, _ := j.mostLines(); k != j.ladder.flow && (j.o.All || j.ladder.lines+2 <= most) {
		j.ladder.lines += 2
	}
	j.ladder.flow = k
}

// sides prints whose bars these are.
func (j *Journey) sides(k flowKey) {
	if k == j.ladder.shown {
		return
	}
	j.ladder.shown = k
	pad := strings.Repeat(" ", timeColumn+2)
	both := func(a, b string) string {
		return pad + a + strings.Repeat(" ", max(1, inside+2-width(a)-width(b))) + b
	}
	j.line(both(j.t(j.o.Us), j.t(j.o.Peer)))
	j.line(both(endpoint(k.local), endpoint(k.remote)))
}

// arrow draws one packet between the bars.
func (j *Journey) arrow(at clock.Instant, ours bool, text, why string, bytes int) {
	var a string
	if j.lost {
		why = j.t("%s, lost", why)
	}
	j.recordPacket(ours, text, why)
	fill := strings.Repeat("-", max(1, inside-width(text)-5))
	switch {
	case j.lost:
		j.arrows[0]++
		a = "|-- " + text + " " + fill[1:] + "X |"
	case ours:
		j.arrows[0]++
		a = "|-- " + text + " " + fill + ">|"
	default:
		j.arrows[1]++
		a = "|<" + fill + " " + text + " --|"
	}
	line := fmt.Sprintf("%*s  %s", timeColumn, j.time(at), a)
	for i, l := range wrap(why, min(whyColumns, columns-width(line)-2)) { // large numbers make the arrow longer
		switch {
		case i > 0: // it does not fit beside the arrow
			line += "\n" + strings.Repeat(" ", timeColumn+2) + "|" + strings.Repeat(" ", inside) + "|  " + j.dim(l)
		case l != "":
			line += "  " + j.dim(l)
		}
	}
	j.rung(line, bytes)
}

// note writes something between the bars, on our side.
func (j *Journey) note(text string) {
	j.rung(strings.Repeat(" ", timeColumn)+"  | "+pad(text, inside-1)+"|", 0)
}

// time counts from the first thing told.
func (j *Journey) time(at clock.Instant) string {
	if j.start == clock.Never {
		j.start = at
	}
	return millis(at.Sub(j.start))
}

// tellState notes a change of state. Of a connection without packets so far
// (its SYN could not be sent) nothing is told.
func (j *Journey) tellState(e trace.Event) {
	f := j.flowOfConn(e.Conn)
	if f == nil {
		return
	}
	f.states = append(f.states, tcp.State(e.State))
	j.bars(f.flowKey)
	j.note("(" + tcp.State(e.State).String() + ")")
	j.record("state", e.At, tcp.State(e.State).String())
}
