package journey

import (
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/wire"
)

// What counts as the third duplicate ACK, and for which segment.
func TestThirdDuplicate(t *testing.T) {
	const ms, a, third = time.Millisecond, wire.ACK, "inferred: fast retransmit: third duplicate ACK"
	for name, row := range map[string]struct {
		after func(s *sniffer)
		times int
	}{
		"two are too few (RFC 5681 3.2)": {func(s *sniffer) {
			s.seg(ms, true, a, 101, 1, 0, 4000)
			s.seg(0, true, a, 101, 1, 0, 4000)
			s.seg(ms, false, a, 1, 101, 1000, 5000)
		}, 0},
		"each of the first two lets new data out (RFC 3042)": {func(s *sniffer) {
			for i := range 2 {
				s.seg(ms, true, a, 101, 1, 0, 4000)
				s.seg(0, false, a, 4001+1000*i, 101, 1000, 5000)
			}
			s.seg(ms, true, a, 101, 1, 0, 4000)
			s.seg(0, false, a, 1, 101, 1000, 5000)
		}, 1},
		"it asks for one segment, once": {func(s *sniffer) {
			for range 3 {
				s.seg(ms, true, a, 101, 1, 0, 4000)
			}
			s.seg(0, false, a, 1, 101, 1000, 5000)
			s.seg(0, false, a, 1001, 101, 1000, 5000)
			s.seg(ms, false, a, 1, 101, 1000, 5000)
		}, 1},
		"other evidence has what lies behind it sent": {func(s *sniffer) {
			for range 3 {
				s.seg(ms, true, a, 101, 1, 0, 4000)
			}
			s.seg(0, false, a, 1001, 101, 1000, 5000)
		}, 0},
		"answers to probes of a closed window ask for nothing": {func(s *sniffer) {
			s.seg(ms, true, a, 101, 4001, 0, 0)
			for range 4 {
				s.seg(300*ms, false, a, 4001, 101, 1, 5000)
				s.seg(ms, true, a, 101, 4001, 0, 0)
			}
			s.seg(ms, true, a, 101, 4001, 0, 4000)
			s.seg(ms, false, a, 4001, 101, 1, 5000)
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSniffer(t, layers.LinkTypeRaw)
			s.seg(0, true, wire.SYN, 0, 0, 0, 4000)
			s.seg(ms, false, wire.SYN|a, 0, 1, 0, 5000)
			s.seg(ms, true, a|wire.PSH, 1, 1, 100, 4000)
			for i := range 4 {
				s.seg(0, false, a, 1+1000*i, 101, 1000, 5000)
			}
			row.after(s)
			text := explained(t, s.file.Bytes(), "")
			require.Equal(t, row.times, strings.Count(unwrapped(text), third), text)
		})
	}
}

// The first SACK block may be of what came twice (RFC 2883 4).
func TestTellsTwice(t *testing.T) {
	block := func(l, r wire.Seq) wire.SACKBlock { return wire.SACKBlock{Left: l, Right: r} }
	for name, row := range map[string]struct {
		blocks []wire.SACKBlock
		want   bool
	}{
		"none":                            {nil, false},
		"behind a hole":                   {[]wire.SACKBlock{block(2000, 3000)}, false},
		"before the ACK":                  {[]wire.SACKBlock{block(500, 1000)}, true},
		"in the second block":             {[]wire.SACKBlock{block(2000, 3000), block(2000, 4000)}, true},
		"beside the second block":         {[]wire.SACKBlock{block(2000, 3000), block(4000, 5000)}, false},
		"before the ACK, and news behind": {[]wire.SACKBlock{block(500, 1000), block(4000, 5000)}, true},
	} {
		var s segment
		s.Ack = 1000
		s.Options.NumSACK = uint8(copy(s.Options.SACK[:], row.blocks))
		require.Equal(t, row.want, s.tellsTwice(), name)
	}
}
