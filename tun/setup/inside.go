package setup

import (
	"net/netip"
	"os"
	"strings"
)

// An Inside is what a program sees of a network that is all ours: its own address,
// a gateway, and name servers.
type Inside struct {
	Device  string       // name of the TUN
	Addr    netip.Prefix // the program's
	Gateway netip.Addr
	MTU     int
	Resolv  string // what /etc/resolv.conf says; "": it stays as it is
}

// ResolvConf returns the addresses of the system's name servers as its own programs
// use them, a local stub and IPv6 included, and the other lines of /etc/resolv.conf.
func ResolvConf() (servers []netip.Addr, rest string) {
	b, _ := os.ReadFile("/etc/resolv.conf")
	var other strings.Builder
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] == "nameserver" || f[0][0] == '#' || f[0][0] == ';' {
			continue
		}
		other.WriteString(strings.TrimRight(line, "\n") + "\n")
	}
	if servers = parseResolv(string(b)); len(servers) == 0 {
		servers = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})} // resolv.conf(5)
	}
	return servers, other.String()
}
