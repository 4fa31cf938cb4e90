package wire

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func decodeOptions(b ...byte) TCPOptions {
	var o TCPOptions
	o.decode(b)
	return o
}

func TestDecodeTCPOptions(t *testing.T) {
	mss := TCPOptions{HasMSS: true, MSS: 1460}
	for _, row := range []struct {
		name string
		b    []byte
		want TCPOptions
	}{
		{"none", nil, TCPOptions{}},
		{"MSS (RFC 9293 3.1, MUST-4)", []byte{2, 4, 5, 0xB4}, mss},
		{"window scale (RFC 7323 2.2)", []byte{3, 3, 7}, TCPOptions{HasWindowScale: true, WindowScale: 7}},
		{"window scale above 14 is handed on as it is (RFC 7323 2.3)", []byte{3, 3, 255}, TCPOptions{HasWindowScale: true, WindowScale: 255}},
		{"SACK-permitted (RFC 2018 2)", []byte{4, 2}, TCPOptions{SACKPermitted: true}},
		{"timestamps (RFC 7323 3.2)", []byte{8, 10, 0, 0, 0, 1, 0, 0, 0, 2}, TCPOptions{HasTimestamps: true, TSVal: 1, TSEcr: 2}},
		{
			"SACK, one block (RFC 2018 3)",
			[]byte{5, 10, 0, 0, 0, 1, 0, 0, 0, 2},
			TCPOptions{NumSACK: 1, SACK: [MaxSACKBlocks]SACKBlock{{1, 2}}},
		},
		{"options need not begin on a word (MUST-64)", []byte{1, 2, 4, 5, 0xB4}, mss},
		{"the end of list ends them (RFC 9293 3.1)", []byte{0, 2, 4, 5, 0xB4}, TCPOptions{}},
		{"unknown option is skipped by its length (MUST-6)", []byte{254, 5, 2, 4, 9, 2, 4, 5, 0xB4}, mss},
		{"zero length ends them, what came before stays (MUST-7)", []byte{2, 4, 5, 0xB4, 254, 0, 4, 2}, mss},
		{"length 1 ends them (MUST-7)", []byte{2, 4, 5, 0xB4, 254, 1, 4, 2}, mss},
		{"length past the end ends them (MUST-7)", []byte{2, 4, 5, 0xB4, 8, 10, 0, 0}, mss},
		{"kind without a length at the end (MUST-68)", []byte{2, 4, 5, 0xB4, 3}, mss},
		{"MSS of length 3 is skipped", []byte{2, 3, 5, 4, 2}, TCPOptions{SACKPermitted: true}},
		{"window scale of length 4 is skipped", []byte{3, 4, 5, 5, 4, 2}, TCPOptions{SACKPermitted: true}},
		{"SACK-permitted of length 3 is skipped", []byte{4, 3, 0, 2, 4, 5, 0xB4}, mss},
		{"timestamps of length 9 are skipped", []byte{8, 9, 0, 0, 0, 0, 0, 0, 0, 2, 4, 5, 0xB4}, mss},
		{"SACK without a block is skipped (RFC 2018 3)", []byte{5, 2, 2, 4, 5, 0xB4}, mss},
		{"SACK whose length is not 8n+2 is skipped (RFC 2018 3)", []byte{5, 11, 0, 0, 0, 1, 0, 0, 0, 2, 9, 2, 4, 5, 0xB4}, mss},
		{"of two MSS the later counts", []byte{2, 4, 0, 1, 2, 4, 5, 0xB4}, mss},
		{
			"of two SACK the later counts whole",
			[]byte{5, 18, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 5, 10, 0, 0, 0, 5, 0, 0, 0, 6},
			TCPOptions{NumSACK: 1, SACK: [MaxSACKBlocks]SACKBlock{{5, 6}}},
		},
	} {
		require.Equal(t, row.want, decodeOptions(row.b...), "%s: %x", row.name, row.b)
	}
}

func TestEncodeTCPOptions(t *testing.T) {
	blocks := [MaxSACKBlocks]SACKBlock{{1, 2}, {3, 4}, {5, 6}, {7, 8}}
	ts := []byte{1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0}
	two := []byte{0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4}
	three := append(two[:16:16], 0, 0, 0, 5, 0, 0, 0, 6)
	four := append(three[:24:24], 0, 0, 0, 7, 0, 0, 0, 8)
	join := func(parts ...[]byte) (all []byte) {
		for _, p := range parts {
			all = append(all, p...)
		}
		return all
	}
	for _, row := range []struct {
		name string
		o    TCPOptions
		want []byte
	}{
		{"none", TCPOptions{}, nil},
		{
			"a SYN with everything, as Linux orders it",
			TCPOptions{HasMSS: true, MSS: 1460, SACKPermitted: true, HasTimestamps: true, TSVal: 9, HasWindowScale: true, WindowScale: 7},
			[]byte{2, 4, 5, 0xB4, 4, 2, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 1, 3, 3, 7},
		},
		{"timestamps behind two NOPs (RFC 7323 A)", TCPOptions{HasTimestamps: true, TSVal: 9}, ts},
		{"SACK-permitted alone", TCPOptions{SACKPermitted: true}, []byte{1, 1, 4, 2}},
		{"window scale alone", TCPOptions{HasWindowScale: true, WindowScale: 0}, []byte{1, 3, 3, 0}},
		{"MSS alone", TCPOptions{HasMSS: true, MSS: 536}, []byte{2, 4, 2, 0x18}},
		{"four SACK blocks (RFC 2018 3)", TCPOptions{NumSACK: 4, SACK: blocks}, join([]byte{1, 1, 5, 34}, four)},
		{"beside timestamps three fit (RFC 2018 3)", TCPOptions{NumSACK: 4, SACK: blocks, HasTimestamps: true, TSVal: 9}, join(ts, []byte{1, 1, 5, 26}, three)},
		{"a count beyond the array", TCPOptions{NumSACK: 200, SACK: blocks}, join([]byte{1, 1, 5, 34}, four)},
		{
			"beside everything two fit",
			TCPOptions{NumSACK: 4, SACK: blocks, HasTimestamps: true, TSVal: 9, HasMSS: true, HasWindowScale: true},
			join([]byte{2, 4, 0, 0}, ts, []byte{1, 3, 3, 0}, []byte{1, 1, 5, 18}, two),
		},
	} {
		n := row.o.Len()
		require.LessOrEqual(t, n, maxTCPOptions, row.name)
		b := make([]byte, n)
		row.o.encode(b)
		require.Equal(t, row.want, append([]byte(nil), b...), row.name)
	}
}

// Every set of options fills whole words, so that no end-of-list is ever sent
// and there is nothing after it to pad (RFC 9293 3.1, MUST-69); and it comes back.
func TestTCPOptionsRoundTripEverySet(t *testing.T) {
	for set := range 16 {
		for blocks := range MaxSACKBlocks + 1 {
			o := TCPOptions{
				HasMSS: set&1 != 0, HasWindowScale: set&2 != 0, SACKPermitted: set&4 != 0, HasTimestamps: set&8 != 0,
				NumSACK: uint8(blocks),
			}
			for i := range blocks {
				o.SACK[i] = SACKBlock{Seq(i), 0xFFFFFFFF}
			}
			b := make([]byte, o.Len())
			o.encode(b)
			require.Zero(t, len(b)%4)
			want := withoutSACKThatDoesNotFit(TCP{Options: o}).Options
			require.Equal(t, want, decodeOptions(b...), "%x", b)
			if len(b) > 0 {
				require.Equal(t, want, decodeOptions(append(b, optEnd, 9, 9)...), "nothing left over: %x", b)
			}
		}
	}
}
