package main

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"

	"github.com/sockeye-net/sockeye/apps/dns"
	"github.com/sockeye-net/sockeye/apps/gateway"
	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/stdnet"
	"github.com/sockeye-net/sockeye/tun"
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

// mayGoOut reports whether a command that found no device goes out through the
// system's own sockets: one that asks others, and where no device was named.
func (f *linkFlags) mayGoOut(err error) bool {
	return f.out && f.tun == "" && f.addr == "" && (errors.Is(err, errNoDevice) || errors.Is(err, tun.ErrNotSupported))
}

// openOutside makes a session without a TUN: our stack in memory, joined to another
// that ends its connections and goes on through the system's own sockets.
func (p *program) openOutside(f *linkFlags) (*session, error) {
	l, err := lay(defaultCIDR, systemServers())
	if err != nil {
		return nil, err
	}
	fmt.Fprintln(p.err, "sockeye: no TUN device: going out through the system's own sockets")
	near, far := link.NewPipe(link.Features{MTU: 1500, MaxGSO: 65535, ChecksumOffload: true}, 1024)
	s := &session{lang: f.lang, us: netip.PrefixFrom(l.guest, l.net.Bits()), gateway: l.gateway}
	s.servers = l.reachable()
	if f.dns != "" {
		if s.servers, err = f.servers(&plan{}); err != nil {
			return nil, err
		}
	}
	exit, err := stack.New(stack.Config{Link: far, Prefixes: []netip.Prefix{netip.PrefixFrom(l.gateway, l.net.Bits())}})
	if err != nil {
		return nil, err
	}
	g, err := gateway.Start(stdnet.New(exit), gateway.Config{Out: l.out(false)})
	if err == nil {
		s.beyond = func() error { return errors.Join(g.Close(), exit.Close()) }
		if err = p.startAs(f, s, []link.Link{near}); err != nil {
			err = errors.Join(err, s.beyond())
		}
		return s, err
	}
	return nil, errors.Join(err, near.Close(), exit.Close())
}

// reachable are the name servers as our stack reaches them: by their own addresses,
// but for a stub on the system's loopback and for IPv6.
func (l *layout) reachable() (all []netip.AddrPort) {
	for _, inside := range l.servers {
		if real := l.dns[inside]; real.Addr().Is4() && !real.Addr().IsLoopback() {
			all = append(all, real)
		} else {
			all = append(all, netip.AddrPortFrom(inside, dns.Port))
		}
	}
	return all
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
