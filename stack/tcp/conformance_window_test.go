package tcp

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// RFC 9293 section 3.8.6: windows, seen from the sender and from the receiver.

// edge is the right edge that a segment of ours offers.
func (r *rig) edge(s *Segment) int {
	return s.Seg.Ack.Add(int(s.Seg.Window) << r.c.opt.rcvShift).Sub(r.irs)
}

// filled is a connection whose receive buffer of n bytes is full.
func filled(t *testing.T, n int) *rig {
	r := establishedRig(t, plain, Options{RecvBuffer: n})
	for at := 0; at < n; at += 1024 {
		r.in("A", 1+at, 1, 60000, min(1024, n-at))
		r.out()
	}
	require.Equal(t, n, r.c.Readable())
	return r
}

func TestReq9293_S14_NoShrink(t *testing.T) {
	r := establishedRig(t, plain, Options{RecvBuffer: 20000})
	edge := 0
	step := func(seq, n int) {
		r.in("A", seq, 1, 60000, n)
		r.c.has |= owesACK
		s := r.segment()
		require.GreaterOrEqual(t, r.edge(&s), edge)
		edge = r.edge(&s)
	}
	step(1, 1000)
	require.Equal(t, 20001, edge)
	r.c.SetOptions(r.now, Options{RecvBuffer: 4096}) // a smaller buffer does not take back
	step(1001, 1000)
	r.env.Budget.Take(r.env.Budget.Free()) // nor does want of memory
	step(2001, 1)
	require.Equal(t, 20001, edge)
}

// shrunk has 3000 bytes outstanding; then the peer offers only wnd.
func shrunk(t *testing.T, wnd uint16) *rig {
	r := establishedRig(t, plain, Options{NoDelay: true})
	r.write(3000)
	require.Equal(t, ". 1:1001 ack 1; . 1001:2001 ack 1; P 2001:3001 ack 1", r.out())
	r.in("A", 1, 1, wnd, 0)
	require.Empty(t, r.out())
	return r
}

func TestReq9293_M34_PeerShrinks(t *testing.T) {
	for _, wnd := range []uint16{0, 1, 999, 1000, 1500, 2999} {
		r := shrunk(t, wnd)
		r.write(500)
		next, open := 1, int(wnd)
		for round := 0; r.c.Unacked() > 0; round++ {
			require.Less(t, round, 100, wnd)
			all := r.segments()
			if len(all) == 0 {
				r.now = r.c.Deadline()
				r.c.Expire(r.now)
				all = r.segments()
			}
			edge := next + open // it takes what it offers
			for _, s := range all {
				seq := s.Seg.Seq.Sub(r.c.snd.iss)
				require.LessOrEqual(t, seq+s.Len(), edge+1, "beyond it goes a probe at most")
				if seq <= next {
					next = max(next, min(seq+s.Len(), edge))
				}
			}
			if round > 2 {
				open = 700
			}
			r.in("A", 1, next, uint16(open), 0)
		}
		require.Equal(t, StateEstablished, r.c.State(), wnd)
	}
}

func TestReq9293_S15_NoNewAfterShrink(t *testing.T) {
	r := shrunk(t, 1000)
	r.write(5000)
	require.Empty(t, r.out())
	r.in("A", 1, 1001, 1000, 0)
	require.Empty(t, r.out(), "1000 beyond the edge are out already")
	r.in("A", 1, 2001, 1000, 0)
	require.Empty(t, r.out(), "just at the edge")
	r.in("A", 1, 3001, 1000, 0)
	require.Equal(t, ". 3001:4001 ack 1", r.out())
}

func TestReq9293_S16_RetransmitInWindow(t *testing.T) {
	r := shrunk(t, 1500)
	require.Equal(t, ". 1:1001 ack 1", r.after(r.c.timeout()), "by timeout")
	r = shrunk(t, 1500)
	r.in("A", 1, 1, 1500, 0)
	r.in("A", 1, 1, 1500, 0)
	r.in("A", 1, 1, 1500, 0)
	require.Equal(t, ". 1:1001 ack 1", r.out(), "by duplicate ACKs")
}

// We do not: what lies beyond the edge is not sent again.
func TestReq9293_O07_RetransmitBeyond(t *testing.T) {
	r := shrunk(t, 400)
	require.Equal(t, ". 1:401 ack 1", r.after(r.c.timeout()))
	for range 10 {
		require.NotContains(t, r.fire(), ":1001")
	}
	r.in("A", 1, 401, 400, 0)
	require.Equal(t, ". 401:801 ack 1", r.out())
}

func TestReq9293_S17_NoTimeoutBeyond(t *testing.T) {
	r := shrunk(t, 0)
	require.Zero(t, r.c.timers[timerRetransmit])
	for range 50 { // far beyond R2
		require.Equal(t, ". 1:2 ack 1", r.fire(), "a probe is no retransmission of it all")
		r.in("A", 1, 1, 0, 0)
	}
	require.Equal(t, StateEstablished, r.c.State())
	require.Greater(t, r.now.Sub(epoch), r2)
	require.Equal(t, 10, r.c.Info(r.now).SndCwnd, "nor is it congestion")
}

func TestReq9293_M35_ProbeAfterShrink(t *testing.T) {
	r := shrunk(t, 0)
	at := r.now
	require.Equal(t, ". 1:2 ack 1", r.fire())
	require.Equal(t, r.c.rtt.rto, r.now.Sub(at))
	r.in("A", 1, 1, 5000, 0)
	require.Equal(t, ". 1:2 ack 1; . 2:1001 ack 1; . 1001:2001 ack 1; P 2001:3001 ack 1", r.out(), "open again")
}

// probing has data to send and a window of 0.
func probing(t *testing.T, o Options) *rig {
	o.NoDelay = true
	r := establishedRig(t, plain, o)
	r.in("A", 1, 1, 0, 0)
	r.write(2000)
	require.Empty(t, r.out())
	return r
}

func TestReq9293_M36_ZeroWindowProbe(t *testing.T) {
	r := probing(t, Options{})
	require.Equal(t, ". 1:2 ack 1", r.fire(), "a byte of new data")
	r.in("A", 1, 2, 0, 0) // taken, and still closed
	require.Empty(t, r.out())
	require.Equal(t, ". 2:3 ack 1", r.fire())

	r = establishedRig(t, plain, Options{})
	r.in("A", 1, 1, 0, 0)
	closeWrite(r)
	require.Empty(t, r.out())
	require.Equal(t, "F 1:1 ack 1", r.fire(), "a FIN probes too")
}

// The peer is right to keep it closed, and so are we.
func TestReq9293_O08_WindowClosedForever(t *testing.T) {
	r := filled(t, 2048)
	for i := range 100 {
		r.now = r.now.Add(time.Minute)
		r.in("A", 2049, 1, 60000, 1)
		s := r.segment()
		require.Zero(t, s.Seg.Window, i)
		require.Equal(t, 2049, s.Seg.Ack.Sub(r.irs))
	}
	require.Equal(t, 2048, r.c.Readable())
	require.Equal(t, StateEstablished, r.c.State())
}

// What the window had no room for goes again when it opens, and is told as such: nothing was lost.
func TestProbeRefusedIsNoLoss(t *testing.T) {
	r := probing(t, Options{})
	r.now = r.c.Deadline()
	r.c.Expire(r.now)
	require.Equal(t, trace.SendProbe, r.segment().Why)
	r.in("A", 1, 1, 0, 0)
	r.in("A", 1, 1, 5000, 0)
	var why []trace.Reason
	for _, s := range r.segments() {
		why = append(why, s.Why)
	}
	require.Equal(t, []trace.Reason{trace.SendRefused, trace.SendData, trace.SendData}, why)
	require.Equal(t, ". 1:2 ack 1", r.fire())
	require.Equal(t, trace.SendRTO, r.c.whyAgain(r.c.snd.una), "a timeout is one, wherever the window was")
}

func TestReq9293_M37_StayOpenWhileProbed(t *testing.T) {
	r := probing(t, Options{})
	for r.now.Sub(epoch) < 24*time.Hour {
		require.Equal(t, ". 1:2 ack 1", r.fire())
		r.in("A", 1, 1, 0, 0)
	}
	require.Equal(t, StateEstablished, r.c.State())
	r.untilClosed()
	require.Equal(t, ErrTimeout, r.c.Err(), "without an answer it ends")
}

func TestReq9293_S29_FirstProbeAtRTO(t *testing.T) {
	r := probing(t, Options{})
	rto := r.c.timeout()
	require.Empty(t, r.after(rto-time.Nanosecond))
	require.Equal(t, ". 1:2 ack 1", r.after(time.Nanosecond))
}

func TestReq9293_S30_ProbeBackoff(t *testing.T) {
	r := probing(t, Options{})
	rto := r.c.timeout()
	for range 14 {
		at := r.now
		require.Equal(t, ". 1:2 ack 1", r.fire())
		require.Equal(t, min(rto, maxRTO), r.now.Sub(at))
		rto *= 2
		r.in("A", 1, 1, 0, 0) // an answer does not shorten them
	}
}

func TestReqX_X19_ProbeAnswered(t *testing.T) {
	r := filled(t, 4096)
	for _, seq := range []int{4096, 4097} { // an old byte, or a new one
		for range 3 {
			r.in("A", seq, 1, 60000, 1)
			s := r.segment()
			require.Equal(t, wire.ACK, s.Seg.Flags)
			require.Equal(t, 4097, s.Seg.Ack.Sub(r.irs))
			require.Zero(t, s.Seg.Window)
		}
	}
}

func TestReq9293_M38_SenderSWS(t *testing.T) {
	for _, row := range []struct {
		rule  string
		wnd   uint16
		queue int
		want  string
	}{
		{"a full segment goes (1)", 1000, 5000, ". 1:1001 ack 1"},
		{"less than one waits", 999, 5000, ""},
		{"whole segments only", 2500, 5000, ". 1:1001 ack 1; . 1001:2001 ack 1"},
		{"all that is queued goes (2)", 999, 500, "P 1:501 ack 1"},
		{"not if it does not fit", 499, 500, ""},
		{"half of the largest window goes (3)", 600, 5000, ". 1:601 ack 1"},
		{"less than that does not", 599, 5000, ""},
	} {
		r := establishedRig(t, plain, Options{NoDelay: true})
		r.in("A", 1, 1, row.wnd, 0)
		if strings.Contains(row.rule, "half") || row.wnd == 599 {
			r.c.snd.maxWnd = 1200
		}
		r.write(row.queue)
		require.Equal(t, row.want, r.out(), row.rule)
	}
	r := establishedRig(t, plain, Options{NoDelay: true})
	r.in("A", 1, 1, 999, 0)
	r.write(5000)
	require.Empty(t, r.out())
	require.Equal(t, ". 1:1000 ack 1", r.fire(), "the override timeout (4)")
}

func TestReq9293_M39_ReceiverSWS(t *testing.T) {
	for _, row := range []struct{ buffer, step int }{{8000, 1460}, {2048, 1024}, {100000, 1460}} {
		r := filled(t, row.buffer)
		edge := row.buffer + 1
		for r.c.Readable() > 0 {
			r.c.Read(r.now, make([]byte, 10))
			for _, s := range r.segments() { // told of its own accord
				require.GreaterOrEqual(t, r.edge(&s)-edge, row.step)
				edge = r.edge(&s)
			}
			r.c.has |= owesACK
			s := r.segment() // or along with something else
			if got := r.edge(&s); got != edge {
				require.GreaterOrEqual(t, got-edge, row.step)
				edge = got
			}
		}
		require.Greater(t, edge, row.buffer+1, "it does open")
	}
}
