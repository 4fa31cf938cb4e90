package tcp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
)

// A blackHole swallows what is larger than mtu on its way from a to b, and
// notes what it sees.
type blackHole struct {
	mtu       int
	swallowed int
	probes    []int // sizes of the packets that were probes
	largest   int   // of those that passed
}

func dig(w *world, mtu int) *blackHole {
	b := &blackHole{mtu: mtu}
	w.lose = func(from *peer, s *Segment) bool {
		if from != w.a {
			return false
		}
		size := s.Len()
		if s.GSOSize > 0 {
			size = s.GSOSize
		}
		size += s.Seg.HeaderLen() + 20
		if s.Why == trace.SendMTUProbe {
			require.Zero(w.t, s.GSOSize, "a probe is one segment")
			b.probes = append(b.probes, size)
		}
		if size > b.mtu {
			b.swallowed++
			return true
		}
		b.largest = max(b.largest, size)
		return false
	}
	return b
}

// RFC 4821: 1500 bytes are advertised, fewer pass, and nobody says so.
func TestBlackHole(t *testing.T) {
	for _, c := range []struct {
		rule   string
		cfg    Config
		mtu    int
		gso    int
		probes int // at most, that fail or succeed
	}{
		{"1280 passes", Config{}, 1280, 0, 9},
		{"with super-segments", Config{}, 1280, 65535, 9},
		{"without SACK", Config{NoSACK: true}, 1280, 0, 9},
		{"without timestamps", Config{NoTimestamps: true}, 1280, 0, 9},
		{"Reno", Config{Congestion: "reno"}, 1280, 0, 9},
		{"PPPoE's 1492", Config{}, 1492, 0, 9},
		{"1420, a tunnel", Config{}, 1420, 0, 9},
		{"less than the base: 600", Config{}, 600, 0, 10},
		{"from the beginning", Config{MTUProbing: MTUProbeAlways}, 1280, 0, 9},
		{"from the beginning, and all passes", Config{MTUProbing: MTUProbeAlways}, 1500, 0, 1},
	} {
		t.Run(c.rule, func(t *testing.T) {
			w := newWorld(t, 1, c.cfg, Options{})
			w.a.env.MaxGSO = c.gso
			hole := dig(w, c.mtu)
			began := w.now
			fell := clock.Never
			first, last := 0, 0 // ssthresh
			w.see = func(p *peer, s *Segment) {
				if p != w.a || s.Len() == 0 {
					return
				}
				a := w.a.conn
				last = a.cc.Ssthresh()
				if m := a.search; fell == clock.Never && m != nil && !m.doubted {
					fell, first = w.now, last
				}
			}
			w.transfer(1<<20, 0)
			require.Less(t, w.now.Sub(began), 5*time.Second, "%d probes", len(hole.probes)); t.Log(w.now.Sub(began), hole.probes, hole.largest, hole.swallowed)
			require.LessOrEqual(t, len(hole.probes), c.probes)
			require.NotEmpty(t, hole.probes)
			require.GreaterOrEqual(t, hole.largest, c.mtu-searchEnd, "found")
			require.LessOrEqual(t, hole.largest, c.mtu)
			require.NotEqual(t, clock.Never, fell)
			// RFC 4821 7.6.2: a probe that is lost, and nothing else, is no congestion.
			require.Equal(t, first, last)
			if c.cfg.MTUProbing == MTUProbeAlways {
				require.LessOrEqual(t, hole.swallowed, c.probes, "nothing but probes")
				require.Less(t, w.now.Sub(began), 2*time.Second)
			}
		})
	}
}
