package tcp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// RFC 9293 section 3.10.7.4: a segment arrives.

func TestReqX_X07_Acceptability(t *testing.T) {
	for _, row := range []struct {
		rule      string
		wnd       int
		seq, text int
		want      bool
	}{
		{"no text, no window: RCV.NXT", 0, 0, 0, true},
		{"no text, no window: before", 0, -1, 0, false},
		{"no text, no window: after", 0, 1, 0, false},
		{"no text: RCV.NXT", 100, 0, 0, true},
		{"no text: the window's last", 100, 99, 0, true},
		{"no text: the right edge (a deviation)", 100, 100, 0, true},
		{"no text: beyond", 100, 101, 0, false},
		{"no text: before", 100, -1, 0, false},
		{"no text: half the circle away", 100, -1 << 31, 0, false},
		{"text: begins at RCV.NXT", 100, 0, 200, true},
		{"text: begins in the window", 100, 99, 50, true},
		{"text: begins at the right edge", 100, 100, 1, false},
		{"text: ends in the window", 100, -10, 11, true},
		{"text: ends before it", 100, -10, 10, false},
		{"text: spans it", 100, -10, 500, true},
		{"text, no window: before and beyond", 0, -10, 500, true},
		{"text, no window: after", 0, 1, 1, false},
	} {
		r := establishedRig(t, plain, Options{})
		r.c.rcv.adv = r.c.rcv.nxt.Add(row.wnd)
		s := arriving{seq: r.c.rcv.nxt.Add(row.seq), text: make([]byte, row.text), flags: wire.ACK}
		require.Equal(t, row.want, r.c.inWindow(&s), row.rule)
	}
	// With the window closed no text is taken, wherever it begins.
	r := establishedRig(t, plain, Options{RecvBuffer: 2048})
	r.in("A", 1, 1, 60000, 1024)
	r.in("A", 1025, 1, 60000, 1024)
	r.out()
	for _, seq := range []int{2040, 2049, 2050} {
		r.in("A", seq, 1, 60000, 100)
		require.Equal(t, ". 1:1 ack 2049", r.out())
	}
	require.Equal(t, pattern(1, 2048), r.text())
}

func TestReqX_X08_UnacceptableAck(t *testing.T) {
	for _, flags := range []string{"A", "FA", "PA", "UA", "F", ""} {
		r := establishedRig(t, plain, Options{NoDelay: true})
		r.write(100)
		r.out()
		for i, seq := range []int{-100, 70000, 1 << 30} {
			r.in(flags, seq, 101, 60000, 10)
			require.Equal(t, ". 101:101 ack 1", r.out(), "%s %d", flags, seq)
			require.Equal(t, uint64(i+1), r.env.Stats.Dropped[trace.DropUnacceptable])
		}
		require.Equal(t, 100, r.c.Unacked(), "not even its ACK counts")
		require.Zero(t, r.c.Readable())
		require.Equal(t, StateEstablished, r.c.State())
	}
}

func TestReqX_X09_Trim(t *testing.T) {
	r := establishedRig(t, plain, Options{RecvBuffer: 2048})
	r.run(steps{
		{in("A", 1, 1, 60000, 100), ""},
		{in("A", 51, 1, 60000, 100), ". 1:1 ack 151"}, // the first half is old
		{in("FA", 151, 1, 60000, 1950), ". 1:1 ack 2049"},
		{in("FA", 2049, 1, 60000, 52), ". 1:1 ack 2049"},
	})
	require.Equal(t, StateEstablished, r.c.State(), "a FIN beyond the window is not taken")
	require.Equal(t, pattern(1, 2048), r.text())
	require.Equal(t, ". 1:1 ack 2049", r.out(), "the window opens")
	r.in("FA", 2000, 1, 60000, 101)
	require.Equal(t, StateCloseWait, r.c.State())
	require.Equal(t, pattern(2049, 52), r.text())

	r = inSynReceived(t)
	r.in("SA", 0, 1, 1000, 10) // its SYN is old
	require.Equal(t, StateEstablished, r.c.State())
	require.Equal(t, pattern(0, 10), r.text())
}

func TestReqX_X10_RSTOutside(t *testing.T) {
	r := establishedRig(t, plain, Options{RecvBuffer: 30000})
	for _, seq := range []int{0, -1, -30000, 30002, 60000, 1 << 30, -1 << 31} {
		r.in("R", seq, 0, 0, 0)
		r.in("RA", seq, 1, 0, 0)
		require.Empty(t, r.out(), seq)
	}
	require.Equal(t, StateEstablished, r.c.State())
	require.Equal(t, uint64(14), r.env.Stats.Dropped[trace.DropUnacceptable])
}

func TestReqX_X11_RSTExact(t *testing.T) {
	for _, prepare := range []func(*rig){
		func(*rig) {},
		func(r *rig) { closeWrite(r); r.out() }, // FIN-WAIT-1
		func(r *rig) { closeWrite(r); r.out(); r.in("A", 1, 2, 60000, 0) },
		func(r *rig) { r.in("FA", 1, 1, 60000, 0) }, // CLOSE-WAIT
	} {
		r := establishedRig(t, plain, Options{})
		prepare(r)
		r.out()
		r.in("R", r.c.rcv.nxt.Sub(r.irs), 0, 0, 0)
		require.Equal(t, StateClosed, r.c.State())
		require.Equal(t, ErrReset, r.c.Err())
		require.Empty(t, r.out())
		require.Zero(t, r.c.Unacked(), "queues are flushed")
	}
	for _, both := range []func(*rig){
		func(r *rig) { closeWrite(r); r.out(); r.in("FA", 1, 1, 60000, 0) },          // CLOSING
		func(r *rig) { r.in("FA", 1, 1, 60000, 0); r.out(); closeWrite(r); r.out() }, // LAST-ACK
	} {
		r := establishedRig(t, plain, Options{})
		both(r)
		r.out()
		r.in("R", 2, 0, 0, 0)
		require.Equal(t, StateClosed, r.c.State())
		require.NoError(t, r.c.Err(), "both had said all")
	}
}

func TestReqX_X12_RSTChallenge(t *testing.T) {
	for _, seq := range []int{2, 1000, 29999} {
		r := establishedRig(t, plain, Options{RecvBuffer: 30000})
		r.in("R", seq, 0, 0, 0)
		require.Equal(t, ". 1:1 ack 1", r.out())
		require.Equal(t, StateEstablished, r.c.State())
	}
	// The record of a SYN is in SYN-RECEIVED: there it is the same.
	l, _ := listening(t, plain)
	f := client(1)
	iss := synAcked(t, l, f, 100).Seg.Seq
	v, _ := l.Arrive(epoch, f, arrival(wire.RST, 102, 0), false)
	require.Equal(t, Answered, v)
	out := transmitted(t, l, f)
	require.Equal(t, wire.ACK, out.Seg.Flags)
	require.Equal(t, iss.Add(1), out.Seg.Seq)
	require.Equal(t, wire.Seq(101), out.Seg.Ack)
	require.Equal(t, 1, l.syns.n, "it stays")
}

func TestReqX_X13_SYNChallenge(t *testing.T) {
	r := establishedRig(t, plain, Options{})
	for _, flags := range []string{"S", "SA", "SF"} {
		for _, seq := range []int{0, 1, 2, -1000000, 70000, 1 << 30, -1 << 31} {
			r.now = r.now.Add(time.Second)
			r.in(flags, seq, 1, 60000, 0)
			require.Equal(t, ". 1:1 ack 1", r.out(), "%s %d", flags, seq)
		}
	}
	require.Equal(t, StateEstablished, r.c.State())
	r.now = r.now.Add(time.Second)
	r.in("SA", 1, 1, 0, 10)
	require.Zero(t, r.c.Readable())
	require.NotZero(t, r.c.snd.wnd, "nothing of it counts")
}

func TestReqX_X14_NoAckDropped(t *testing.T) {
	for _, flags := range []string{"", "P", "F", "U", "PF"} {
		r := establishedRig(t, plain, Options{})
		r.c.Events()
		r.in(flags, 1, 0, 0, 10)
		require.Empty(t, r.out())
		require.Zero(t, r.c.Readable())
		require.Zero(t, r.c.Events())
		require.Equal(t, uint64(1), r.env.Stats.Dropped[trace.DropNoACK])
		require.Equal(t, StateEstablished, r.c.State())
	}
}

// ackRig has sent 3000 bytes of which 1000 are acknowledged; the largest window was 60000.
func ackRig(t *testing.T) *rig {
	r := establishedRig(t, plain, Options{NoDelay: true})
	r.write(3000)
	r.out()
	r.in("A", 1, 1001, 50000, 0)
	require.Empty(t, r.out())
	return r
}

func TestReqX_X15_AckRange(t *testing.T) {
	for _, row := range []struct {
		ack int
		ok  bool
	}{
		{1001, true}, {1002, true}, {3001, true}, {1000, true}, {1001 - 60000, true},
		{3002, false}, {1000 - 60000, false}, {1 << 30, false}, {-1 << 30, false},
	} {
		r := ackRig(t)
		r.in("A", 1, row.ack, 60000, 10)
		require.Equal(t, row.ok, r.env.Stats.Dropped[trace.DropOldACK] == 0, row.ack)
		if row.ok {
			require.Equal(t, 10, r.c.Readable())
			require.Empty(t, r.out())
			continue
		}
		require.Equal(t, ". 3001:3001 ack 1", r.out())
		require.Zero(t, r.c.Readable())
		require.Equal(t, 2000, r.c.Unacked())
	}
}

// RFC 5961 5: data injected blindly needs an ACK from a small part of the circle.
func TestReq9293_O12_AckRangeCheck(t *testing.T) {
	taken := 0
	for i := range 4096 {
		r := ackRig(t)
		r.in("FA", 1, i<<20, 60000, 10)
		if r.c.Readable() > 0 {
			taken++
		}
	}
	require.LessOrEqual(t, taken, 1)
}

func TestReqX_X16_ChallengeThrottle(t *testing.T) {
	r := establishedRig(t, plain, Options{})
	for range 3 { // periods
		sent := 0
		for range 100 {
			r.in("R", 5, 0, 0, 0)
			sent += len(r.segments())
			r.now = r.now.Add(10 * ms)
		}
		require.Equal(t, challengeMost, sent)
		r.now = r.now.Add(challengeEvery)
	}
	sent := 0
	for range 100 { // in a second
		r.in("S", 5, 0, 0, 0)
		sent += len(r.segments())
		r.now = r.now.Add(10 * ms)
	}
	require.Equal(t, 2, sent)
	other := establishedRig(t, plain, Options{})
	other.in("R", 5, 0, 0, 0)
	require.Len(t, other.segments(), 1, "each connection has its own limit")
}

func TestReqX_X17_WL1WL2(t *testing.T) {
	r := establishedRig(t, plain, Options{NoDelay: true})
	wnd := func() int { return r.c.Info(r.now).SndWnd }
	r.in("A", 1001, 1, 20000, 10) // ahead of a hole
	require.Equal(t, 20000, wnd())
	r.in("A", 1, 1, 9000, 10) // older: SEG.SEQ below WL1
	require.Equal(t, 20000, wnd())
	r.in("A", 1001, 1, 21000, 10) // the same pair
	require.Equal(t, 21000, wnd())
	r.out()
	r.write(100)
	r.out()
	r.in("A", 1011, 101, 22000, 0) // newer in both
	require.Equal(t, 22000, wnd())
	r.in("A", 1011, 50, 7000, 0) // SEG.ACK below SND.UNA
	require.Equal(t, 22000, wnd())
}
