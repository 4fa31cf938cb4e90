package setup

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// clashes refuses a network of which another interface has an address, with
// ErrClash: which of the two the kernel would take is anybody's guess. Routes
// that overlap may be meant so; for each it returns a line that says it.
func clashes(prefix netip.Prefix) (warnings []string, err error) {
	links, err := netlink.LinkList()
	if err != nil {
		return nil, fmt.Errorf("setup: cannot list the interfaces: %w", meaning(err))
	}
	for _, l := range links {
		name := l.Attrs().Name
		addrs, err := netlink.AddrList(l, netlink.FAMILY_V4)
		if err != nil {
			return nil, fmt.Errorf("setup: cannot list the addresses of %s: %w", name, meaning(err))
		}
		for _, a := range addrs {
			if p, ok := prefixOf(a.IPNet); ok && p.Overlaps(prefix) {
				return nil, fmt.Errorf("setup: %v clashes with %v on %s: %w", prefix, p, name, ErrClash)
			}
		}
		routes, err := netlink.RouteList(l, netlink.FAMILY_V4)
		if err != nil {
			return nil, fmt.Errorf("setup: cannot list the routes of %s: %w", name, meaning(err))
		}
		for _, r := range routes {
			if p, ok := prefixOf(r.Dst); ok && p.Bits() > 0 && p.Overlaps(prefix) {
				warnings = append(warnings, fmt.Sprintf("%v overlaps with the route to %v on %s: the longer prefix wins", prefix.Masked(), p, name))
			}
		}
	}
	return warnings, nil
}
