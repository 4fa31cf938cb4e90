package setup

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// ErrNoNameServer says that the system names no server that a stack of its
// own could ask.
var ErrNoNameServer = errors.New("no IPv4 name server but a local stub in /etc/resolv.conf: name one with --dns")

// SystemNameServers returns the IPv4 addresses of the system's name servers, in
// their order. A stub on this machine, such as 127.0.0.53, cannot be reached
// through a TUN: what stands behind it is returned in its place.
func SystemNameServers() ([]netip.Addr, error) {
	return nameServers(
		"/etc/resolv.conf",
		"/run/systemd/resolve/resolv.conf",        // systemd-resolved's upstreams
		"/run/NetworkManager/no-stub-resolv.conf", // NetworkManager's
	)
}

// nameServers returns what the first file names, each local address replaced
// by the first following file's addresses that are not.
func nameServers(path string, upstreams ...string) ([]netip.Addr, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("setup: cannot read the name servers: %w", err)
	}
	var all []netip.Addr
	for _, a := range parseResolv(string(b)) {
		if !local(a) {
			all = append(all, a)
			continue
		}
		for _, up := range upstreams {
			b, _ := os.ReadFile(up) // not there: another kind of stub
			if found := slices.DeleteFunc(parseResolv(string(b)), local); len(found) > 0 {
				all = append(all, found...)
				break
			}
		}
	}
	seen := map[netip.Addr]bool{}
	all = slices.DeleteFunc(all, func(a netip.Addr) bool {
		again := seen[a]
		seen[a] = true
		return again || !a.Is4()
	})
	if len(all) == 0 {
		return nil, fmt.Errorf("setup: %w", ErrNoNameServer)
	}
	return all, nil
}

func local(a netip.Addr) bool { return a.IsLoopback() || a.IsUnspecified() }

// parseResolv returns the addresses of the nameserver lines (resolv.conf(5)).
func parseResolv(text string) []netip.Addr {
	var all []netip.Addr
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "nameserver" {
			continue
		}
		if a, err := netip.ParseAddr(f[1]); err == nil {
			all = append(all, a.Unmap())
		}
	}
	return all
}
