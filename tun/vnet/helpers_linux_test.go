package vnet

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

// kinds runs a test for both kinds of device.
func kinds(t *testing.T, f func(t *testing.T, plain bool)) {
	t.Run("with offloads", func(t *testing.T) { f(t, false) })
	t.Run("plain", func(t *testing.T) { f(t, true) })
}
