package socket

import (
	"math"

	"github.com/sockeye-net/sockeye/stack/host"
)

// SO_MAX_PACING_RATE bounds how fast a stream's data leaves, whichever controller
// it has. The number is Linux's unsigned int in an int.

func (d *descriptor) setPacing(v int) func(*host.Options) {
	if !d.stream() {
		return func(*host.Options) {} // Linux keeps it for a queue that would look at it
	}
	rate := int64(uint32(v))
	if rate == math.MaxUint32 {
		rate = 0
	}
	return func(o *host.Options) { o.TCP.MaxPacingRate = rate }
}

func pacing(o *host.Options) int {
	if o.TCP.MaxPacingRate == 0 {
		return -1
	}
	return int(int32(min(o.TCP.MaxPacingRate, math.MaxUint32)))
}
