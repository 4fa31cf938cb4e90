package journey

import (
	"fmt"
	"strings"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// What a segment itself says beside its numbers, and what the stack says of its congestion window.

// plain are the reasons that anybody sees in a segment of the peer: no guess is in them.
var plain = map[string]bool{
	"no room left: window closed": true, "acknowledgment; no room left": true, "window update": true,
	"duplicate ACK": true, "zero-window probe": true,
}

// sacked is a segment's SACK blocks, counted as the ladder counts; "" where it has none.
func (f *flow) sacked(s *segment) string {
	other := &f.peer
	if !s.ours {
		other = &f.us
	}
	var b []string
	name := "SACK "
	for i, block := range s.Options.SACK[:s.Options.NumSACK] {
		if i == 0 && s.tellsTwice() {
			name = "D-SACK "
		}
		b = append(b, fmt.Sprintf("%d-%d", other.relative(block.Left), other.relative(block.Right)))
		if name == "D-SACK " && i == 0 && s.Options.NumSACK > 1 {
			b = append(b, "SACK")
		}
	}
	if b == nil {
		return ""
	}
	return name + strings.Join(b, " ")
}

// cwndReasons are the changes of the congestion window that are told: those that are an event, and not growth.
var cwndReasons = map[trace.Reason]bool{
	trace.CwndFastRecovery: true, trace.CwndRecovered: true, trace.CwndTimeout: true, trace.CwndUndo: true,
	trace.CwndIdle: true, trace.CwndECN: true,
}

// hearCwnd remembers a connection's congestion window, and hears of a change that is to be told.
func (j *Journey) hearCwnd(e trace.Event) {
	if e.Conn == 0 || e.Cwnd == 0 {
		return
	}
	old, known := j.cwnds[e.Conn]
	switch {
	case tcp.State(e.State) == tcp.StateClosed:
		delete(j.cwnds, e.Conn)
		return
	case known || len(j.cwnds) < maxFlows:
		j.cwnds[e.Conn] = e.Cwnd
	}
	if e.Kind == trace.CwndChanged && known && old != e.Cwnd && cwndReasons[e.Reason] {
		j.hear(item{at: e.At, order: orderState, tell: func() { j.tellCwnd(e.At, e, old) }})
	}
}

func (j *Journey) tellCwnd(at clock.Instant, e trace.Event, old uint32) {
	f := j.flowOfConn(e.Conn)
	if f == nil {
		return
	}
	text := fmt.Sprintf("cwnd %d -> %d: %s", old, e.Cwnd, j.t(e.Reason.String()))
	j.bars(f.flowKey)
	j.note("(" + text + ")")
	j.record("state", at, text)
}

// shut reports whether a segment says that nothing may be sent.
func (s *segment) shut() bool {
	return s.Window == 0 && s.Flags&wire.ACK != 0 && s.Flags&(wire.RST|wire.SYN) == 0
}
