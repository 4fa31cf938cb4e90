package tcp

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/wire"
)

// Tests of testdata/conformance.md, part C: RFC 5961.

func TestReqC_RSTChallenge(t *testing.T) { // RFC 5961 3.2
	for _, row := range []struct {
		rule  string
		seq   int
		reply string
		ends  bool
	}{
		{"exactly RCV.NXT: reset", 1, "", true},
		{"the next one: challenge", 2, ". 101:101 ack 1", false},
		{"the last of the window: challenge", 2048, ". 101:101 ack 1", false},
		{"the right edge: outside", 2049, "", false},
		{"the one before: outside", 0, "", false},
	} {
		for _, flags := range []string{"R", "RA"} {
			r := establishedRig(t, plain, Options{RecvBuffer: 2048, NoDelay: true})
			r.c.rcv.adv = r.c.rcv.nxt.Add(2048) // not the 64 KiB of the SYN
			r.write(100)
			r.out()
			r.in(flags, row.seq, 1, 0, 0)
			require.Equal(t, row.reply, r.out(), "%s %s", row.rule, flags)
			require.Equal(t, row.ends, r.c.State() == StateClosed, "%s %s", row.rule, flags)
			if row.ends {
				require.Equal(t, ErrReset, r.c.Err())
			}
		}
	}
	// A true peer answers the challenge with a reset that counts.
	r := establishedRig(t, plain, Options{})
	r.in("R", 500, 0, 0, 0)
	challenge := r.segment()
	var reset Segment
	require.True(t, Refuse(&Arrival{Seg: challenge.Seg}, &reset), "its port is closed")
	r.c.Arrive(r.now, &Arrival{Seg: reset.Seg})
	require.Equal(t, StateClosed, r.c.State(), "its number is what we acknowledged")
}

func TestReqC_SYNChallenge(t *testing.T) { // RFC 5961 4.2
	for _, flags := range []string{"S", "SA", "SF", "SP"} {
		for _, seq := range []int{1, 0, -1, 500, 60000, 1 << 30, -1 << 30} {
			r := establishedRig(t, plain, Options{NoDelay: true})
			r.write(100)
			r.out()
			r.in(flags, seq, 101, 9, 0)
			require.Equal(t, ". 101:101 ack 1", r.out(), "%s %d", flags, seq)
			require.Equal(t, StateEstablished, r.c.State())
			require.Equal(t, 100, r.c.Unacked(), "nothing else of it counts")
			require.EqualValues(t, 60000, r.c.snd.wnd)
		}
	}
	// A peer that begins anew answers the challenge with a reset, and then the
	// SYN finds nobody.
	r := establishedRig(t, plain, Options{})
	r.in("S", 7777, 0, 60000, 0)
	challenge := r.segment()
	r.c.Arrive(r.now, &Arrival{Seg: wire.TCP{Flags: wire.RST, Seq: challenge.Seg.Ack}})
	require.Equal(t, StateClosed, r.c.State())
}

func TestReqC_ChallengePerConn(t *testing.T) { // RFC 5961 7, CVE-2016-5696
	one := establishedRig(t, plain, Options{})
	two := newRig(t, plain, Options{})
	two.env = one.env // a connection of the same host
	two.c.Init(one.env, 2, Flow{addrA, addrB}, Options{}, 1500)
	two.c.Open(two.now)
	two.out()
	two.in("SA", 0, 1, 60000, 0)
	two.out()
	count := func(r *rig, flags string, n int) (sent int) {
		for range n {
			r.in(flags, 5, 0, 0, 0)
			sent += len(r.segments())
		}
		return sent
	}
	require.Equal(t, challengeMost, count(one, "R", 1000))
	require.Equal(t, 1, count(one, "S", 1000))
	require.Equal(t, challengeMost, count(two, "R", 1000), "the other has all of its own")
	require.Equal(t, 1, count(two, "S", 1000))
	for _, r := range []*rig{one, two} {
		r.now = r.now.Add(challengeEvery)
		require.Equal(t, challengeMost, count(r, "R", 1000), "and each again after its time")
	}
}
