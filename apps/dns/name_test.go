package dns

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseName(t *testing.T) {
	long := strings.Repeat("a", 63)
	for _, row := range []struct{ name, in, want, says string }{
		{"without the final dot", "www.test", "www.test.", ""},
		{"with it", "www.test.", "www.test.", ""},
		{"the root", ".", ".", ""},
		{"an underscore", "_dmarc.test", "_dmarc.test.", ""},
		{"63 in a label (RFC 1035 2.3.4)", long + ".test", long + ".test.", ""},
		{"253 in all", strings.Repeat(long+".", 3) + long[:61], strings.Repeat(long+".", 3) + long[:61] + ".", ""},
		{"254 in all", strings.Repeat(long+".", 3) + long[:62], "", "253"},
		{"64 in a label", long + "a.test", "", "63"},
		{"empty", "", "", "empty"},
		{"two dots", "a..b", "", "empty label"},
		{"a dot in front", ".a", "", "empty label"},
		{"a blank", "a b", "", "xn--"},
		{"a line end", "a\nb", "", "xn--"},
		{"not ASCII", "bücher.test", "", "xn--"},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := ParseName(row.in)
			if row.says != "" {
				require.ErrorIs(t, err, ErrBadName)
				require.ErrorContains(t, err, row.says)
				require.NotContains(t, err.Error(), "\n")
				return
			}
			require.NoError(t, err)
			require.Equal(t, row.want, got)
		})
	}
}

func TestTypes(t *testing.T) {
	for _, e := range typeNames {
		got, ok := ParseType(strings.ToLower(e.name))
		require.True(t, ok)
		require.Equal(t, e.t, got)
	}
	got, ok := ParseType("TYPE1234")
	require.True(t, ok)
	require.Equal(t, "TYPE1234", TypeString(got))
	for _, bad := range []string{"", "TYPE", "TYPE70000", "TYPE-1", "BOGUS"} {
		_, ok := ParseType(bad)
		require.False(t, ok, bad)
	}
	require.Equal(t, "NXDOMAIN", RCodeString(3))
	require.Equal(t, "BADVERS", RCodeString(16))
	require.Equal(t, "RESERVED99", RCodeString(99))
}
