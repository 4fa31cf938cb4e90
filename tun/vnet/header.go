package vnet

import (
	"encoding/binary"

	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// headerLen is the length of virtio_net_hdr (virtio 1.2, 5.1.6) without its
// optional last field: what a TUN puts before each packet. The numbers are in
// the machine's own byte order.
const headerLen = 10

// Fields of the header, and the values that an IPv4 stack meets.
const (
	atFlags      = 0
	atGSOType    = 1
	atHeaderLen  = 2
	atGSOSize    = 4
	atCsumStart  = 6
	atCsumOffset = 8

	needsCsum = 1 // the checksum field holds the pseudo-header's sum only
	dataValid = 2 // the checksum was verified

	gsoNone  = 0
	gsoTCPv4 = 1
	gsoUDP   = 5    // virtio 1.3: UDP_L4, datagrams each with a header of its own
	gsoECN   = 0x80 // CWR is on the first segment only (RFC 3168 6.1.2)
)

const (
	ipHeaderLen   = 20
	udpHeaderLen  = 8
	tcpCsumOffset = 16
	udpCsumOffset = 6
)

// putHeader writes the header of p, which has an IPv4 header without options
// where the device has something to do for it.
func putHeader(b []byte, p *link.Packet) {
	clear(b[:headerLen])
	if !p.CsumDone && p.GSOSize == 0 || len(p.Head) < ipHeaderLen {
		return
	}
	b[atFlags] = needsCsum
	put(b, atCsumStart, ipHeaderLen)
	put(b, atCsumOffset, tcpCsumOffset)
	if p.Head[9] == wire.ProtoUDP {
		put(b, atCsumOffset, udpCsumOffset)
	}
	if p.GSOSize == 0 {
		return
	}
	put(b, atHeaderLen, uint16(len(p.Head)))
	put(b, atGSOSize, p.GSOSize)
	if p.Head[9] == wire.ProtoUDP {
		b[atGSOType] = gsoUDP
		put(b, atHeaderLen, ipHeaderLen+udpHeaderLen) // the head may have the payload in it
		return
	}
	b[atGSOType] = gsoTCPv4
	if len(p.Head) > ipHeaderLen+13 && p.Head[ipHeaderLen+13]&byte(wire.CWR) != 0 {
		b[atGSOType] |= gsoECN
	}
}

func put(b []byte, at int, v uint16) { binary.NativeEndian.PutUint16(b[at:], v) }

// takeHeader makes a packet of what the device gave: the header and the
// packet. It reports false where the device sent a super-segment of a kind
// that was not asked for.
func takeHeader(b []byte) (link.Packet, bool) {
	p := link.Packet{Head: b[headerLen:len(b):len(b)]}
	// Where the sum is not yet made, the packet has crossed no wire.
	p.CsumDone = b[atFlags]&(needsCsum|dataValid) != 0
	switch b[atGSOType] &^ gsoECN {
	case gsoNone:
		return p, true
	case gsoTCPv4, gsoUDP:
		p.GSOSize = binary.NativeEndian.Uint16(b[atGSOSize:])
		return p, true
	}
	return link.Packet{}, false
}
