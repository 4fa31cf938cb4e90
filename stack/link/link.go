package link

import "errors"

// A Packet is one IP packet, or one super-segment of up to 64 KiB that the
// device cuts into GSOSize-byte segments: of TCP, or of UDP, where it stands for
// datagrams of that size, the last one perhaps smaller. Body has at most two spans because a
// ring wraps once.
type Packet struct {
	Head     []byte    // IP and transport headers; for input, the whole packet
	Body     [2][]byte // payload, borrowed from the send ring until the host's next call
	GSOSize  uint16    // payload bytes of each wire segment; 0: not a super-segment
	CsumDone bool      // in: transport checksum already verified; out: the device fills it
}

// Len returns the length of the whole packet in bytes.
func (p *Packet) Len() int { return len(p.Head) + len(p.Body[0]) + len(p.Body[1]) }

// AppendTo appends the whole packet to b, flat.
func (p *Packet) AppendTo(b []byte) []byte {
	b = append(b, p.Head...)
	b = append(b, p.Body[0]...)
	return append(b, p.Body[1]...)
}

// Features says what a link can carry and what its device does for us.
// They may change while a link runs; ask again on each use.
type Features struct {
	MTU             int  // largest IP packet in bytes, at least 68 (RFC 791)
	MaxGSO          int  // largest super-segment (whole IP packet) in bytes; 0: none
	USO             bool // super-segments of UDP too; MaxGSO bounds them as well
	ChecksumOffload bool // out: leave the transport checksum to the device (Packet.CsumDone)
}

// A Link carries IP packets. It is the whole contract between a stack and
// what moves its packets: a TUN queue, an in-memory Pipe, a program of yours.
//
// One goroutine at a time may be in TryRead or Wait (the shard's leader), and
// one at a time in WriteBatch; Wake, Room, Features and Close may be called
// from anywhere.
type Link interface {
	// TryRead fills ps with packets that have arrived and returns how many. It
	// never blocks: 0, nil says that there is nothing now. What ps points to
	// belongs to the link and is valid until the next TryRead. An error is
	// ErrClosed, or what the device said; io.EOF is not used.
	TryRead(ps []Packet) (int, error)

	// Wait blocks until there is something to read, Room has come back after
	// it was 0, Wake was called, or the link was closed (ErrClosed). A Wake
	// that comes before its Wait is not lost. alone says that nobody else in
	// the process waits for this link, so that a device may wait in the
	// kernel instead of in the runtime's poller.
	Wait(alone bool) error

	// Wake ends a Wait, the present one or the next one.
	Wake()

	// WriteBatch sends ps, in order. It never blocks and never calls back; a
	// link that keeps a packet copies it. A packet that the device refuses is
	// dropped like a packet lost on the path; the error says why the first one was.
	WriteBatch(ps []Packet) error

	// Room returns how many packets WriteBatch takes now.
	Room() int

	// Features returns what the link can carry now.
	Features() Features

	// Close releases the link and ends a Wait. It is safe to call twice.
	Close() error
}

// ErrClosed is returned by the calls of a link that has been closed.
var ErrClosed = errors.New("link: closed")
