package trace

import "github.com/sockeye-net/sockeye/stack/clock"

// An Event is one thing that happened. Fields that a Kind does not speak of
// are zero.
type Event struct {
	At     clock.Instant
	Conn   uint64 // the socket's handle; 0: none (the host itself)
	Kind   Kind
	Reason Reason
	State  uint8  // TCP state after the event (stack/tcp.State)
	Old    uint8  // TCP state before it, for StateChanged
	Flags  uint8  // TCP flags of the segment (stack/wire.Flags)
	Seq    uint32 // SEG.SEQ, absolute
	Ack    uint32 // SEG.ACK, absolute
	Len    uint32 // payload bytes
	Window uint32 // SEG.WND in bytes after scaling
	Cwnd   uint32 // congestion window, bytes
	SRTT   uint32 // smoothed round-trip time, microseconds
	RTO    uint32 // retransmission timeout, microseconds
}

// Kind says what happened.
type Kind uint8

// The kinds of event.
const (
	_            Kind = iota
	Sent              // a packet was given to the link; Reason says why
	Received          // a packet was accepted for a socket or the host
	Dropped           // a packet had no effect; Reason says why
	StateChanged      // a connection went from Old to State
	TimerFired        // a timer expired; Reason says which
	CwndChanged       // the congestion window changed for a Reason
	numKinds
)

// A Log holds events until they are taken. The zero Log is not useful; use
// NewLog. A nil *Log records nothing.
type Log struct {
	events []Event
	lost   uint64
}

// NewLog returns a Log that holds up to n events between two calls of Take.
func NewLog(n int) *Log { return &Log{events: make([]Event, 0, n)} }

// Add records e; when the log is full it counts the event as lost. Callers
// compare the Log with nil first, so that no Event is built when tracing is off.
// Not inlined: its callers are many, and mostly trace nothing.
//
//go:noinline
func (l *Log) Add(e Event) {
	if len(l.events) == cap(l.events) {
		l.lost++
		return
	}
	l.events = append(l.events, e)
}

// Take appends the recorded events to dst, empties the log, and returns dst
// and how many events were lost since the last call because the log was full.
func (l *Log) Take(dst []Event) ([]Event, uint64) {
	dst = append(dst, l.events...)
	lost := l.lost
	l.events, l.lost = l.events[:0], 0
	return dst, lost
}
