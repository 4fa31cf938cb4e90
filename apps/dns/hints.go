package dns

import (
	"net/netip"
	"strings"

	"github.com/sockeye-net/sockeye/apps/internal/ascii"
)

// DefaultHints are the Internet's root servers, as IANA's root hints file has them.
func DefaultHints() []Hint { return ParseHints(rootHints) }

const rootHints = `
a.root-servers.net. 3600000 A 198.41.0.4
b.root-servers.net. 3600000 A 170.247.170.2
c.root-servers.net. 3600000 A 192.33.4.12
d.root-servers.net. 3600000 A 199.7.91.13
e.root-servers.net. 3600000 A 192.203.230.10
f.root-servers.net. 3600000 A 192.5.5.241
g.root-servers.net. 3600000 A 192.112.36.4
h.root-servers.net. 3600000 A 198.97.190.53
i.root-servers.net. 3600000 A 192.36.148.17
j.root-servers.net. 3600000 A 192.58.128.30
k.root-servers.net. 3600000 A 193.0.14.129
l.root-servers.net. 3600000 A 199.7.83.42
m.root-servers.net. 3600000 A 202.12.27.33
`

// ParseHints reads a root hints file: of its A records, the owners and the addresses. Other lines are passed over.
func ParseHints(file string) []Hint {
	var out []Hint
	for line := range strings.Lines(file) {
		line, _, _ = strings.Cut(line, ";")
		words := strings.Fields(line)
		if len(words) < 3 || !strings.EqualFold(words[len(words)-2], "A") {
			continue
		}
		n, err := ParseName(words[0])
		at, err2 := netip.ParseAddr(words[len(words)-1])
		if err == nil && err2 == nil && at.Is4() {
			out = append(out, Hint{ascii.Lower(n), at})
		}
	}
	return out
}
