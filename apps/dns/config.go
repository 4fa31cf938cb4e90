package dns

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// A Config is what resolv.conf(5) says. Its bounds are glibc's.
type Config struct {
	Servers  []netip.Addr // at most 3
	Search   []string     // domains, with the final dot; at most 6
	Ndots    int          // a name with so many dots is tried as it is first
	Timeout  time.Duration
	Attempts int
	TCP      bool // use-vc
	NoEDNS   bool
}

// ParseConfig reads a resolv.conf. What it does not say has glibc's default.
func ParseConfig(file string) *Config {
	c := &Config{Ndots: 1, Timeout: 5 * time.Second, Attempts: 2}
	for line := range strings.Lines(file) {
		if i := strings.IndexAny(line, "#;"); i >= 0 {
			line = line[:i]
		}
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		switch args := words[1:]; words[0] {
		case "nameserver":
			if at, err := netip.ParseAddr(args[0]); err == nil && len(c.Servers) < 3 {
				c.Servers = append(c.Servers, at)
			}
		case "domain", "search": // the last of them counts
			c.Search = nil
			for _, d := range args {
				if n, err := ParseName(d); err == nil && len(c.Search) < 6 {
					c.Search = append(c.Search, n)
				}
			}
		case "options":
			for _, o := range args {
				c.option(o)
			}
		}
	}
	return c
}

func (c *Config) option(o string) {
	word, number, _ := strings.Cut(o, ":")
	n, err := strconv.Atoi(number)
	switch ok := err == nil && n >= 0; {
	case word == "ndots" && ok:
		c.Ndots = min(n, 15)
	case word == "timeout" && ok:
		c.Timeout = time.Duration(max(min(n, 30), 1)) * time.Second
	case word == "attempts" && ok:
		c.Attempts = max(min(n, 5), 1)
	case word == "use-vc":
		c.TCP = true
	case word == "no-edns0":
		c.NoEDNS = true
	}
}

// SearchNames are those that are tried for a name that a person typed, in order: one with a final dot as it is; one
// with enough dots first as it is, then in the domains to search; another the other way round.
func SearchNames(name string, search []string, ndots int) []string {
	if strings.HasSuffix(name, ".") {
		return []string{name}
	}
	var in []string
	for _, d := range search {
		in = append(in, name+"."+strings.TrimPrefix(d, "."))
	}
	if strings.Count(name, ".") >= ndots {
		return append([]string{name + "."}, in...)
	}
	return append(in, name+".")
}
