package tcp

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/buffer"
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// Attacks of testdata/attacks.md by single segments: odd flags, and forged
// resets, SYNs and data.

// What a segment with odd flags may draw. Anything else would be a state
// that it moved, or an answer that tells scanners of us.
const (
	silence    = "silence"
	ackOnly    = "an ACK"
	refusal    = "a RST"
	ends       = "the end, quietly"
	backListen = "LISTEN again, quietly"
)

// drawn names what came of s.
func drawn(t *testing.T, d *desk, s cellSegment) string {
	before, state := d.model(), d.state()
	o := d.answer(s)
	require.Zero(t, o.more)
	if o.state != state {
		require.Zero(t, o.reply)
		require.Zero(t, o.text)
		if o.state == StateListen {
			return backListen
		}
		require.Equal(t, StateClosed, o.state)
		return ends
	}
	after := d.model()
	after.state = before.state
	require.Equal(t, before, after, "a variable moved")
	require.Zero(t, o.text)
	require.Zero(t, o.held)
	switch o.reply.flags {
	case 0:
		return silence
	case wire.ACK:
		return ackOnly
	case wire.RST, wire.RST | wire.ACK:
		return refusal
	}
	return o.reply.flags.String()
}

func TestAttack_20_OddFlags(t *testing.T) {
	const (
		null   = wire.Flags(0)
		xmas   = wire.FIN | wire.PSH | wire.URG
		synFIN = wire.SYN | wire.FIN
		synRST = wire.SYN | wire.RST
		all    = wire.FIN | wire.SYN | wire.RST | wire.PSH | wire.ACK | wire.URG
	)
	patterns := []wire.Flags{null, xmas, synFIN, synRST, all}
	type answers [5]string // one for each pattern
	rules := []struct {
		rule        string
		of          func(x *cellStart) bool
		exact, wide answers // with the numbers that count, and with others
	}{
		{"CLOSED: no answer to RST, RST to all else (RFC 9293 3.10.7.1)", in20(StateClosed),
			answers{refusal, refusal, refusal, silence, silence}, answers{refusal, refusal, refusal, silence, silence}},
		{"LISTEN: RST first, ACK second, and only a plain SYN third (3.10.7.2)", in20(StateListen),
			answers{silence, silence, silence, silence, silence}, answers{silence, silence, silence, silence, silence}},
		{"SYN-SENT: ACK first, RST second and only with it, no SYN with FIN (3.10.7.3)", in20(StateSynSent),
			answers{silence, silence, silence, silence, ends}, answers{silence, silence, silence, silence, silence}},
		{"SYN-RECEIVED of a listener: RST leads back to LISTEN (3.10.7.4, second)",
			func(x *cellStart) bool { return x.name == "SYN-RECEIVED, from LISTEN" },
			answers{silence, silence, ackOnly, backListen, backListen}, answers{ackOnly, ackOnly, ackOnly, silence, silence}},
		{"TIME-WAIT: no RST ends it (RFC 1337)", in20(StateTimeWait),
			answers{silence, silence, ackOnly, silence, silence}, answers{ackOnly, ackOnly, ackOnly, silence, silence}},
		{"all others: number first, RST second, SYN fourth, ACK fifth (3.10.7.4)", func(x *cellStart) bool { return true },
			answers{silence, silence, ackOnly, ends, ends}, answers{ackOnly, ackOnly, ackOnly, silence, silence}},
	}
	env := NewEnv(plain, [32]byte{9}, buffer.NewBudget(8<<20), nil)
	starts := cellStarts()
	for i := range starts {
		x := &starts[i]
		for _, r := range rules {
			if !r.of(x) {
				continue
			}
			for j, flags := range patterns {
				d := x.build(env)
				m := d.model()
				require.Equal(t, r.exact[j], drawn(t, d, cellSegment{flags: flags, seq: m.rcvNxt, ack: m.sndNxt}), "%s: %s: %v", r.rule, x.name, flags)
				d.release()
				d = x.build(env)
				require.Equal(t, r.wide[j], drawn(t, d, cellSegment{flags: flags, seq: m.rcvNxt + 1<<30, ack: m.sndNxt + 1<<30}),
					"%s: %s: %v elsewhere", r.rule, x.name, flags)
				d.release()
			}
			break
		}
	}
	require.Zero(t, env.Budget.Used())
	require.Zero(t, env.Stats.IllegalTransitions)
}

func in20(s State) func(*cellStart) bool { return func(x *cellStart) bool { return x.state == s } }

// synchronizedStarts are the states in which both numbers are known.
func synchronizedStarts() (some []cellStart) {
	for _, x := range cellStarts() {
		if x.state.synchronized() {
			some = append(some, x)
		}
	}
	return some
}

// A reset that is not exactly at RCV.NXT, anywhere in the number space, ends
// no connection in any state, and draws few answers (RFC 5961 3.2).
func TestAttack_23_BlindReset(t *testing.T) {
	env := NewEnv(plain, [32]byte{9}, buffer.NewBudget(8<<20), nil)
	starts := synchronizedStarts()
	for i := range starts {
		x := &starts[i]
		d := x.build(env)
		nxt, answered := d.model().rcvNxt, 0
		for _, flags := range []wire.Flags{wire.RST, wire.RST | wire.ACK, wire.RST | wire.PSH | wire.ACK} {
			for off := 1; off <= cellBuffer+1; off++ { // all of the window, and both sides of it
				for _, seq := range []int{off, -off, off << 20} {
					d.arrive(cellSegment{flags: flags, seq: nxt + seq, ack: 1, text: off % 2})
					for d.transmit() {
						require.Equal(t, wire.ACK, d.out.Seg.Flags, x.name)
						answered++
					}
				}
			}
		}
		require.Equal(t, x.state, d.state(), x.name)
		require.LessOrEqual(t, answered, challengeMost, x.name)
		d.arrive(cellSegment{flags: wire.RST, seq: nxt})
		require.Equal(t, x.state == StateTimeWait, d.state() == x.state, "%s: exactly at RCV.NXT it counts", x.name)
		d.release()
	}
	require.Zero(t, env.Budget.Used())
}

// beset runs a transfer while forge injects segments on both sides, at most a
// thousand in a second each, and returns how many of them drew an answer.
func beset(t *testing.T, forge func(r *rand.Rand, c *Conn) Arrival) (answers [2]int, took time.Duration) {
	w := newWorld(t, 5, Config{}, Options{})
	w.establish()
	r := rand.New(rand.NewPCG(1, 2))
	var next [2]clock.Instant
	w.see = func(p *peer, _ *Segment) {
		for i, q := range []*peer{w.a, w.b} {
			if q == p || w.now < next[i] || q.conn.State() == StateClosed || q.conn.State() == StateTimeWait {
				continue
			}
			next[i] = w.now.Add(ms)
			in := forge(r, q.conn)
			in.Segments = 1
			owed := q.conn.has & owesChallenge
			q.conn.Arrive(w.now, &in)
			if q.conn.has&owesChallenge != owed {
				answers[i]++
			}
			w.check(q)
		}
	}
	start := w.now
	w.exchange(300000, 200000)
	return answers, w.now.Sub(start)
}

// undisturbed is how long the transfer of beset takes without an attacker.
func undisturbed(t *testing.T) time.Duration {
	_, took := beset(t, func(_ *rand.Rand, c *Conn) Arrival { // a RST before the window: nothing at all
		in := Arrival{}
		in.Seg.Flags, in.Seg.Seq = wire.RST, c.rcv.nxt.Add(-100000)
		return in
	})
	return took
}

// honest holds that an attack cost the transfer at most a tenth of its goodput.
func honest(t *testing.T, took time.Duration) {
	require.LessOrEqual(t, took, undisturbed(t)*10/9)
}

// A transfer goes on under a rain of resets into its windows.
func TestAttack_23_BlindResetsUnderATransfer(t *testing.T) {
	answers, took := beset(t, func(r *rand.Rand, c *Conn) Arrival {
		in := Arrival{}
		in.Seg.Flags = wire.RST
		in.Seg.Seq = c.rcv.nxt.Add(1 + r.IntN(max(c.rcv.adv.Sub(c.rcv.nxt)-1, 1)))
		return in
	})
	periods := int(took/challengeEvery) + 1
	for _, n := range answers {
		require.NotZero(t, n)
		require.LessOrEqual(t, n, challengeMost*periods)
	}
	honest(t, took)
}

// A SYN in a synchronized state draws an ACK, one in 500 ms, and nothing else,
// whatever its number and whatever else it says (RFC 5961 4.2).
func TestAttack_24_SYNInAConnection(t *testing.T) {
	env := NewEnv(plain, [32]byte{9}, buffer.NewBudget(8<<20), nil)
	starts := synchronizedStarts()
	for i := range starts {
		x := &starts[i]
		d := x.build(env)
		m := d.model()
		answered, begin := 0, d.now
		for _, flags := range []wire.Flags{wire.SYN, wire.SYN | wire.ACK, wire.SYN | wire.FIN, wire.SYN | wire.PSH | wire.ACK} {
			for _, seq := range []int{0, -1, 1, cellBuffer / 2, cellBuffer, cellBuffer + 1, 1 << 30, -1 << 30} {
				for _, text := range []int{0, 1, 100} {
					in := cellSegment{flags: flags, seq: m.rcvNxt + seq, ack: m.sndNxt, text: text, wnd: 1}
					if flags == wire.SYN && x.state == StateTimeWait && seq > 0 {
						continue // RFC 6191: that may be a new connection
					}
					d.arrive(in)
					for d.transmit() {
						require.Equal(t, reply{wire.ACK, m.sndNxt, m.rcvNxt}, d.render(), x.name)
						answered++
					}
					d.now = d.now.Add(50 * ms)
				}
			}
		}
		after := d.model()
		require.Equal(t, m, after, "%s: a variable moved", x.name)
		require.NotZero(t, answered, x.name)
		require.LessOrEqual(t, answered, int(d.now.Sub(begin)/outsideEvery)+1, x.name)
		d.release()
	}
	require.Zero(t, env.Budget.Used())
}

func TestAttack_24_SYNsUnderATransfer(t *testing.T) {
	answers, took := beset(t, func(r *rand.Rand, c *Conn) Arrival {
		in := Arrival{}
		in.Seg.Flags = wire.SYN
		in.Seg.Seq = wire.Seq(r.Uint32())
		in.Seg.Options = wire.TCPOptions{HasMSS: true, MSS: 1, HasWindowScale: true, WindowScale: 14}
		return in
	})
	for _, n := range answers {
		require.NotZero(t, n)
		require.LessOrEqual(t, n, int(took/outsideEvery)+1)
	}
	honest(t, took)
}

// Data with an ACK outside SND.UNA-MAX.SND.WND to SND.NXT is answered and
// discarded wherever in the window it lies, with its FIN and its URG (RFC 5961 5.2).
func TestAttack_25_BlindData(t *testing.T) {
	env := NewEnv(plain, [32]byte{9}, buffer.NewBudget(8<<20), nil)
	starts := synchronizedStarts()
	for i := range starts {
		x := &starts[i]
		d := x.build(env)
		m := d.model()
		d.release()
		for _, ack := range []int{m.sndNxt + 1, m.sndNxt + 1<<30, m.sndUna - m.maxSndWnd - 1, m.sndUna - 1<<30} {
			for _, seq := range []int{0, 1, cellBuffer - 1, -5} {
				for _, flags := range []wire.Flags{wire.ACK, wire.ACK | wire.FIN, wire.ACK | wire.URG | wire.PSH} {
					d := x.build(env)
					o := d.answer(cellSegment{flags: flags, seq: m.rcvNxt + seq, ack: ack, wnd: 7, text: 10})
					require.Equal(t, reply{wire.ACK, m.sndNxt, m.rcvNxt}, o.reply, "%s: ack %d seq %d", x.name, ack, seq)
					require.Zero(t, o.text+o.held+o.more, x.name)
					require.Equal(t, x.state, o.state, x.name)
					if d.c.has&finKnown == 0 {
						require.False(t, o.finKnown, x.name)
					}
					require.Equal(t, m, d.model(), x.name)
					require.Zero(t, d.c.events&EvUrgent, x.name)
					d.release()
				}
			}
		}
	}
	require.Zero(t, env.Budget.Used())
}

// Not a byte of an attacker who knows the window but not what we sent gets
// into the stream: its hash is right.
func TestAttack_25_BlindDataUnderATransfer(t *testing.T) {
	junk := make([]byte, 500)
	for i := range junk {
		junk[i] = 0xEE
	}
	_, took := beset(t, func(r *rand.Rand, c *Conn) Arrival {
		in := Arrival{Payload: junk}
		in.Seg.Flags = wire.ACK
		in.Seg.Seq = c.rcv.nxt.Add(r.IntN(2000))
		in.Seg.Ack = c.snd.nxt.Add(1 + r.IntN(1<<31-1-2*int(c.snd.maxWnd))) // all that is not ours
		return in
	})
	honest(t, took)
}

// Two ends whose numbers a forger drove apart, so that each holds what the
// other says for false, do not answer each other for ever.
func TestAttack_27_ACKStorm(t *testing.T) {
	w := newWorld(t, 3, Config{}, Options{})
	w.establish()
	w.delay = ms
	for _, p := range []*peer{w.a, w.b} { // each gets 1000 bytes that the other never sent
		c := p.conn
		in := Arrival{Segments: 1, Payload: make([]byte, 1000)}
		in.Seg = wire.TCP{Flags: wire.ACK, Seq: c.rcv.nxt, Ack: c.snd.nxt, Window: 60000}
		if c.opt.ts {
			in.Seg.Options = wire.TCPOptions{HasTimestamps: true, TSVal: c.rcv.tsRecent, TSEcr: 1}
		}
		c.Arrive(w.now, &in)
	}
	sent := map[*peer]int{}
	w.see = func(p *peer, _ *Segment) { sent[p]++ }
	w.flush(w.a)
	w.flush(w.b)
	start := w.now
	const long = 30 * time.Second
	for w.now.Sub(start) < long && w.step() {
		require.Less(t, w.steps, 2000, "a storm: %v", w)
	}
	require.NotZero(t, sent[w.a])
	for _, p := range []*peer{w.a, w.b} {
		require.LessOrEqual(t, sent[p], 2+int(long/outsideEvery), "%v", p.name)
	}
	w.release()
}

// The limit of RFC 5961 7's kind is for what asks for nothing: a segment with
// data always draws its ACK, or its sender would repeat it for ever.
func TestAttack_27_LimitOfAnswers(t *testing.T) {
	for _, row := range []struct {
		rule   string
		flags  string
		seq    int
		text   int
		ack    int
		always bool
	}{
		{"an ACK outside the window", "A", -5, 0, 1, false},
		{"an ACK of what was never sent", "A", 1, 0, 50, false},
		{"a SYN", "S", 77, 0, 0, false},
		{"a SYN with data", "S", 77, 5, 0, false},
		{"a keep-alive", "A", 0, 0, 1, false},
		{"data outside the window", "A", -50, 50, 1, true},
		{"data beyond it", "A", 1 << 29, 50, 1, true},
		{"data that acknowledges what was never sent", "A", 1, 50, 50, true},
		{"a FIN outside the window", "FA", -5, 0, 1, true},
	} {
		r := establishedRig(t, plain, Options{NoDelay: true})
		sent := 0
		for i := range 200 { // in two seconds
			r.in(row.flags, row.seq, row.ack, 60000, row.text)
			n := len(r.segments())
			require.LessOrEqual(t, n, 1, row.rule)
			sent += n
			if row.always {
				require.Equal(t, i+1, sent, row.rule)
			}
			r.now = r.now.Add(10 * ms)
		}
		if !row.always {
			require.Equal(t, 4, sent, row.rule)
		}
		require.Equal(t, StateEstablished, r.c.State(), row.rule)
	}
}

// A SYN record has the same limit: an end that takes our SYN-ACK for false
// cannot make us answer each of its answers.
func TestAttack_27_LimitOfARecord(t *testing.T) {
	for _, row := range []struct {
		rule  string
		flags wire.Flags
		seq   wire.Seq
		text  int
		want  int // answers to 200 in two seconds
	}{
		{"an ACK outside the window", wire.ACK, 1 << 30, 0, 4},
		{"a SYN with another number", wire.SYN, 77, 0, 4},
		{"the same SYN again", wire.SYN, 5, 0, 4},
		{"a RST beside RCV.NXT", wire.RST, 9, 0, 4},
		{"data outside the window", wire.ACK, 1 << 30, 50, 200},
	} {
		l, _ := listening(t, plain)
		now := epoch
		require.Equal(t, Answered, must(l.Arrive(now, client(1), arrival(wire.SYN, 5, 0), false)))
		sent := -1 // the SYN-ACK itself
		var f Flow
		var out Segment
		for range 200 {
			in := arrival(row.flags, row.seq, 1)
			in.Payload = make([]byte, row.text)
			if sent >= 0 {
				l.Arrive(now, client(1), in, false)
			}
			for l.Transmit(now, &f, &out) {
				sent++
			}
			now = now.Add(10 * ms)
		}
		require.InDelta(t, row.want, sent, 1, row.rule)
	}
}
