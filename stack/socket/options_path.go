package socket

import (
	"syscall"

	"github.com/sockeye-net/sockeye/stack/host"
)

// Options at level IPPROTO_IP about the path, and about what is told of it.

// told is where IP_PKTINFO, IP_RECVTTL and IP_RECVTOS are kept: bits of
// descriptor.told that only getsockopt looks at.
func told(opt int) (bit uint32, ok bool) {
	switch opt {
	case IP_PKTINFO, IP_RECVTTL, IP_RECVTOS:
		return 1 << opt, true
	}
	return 0, false
}

func (d *descriptor) pathOption(opt, v int) (func(*host.Options), error) {
	if bit, ok := told(opt); ok {
		if d.told.And(^bit); v != 0 {
			d.told.Or(bit)
		}
		return nothing, nil
	}
	switch opt {
	case IP_MTU_DISCOVER:
		if v < IP_PMTUDISC_DONT || v > IP_PMTUDISC_OMIT {
			return nil, syscall.EINVAL
		}
		return func(o *host.Options) { o.Discover = host.DiscoverDont + host.Discovery(v) }, nil
	case IP_RECVERR:
		take := d.sock.RecvFault
		d.more().fault.Store(&take)
		return func(o *host.Options) { o.RecvErr = v != 0 }, nil
	case IP_FREEBIND:
		return func(o *host.Options) { o.FreeBind = v != 0 }, nil
	case IP_TRANSPARENT:
		if v != 0 {
			if err := d.sock.TakeForeign(); err != nil {
				return nil, d.errno(err)
			}
		}
		return func(o *host.Options) { o.Transparent = v != 0 }, nil
	}
	return nil, syscall.ENOPROTOOPT
}

func (d *descriptor) getPath(o *host.Options, opt int) (int, error) {
	if bit, ok := told(opt); ok {
		return number(d.told.Load()&bit != 0), nil
	}
	switch opt {
	case IP_MTU_DISCOVER:
		return int(o.Discover - host.DiscoverDont), nil
	case IP_RECVERR:
		return number(o.RecvErr), nil
	case IP_FREEBIND:
		return number(o.FreeBind), nil
	case IP_TRANSPARENT:
		return number(o.Transparent), nil
	case IP_MTU:
		n, err := d.sock.PathMTU()
		if err != nil {
			return -1, d.errno(err)
		}
		return n, nil
	}
	return -1, syscall.ENOPROTOOPT
}
