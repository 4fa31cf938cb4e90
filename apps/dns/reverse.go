package dns

import (
	"net/netip"
	"strconv"
	"strings"
)

// Reverse is the name that the PTR records of an address are at (RFC 1035 3.5, RFC 3596 2.5).
func Reverse(at netip.Addr) string {
	at = at.Unmap()
	if at.Is4() {
		b := at.As4()
		var s string
		for i := 3; i >= 0; i-- {
			s += strconv.Itoa(int(b[i])) + "."
		}
		return s + "in-addr.arpa."
	}
	const hex = "0123456789abcdef"
	b := at.As16()
	var s strings.Builder
	for i := 15; i >= 0; i-- {
		s.Write([]byte{hex[b[i]&15], '.', hex[b[i]>>4], '.'})
	}
	return s.String() + "ip6.arpa."
}

// fromReverse undoes Reverse, for IPv4 and IPv6.
func fromReverse(name string) (netip.Addr, bool) {
	if rest, ok := strings.CutSuffix(name, ".in-addr.arpa."); ok {
		p := strings.Split(rest, ".")
		if len(p) != 4 {
			return netip.Addr{}, false
		}
		at, err := netip.ParseAddr(p[3] + "." + p[2] + "." + p[1] + "." + p[0])
		return at, err == nil && at.Is4()
	}
	rest, ok := strings.CutSuffix(name, ".ip6.arpa.")
	if !ok || len(rest) != 63 {
		return netip.Addr{}, false
	}
	var s strings.Builder
	for i := 31; i >= 0; i-- {
		s.WriteByte(rest[2*i])
		if i%4 == 0 && i > 0 {
			s.WriteByte(':')
		}
	}
	at, err := netip.ParseAddr(s.String())
	return at, err == nil && Reverse(at) == name
}
