package wire

import "net/netip"

// An Endpoint is an IPv4 address and a port in 8 bytes: what is kept for each
// connection, where a netip.AddrPort's 32 count. The zero Endpoint is none.
type Endpoint struct {
	addr  [4]byte
	port  uint16
	known bool
}

// EndpointOf returns a in short; one that is not of IPv4 becomes none.
func EndpointOf(a netip.AddrPort) Endpoint {
	if !a.Addr().Is4() {
		return Endpoint{}
	}
	return Endpoint{a.Addr().As4(), a.Port(), true}
}

// IsValid reports whether there is an address.
func (e Endpoint) IsValid() bool { return e.known }

// Port returns the port; 0 where there is none.
func (e Endpoint) Port() uint16 { return e.port }

// Addr returns the address; the zero Addr where there is none.
func (e Endpoint) Addr() netip.Addr {
	if !e.known {
		return netip.Addr{}
	}
	return netip.AddrFrom4(e.addr)
}

// AddrPort returns both; the zero AddrPort where there are none.
func (e Endpoint) AddrPort() netip.AddrPort {
	if !e.known {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(netip.AddrFrom4(e.addr), e.port)
}
