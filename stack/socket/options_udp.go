package socket

import (
	"math"
	"syscall"

	"github.com/sockeye-net/sockeye/stack/host"
)

// Options at level IPPROTO_UDP.
const UDP_SEGMENT = 103 // what one call sends goes as datagrams of so many bytes; 0: as one

func (d *descriptor) udpOption(opt, v int) (func(*host.Options), error) {
	switch {
	case opt != UDP_SEGMENT:
		return nil, syscall.ENOPROTOOPT
	case v < 0 || v > math.MaxUint16:
		return nil, syscall.EINVAL
	}
	return func(o *host.Options) { o.Segment = v }, nil
}

func (d *descriptor) getUDP(o *host.Options, opt int) (int, error) {
	switch opt {
	case UDP_CORK:
		return number(d.corked()), nil
	case UDP_SEGMENT:
		return o.Segment, nil
	}
	return -1, syscall.ENOPROTOOPT
}

// datagram reports whether d is a UDP socket.
func (d *descriptor) datagram() bool { return d.proto == IPPROTO_UDP }
