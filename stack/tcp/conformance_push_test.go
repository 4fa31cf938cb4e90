package tcp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/wire"
)

// RFC 9293 section 3.9.1.2 and 3.9.1.3: SEND, RECEIVE and the PSH flag.

// There is no push flag: every write is pushed, and Cork says that more comes.
func TestReq9293_O15_PushFlag(t *testing.T) {
	r := establishedRig(t, plain, Options{})
	r.write(10)
	require.Equal(t, "P 1:11 ack 1", r.out())
	r = establishedRig(t, plain, Options{Cork: true})
	r.write(10)
	require.Empty(t, r.out())
	r.c.SetOptions(r.now, Options{})
	require.Equal(t, "P 1:11 ack 1", r.out())
}

func TestReq9293_M60_NoEndlessBuffering(t *testing.T) {
	r := establishedRig(t, plain, Options{Cork: true})
	r.write(10)
	require.Empty(t, r.out())
	require.Equal(t, "P 1:11 ack 1", r.after(corkTime))
	r = establishedRig(t, plain, Options{})
	r.write(10)
	r.out()
	r.write(10)
	require.Empty(t, r.out(), "Nagle waits for the ACK")
	r.in("A", 1, 11, 60000, 0)
	require.Equal(t, "P 11:21 ack 1", r.out())
	r.in("A", 1, 21, 5, 0) // a silly window
	r.write(10)
	require.Empty(t, r.out())
	require.Equal(t, ". 21:26 ack 1", r.after(time.Minute)[:13])
}

func TestReq9293_M61_PSHOnLast(t *testing.T) {
	r := establishedRig(t, plain, Options{NoDelay: true})
	for _, n := range []int{1, 999, 1000, 1001, 2000, 3500} {
		una := r.c.snd.una.Sub(r.c.snd.iss)
		r.write(n)
		all := r.segments()
		for i, s := range all {
			require.Equal(t, i == len(all)-1, s.Seg.Flags&wire.PSH != 0, "%d of %d bytes", i, n)
		}
		r.in("A", 1, una+n, 60000, 0)
	}
	r.write(1000)
	r.out()
	require.Contains(t, r.fire(), "P ", "a repetition has it too")
}

func TestReq9293_S27_CollapsePSH(t *testing.T) {
	r := establishedRig(t, plain, Options{})
	for range 300 {
		r.write(10)
	}
	require.Equal(t, ". 1:1001 ack 1; . 1001:2001 ack 1; P 2001:3001 ack 1", r.out())
}

func TestReq9293_O16_Aggregate(t *testing.T) {
	r := establishedRig(t, plain, Options{})
	r.write(1)
	require.Equal(t, "P 1:2 ack 1", r.out())
	for range 90 {
		r.write(10)
		require.Empty(t, r.out())
	}
	r.in("A", 1, 2, 60000, 0)
	require.Equal(t, "P 2:902 ack 1", r.out())
}

func TestReq9293_S28_MaxSegments(t *testing.T) {
	r := establishedRig(t, plain, Options{})
	r.write(100000)
	acked, sent, full := 1, 1, 0
	for acked < 100001 {
		for _, s := range r.segments() {
			require.Equal(t, sent, s.Seg.Seq.Sub(r.c.snd.iss))
			sent += s.Len()
			if s.Len() == 1000 {
				full++
			}
		}
		acked = min(acked+1500, sent) // cwnd and the window's edge are odd
		r.in("A", 1, acked, 5700, 0)
	}
	require.Equal(t, 100, full, "no segment was smaller")
}

// PSH is not passed up: what is in order can be read at once, pushed or not.
func TestReq9293_O17_PSHUp(t *testing.T) {
	for _, flags := range []string{"A", "PA"} {
		r := establishedRig(t, plain, Options{})
		r.c.Events()
		r.in(flags, 1, 1, 60000, 10)
		require.NotZero(t, r.c.Events()&EvReadable)
		require.Equal(t, pattern(1, 10), r.text())
	}
}

// With a small window the segment that fills it is pushed, for the peer's
// delayed ACK would cost a good part of the next round trip; with a large one
// it is not, for the ACKs would cost more.
func TestPushEndsSmallFlights(t *testing.T) {
	r := congestedRig(t, "reno", 1000)
	r.write(500000)
	acked := 1
	for r.c.cc.Window() < 100000 {
		window := r.c.cc.Window()
		all := r.segments()
		for i, s := range all {
			last := i == len(all)-1 && window < 32000
			require.Equal(t, last, s.Seg.Flags&wire.PSH != 0, "segment %d of %d", i, len(all))
			acked += s.Len()
		}
		r.now = r.now.Add(20 * ms)
		r.in("A", 1, acked, 60000, 0)
	}
}
