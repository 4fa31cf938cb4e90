package ascii

import (
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFold(t *testing.T) {
	for _, row := range []struct {
		s, t string
		same bool
	}{
		{"", "", true},
		{"Content-Length", "content-lengTH", true},
		{"chunked", "CHUNKED", true},
		{"chunked", "chun\u212aed", false}, // the Kelvin sign: strings.EqualFold says yes
		{"\u00c4", "\u00e4", false},        // no letter of ASCII
		{"@[", "`{", false},                // next to A and Z
		{"a", "ab", false},
	} {
		require.Equal(t, row.same, EqualFold(row.s, row.t), "%q %q", row.s, row.t)
		if row.same {
			require.Equal(t, Lower(row.s), Lower(row.t))
		}
	}
	require.Equal(t, "@az[\u00c4", Lower("@AZ[\u00c4"))
}

func TestTrim(t *testing.T) {
	for in, want := range map[string]string{"": "", " \t ": "", "a": "a", "\t a b\t ": "a b", "\ra\n": "\ra\n", "\u00a0a": "\u00a0a"} {
		require.Equal(t, want, Trim(in), "%q", in)
	}
}

func TestCut(t *testing.T) {
	for _, in := range []string{"", ":", "a", "a:", ":b", "a:b:c"} {
		before, after, found := strings.Cut(in, ":")
		b, a, f := Cut(in, ':')
		require.Equal(t, []any{before, after, found}, []any{b, a, f}, in)
	}
}

func TestIndexAny(t *testing.T) {
	for _, in := range []string{"", "abc", "/", "ab?c/", "a\u00c4#"} {
		require.Equal(t, strings.IndexAny(in, "/?#"), IndexAny(in, "/?#"), in)
	}
}

func TestHex(t *testing.T) {
	for c := range 256 {
		want, err := strconv.ParseUint(string([]byte{byte(c)}), 16, 8)
		got, ok := Hex(byte(c))
		require.Equal(t, err == nil, ok, "%q", c)
		require.Equal(t, byte(want), got, "%q", c)
	}
}
