package link

import (
	"sync"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
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
	chunk   []byte // what the next packets are copied to
}

const (
	recordCost = 96      // bytes of a Record beside its Data, so that many small packets are bounded too
	chunkSize  = 1 << 16 // packets are copied into chunks: one allocation for many ACKs
)

// NewTap returns a Tap that holds up to limit bytes of packets between two
// calls of Take; packets that do not fit are counted as dropped. A packet
// counts with its length and 96 bytes for its Record.
func NewTap(limit int) *Tap { return &Tap{limit: limit} }

// Put copies p. The checksums that a device would fill are completed in the copy.
func (t *Tap) Put(now clock.Instant, dir Direction, why trace.Reason, conn uint64, p *Packet) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := p.Len()
	if t.held+n+recordCost > t.limit {
		t.dropped++
		return
	}
	t.held += n + recordCost
	data := t.copy(p)
	if p.CsumDone {
		// Going out, the sum is the device's to fill. Coming in, a device that
		// vouches for a packet may have left it unfilled just as well.
		wire.SetTransportChecksum(data, [2][]byte{})
	}
	t.records = append(t.records, Record{
		At: now, Dir: dir, Why: why, Conn: conn, Data: data, Length: n, GSO: int(p.GSOSize),
	})
}

// copy appends p to the chunk, a new one where it does not fit.
func (t *Tap) copy(p *Packet) []byte {
	n := p.Len()
	if cap(t.chunk)-len(t.chunk) < n {
		t.chunk = make([]byte, 0, max(n, min(chunkSize, t.limit)))
	}
	at := len(t.chunk)
	t.chunk = p.AppendTo(t.chunk)
	return t.chunk[at:len(t.chunk):len(t.chunk)]
}

// Take returns the records since the last call and how many packets were
// dropped for want of room. The records and their Data are the caller's.
func (t *Tap) Take() ([]Record, uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	records, dropped := t.records, t.dropped
	t.records, t.chunk, t.held, t.dropped = nil, nil, 0, 0
	return records, dropped
}
