package tcp

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/buffer"
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

func client(i int) Flow {
	a := netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)})
	return Flow{addrB, netip.AddrPortFrom(a, uint16(1024+i%60000))}
}

func listening(t *testing.T, cfg Config) (*Listener, *Env) {
	e := NewEnv(cfg, [32]byte{3}, buffer.NewBudget(4<<20), nil)
	l := new(Listener)
	l.Init(e, 1, Options{})
	t.Cleanup(func() {
		l.Close()
		require.Zero(t, e.Budget.Used())
	})
	return l, e
}

func arrival(flags wire.Flags, seq, ack wire.Seq) *Arrival {
	in := &Arrival{Segments: 1}
	in.Seg = wire.TCP{Flags: flags, Seq: seq, Ack: ack, Window: 1000}
	return in
}

func TestListen(t *testing.T) { // RFC 9293 3.10.7.2
	for _, row := range []struct {
		rule  string
		flags wire.Flags
		full  bool
		want  Verdict
		why   trace.Reason
	}{
		{"first: RST is ignored", wire.RST | wire.ACK, false, Dropped, trace.DropState},
		{"second: any ACK is reset", wire.ACK, false, Reset, 0},
		{"second: SYN with ACK too", wire.SYN | wire.ACK, false, Reset, 0},
		{"third: SYN is answered", wire.SYN, false, Answered, 0},
		{"fourth: anything else is dropped", wire.PSH, false, Dropped, trace.DropState},
		{"SYN with FIN is dropped (attack 20)", wire.SYN | wire.FIN, false, Dropped, trace.DropState},
		{"no room in the accept queue", wire.SYN, true, Dropped, trace.DropBacklog},
	} {
		l, e := listening(t, Config{})
		v, hs := l.Arrive(epoch, client(1), arrival(row.flags, 5, 9), row.full)
		require.Equal(t, row.want, v, row.rule)
		require.Nil(t, hs)
		if row.why != 0 {
			require.Equal(t, uint64(1), e.Stats.Dropped[row.why], row.rule)
		}
	}
}

// synAcked lets a SYN arrive and returns the SYN-ACK.
func synAcked(t *testing.T, l *Listener, f Flow, seq wire.Seq) Segment {
	v, _ := l.Arrive(epoch, f, arrival(wire.SYN, seq, 0), false)
	require.Equal(t, Answered, v)
	return transmitted(t, l, f)
}

func transmitted(t *testing.T, l *Listener, f Flow) Segment {
	var out Segment
	var to Flow
	require.True(t, l.Transmit(epoch, &to, &out))
	require.Equal(t, f, to)
	return out
}

func TestHandshakeRecord(t *testing.T) {
	f := client(1)
	for _, row := range []struct {
		rule string
		in   func(iss wire.Seq) *Arrival
		full bool
		want Verdict
		left int // records
		out  wire.Flags
	}{
		{"the right ACK completes it", func(iss wire.Seq) *Arrival { return arrival(wire.ACK, 6, iss.Add(1)) }, false, Established, 0, 0},
		{"data ahead, with the right ACK, too", func(iss wire.Seq) *Arrival { return arrival(wire.ACK, 600, iss.Add(1)) }, false, Established, 0, 0},
		{"a wrong ACK is reset (RFC 9293 3.10.7.4, fifth)", func(iss wire.Seq) *Arrival { return arrival(wire.ACK, 6, iss.Add(2)) }, false, Reset, 1, 0},
		{"a full accept queue keeps the record", func(iss wire.Seq) *Arrival { return arrival(wire.ACK, 6, iss.Add(1)) }, true, Dropped, 1, 0},
		{"outside the window draws an ACK", func(iss wire.Seq) *Arrival { return arrival(wire.ACK, 5, iss.Add(1)) }, false, Answered, 1, wire.ACK},
		{"the same SYN draws the same SYN-ACK", func(wire.Seq) *Arrival { return arrival(wire.SYN, 5, 0) }, false, Answered, 1, wire.SYN | wire.ACK},
		{"another SYN draws an ACK (RFC 5961 4)", func(wire.Seq) *Arrival { return arrival(wire.SYN, 99, 0) }, false, Answered, 1, wire.ACK},
		{"RST at RCV.NXT goes back to LISTEN (X-22)", func(wire.Seq) *Arrival { return arrival(wire.RST, 6, 0) }, false, Dropped, 0, 0},
		{"RST elsewhere in the window draws a challenge ACK (RFC 5961 3.2)", func(wire.Seq) *Arrival { return arrival(wire.RST, 7, 0) }, false, Answered, 1, wire.ACK},
		{"RST outside the window does nothing (X-10)", func(wire.Seq) *Arrival { return arrival(wire.RST, 5, 0) }, false, Dropped, 1, 0},
		{"outside the window draws an ACK, also without one (RFC 9293 3.10.7.4, first)", func(wire.Seq) *Arrival { return arrival(wire.PSH, 5, 0) }, false, Answered, 1, wire.ACK},
		{"no ACK, no effect", func(wire.Seq) *Arrival { return arrival(wire.PSH, 6, 0) }, false, Dropped, 1, 0},
	} {
		l, e := listening(t, Config{})
		first := synAcked(t, l, f, 5)
		require.Equal(t, wire.SYN|wire.ACK, first.Seg.Flags)
		require.Equal(t, wire.Seq(6), first.Seg.Ack)
		require.False(t, first.Seg.Options.HasTimestamps, "not offered, not answered")
		v, hs := l.Arrive(epoch, f, row.in(first.Seg.Seq), row.full)
		require.Equal(t, row.want, v, row.rule)
		require.Equal(t, row.left, l.syns.n, row.rule)
		if row.out != 0 {
			out := transmitted(t, l, f)
			require.Equal(t, row.out, out.Seg.Flags, row.rule)
			if row.out&wire.SYN != 0 {
				require.Equal(t, first.Seg.Seq, out.Seg.Seq, row.rule)
			}
		}
		if v == Established {
			require.Equal(t, f, hs.Flow())
			var c Conn
			c.InitPassive(epoch, e, 4, hs, Options{}, 1500)
			c.Arrive(epoch, row.in(first.Seg.Seq))
			require.Equal(t, StateEstablished, c.State())
			c.Release()
		}
	}
}

func TestSynAckIsRepeated(t *testing.T) {
	l, _ := listening(t, Config{})
	f := client(1)
	synAcked(t, l, f, 5)
	now, sent := epoch, 0
	var out Segment
	for l.Deadline() != clock.Never {
		now = l.Deadline()
		l.Expire(now)
		for l.Transmit(now, &f, &out) {
			sent++
		}
	}
	require.Equal(t, 7, sent)
	require.Equal(t, 247*time.Second, now.Sub(epoch), "at least 180 s (MUST-23)")
	require.Zero(t, l.syns.n, "forgotten")
}

// A listener whose peers do not answer repeats a SYN-ACK once, but for what it
// has in hand; handshakes that end fill that up (attack 38).
func TestSynAckAllowance(t *testing.T) {
	l, e := listening(t, Config{})
	now := epoch
	var out Segment
	var f Flow
	run := func(syns int) (sent int) {
		for i := range syns {
			l.Arrive(now, client(i), arrival(wire.SYN, 5, 0), false)
		}
		for l.Transmit(now, &f, &out) {
			sent++
		}
		require.Equal(t, syns, sent)
		for l.Deadline() != clock.Never {
			now = l.Deadline()
			l.Expire(now)
			for l.Transmit(now, &f, &out) {
				sent++
			}
		}
		return sent - 2*syns
	}
	require.Equal(t, spareRepeats, run(500))
	require.Zero(t, e.Budget.Used(), "the slab of a flood goes when it is over")
	require.Zero(t, run(500))
	ack := synAcked(t, l, client(1), 5)
	v, _ := l.Arrive(now, client(1), arrival(wire.ACK, 6, ack.Seg.Seq.Add(1)), false)
	require.Equal(t, Established, v)
	require.Equal(t, earnedRepeats, run(500))
	require.Equal(t, uint64(3*500+spareRepeats+earnedRepeats), e.Stats.Retransmitted)
}

func TestRefuse(t *testing.T) { // RFC 9293 3.10.7.1
	var out Segment
	require.False(t, Refuse(arrival(wire.RST, 1, 2), &out), "never to a RST (X-1)")
	require.True(t, Refuse(arrival(wire.ACK, 1, 2), &out))
	require.Equal(t, wire.RST, out.Seg.Flags, "X-3")
	require.Equal(t, wire.Seq(2), out.Seg.Seq)
	in := arrival(wire.SYN|wire.FIN, 1, 0)
	in.Payload = make([]byte, 10)
	require.True(t, Refuse(in, &out))
	require.Equal(t, wire.RST|wire.ACK, out.Seg.Flags, "X-2")
	require.Equal(t, wire.Seq(13), out.Seg.Ack)
	require.Zero(t, out.Seg.Seq)
}
