package gateway

import (
	"encoding/binary"
	"net"
	"net/netip"
	"syscall"

	"github.com/sockeye-net/sockeye/stack/stdnet"
)

// pings carries the echoes of one endpoint.
func (g *Gateway) pings(s *stdnet.Session) {
	out, err := openPing()
	if err != nil {
		g.refuseAll(s, "ping", err)
		return
	}
	(&crossing{g: g, network: "ping", in: s, out: out, busy: true}).run()
}

const (
	echoReply  = 0
	echoHeader = 8
)

// A pingSocket is a ping socket of the system (icmp(7)), to which any user may be
// let by net.ipv4.ping_group_range. It sends whole echo requests, whose ID is its own.
type pingSocket struct{ *net.UDPConn }

func (p pingSocket) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	return p.UDPConn.WriteToUDPAddrPort(b, netip.AddrPortFrom(to.Addr(), 0))
}

func (p pingSocket) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	n, from, err := p.UDPConn.ReadFromUDPAddrPort(b)
	return n, netip.AddrPortFrom(from.Addr().Unmap(), 0), err
}

// A rawPing does the same over a raw socket, for root where nobody may have a ping socket.
type rawPing struct {
	*net.IPConn
	id uint16
}

func (r rawPing) WriteToUDPAddrPort(b []byte, to netip.AddrPort) (int, error) {
	if len(b) < echoHeader {
		return 0, syscall.EINVAL
	}
	m := append([]byte(nil), b...)
	binary.BigEndian.PutUint16(m[4:], r.id)
	binary.BigEndian.PutUint16(m[2:], 0)
	binary.BigEndian.PutUint16(m[2:], checksum(m))
	return r.WriteToIP(m, &net.IPAddr{IP: to.Addr().AsSlice()})
}

func (r rawPing) ReadFromUDPAddrPort(b []byte) (int, netip.AddrPort, error) {
	for {
		n, from, err := r.ReadFromIP(b)
		if err != nil {
			return 0, netip.AddrPort{}, err
		}
		if a, ok := netip.AddrFromSlice(from.IP); ok && n >= echoHeader && b[0] == echoReply && binary.BigEndian.Uint16(b[4:]) == r.id {
			return n, netip.AddrPortFrom(a.Unmap(), 0), nil
		}
	}
}

// checksum is the Internet checksum (RFC 1071).
func checksum(b []byte) uint16 {
	var sum uint32
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) > 0 {
		sum += uint32(b[0]) << 8
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}
