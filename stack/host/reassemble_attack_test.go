package host

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/trace"
)

// One source with many datagrams pushes out its own, not everybody else's.
func TestFragmentsPerSource(t *testing.T) {
	w := newWorld(t)
	s := w.bound(w.a, Datagram, anyAddress, 9)
	whole := rawUDP(addrB, addrA, 7, 9, pattern(16))[20:]
	answers(w.a, w.now, fragment(addrB, addrA, 17, 5, 0, whole[:8], true))
	noisy := netip.MustParseAddr("198.51.100.1")
	for id := range 2000 {
		answers(w.a, w.now, fragment(noisy, addrA, 17, uint16(id), 0, whole[:8], true))
	}
	require.Equal(t, 1+maxPartials/sourceShare, w.a.frags.n)
	answers(w.a, w.now, fragment(addrB, addrA, 17, 5, 8, whole[8:], false))
	got, err := w.recv(w.a, s)
	require.NoError(t, err)
	require.Equal(t, string(pattern(16)), got)
	w.quiesce()
}

// A second fragment for the same place with other bytes is an overlap, not a duplicate (RFC 5722 3).
func TestFragmentThatDiffersIsNoDuplicate(t *testing.T) {
	w := newWorld(t)
	s := w.bound(w.a, Datagram, anyAddress, 9)
	whole := rawUDP(addrB, addrA, 7, 9, pattern(16))[20:]
	answers(w.a, w.now, fragment(addrB, addrA, 17, 5, 0, whole[:8], true))
	answers(w.a, w.now, fragment(addrB, addrA, 17, 5, 0, whole[8:16], true))
	answers(w.a, w.now, fragment(addrB, addrA, 17, 5, 8, whole[8:], false))
	_, err := w.recv(w.a, s)
	require.Equal(t, ErrWouldBlock, err)
	require.Zero(t, w.a.frags.held)
	w.quiesce()
}

// A datagram that is given up is counted as one drop, whatever the cause.
func TestFragmentsGivenUpAreCounted(t *testing.T) {
	w := newWorld(t)
	for id := range 1000 {
		src := netip.AddrFrom4([4]byte{198, 51, byte(id >> 8), byte(id)})
		answers(w.a, w.now, fragment(src, addrA, 17, 5, 0, pattern(8), true))
	}
	require.Equal(t, maxPartials, w.a.frags.n)
	require.EqualValues(t, 1000-maxPartials, w.a.Counters().Drop[trace.DropFragment])
	w.run(reassemblyTime)
	require.EqualValues(t, 1000, w.a.Counters().Drop[trace.DropFragment])
	require.EqualValues(t, 1000, w.a.Counters().IP.ReasmFails)
	w.quiesce()
}

// A congestion mark on any fragment marks the datagram (RFC 3168 5.3).
func TestFragmentsKeepCongestionMarks(t *testing.T) {
	for _, c := range []struct {
		rule          string
		first, second byte
		want          int // of the echo reply, which has the request's TOS; -1: dropped
	}{
		{"both ECT(0)", 2, 2, 2},
		{"CE on the second", 2, 3, 3},
		{"CE on the first", 3, 2, 3},
		{"CE and not-ECT: dropped", 0, 3, -1},
		{"not-ECT and CE: dropped", 3, 0, -1},
		{"none", 0, 0, 0},
	} {
		t.Run(c.rule, func(t *testing.T) {
			w := newWorld(t)
			echo := rawICMP(addrB, addrA, wireEcho, pattern(16))[20:]
			mark := func(b []byte, tos byte) []byte { b[1] = tos; return resum(b) }
			answers(w.a, w.now, mark(fragment(addrB, addrA, 1, 5, 0, echo[:8], true), c.first))
			got := answers(w.a, w.now, mark(fragment(addrB, addrA, 1, 5, 8, echo[8:], false), c.second))
			if c.want < 0 {
				require.Empty(t, got)
				require.Zero(t, w.a.frags.n)
				return
			}
			require.Len(t, got, 1)
			require.EqualValues(t, c.want, got[0][1])
		})
	}
}

// Over a link of 68 bytes the largest datagram is more fragments than the queue usually holds.
func TestManyFragments(t *testing.T) {
	w := newWorld(t)
	w.a.SetFeatures(w.now, featuresOf(68))
	s := w.open(w.a, Datagram)
	n, err := w.a.SendTo(w.now, s, pattern(65507), netip.AddrPortFrom(addrB, 9))
	require.NoError(t, err)
	require.Equal(t, 65507, n)
	_, err = w.a.SendTo(w.now, s, pattern(65507), netip.AddrPortFrom(addrB, 9))
	require.Equal(t, ErrWouldBlock, err)
	w.flush()
	require.EqualValues(t, 1365, w.a.Counters().IP.FragCreates)
	w.quiesce()
}
