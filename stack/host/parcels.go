package host

import (
	"net/netip"
	"unsafe"

	"github.com/sockeye-net/sockeye/stack/buffer"
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
)

// A parcel is bytes that the host itself keeps: a packet of its own on the way
// out, one to itself, a datagram in a socket's queue, a fragment. Streams do
// not use it; their bytes stay in rings.
type parcel struct {
	next  *parcel
	data  []byte         // what is used of mem
	mem   []byte         // of the size of its class; it and the parcel are paid for out of the Budget
	peer  netip.AddrPort // of a datagram received: its sender
	at    clock.Instant  // and when it came
	to    netip.Addr     // and the address that it was sent to
	port  uint16         // ... and the port, of a session
	owner Handle         // of a packet on the way out: the socket it left
	off   int            // of a fragment: its place in the datagram, bytes; of one for another Host: which
	gso   uint16         // of a super-segment or super-datagram: payload bytes per segment
	class uint8
	ttl   uint8 // of a datagram received, as tos
	tos   uint8
	fault *Fault // in an error queue
	done  bool   // the transport checksum need not be looked at
	why   trace.Reason
}

// parcelClasses are the sizes of parcels: an ICMP message or a small datagram,
// a full frame, a jumbo frame, anything.
var parcelClasses = [...]int{256, 2 << 10, 16 << 10, 64 << 10}

// parcelSize is what a parcel takes beside its bytes.
const parcelSize = int(unsafe.Sizeof(parcel{}))

// parcelsKept says how many unused parcels of each class are kept.
var parcelsKept = [...]int{512, 256, 16, 8}

// A parcelPool hands out parcels within a Budget and keeps those given back.
type parcelPool struct {
	budget *buffer.Budget
	free   [len(parcelClasses)]*parcel
	kept   [len(parcelClasses)]int
}

// get returns a parcel of n bytes, or nil when n is above 64 KiB or the Budget is used up.
func (l *parcelPool) get(n int) *parcel {
	class := 0
	for class < len(parcelClasses) && parcelClasses[class] < n {
		class++
	}
	if class == len(parcelClasses) || !l.budget.Take(parcelSize+parcelClasses[class]) {
		return nil
	}
	p := l.free[class]
	if p == nil {
		p = &parcel{mem: make([]byte, parcelClasses[class]), class: uint8(class)}
	} else {
		l.free[class] = p.next
		l.kept[class]--
	}
	*p = parcel{mem: p.mem, data: p.mem[:n], class: uint8(class)}
	return p
}

// put takes p back. Not inlined, for it is large.
//
//go:noinline
func (l *parcelPool) put(p *parcel) {
	class := p.class
	l.budget.Give(parcelSize + len(p.mem))
	if l.kept[class] >= parcelsKept[class] {
		return
	}
	p.next = l.free[class]
	l.free[class] = p
	l.kept[class]++
}

// A parcelQueue is a first-in, first-out list of parcels that holds no memory of its own.
type parcelQueue struct {
	head, tail *parcel
	n          int
	bytes      int // of mem
}

// push puts p at the end. Not inlined: its callers are many.
//
//go:noinline
func (q *parcelQueue) push(p *parcel) {
	p.next = nil
	if q.tail == nil {
		q.head = p
	} else {
		q.tail.next = p
	}
	q.tail = p
	q.n++
	q.bytes += len(p.mem)
}

// pop takes the first parcel, or returns nil.
// Not inlined: its callers are many.
//
//go:noinline
func (q *parcelQueue) pop() *parcel {
	p := q.head
	if p == nil {
		return nil
	}
	q.head = p.next
	if q.head == nil {
		q.tail = nil
	}
	p.next = nil
	q.n--
	q.bytes -= len(p.mem)
	return p
}

// drain gives all parcels back.
func (q *parcelQueue) drain(l *parcelPool) {
	for p := q.pop(); p != nil; p = q.pop() {
		l.put(p)
	}
}
