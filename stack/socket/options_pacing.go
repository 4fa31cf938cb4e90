package socket

import (
	"math"

	"github.com/sockeye-net/sockeye/stack/host"
)

// SO_MAX_PACING_RATE bounds how fast a stream's data leaves, whichever controller
// it has. As on Linux it is an unsigned int or, in 8 bytes, a long; all ones are
// no bound. Datagrams keep it, for a queue that would look at it.

const (
	longSize = 8
	unpaced  = math.MaxUint64
)

// setPacing takes Linux's unsigned int in an int.
func (d *descriptor) setPacing(v int) func(*host.Options) {
	rate := uint64(uint32(v))
	if rate == math.MaxUint32 {
		rate = unpaced
	}
	return d.setRate(rate)
}

func (d *descriptor) setRate(rate uint64) func(*host.Options) {
	d.more().unpacing.Store(^rate)
	if !d.stream() {
		return nothing
	}
	if rate > math.MaxInt64 {
		rate = 0 // the host's word for none; what 0 is to Linux, too
	}
	return func(o *host.Options) { o.TCP.MaxPacingRate = int64(rate) }
}

// pacing returns the rate that is set, or that the listener had.
func (d *descriptor) pacing(o *host.Options) uint64 {
	if o.TCP.MaxPacingRate != 0 {
		return uint64(o.TCP.MaxPacingRate)
	}
	if r := d.rest.Load(); r != nil {
		return ^r.unpacing.Load()
	}
	return unpaced
}

// pacingNumber is pacing as an unsigned int in an int.
func (d *descriptor) pacingNumber(o *host.Options) int {
	return int(int32(uint32(min(d.pacing(o), math.MaxUint32))))
}

func (d *descriptor) setPacingBytes(b []byte) error {
	return d.errno(d.sock.SetOptions(d.setRate(order.Uint64(b))))
}

func (d *descriptor) pacingBytes(p []byte) (int, error) {
	o, err := d.sock.Options()
	return put(p, order.AppendUint64(nil, d.pacing(&o)), d.errno(err))
}
