package link

import (
	"encoding/binary"

	"github.com/sockeye-net/sockeye/stack/wire"
)

// Carries reports whether the link takes p: no larger than the MTU, or a
// super-segment no larger than MaxGSO whose segments are no larger than the MTU.
func (f Features) Carries(p *Packet) bool {
	n := p.Len()
	if n <= f.MTU {
		return true
	}
	if p.GSOSize == 0 || n > f.MaxGSO {
		return false
	}
	headers, ok := superHeaders(p.Head)
	return ok && headers+int(p.GSOSize) <= f.MTU && (f.USO || p.Head[9] == wire.ProtoTCP)
}

// superHeaders returns the length of the headers that each segment of the
// super-segment b has: IPv4 and TCP, or IPv4 and UDP.
func superHeaders(b []byte) (n int, ok bool) {
	if len(b) < 20 || b[0]>>4 != 4 || b[9] != wire.ProtoUDP {
		return tcpHeaders(b)
	}
	n = int(b[0]&0xF)*4 + wire.UDPHeaderLen
	return n, n >= 20+wire.UDPHeaderLen && n <= len(b)
}

// tcpHeaders returns the length of the IPv4 and TCP headers that b begins with.
func tcpHeaders(b []byte) (n int, ok bool) {
	if len(b) < 20 || b[0]>>4 != 4 || b[9] != wire.ProtoTCP {
		return 0, false
	}
	ihl := int(b[0]&0xF) * 4
	if ihl < 20 || len(b) < ihl+20 {
		return 0, false
	}
	n = ihl + int(b[ihl+12]>>4)*4
	return n, n >= ihl+20 && n <= len(b)
}

// Segments yields the packets that r stands for on the wire, each valid until
// yield returns: r.Data itself, or, for a super-segment, what the device cuts
// it into. For use as for seg := range r.Segments.
//
// Each segment has the super-segment's headers with its own length, ID (counted
// up), sequence number and checksums; FIN and PSH belong to the last segment
// (RFC 9293 3.8.2, 3.9.1.2), CWR to the first (RFC 3168 6.1.2). A datagram has
// its own length instead.
func (r *Record) Segments(yield func([]byte) bool) {
	headers, ok := superHeaders(r.Data)
	if !ok || r.GSO <= 0 || len(r.Data)-headers <= r.GSO || len(r.Data) < r.Length {
		if len(r.Data) > 0 {
			yield(r.Data)
		}
		return
	}
	buf := make([]byte, 0, headers+r.GSO)
	for at := headers; at < len(r.Data); at += r.GSO {
		end := min(at+r.GSO, len(r.Data))
		buf = append(append(buf[:0], r.Data[:headers]...), r.Data[at:end]...)
		mendSegment(buf, at-headers, (at-headers)/r.GSO, end == len(r.Data))
		if !yield(buf) {
			return
		}
	}
}

// mendSegment makes b, which has the headers of the super-segment, its index-th
// segment, whose payload begins at offset.
func mendSegment(b []byte, offset, index int, last bool) {
	ihl := int(b[0]&0xF) * 4
	binary.BigEndian.PutUint16(b[2:], uint16(len(b)))
	binary.BigEndian.PutUint16(b[4:], binary.BigEndian.Uint16(b[4:])+uint16(index))
	b[10], b[11] = 0, 0
	binary.BigEndian.PutUint16(b[10:], wire.Fold(wire.Sum(0, b[:ihl])))

	if b[9] == wire.ProtoUDP {
		binary.BigEndian.PutUint16(b[ihl+4:], uint16(len(b)-ihl))
		wire.SetTransportChecksum(b, [2][]byte{})
		return
	}
	tcp := b[ihl:]
	binary.BigEndian.PutUint32(tcp[4:], binary.BigEndian.Uint32(tcp[4:])+uint32(offset))
	if index > 0 {
		tcp[13] &^= byte(wire.CWR)
	}
	if !last {
		tcp[13] &^= byte(wire.FIN | wire.PSH)
	}
	wire.SetTransportChecksum(b, [2][]byte{})
}
