package host

import (
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/link"
)

// Packets to our own addresses and to 127.0.0.0/8 cross a queue inside the
// host. It is bounded, and so is what one Transmit takes from it, so that two
// sockets of ours that answer each other for ever do not hold the lock.
const (
	maxLoopPackets = 256
	maxLoopBytes   = 1 << 20 // of memory
	maxCrossings   = 256     // per Transmit
)

// loopHasRoom reports whether any packet, a super-segment too, fits.
func (h *Host) loopHasRoom() bool {
	return h.loop.n < maxLoopPackets && h.loop.bytes < maxLoopBytes
}

// cross takes one packet from the queue and lets it arrive.
func (h *Host) cross(now clock.Instant) {
	p := h.loop.pop()
	if p == nil {
		return
	}
	h.uncharge(p)
	h.sent(now, p)
	if h.tap != nil {
		h.tap.Put(now, link.Local, p.why, uint64(p.owner), &link.Packet{Head: p.data, GSOSize: p.gso, CsumDone: p.done})
	}
	if h.hand(p, true) {
		return
	}
	h.receive(now, p.data, p.gso, true, true)
	h.parcels.put(p)
}
