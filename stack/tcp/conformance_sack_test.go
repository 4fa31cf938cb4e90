package tcp

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/wire"
)

// Tests of testdata/conformance.md, part C: RFC 2018 and 6675; and of a
// connection in TIME-WAIT, RFC 6191 and 1337.

func TestReqC_SACKBlocks(t *testing.T) { // RFC 2018 3 to 5
	for _, ts := range []bool{false, true} {
		r := newRig(t, Config{NoTimestamps: !ts, NoScale: true}, Options{NoDelay: true})
		r.c.Open(r.now)
		r.out()
		r.opt = wire.TCPOptions{SACKPermitted: true, HasMSS: true, MSS: 1000, HasTimestamps: ts, TSVal: 1}
		r.in("SA", 0, 1, 60000, 0)
		r.out()
		r.opt = wire.TCPOptions{HasTimestamps: ts, TSVal: 1}
		r.c.rcv.quick = 0
		most := 4
		if ts {
			most = 3
		}
		want := ""
		blocks := []string{}
		for _, seq := range []int{2001, 8001, 4001, 12001, 6001} { // the newest first, as many as fit
			r.in("A", seq, 1, 60000, 1000)
			blocks = append([]string{fmt.Sprintf(" sack %d:%d", seq, seq+1000)}, blocks...)
			want = ". 1:1 ack 1"
			for _, b := range blocks[:min(most, len(blocks))] {
				want += b
			}
			require.Equal(t, want, r.out())
		}
		r.in("A", 3001, 1, 60000, 1000) // joins two: the block that holds the newest text is first
		require.Contains(t, r.out(), ". 1:1 ack 1 sack 2001:5001 sack 6001:7001 sack 12001:13001")
		r.in("A", 1, 1, 60000, 2000)
		require.Contains(t, r.out(), ". 1:1 ack 5001 sack 6001:7001 sack 12001:13001 sack 8001:9001", "none below the ACK")
	}
	// What the other end says is checked, and may be taken back.
	r := sackRig(t)
	r.write(6000)
	r.out()
	r.now = r.now.Add(100 * ms)
	sack(1, 1001, 7001)(r) // past SND.NXT
	sack(1, 3001, 2001)(r)
	require.Zero(t, r.c.sb.sackedBytes)
	sack(1, 1001, 6001)(r)
	require.Equal(t, 5000, r.c.sb.sackedBytes)
	require.Equal(t, ". 1:1001 ack 1", r.out())
	sack(1001)(r) // reneged: the rest is not acknowledged, nor SACKed any more
	for edge := 1001; edge <= 6000; edge += 1000 {
		resent := r.after(r.c.timeout())
		require.Contains(t, resent, fmt.Sprintf("%d:%d", edge, edge+1000))
		sack(edge + 1000)(r)
	}
	require.Zero(t, r.c.Unacked())
}

// Recovery sends what the scoreboard says is missing, each piece once and in
// order, and nothing that was received (RFC 6675 5, RFC 8985).
func TestReqC_SACKRecovery(t *testing.T) {
	r := sackRig(t)
	for { // some rounds of slow start
		r.write(min(r.c.Writable(), 60000))
		r.out()
		if r.c.snd.nxt.Sub(r.c.snd.una) >= 30000 {
			break
		}
		edge := r.c.snd.nxt.Sub(r.c.snd.iss)
		r.now = r.now.Add(100 * ms)
		r.in("A", 1, edge, 60000, 0)
	}
	una := r.c.snd.una.Sub(r.c.snd.iss)
	flight := r.c.snd.nxt.Sub(r.c.snd.una) / 1000
	require.GreaterOrEqual(t, flight, 20)
	// Segments 0, 3 and 4 are lost; the others arrive one after the other.
	missing := map[int]bool{0: true, 3: true, 4: true}
	at := func(i int) int { return una + i*1000 }
	r.now = r.now.Add(100 * ms)
	first := r.c.snd.nxt
	var again []int
	note := func() {
		for _, s := range r.segments() {
			if seq := s.Seg.Seq; s.Len() > 0 && seq.Less(first) {
				again = append(again, (seq.Sub(r.c.snd.iss)-una)/1000)
				require.Equal(t, 1000, s.Len())
			}
		}
	}
	rounds := 0
	for i := 1; i < flight; i++ {
		if missing[i] {
			continue
		}
		switch {
		case i < 3:
			sack(una, at(1), at(i+1))(r)
		default:
			sack(una, at(5), at(i+1), at(1), at(3))(r)
		}
		note()
		rounds++
		require.LessOrEqual(t, r.c.sb.n, 2*flight, "what an ACK looks at is bounded")
	}
	r.now = r.now.Add(30 * ms) // the reordering window
	r.c.Expire(r.now)
	note()
	require.Equal(t, []int{0, 3, 4}, again)
	require.Less(t, r.c.cc.Window(), 30000, "a loss event")
	edge := r.c.snd.nxt.Sub(r.c.snd.iss)
	sack(edge)(r)
	require.Equal(t, open, modeOf(r.c), "over")
	require.EqualValues(t, 3, r.env.Stats.Retransmitted)
}

func TestReusableByTimestampAndNumber(t *testing.T) { // RFC 6191 2, C-19
	for _, row := range []struct {
		rule  string
		ts    bool // agreed
		seq   int  // beyond RCV.NXT
		tsVal uint32
		none  bool // the SYN has no timestamp
		want  bool
	}{
		{"a larger timestamp", true, 1000, 101, false, true},
		{"a larger timestamp and a smaller number", true, -1000, 101, false, true},
		{"a smaller timestamp and a larger number", true, 1000, 99, false, false},
		{"the same timestamp: by the number", true, 1000, 100, false, true},
		{"the same timestamp and a smaller number", true, -1000, 100, false, false},
		{"timestamps agreed, the SYN has none: by the number", true, 1000, 0, true, true},
		{"timestamps agreed, the SYN has none and a smaller number", true, -1000, 0, true, false},
		{"no timestamps: a larger number", false, 1, 0, true, true},
		{"no timestamps: RCV.NXT itself", false, 0, 0, true, false},
		{"no timestamps: a smaller number", false, -1, 0, true, false},
	} {
		r := timestampRig(t)
		if !row.ts {
			r = establishedRig(t, plain, Options{})
		}
		r.c.CloseWrite(r.now)
		r.out()
		r.in("FA", 1, 2, 60000, 0)
		r.out()
		require.Equal(t, StateTimeWait, r.c.State())
		r.now = r.now.Add(time.Second)
		in := &Arrival{Segments: 1}
		in.Seg = wire.TCP{Flags: wire.SYN, Seq: r.c.rcv.nxt.Add(row.seq), Window: 1000}
		in.Seg.Options = wire.TCPOptions{HasTimestamps: !row.none, TSVal: row.tsVal}
		require.Equal(t, row.want, r.c.Reusable(r.now, in), row.rule)
		if !row.want { // then it is answered like any other segment, and TIME-WAIT goes on
			r.c.Arrive(r.now, in)
			require.Len(t, r.segments(), 1, row.rule)
			require.Equal(t, StateTimeWait, r.c.State(), row.rule)
		}
	}
}

// A reset does not end TIME-WAIT, at whatever number, and does not move its
// end either (RFC 1337 3, C-20).
func TestNoResetEndsTimeWait(t *testing.T) {
	r := inTimeWait(t, plain)
	ends := r.c.timers[timerTimeWait]
	for _, flags := range []string{"R", "RA", "RP", "RF"} {
		for seq := -3; seq < 5; seq++ {
			r.now = r.now.Add(ms)
			r.in(flags, seq, 2, 0, 0)
			require.Equal(t, StateTimeWait, r.c.State())
		}
	}
	require.Empty(t, r.out(), "and draws nothing")
	require.Equal(t, ends, r.c.timers[timerTimeWait])
	// The assassin of RFC 1337 2: an old duplicate draws our ACK, whose RST comes back.
	r.in("A", 1, 1, 60000, 10)
	r.out()
	r.in("R", 2, 0, 0, 0)
	require.Equal(t, StateTimeWait, r.c.State())
	r.now = ends
	r.c.Expire(r.now)
	require.Equal(t, StateClosed, r.c.State())
	require.NoError(t, r.c.Err())
}
