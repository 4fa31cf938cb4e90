package tcp

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// flightRig has ten segments out, the last of them small.
func flightRig(t *testing.T) *rig {
	r := sackRig(t)
	r.write(9000)
	r.write(300)
	require.Len(t, r.segments(), 10)
	return r
}

// Small segments that pass large ones by have told of their loss before the router
// says why: the reduction is taken back (RFC 1191 6.5), and what is large goes again.
func TestLossExplainedBySize(t *testing.T) {
	r := flightRig(t)
	before, ssthresh := r.c.cc.Window(), r.c.cc.Ssthresh()
	r.now = r.now.Add(40 * ms)
	sack(1, 9001, 9301)(r)
	r.now = r.now.Add(40 * ms)
	r.c.Expire(r.now)
	r.segments()
	require.Equal(t, fastRecovery, r.c.sb.rec.mode)
	require.Less(t, r.c.cc.Ssthresh(), ssthresh)
	r.c.SetPMTU(r.now, 840)
	checkConn(t, r.c, "told")
	require.Equal(t, open, r.c.sb.rec.mode)
	require.Equal(t, ssthresh, r.c.cc.Ssthresh())
	require.Equal(t, before, r.c.cc.Window())
	require.Len(t, r.segments(), 18, "each in two pieces")
	r.in("A", 1, 9301, 60000, 0)
	require.Equal(t, ssthresh, r.c.cc.Ssthresh())
}

// A loss among them that would have passed is one: nothing is taken back.
func TestLossNotExplainedBySize(t *testing.T) {
	r := flightRig(t)
	r.write(300)
	r.write(300)
	r.segments()
	r.now = r.now.Add(40 * ms)
	sack(1, 9601, 9901)(r)
	r.now = r.now.Add(40 * ms)
	r.c.Expire(r.now)
	r.segments()
	require.Equal(t, fastRecovery, r.c.sb.rec.mode)
	reduced := r.c.cc.Ssthresh()
	r.c.SetPMTU(r.now, 840)
	checkConn(t, r.c, "told")
	require.Equal(t, fastRecovery, r.c.sb.rec.mode)
	require.Equal(t, reduced, r.c.cc.Ssthresh())
}

// The retransmission timer of what goes again in smaller segments starts anew, once:
// a router that repeats itself does not put it off.
func TestTimerOfSmallerSegments(t *testing.T) {
	r := flightRig(t)
	was := r.c.timers[timerRetransmit]
	r.now = r.now.Add(100 * ms)
	r.c.SetPMTU(r.now, 840)
	again := r.c.timers[timerRetransmit]
	require.Equal(t, r.now.Add(r.c.timeout()), again)
	require.Greater(t, again, was)
	r.now = r.now.Add(100 * ms)
	r.c.SetPMTU(r.now, 840)
	require.Equal(t, again, r.c.timers[timerRetransmit])
}
