package ascii

import (
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
