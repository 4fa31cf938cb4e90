package link

import (
	"sync"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
)

// Direction says which way a packet passed a Tap, seen from the host.
type Direction uint8

// The directions.
const (
	In    Direction = iota + 1 // from the link
	Out                        // to the link
	Local                      // from the host to itself
)

// A Record is a packet that passed a Tap.
type Record struct {
	At     clock.Instant
	Dir    Direction
	Why    trace.Reason // why it was sent; None for In
	Conn   uint64       // handle of the socket it left; 0: none
	Data   []byte       // the whole packet, or its first bytes
	Length int          // of the whole packet
	GSO    int          // payload bytes per wire segment of a super-segment; 0: none
}

// A Tap keeps a bounded copy of the packets that pass. The host puts them in,
// under the stack's lock; somebody else takes them out and writes them down.
// It is safe for concurrent use.
type Tap struct {
	mu      sync.Mutex
	limit   int // bytes held at most
	held    int
	dropped uint64
	records []Record
}

// NewTap returns a Tap that holds up to limit bytes of packets between two
// calls of Take; packets that do not fit are counted as dropped.
func NewTap(limit int) *Tap { panic("contract") }

// Put copies p. The checksums that a device would fill are completed in the copy.
func (t *Tap) Put(now clock.Instant, dir Direction, why trace.Reason, conn uint64, p *Packet) {
	panic("contract")
}

// Take returns the records since the last call and how many packets were dropped for want of room.
func (t *Tap) Take() ([]Record, uint64) { panic("contract") }
