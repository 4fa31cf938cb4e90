package stdnet

import (
	"context"
	"net"
	"net/netip"
	"strings"

	"github.com/sockeye-net/sockeye/stack/host"
)

// kindOf returns the kind of socket that a network's name asks for.
func kindOf(network string) (host.Kind, error) {
	switch network {
	case "tcp", "tcp4", "tcp6":
		return host.Stream, nil
	case "udp", "udp4", "udp6":
		return host.Datagram, nil
	}
	return 0, net.UnknownNetworkError(network)
}

// netAddr returns a as package net's type for sockets of kind k.
func netAddr(k host.Kind, a netip.AddrPort) net.Addr {
	if k == host.Stream {
		return net.TCPAddrFromAddrPort(a)
	}
	return net.UDPAddrFromAddrPort(a)
}

// anywhere is netAddr of a port without an address.
func anywhere(k host.Kind, port uint16) net.Addr {
	if k == host.Stream {
		return &net.TCPAddr{Port: int(port)}
	}
	return &net.UDPAddr{Port: int(port)}
}

// addrPort returns what a net.Addr of package net, or one that prints as
// host:port with a literal host, says.
func addrPort(a net.Addr) (netip.AddrPort, bool) {
	var ap netip.AddrPort
	switch a := a.(type) {
	case *net.TCPAddr:
		ap = a.AddrPort()
	case *net.UDPAddr:
		ap = a.AddrPort()
	case nil:
		return ap, false
	default:
		ap, _ = netip.ParseAddrPort(a.String())
	}
	ip := ap.Addr().Unmap()
	if !ip.IsValid() {
		ip = netip.IPv4Unspecified()
	}
	return netip.AddrPortFrom(ip, ap.Port()), ip.Is4()
}

// resolve returns the IPv4 addresses that address stands for; an empty host
// stands for empty.
func (n *Net) resolve(ctx context.Context, network, address string, empty netip.Addr) ([]netip.AddrPort, error) {
	name, service, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	port, err := net.DefaultResolver.LookupPort(ctx, network, service)
	if err != nil {
		return nil, err
	}
	ips, err := n.lookup(ctx, name, empty)
	if err != nil {
		return nil, err
	}
	var found []netip.AddrPort
	for _, ip := range ips {
		if ip = ip.Unmap(); ip.Is4() && !strings.HasSuffix(network, "6") {
			found = append(found, netip.AddrPortFrom(ip, uint16(port)))
		}
	}
	if len(found) == 0 && !isLiteral(name) && !strings.HasSuffix(network, "6") {
		return nil, &net.AddrError{Err: "no suitable address found: the name has only IPv6 addresses", Addr: name}
	}
	if len(found) == 0 {
		return nil, &net.AddrError{Err: "no suitable address found", Addr: name}
	}
	return found, nil
}

func isLiteral(name string) bool {
	_, err := netip.ParseAddr(name)
	return err == nil
}

// lookup returns the addresses of name: a literal, localhost (RFC 6761 6.3), or
// what Net.Lookup finds.
func (n *Net) lookup(ctx context.Context, name string, empty netip.Addr) ([]netip.Addr, error) {
	if name == "" {
		return []netip.Addr{empty}, nil
	}
	if ip, err := netip.ParseAddr(name); err == nil {
		return []netip.Addr{ip}, nil
	}
	if strings.EqualFold(strings.TrimSuffix(name, "."), "localhost") {
		return []netip.Addr{loopback}, nil
	}
	if n.Lookup == nil {
		return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	ips, err := n.Lookup(ctx, name)
	if err == nil && len(ips) == 0 {
		err = &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
	}
	return ips, err
}
