package tcp

import "github.com/sockeye-net/sockeye/stack/wire"

// A waiver is a difference between the model and the code that stays: the line
// of the RFC, why, and how many cells it covers. A cell counts for the first
// waiver that covers it. covers looks at the segment and at what came of it, so
// that another fault in the same cell is not hidden.
type waiver struct {
	rfc, reason string
	cells       int
	covers      func(x *cell) bool
}

var cellWaivers = []waiver{
	{
		"RFC 9293 3.10.7.2 third, 3.10.7.3 fourth",
		"a SYN with FIN is no peer's: it is dropped, and not answered (attack 20)", 1296,
		func(x *cell) bool {
			return x.on(StateListen, StateSynSent) && x.all(wire.SYN|wire.FIN) &&
				x.got.reply == reply{} && x.stayed()
		},
	},
	{
		"RFC 9293 3.5 figure 8 against 3.10.7.4 first",
		"when the opens cross, the peer's SYN-ACK has the number of its SYN, below RCV.NXT: its ACK counts, as in the figure", 192,
		func(x *cell) bool {
			return x.on(StateSynReceived) && !x.from.passive && x.all(wire.SYN|wire.ACK) && x.seg.seq == 0 &&
				(x.got.state != StateSynReceived) == (x.seg.ack == 1)
		},
	},
	{
		"RFC 9293 3.10.7.4 first, in SYN-RECEIVED",
		"a repeated SYN says that our SYN-ACK was lost: it draws that again, which acknowledges as well as an ACK", 288,
		func(x *cell) bool {
			return x.on(StateSynReceived) && x.all(wire.SYN) && x.seg.seq == 0 &&
				x.got.reply == reply{wire.SYN | wire.ACK, 0, 1} && x.stayed()
		},
	},
	{
		"RFC 9293 3.10.7.4 fourth, SYN-RECEIVED from LISTEN",
		"a SYN with another number draws a challenge ACK (RFC 5961 4.2) and does not undo the handshake: anybody can forge it", 1152,
		func(x *cell) bool {
			return x.on(StateSynReceived) && x.from.passive && x.all(wire.SYN) &&
				x.got.reply == reply{wire.ACK, 1, 1} && x.stayed()
		},
	},
	{
		"RFC 9293 3.10.7.4 first, SYN-RECEIVED from LISTEN",
		"a SYN record trims nothing: text that begins below RCV.NXT, where the SYN was, is acknowledged and not taken", 320,
		func(x *cell) bool {
			return x.on(StateSynReceived) && x.from.passive && x.seg.seq < 1 && x.acceptable() && !x.seg.has(wire.SYN|wire.RST) &&
				x.got.reply == reply{wire.ACK, 1, 1} && x.stayed()
		},
	},
	{
		"RFC 9293 3.10.7.4 first (a listed deviation, acceptable.go)",
		"the right edge itself is acceptable where there is no text, or two ends whose full windows were lost are deaf for good", 848,
		func(x *cell) bool {
			return x.seg.seq == x.from.rcvNxt+x.from.rcvWnd && x.seg.len() == 0 &&
				x.got == x.as(func(m *model, s *cellSegment) { s.seq = m.rcvNxt })
		},
	},
	{
		"RFC 9293 3.10.7.4 eighth, in CLOSE-WAIT, CLOSING, LAST-ACK and TIME-WAIT",
		"nothing follows the peer's FIN: a second one past it is not acknowledged and restarts no timer", 656,
		func(x *cell) bool {
			want := x.want
			want.msl2 = want.msl2 && x.got.state != x.from.state
			return x.on(afterFIN...) && x.seg.has(wire.FIN) && x.acceptable() && x.got == x.answeredAs(want)
		},
	},
	{
		"RFC 9293 3.10.7.4 first, the closed window",
		"a FIN at RCV.NXT is taken: it needs no buffer, and its sender would have to probe for it", 120,
		func(x *cell) bool {
			return x.from.rcvWnd == 0 && x.seg.seq == x.from.rcvNxt && x.seg.text == 0 && x.all(wire.FIN|wire.ACK) &&
				x.got == x.as(func(m *model, _ *cellSegment) { m.rcvWnd = 1 })
		},
	},
	{
		"RFC 9293 3.10.7.4 first, the closed window",
		"a segment that begins below RCV.NXT and reaches it counts for its ACK like one that begins there (MUST-66); without ACK it is dropped", 3552,
		func(x *cell) bool {
			if x.from.rcvWnd > 0 || x.seg.seq >= x.from.rcvNxt || x.seg.seq+x.seg.len() <= x.from.rcvNxt || x.seg.has(wire.SYN|wire.RST) {
				return false
			}
			want := x.as(func(m *model, s *cellSegment) {
				s.text -= m.rcvNxt - s.seq
				s.seq = m.rcvNxt
				if s.text == 0 {
					m.rcvWnd = 1 // for the FIN
				}
				if x.on(afterFIN...) {
					s.flags &^= wire.FIN
				}
			})
			if x.seg.has(wire.ACK) && x.got.state != StateClosed {
				want.reply = reply{wire.ACK, want.pureSeq(x.from.sndNxt), want.rcvNxt}
			}
			return x.got == want
		},
	},
}

// afterFIN are the states in which the peer's FIN is behind RCV.NXT.
var afterFIN = []State{StateCloseWait, StateClosing, StateLastAck, StateTimeWait}

func (x *cell) on(states ...State) bool { return x.from.in(states...) }

// all reports whether the segment has all of f, and is no RST.
func (x *cell) all(f wire.Flags) bool { return x.seg.flags&(f|wire.RST) == f }

// stayed reports that the segment changed nothing.
func (x *cell) stayed() bool {
	before := x.from.outcome()
	before.reply = x.got.reply
	return x.got == before
}

// acceptable is the model's view, before it was trimmed.
func (x *cell) acceptable() bool { return x.from.acceptable(x.seg) }

// as is what the model does when f has changed it or the segment.
func (x *cell) as(f func(*model, *cellSegment)) outcome {
	m, s := *x.from, x.seg
	f(&m, &s)
	m.arrives(s)
	return m.outcome()
}

// answeredAs is o with the reply that was got, where that is none or an ACK.
func (x *cell) answeredAs(o outcome) outcome {
	if x.got.reply == (reply{}) || x.got.reply == (reply{wire.ACK, o.pureSeq(x.from.sndNxt), x.from.rcvNxt}) {
		o.reply = x.got.reply
	}
	return o
}
