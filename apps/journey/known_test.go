package journey

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/sockeye-net/sockeye/apps/dns"
)

// A name that nobody has to be asked for is told as one.
func TestKnownNames(t *testing.T) {
	for _, row := range []struct {
		from dns.SourceKind
		want string
	}{{dns.FromHosts, "Our hosts file says so"}, {dns.FromCache, "may be kept for 1 second more"}} {
		var out strings.Builder
		j := New(Options{Out: &out})
		j.Known("www.test", &dns.Answer{Name: "www.test.", Type: dns.TypeA, Left: 1, Source: dns.Source{Kind: row.from},
			Records: []dns.Record{{Name: "www.test.", Type: dns.TypeA, Class: 1, TTL: 1, Data: &dnsmessage.AResource{A: [4]byte{192, 0, 2, 1}}}}})
		text := strings.Join(strings.Fields(out.String()), " ")
		require.Contains(t, text, "Which IPv4 address has www.test?")
		require.Contains(t, text, row.want)
		require.Contains(t, text, "no packet is sent")
		require.Contains(t, text, "192.0.2.1")
	}
}
