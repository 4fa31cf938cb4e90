package main

import (
	"fmt"
	"net/netip"
	"syscall"

	"github.com/sockeye-net/sockeye/apps/dns"
	"github.com/sockeye-net/sockeye/apps/gateway"
	"github.com/sockeye-net/sockeye/tun/setup"
)

// out says where what is sent inside goes: to its target, but for the addresses that
// stand for something else.
func (l *layout) out(loopback bool) func(string, netip.AddrPort) (netip.AddrPort, error) {
	return func(network string, to netip.AddrPort) (netip.AddrPort, error) {
		if server, ok := l.dns[to.Addr()]; ok {
			if to.Port() == dns.Port && network != "ping" {
				return server, nil
			}
			return to, syscall.ECONNREFUSED
		}
		if to.Addr() == l.gateway {
			if !loopback {
				return to, syscall.ECONNREFUSED
			}
			return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), to.Port()), nil
		}
		return gateway.Direct(network, to)
	}
}

// servers are the name servers outside.
func (f *runFlags) servers() (all []netip.AddrPort, err error) {
	for _, s := range f.dns {
		if a, err := netip.ParseAddrPort(s); err == nil {
			all = append(all, a)
			continue
		}
		a, err := netip.ParseAddr(s)
		if err != nil {
			return nil, fmt.Errorf("--dns %q is not an address", s)
		}
		all = append(all, netip.AddrPortFrom(a, dns.Port))
	}
	if len(all) == 0 {
		all = systemServers()
	}
	return all, nil
}

func systemServers() (all []netip.AddrPort) {
	addrs, _ := setup.ResolvConf()
	for _, a := range addrs {
		all = append(all, netip.AddrPortFrom(a, dns.Port))
	}
	return all
}
