package tcp

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// RFC 9293 sections 3.5 and 3.10.7.1 to 3.10.7.3.

func TestReq9293_M10_SimultaneousOpen(t *testing.T) {
	for _, lost := range []int{0, 1, 2, 3, 4} { // none, or the nth SYN of all
		w := newWorld(t, uint64(lost+1), Config{}, Options{})
		n := 0
		w.lose = func(_ *peer, s *Segment) bool {
			if s.Seg.Flags&wire.SYN == 0 {
				return false
			}
			n++
			return n == lost
		}
		w.connect(w.a)
		w.connect(w.b)
		for w.a.conn.State() != StateEstablished || w.b.conn.State() != StateEstablished {
			require.True(t, w.step(), "%d: %v", lost, w)
			require.Less(t, w.steps, 1000, "%d: %v", lost, w)
		}
		w.exchange(10000, 10000)
	}
}

// inSynReceived is a connection whose SYN crossed the peer's.
func inSynReceived(t *testing.T) *rig {
	r := newRig(t, plain, Options{})
	r.c.Open(r.now)
	r.out()
	r.in("S", 0, 0, 1000, 0)
	r.out()
	require.Equal(t, StateSynReceived, r.c.State())
	return r
}

func TestReq9293_M11_SynRcvdOrigin(t *testing.T) {
	active := inSynReceived(t)
	active.in("R", 1, 0, 0, 0)
	require.Equal(t, ErrRefused, active.c.Err(), "it had been asked for")

	l, e := listening(t, plain)
	f := client(1)
	ack := synAcked(t, l, f, 100)
	v, hs := l.Arrive(epoch, f, arrival(wire.ACK, 101, ack.Seg.Seq.Add(1)), false)
	require.Equal(t, Established, v)
	c := new(Conn)
	c.InitPassive(epoch, e, 5, hs, Options{}, 1500)
	require.Equal(t, StateSynReceived, c.State())
	c.Arrive(epoch, arrival(wire.RST, 101, 0))
	require.Equal(t, StateClosed, c.State())
	require.NotEqual(t, ErrRefused, c.Err(), "nobody had asked for it")
	c.Release()
}

func TestReq9293_S02_RSTWithData(t *testing.T) {
	for _, flags := range []string{"R", "RA"} {
		r := establishedRig(t, plain, Options{})
		r.in(flags, 1, 1, 0, 100)
		require.Equal(t, StateClosed, r.c.State())
		require.Equal(t, ErrReset, r.c.Err())
		require.Zero(t, r.c.Readable(), "what explains the reset is no data")
		require.Empty(t, r.out())
	}
	r := newRig(t, plain, Options{})
	r.c.Open(r.now)
	r.out()
	r.in("RA", 0, 1, 0, 100)
	require.Equal(t, ErrRefused, r.c.Err())
}

func TestReqX_X01_NoRSTToRST(t *testing.T) {
	var out Segment
	for f := range wire.Flags(64) {
		f |= wire.RST
		require.False(t, Refuse(arrival(f, 5, 9), &out), "CLOSED: %v", f)
		l, _ := listening(t, plain)
		v, _ := l.Arrive(epoch, client(1), arrival(f, 5, 9), false)
		require.Equal(t, Dropped, v, "LISTEN: %v", f)
		ack := synAcked(t, l, client(1), 100)
		v, _ = l.Arrive(epoch, client(1), arrival(f, 500, ack.Seg.Seq.Add(99)), false)
		require.NotEqual(t, Reset, v, "SYN-RECEIVED: %v", f)
		for _, r := range []*rig{newRig(t, plain, Options{}), inSynReceived(t), establishedRig(t, plain, Options{})} {
			r.c.Open(r.now)
			r.out()
			in := arrival(f, r.irs.Add(7), r.c.snd.iss.Add(99))
			r.c.Arrive(r.now, in)
			for _, s := range r.segments() {
				require.Zero(t, s.Seg.Flags&wire.RST, "%v", f)
			}
		}
	}
}

func TestReqX_X02_ClosedNoAck(t *testing.T) {
	for _, row := range []struct {
		flags wire.Flags
		text  int
		ack   wire.Seq
	}{{wire.SYN, 0, 101}, {0, 0, 100}, {wire.FIN, 5, 106}, {wire.SYN | wire.FIN, 5, 107}, {wire.PSH, 7, 107}} {
		in := arrival(row.flags, 100, 7777)
		in.Payload = pattern(0, row.text)
		in.Seg.SrcPort, in.Seg.DstPort = 1, 2
		var out Segment
		require.True(t, Refuse(in, &out))
		require.Equal(t, wire.RST|wire.ACK, out.Seg.Flags)
		require.Zero(t, out.Seg.Seq)
		require.Equal(t, row.ack, out.Seg.Ack, row.flags)
		require.Equal(t, [2]uint16{2, 1}, [2]uint16{out.Seg.SrcPort, out.Seg.DstPort})
	}
}

func TestReqX_X03_ClosedAck(t *testing.T) {
	for _, flags := range []wire.Flags{wire.ACK, wire.SYN | wire.ACK, wire.FIN | wire.ACK, wire.PSH | wire.ACK | wire.URG} {
		in := arrival(flags, 100, 7777)
		in.Payload = pattern(0, 10)
		var out Segment
		require.True(t, Refuse(in, &out))
		require.Equal(t, wire.RST, out.Seg.Flags, "without ACK")
		require.Equal(t, wire.Seq(7777), out.Seg.Seq)
		require.Zero(t, out.Seg.Ack)
	}
}

func TestReqX_X04_ListenOrder(t *testing.T) {
	for f := range wire.Flags(64) {
		l, e := listening(t, plain)
		v, _ := l.Arrive(epoch, client(1), arrival(f, 5, 9), false)
		switch {
		case f&wire.RST != 0:
			require.Equal(t, Dropped, v, "first: %v", f)
		case f&wire.ACK != 0:
			require.Equal(t, Reset, v, "second: %v", f)
		case f&(wire.SYN|wire.FIN) == wire.SYN:
			require.Equal(t, Answered, v, "third: %v", f)
			out := transmitted(t, l, client(1))
			require.Equal(t, wire.SYN|wire.ACK, out.Seg.Flags)
			require.Equal(t, wire.Seq(6), out.Seg.Ack)
		default:
			require.Equal(t, Dropped, v, "fourth: %v", f)
			require.Equal(t, uint64(1), e.Stats.Dropped[trace.DropState])
		}
	}
}

func TestReqX_X05_SynSentAck(t *testing.T) {
	for _, ack := range []int{0, -1, 2, 1000, -1 << 31} {
		for _, flags := range []string{"A", "SA", "FA", "PA"} {
			r := newRig(t, plain, Options{})
			r.c.Open(r.now)
			r.out()
			r.in(flags, 0, ack, 1000, 0)
			s := r.segment()
			require.Equal(t, wire.RST, s.Seg.Flags, "%s %d", flags, ack)
			require.Equal(t, ack, s.Seg.Seq.Sub(r.c.snd.iss))
			require.Equal(t, StateSynSent, r.c.State())
			r.in(flags+"R", 0, ack, 1000, 0)
			require.Empty(t, r.segments())
			require.Equal(t, StateSynSent, r.c.State())
		}
	}
}

func TestReqX_X06_SynSentRST(t *testing.T) {
	for _, row := range []struct {
		flags string
		ack   int
		end   State
	}{
		{"R", 1, StateSynSent}, {"RS", 1, StateSynSent}, {"RA", 0, StateSynSent}, {"RA", 2, StateSynSent},
		{"RA", 1, StateClosed}, {"RSA", 1, StateClosed},
	} {
		r := newRig(t, plain, Options{})
		r.c.Open(r.now)
		r.out()
		r.in(row.flags, 12345, row.ack, 0, 0)
		require.Equal(t, row.end, r.c.State(), row.flags)
		require.Equal(t, row.end == StateClosed, r.c.Err() == ErrRefused)
		require.Empty(t, r.segments())
	}
}

func TestReqX_X22_SynRcvdRSTPassive(t *testing.T) {
	l, e := listening(t, plain)
	f := client(1)
	synAcked(t, l, f, 100)
	v, _ := l.Arrive(epoch, f, arrival(wire.RST, 99, 0), false)
	require.Equal(t, Dropped, v)
	require.Equal(t, 1, l.syns.n, "outside the window it is nothing")
	v, _ = l.Arrive(epoch, f, arrival(wire.RST, 101, 0), false)
	require.Equal(t, Dropped, v)
	require.Zero(t, l.syns.n)
	require.Zero(t, l.Deadline(), "nothing is sent any more")
	ack := synAcked(t, l, f, 900)
	v, _ = l.Arrive(epoch, f, arrival(wire.ACK, 901, ack.Seg.Seq.Add(1)), false)
	require.Equal(t, Established, v, "it listens as before")
	require.Zero(t, e.Stats.Retransmitted)
}

func TestReqX_X23_SynRcvdRSTActive(t *testing.T) {
	r := inSynReceived(t)
	r.in("R", 5, 0, 0, 0)
	require.Equal(t, ". 1:1 ack 1", r.out(), "elsewhere in the window: a challenge")
	require.Equal(t, StateSynReceived, r.c.State())
	r.in("R", 1, 0, 0, 0)
	require.Equal(t, StateClosed, r.c.State())
	require.Equal(t, ErrRefused, r.c.Err())
	require.NotZero(t, r.c.Events()&EvClosed)
	require.Empty(t, r.out())
}
