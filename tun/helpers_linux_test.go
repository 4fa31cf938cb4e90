package tun

import (
	"testing"

	"github.com/sockeye-net/sockeye/tun/setup"
	"github.com/sockeye-net/sockeye/tun/tuntest"
)

// openUp opens a TUN in ns, with the kernel's address, up.
func openUp(t testing.TB, ns *setup.NetNS, cfg Config) *Device {
	t.Helper()
	return tuntest.OpenUp(t, ns, func() (*Device, error) { return Open(cfg) })
}
