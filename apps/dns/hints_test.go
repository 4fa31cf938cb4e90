package dns

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Of a hints file the addresses of IPv4 are taken, as the file of the Internet's root servers is written.
func TestParseHints(t *testing.T) {
	at := netip.MustParseAddr("192.0.2.1")
	require.Equal(t, []Hint{{"ns.root.", at}, {"b.", at}, {"c.", at}}, ParseHints(`; a comment
.                        3600000      NS    NS.root.
NS.root.                 3600000      A     192.0.2.1   ; and another
NS.root.                 3600000      AAAA  2001:db8::1
b. 3600000 IN a 192.0.2.1
c. A 192.0.2.1
d. 3600000 A 2001:db8::1
e. 3600000 A 192.0.2
f..g. 3600000 A 192.0.2.1
A 192.0.2.1
`))
	require.Len(t, DefaultHints(), 13)
}

// Servers are asked at the port that is set, from the root down.
func TestIteratorAsksAtAPort(t *testing.T) {
	n := tree(t)
	it := n.iterator()
	it.Port = 5353
	ports := map[uint16]int{}
	it.Resolver.Carry = func(over Transport, to netip.AddrPort, raw []byte, deadline time.Time) ([]byte, error) {
		ports[to.Port()]++
		return n.carry(over, to, raw, deadline)
	}
	require.Equal(t, []string{"192.0.2.80"}, look(t, it, "www.a.one", TypeA))
	require.Equal(t, map[uint16]int{5353: 3}, ports)
}
