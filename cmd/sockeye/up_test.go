package main

import (
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/tun/setup"
)

func TestUpWarnsOfNoNameServer(t *testing.T) {
	none := func() ([]netip.Addr, error) { return nil, fmt.Errorf("setup: %w", setup.ErrNoNameServer) }
	some := func() ([]netip.Addr, error) { return []netip.Addr{netip.MustParseAddr("9.9.9.9")}, nil }
	for _, r := range []struct {
		rule   string
		nat    string
		system func() ([]netip.Addr, error)
		want   []string
	}{
		{"without NAT the kernel is asked", "", none, nil},
		{"behind NAT the system's, if it has any", "eth0", some, nil},
		{"only a stub on this machine", "eth0", none, []string{"no IPv4 name server but a local stub in /etc/resolv.conf: name one with --dns, as in `sockeye get --dns 9.9.9.9 URL`"}},
	} {
		t.Run(r.rule, func(t *testing.T) {
			require.Equal(t, r.want, noServers(&setup.State{NAT: r.nat}, r.system))
		})
	}
}

func TestAsRoot(t *testing.T) {
	denied := fmt.Errorf("setup: cannot keep the state of x: open /run/sockeye/x.json.new: %w", fs.ErrPermission)
	if os.Geteuid() == 0 {
		require.ErrorContains(t, asRoot(denied, "down"), "x.json.new", "root has to see what it is")
		require.ErrorContains(t, asRoot(setup.ErrNoCaps, "up"), "--cap-add")
		return
	}
	for _, err := range []error{denied, setup.ErrPermission} {
		require.EqualError(t, asRoot(err, "down"), "permission denied: run as root: `sudo sockeye down`")
	}
}
