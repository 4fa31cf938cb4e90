package stdnet_test

import (
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/stdnet"
	"github.com/sockeye-net/sockeye/tun"
	"github.com/sockeye-net/sockeye/tun/tuntest"
)

// Over a real TUN: one end is ours, the other the kernel's.
func TestConnOverTUN(t *testing.T) {
	ns := tuntest.NewNS(t)
	for _, tc := range []struct {
		name string
		cfg  tun.Config
	}{{"offloads", tun.Config{}}, {"plain", tun.Config{Plain: true}}} {
		t.Run(tc.name, func(t *testing.T) {
			dev := tuntest.OpenUp(t, ns, func() (*tun.Device, error) { return tun.Open(tc.cfg) })
			s, err := stack.New(stack.Config{Link: dev, Prefixes: []netip.Prefix{tuntest.Ours}})
			require.NoError(t, err)
			defer func() { require.NoError(t, s.Close()) }()
			n := stdnet.New(s)
			repeated(t, times(1000), func() (c1, c2 net.Conn, stop func(), err error) {
				l, err := n.Listen("tcp", ":0")
				if err != nil {
					return nil, nil, nil, err
				}
				defer l.Close()
				err = ns.Do(func() (err error) {
					at := net.TCPAddrFromAddrPort(netip.AddrPortFrom(tuntest.Ours.Addr(), uint16(l.Addr().(*net.TCPAddr).Port)))
					c1, err = net.DialTCP("tcp4", nil, at)
					return err
				})
				if err != nil {
					return nil, nil, nil, err
				}
				c2, err = l.Accept()
				return c1, c2, func() {
					_ = c1.Close()
					_ = c2.Close()
				}, err
			})
		})
	}
}
