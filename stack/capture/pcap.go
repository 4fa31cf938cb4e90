package capture

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"
)

// The older format, pcap: a head, and packets without directions or comments
// (draft-ietf-opsawg-pcap). A Reader takes it, too.

// Magic numbers of pcap: times count microseconds or nanoseconds.
const (
	pcapMicro = 0xA1B2C3D4
	pcapNano  = 0xA1B23C4D
)

// pcapOrder is the byte order of a file that begins with these four bytes, nil if it is no pcap.
func pcapOrder(b []byte) (order binary.ByteOrder, nano bool) {
	for _, o := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
		switch o.Uint32(b) {
		case pcapMicro:
			return o, false
		case pcapNano:
			return o, true
		}
	}
	return nil, false
}

// An old file is a pcap being read.
type old struct {
	nano     bool
	linkType uint16
}

// pcapHead reads what follows the first 8 bytes of a pcap: zone, accuracy, snap length, link type.
func (r *Reader) pcapHead(order binary.ByteOrder, nano bool) error {
	r.order, r.old = order, &old{nano: nano}
	var rest [16]byte
	if _, err := io.ReadFull(r.r, rest[:]); err != nil {
		return r.cutShort(err)
	}
	r.old.linkType = uint16(order.Uint32(rest[12:])) // the high bits say how long an FCS is
	return nil
}

func malformedPcap(format string, args ...any) error {
	return fmt.Errorf("%w pcap: %s", ErrFormat, fmt.Sprintf(format, args...))
}

// pcapNext returns the next packet of a pcap.
func (r *Reader) pcapNext() (*Packet, error) {
	var head [16]byte
	if _, err := io.ReadFull(r.r, head[:]); err == io.EOF {
		return nil, io.EOF
	} else if err != nil {
		return nil, r.cutShort(err)
	}
	captured := r.order.Uint32(head[8:])
	if captured > maxBlock {
		return nil, malformedPcap("packet of %d bytes", captured)
	}
	data := make([]byte, captured)
	if _, err := io.ReadFull(r.r, data); err != nil {
		return nil, r.cutShort(err)
	}
	part := int64(r.order.Uint32(head[4:]))
	if !r.old.nano {
		part *= 1000
	}
	return &Packet{At: time.Unix(int64(r.order.Uint32(head[:])), part), LinkType: r.old.linkType,
		Data: data, Length: int(r.order.Uint32(head[12:]))}, nil
}
