package dns

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The options of EDNS fill their record (RFC 6891 6.1.2).
func TestOptions_RFC6891_6_1_2(t *testing.T) {
	for data, ok := range map[string]bool{
		"": true, "\x00\x0a\x00\x00": true, "\x00\x0a\x00\x02ab\x00\x0b\x00\x00": true,
		"\x00": false, "\x00\x0a\x00": false, "\x00\x0a\x00\x01": false, "\x00\x0a\x00\x01ab": false, "\x00\x0a\xff\xff": false,
	} {
		require.Equal(t, ok, checkOptions([]byte(data)) == nil, "%x", data)
	}
}
