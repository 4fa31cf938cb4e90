package tcp

import (
	"net/netip"
	"time"

	"github.com/sockeye-net/sockeye/stack/buffer"
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// Config is what all connections of a host have in common. The zero value is
// the default everywhere.
type Config struct {
	MSL          time.Duration // maximum segment lifetime; TIME-WAIT lasts two. 0: 30 s
	Congestion   string        // name of the controller; "": "reno" (until CUBIC comes)
	NoTimestamps bool          // do not offer or accept RFC 7323 timestamps
	NoSACK       bool          // do not offer or accept SACK
	NoScale      bool          // do not offer or accept window scaling
	DelayedACK   time.Duration // 0: 40 ms; at most 500 ms (RFC 9293 MUST-40)
	SYNBacklog   int           // SYN records per listener; 0: 1024
	FinWait2     time.Duration // how long an orphan stays in FIN-WAIT-2. 0: 60 s
}

// Env is what the connections of one host share: configuration, memory, trace,
// secrets and pools. A host has one; it is not safe for concurrent use.
type Env struct {
	Config Config
	Budget *buffer.Budget
	Trace  *trace.Log // nil: off
	MTU    int        // of the link, bytes: what the advertised MSS is made from
	MaxGSO int        // largest super-segment the link takes, whole IP packet, bytes; 0: none

	// unexported: ISN and timestamp keys, pools of scoreboards and controllers
}

// NewEnv returns an Env whose secrets (ISNs, timestamp offsets) come from seed.
func NewEnv(cfg Config, seed [32]byte, b *buffer.Budget, log *trace.Log) *Env { panic("contract") }

// A Flow is the four-tuple of a connection, seen from us.
type Flow struct{ Local, Remote netip.AddrPort }

// Options are what the owner of a connection may set, before and during its
// life. The zero value is the default.
type Options struct {
	SendBuffer  int           // bytes; 0: 256 KiB until auto-tuning comes... see defaultSendBuffer
	RecvBuffer  int           // bytes; 0: likewise
	MaxSeg      int           // upper bound of our MSS, sent and advertised; 0: from the MTU
	NoDelay     bool          // Nagle off (RFC 9293 MUST-17)
	Cork        bool          // send full segments only, for at most 200 ms
	QuickACK    bool          // acknowledge at once
	KeepAlive   bool          // RFC 9293 3.8.4; off by default
	KeepIdle    time.Duration // 0: 2 h
	KeepIntvl   time.Duration // 0: 75 s
	KeepCount   int           // 0: 9
	UserTimeout time.Duration // RFC 9293 3.9.1; 0: by R2
	SYNRetries  int           // 0: as many as last at least 180 s (MUST-23)
}

// An Arrival is a segment that came in for a connection.
type Arrival struct {
	Seg      wire.TCP
	Payload  []byte // borrowed
	ECN      uint8  // ECN codepoint of the IP header
	Segments int    // how many wire segments it stands for: above 1 for a super-segment
}

// A Segment is one that goes out. Ports, sequence numbers, flags, window and
// options are in Seg; the host writes the headers.
type Segment struct {
	Seg     wire.TCP
	Payload [2][]byte // borrowed from the send ring until the next call
	GSOSize int       // payload bytes of each wire segment; 0: this is one segment
	ECN     uint8     // ECN codepoint for the IP header
	DF      bool
	Why     trace.Reason
}

// Event is a set of things that happened to a connection and that its owner
// may wait for.
type Event uint8

// The events.
const (
	EvReadable  Event = 1 << iota // in-order data or the peer's FIN arrived
	EvWritable                    // room in the send buffer came back
	EvConnected                   // ESTABLISHED was reached
	EvClosed                      // the connection is over: Err says how
	EvUrgent
)

// Conn is one TCP connection as a value. Init it before any other call. It
// belongs to one host and is not safe for concurrent use.
type Conn struct{ contract struct{} }

// Init makes c a closed connection of flow, ready to Open. id goes into trace
// events; mtu is the path MTU in bytes.
func (c *Conn) Init(e *Env, id uint64, flow Flow, o Options, mtu int) { panic("contract") }

// InitPassive makes c the connection that the handshake hs of a Listener
// describes, in SYN-RECEIVED; the segment that completed it comes next, by Arrive.
func (c *Conn) InitPassive(now clock.Instant, e *Env, id uint64, hs *Handshake, o Options, mtu int) {
	panic("contract")
}

// Release gives all memory back to the Env. c is closed afterwards and may be Init'ed again.
func (c *Conn) Release() { panic("contract") }

// Open begins the active open (RFC 9293 3.10.1): SYN-SENT.
func (c *Conn) Open(now clock.Instant) { panic("contract") }

// Arrive takes a segment of this flow (RFC 9293 3.10.7). It borrows in.
func (c *Conn) Arrive(now clock.Instant, in *Arrival) { panic("contract") }

// Unreachable tells of an ICMP error about a segment of ours with sequence number quoted.
func (c *Conn) Unreachable(now clock.Instant, why Error, quoted wire.Seq) { panic("contract") }

// SetPMTU tells the path MTU in bytes, never more than the link's.
func (c *Conn) SetPMTU(now clock.Instant, mtu int) { panic("contract") }

// Expire runs the timers that are due. Early and repeated calls are harmless.
func (c *Conn) Expire(now clock.Instant) { panic("contract") }

// Transmit fills out with the next segment to send and reports whether there
// is one. Call it until it returns false. ACKs are decided here: call it once per batch of arrivals.
func (c *Conn) Transmit(now clock.Instant, out *Segment) bool { panic("contract") }

// Deadline returns when Expire or Transmit has to be called next; re-read it after any call.
func (c *Conn) Deadline() clock.Instant { panic("contract") }

// Events returns what happened since the last call, and forgets it.
func (c *Conn) Events() Event { panic("contract") }

// State returns the state (RFC 9293 3.3.2).
func (c *Conn) State() State { panic("contract") }

// Err returns why the connection ended, or nil: ErrRefused, ErrReset, ErrTimeout, ...
func (c *Conn) Err() error { panic("contract") }

// Write copies p to the send ring and returns how many bytes there was room for.
func (c *Conn) Write(now clock.Instant, p []byte) int { panic("contract") }

// SendSpan lends up to n bytes of room in the send ring; SendCommit says how many were filled.
func (c *Conn) SendSpan(n int) [2][]byte { panic("contract") }

// SendCommit queues the first n bytes of the last SendSpan.
func (c *Conn) SendCommit(now clock.Instant, n int) { panic("contract") }

// Read copies received bytes to p and returns how many there were.
func (c *Conn) Read(now clock.Instant, p []byte) int { panic("contract") }

// RecvSpan lends the received bytes, at most n; RecvCommit says how many were taken.
func (c *Conn) RecvSpan(n int) [2][]byte { panic("contract") }

// RecvCommit drops the first n received bytes.
func (c *Conn) RecvCommit(now clock.Instant, n int) { panic("contract") }

// Readable returns how many bytes can be read; AtEOF that the peer's FIN comes next.
func (c *Conn) Readable() int { panic("contract") }

// AtEOF reports that everything up to the peer's FIN has been read.
func (c *Conn) AtEOF() bool { panic("contract") }

// Writable returns how many bytes Write would take now.
func (c *Conn) Writable() int { panic("contract") }

// Unacked returns how many bytes of the send ring the peer has not acknowledged (SIOCOUTQ).
func (c *Conn) Unacked() int { panic("contract") }

// CloseWrite queues a FIN after the data (half-close).
func (c *Conn) CloseWrite(now clock.Instant) { panic("contract") }

// CloseRead tells that nobody will read: what arrives is acknowledged and dropped.
func (c *Conn) CloseRead(now clock.Instant) { panic("contract") }

// Close is the owner's last call: FIN, or RST where received data is unread
// (RFC 9293 SHLD-3). The connection goes on without an owner until it is closed.
func (c *Conn) Close(now clock.Instant) { panic("contract") }

// Abort resets the connection (RFC 9293 3.10.5).
func (c *Conn) Abort(now clock.Instant) { panic("contract") }

// Options returns the options in force; SetOptions changes them.
func (c *Conn) Options() Options { panic("contract") }

// SetOptions replaces the options.
func (c *Conn) SetOptions(now clock.Instant, o Options) { panic("contract") }

// Flow returns the four-tuple.
func (c *Conn) Flow() Flow { panic("contract") }

// Info describes the connection as Linux's struct tcp_info does, with the same meanings.
type Info struct {
	State State
	// ... CAState, Retransmits, Probes, Backoff, SndWscale, RcvWscale, RTO, ATO, SndMSS, RcvMSS, Unacked, Sacked, Lost, Retrans,
	// LastDataSent.., PMTU, RcvSsthresh, RTT, RTTVar, SndSsthresh, SndCwnd (packets), AdvMSS, RcvRTT, RcvSpace, TotalRetrans, BytesAcked, BytesReceived, ...
}

// Info returns the connection's description.
func (c *Conn) Info(now clock.Instant) Info { panic("contract") }

// A Handshake is the small record of a SYN (RFC 4987 3.3): what the connection
// will be made from.
type Handshake struct{ contract struct{} }

// Flow returns the four-tuple of the handshake.
func (hs *Handshake) Flow() Flow { panic("contract") }

// A Verdict is what a Listener makes of a segment.
type Verdict uint8

// The verdicts.
const (
	Dropped     Verdict = iota // nothing to do; Reason in the trace
	Answered                   // the listener has, or may have, something to Transmit
	Established                // make a Conn from the Handshake and let the same segment Arrive there
	Reset                      // answer with Refuse
)

// A Listener is a socket in LISTEN with its SYN records.
type Listener struct{ contract struct{} }

// Init makes l listen. o is inherited by its connections.
func (l *Listener) Init(e *Env, id uint64, o Options) { panic("contract") }

// Arrive takes a segment that no connection claimed. full says that the accept queue has no room.
func (l *Listener) Arrive(now clock.Instant, flow Flow, in *Arrival, full bool) (Verdict, *Handshake) {
	panic("contract")
}

// Unreachable, Expire, Transmit and Deadline are as on Conn; Transmit also says for which flow.
func (l *Listener) Expire(now clock.Instant)                                  { panic("contract") }
func (l *Listener) Transmit(now clock.Instant, flow *Flow, out *Segment) bool { panic("contract") }
func (l *Listener) Deadline() clock.Instant                                   { panic("contract") }
func (l *Listener) Unreachable(now clock.Instant, flow Flow, why Error, quoted wire.Seq) {
	panic("contract")
}

// Close forgets the SYN records. (Their peers find a closed port.)
func (l *Listener) Close() { panic("contract") }

// Refuse fills out with the RST that answers a segment for which there is no
// connection (RFC 9293 3.10.7.1) and reports whether there is one: never to a RST.
func Refuse(in *Arrival, out *Segment) bool { panic("contract") }

// State is a connection's state (RFC 9293 3.3.2), numbered as Linux does.
type State uint8

// The states, numbered as Linux's enum.
const (
	StateEstablished State = iota + 1
	StateSynSent
	StateSynReceived
	StateFinWait1
	StateFinWait2
	StateTimeWait
	StateClosed
	StateCloseWait
	StateLastAck
	StateListen
	StateClosing
)

// Error says why a connection ended or could not be. Values are comparable constants with a text.
type Error uint8

const (
	_                   Error = iota
	ErrRefused                // the peer answered our SYN with RST (ECONNREFUSED)
	ErrReset                  // the peer reset the connection (ECONNRESET)
	ErrTimeout                // no answer within R2 or the user timeout (ETIMEDOUT)
	ErrHostUnreachable        // EHOSTUNREACH
	ErrNetUnreachable         // ENETUNREACH
	ErrProtoUnreachable       // ENOPROTOOPT as Linux
	ErrPortUnreachable        // ECONNREFUSED
	ErrAborted                // we aborted it (ECONNABORTED)
)

func (e Error) Error() string { panic("contract") }
