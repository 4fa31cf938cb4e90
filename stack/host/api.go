package host

import (
	"net/netip"
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
)

// Config describes a host. Zero values are defaults, but for Seed.
type Config struct {
	Seed     [32]byte       // secrets and every random choice come from it; zero is refused
	Prefixes []netip.Prefix // our addresses, each with the length of its network
	Routes   []Route        // beyond the prefixes' own networks
	Memory   int            // Budget, bytes; 0: 64 MiB
	TTL      uint8          // of packets sent; 0: 64
	TCP      tcp.Config
	Trace    *trace.Log // nil: off
	Tap      *link.Tap  // nil: off; gets every packet in, out and across the host
}

// A Route says that Prefix is reached through Via; an invalid Via means that it is on-link.
type Route struct {
	Prefix netip.Prefix
	Via    netip.Addr
}

// A Handle names a socket of a host: an index and a generation, so that a stale
// one is detected and never reaches another socket. The zero Handle is none.
type Handle uint64

// Index is a small number that no two live sockets share, for tables beside the host's.
func (s Handle) Index() int { return int(uint32(s)) }

// Kind is the kind of a socket.
type Kind uint8

// The kinds.
const (
	Stream   Kind = iota + 1 // TCP
	Datagram                 // UDP
	Echo                     // ICMP echo, as Linux's ping sockets: the ID is the port
)

// Mask is a set of conditions of a socket, poll(2)'s in our words.
type Mask uint16

// The conditions.
const (
	Readable   Mask = 1 << iota // Recv or Accept has something to give: data, EOF, an error, a connection
	Writable                    // Send takes something, or has an error to give; Connect has ended
	Urgent                      // urgent data (POLLPRI)
	HangupRead                  // the peer's FIN arrived (POLLRDHUP)
	Hangup                      // over both ways (POLLHUP)
	Failed                      // an error is pending (POLLERR)
	AlarmRead                   // event only: the alarm of that direction went off
	AlarmWrite
	Gone // event only: the host has let go of the socket's last packet after Close
)

// Ready tells that something new happened to a socket: the conditions that
// hold now. Edge-triggered: one Ready for each news.
type Ready struct {
	Socket Handle
	Mask   Mask
}

// Host is a whole IPv4 host as a value: packets, calls and the time go in;
// packets, readiness and a deadline come out. It is not safe for concurrent use.
type Host struct{ contract struct{} }

// New returns a host. Errors: ErrSeed, ErrPrefix, ErrRoute.
func New(cfg Config, feat link.Features) (*Host, error) { panic("contract") }

// Input takes one packet. It borrows p until it returns and never keeps a reference.
func (h *Host) Input(now clock.Instant, p *link.Packet) { panic("contract") }

// Expire runs what is due. Early and repeated calls are harmless.
func (h *Host) Expire(now clock.Instant) { panic("contract") }

// Transmit fills out with packets to send and returns how many. What they
// point to is valid until the host's next call. Call it with at most the link's Room.
func (h *Host) Transmit(now clock.Instant, out []link.Packet) int { panic("contract") }

// Pending reports whether Transmit has, or may have, more to give.
func (h *Host) Pending() bool { panic("contract") }

// Deadline returns when Expire has to be called next; re-read it after any call.
func (h *Host) Deadline() clock.Instant { panic("contract") }

// Events returns the news since the last call, each socket at most once; valid until the next call.
func (h *Host) Events() []Ready { panic("contract") }

// SetFeatures tells that the link's features changed.
func (h *Host) SetFeatures(now clock.Instant, f link.Features) { panic("contract") }

// Prefixes, Routes and their setters: addresses and routes may change at run time.
// Connections of an address that went away keep their packets and time out.
func (h *Host) Prefixes() []netip.Prefix                         { panic("contract") }
func (h *Host) Routes() []Route                                  { panic("contract") }
func (h *Host) SetAddresses(ps []netip.Prefix, rs []Route) error { panic("contract") }

// Source returns the address that packets to dst would leave from, and the
// next hop (dst itself where it is on-link). ErrNoRoute.
func (h *Host) Source(dst netip.Addr) (src, via netip.Addr, err error) { panic("contract") }

// Counters returns the SNMP-named counters (RFC 4293, 4022, 4113).
func (h *Host) Counters() *Counters { panic("contract") }

// Open makes a socket. ErrNoMemory, ErrTooMany.
func (h *Host) Open(now clock.Instant, k Kind) (Handle, error) { panic("contract") }

// Bind gives the socket a local address; port 0 picks a free one. An unspecified
// address means all. ErrAddrInUse, ErrAddrNotAvail, ErrInvalid (already bound).
func (h *Host) Bind(now clock.Instant, s Handle, local netip.AddrPort) error { panic("contract") }

// Listen makes a bound (or not: it picks a port) stream socket listen; backlog as Linux takes it. Calling again changes the backlog.
func (h *Host) Listen(now clock.Instant, s Handle, backlog int) error { panic("contract") }

// Connect begins a connection: ErrInProgress for a Stream (Writable tells the end,
// SocketError how), nil for others. ErrAlready, ErrIsConnected, ErrNoRoute, ErrAddrNotAvail (no port left), ErrAddrInUse.
// For datagrams it fixes the peer; an invalid remote dissolves that.
func (h *Host) Connect(now clock.Instant, s Handle, remote netip.AddrPort) error { panic("contract") }

// Accept takes a connection from the accept queue. ErrWouldBlock.
func (h *Host) Accept(now clock.Instant, s Handle) (Handle, error) { panic("contract") }

// Send queues p on a connected socket and returns how much was taken: at least
// 1 byte of a non-empty stream, all of a datagram. ErrWouldBlock, ErrNotConnected, ErrPipe, ErrMsgSize, ErrDestAddrRequired, the connection's error.
func (h *Host) Send(now clock.Instant, s Handle, p []byte) (int, error) { panic("contract") }

// SendTo queues one datagram.
func (h *Host) SendTo(now clock.Instant, s Handle, p []byte, to netip.AddrPort) (int, error) {
	panic("contract")
}

// Recv takes what has arrived. For a stream 0, nil is the end of it.
// ErrWouldBlock, ErrNotConnected, the connection's error (once).
func (h *Host) Recv(now clock.Instant, s Handle, p []byte, f RecvFlags) (int, error) {
	panic("contract")
}

// RecvFrom takes one datagram: n is what was copied to p, size the datagram's length.
func (h *Host) RecvFrom(now clock.Instant, s Handle, p []byte, f RecvFlags) (n, size int, from netip.AddrPort, err error) {
	panic("contract")
}

// RecvFlags modify a Recv.
type RecvFlags uint8

// The flags.
const (
	Peek RecvFlags = 1 << iota // leave it in the queue
)

// SendSpan lends room in the send ring of a connected stream (up to n bytes);
// SendCommit queues the first n bytes of it. RecvSpan lends received bytes,
// RecvCommit drops them. Between the two calls others may use the host, but
// nobody else this socket in this direction.
func (h *Host) SendSpan(now clock.Instant, s Handle, n int) ([2][]byte, error) { panic("contract") }
func (h *Host) SendCommit(now clock.Instant, s Handle, n int) error            { panic("contract") }
func (h *Host) RecvSpan(now clock.Instant, s Handle, n int) ([2][]byte, error) { panic("contract") }
func (h *Host) RecvCommit(now clock.Instant, s Handle, n int) error            { panic("contract") }

// How says which directions Shutdown ends.
type How uint8

// The directions.
const (
	ShutRead How = 1 << iota
	ShutWrite
)

// Shutdown ends one or both directions. ErrNotConnected.
func (h *Host) Shutdown(now clock.Instant, s Handle, how How) error { panic("contract") }

// Close gives the socket up; its connection ends in the background (FIN, or
// RST where received data is unread or linger is zero). The handle is stale afterwards.
func (h *Host) Close(now clock.Instant, s Handle) error { panic("contract") }

// Abort gives the socket up and resets its connection.
func (h *Host) Abort(now clock.Instant, s Handle) error { panic("contract") }

// SetAlarm makes the host tell AlarmRead or AlarmWrite (one of them) of the socket at a time; Never disarms it.
func (h *Host) SetAlarm(s Handle, which Mask, at clock.Instant) error { panic("contract") }

// Poll returns the conditions that hold now. A stale handle gives 0, ErrBadHandle.
func (h *Host) Poll(s Handle) (Mask, error) { panic("contract") }

// SocketError returns the pending error and clears it (SO_ERROR).
func (h *Host) SocketError(s Handle) error { panic("contract") }

// LocalAddr and RemoteAddr return the socket's addresses; RemoteAddr gives ErrNotConnected.
func (h *Host) LocalAddr(s Handle) (netip.AddrPort, error)  { panic("contract") }
func (h *Host) RemoteAddr(s Handle) (netip.AddrPort, error) { panic("contract") }

// Options of any socket.
type Options struct {
	TTL        uint8 // 0: the host's
	TOS        uint8
	ReuseAddr  bool
	Broadcast  bool          // SendTo a broadcast address is allowed
	Linger     time.Duration // Close: <0: in the background (default is -1 by Open), 0: reset; >0: the caller waits for Gone
	LingerOn   bool
	RecvBuffer int // datagrams: bytes queued at most; 0: 208 KiB as Linux
	SendBuffer int
	TCP        tcp.Options // streams
}

// Options and SetOptions read and replace a socket's options. Accepted sockets inherit them.
func (h *Host) Options(s Handle) (Options, error)                       { panic("contract") }
func (h *Host) SetOptions(now clock.Instant, s Handle, o Options) error { panic("contract") }

// Info describes a stream socket as Linux's tcp_info does.
func (h *Host) Info(now clock.Instant, s Handle) (tcp.Info, error) { panic("contract") }

// A Description is one line of what ss(8) shows.
type Description struct {
	Socket        Handle // 0: an orphan without an owner
	Kind          Kind
	State         tcp.State
	Local, Remote netip.AddrPort
	RecvQ, SendQ  int
}

// Sockets appends a Description of every socket and orphan to dst.
func (h *Host) Sockets(dst []Description) []Description { panic("contract") }

// Shutdown all: CloseAll resets every connection (their RSTs wait in Transmit) and makes every handle stale.
func (h *Host) CloseAll(now clock.Instant) { panic("contract") }

// Counters are named as in SNMP.
type Counters struct {
	IP   IPCounters
	ICMP ICMPCounters
	UDP  UDPCounters
	TCP  TCPCounters
	Drop [256]uint64 // by trace.Reason: every packet without effect is counted here exactly once
}

type (
	IPCounters struct {
		InReceives, InDelivers, OutRequests uint64 /* ... */
	}
	ICMPCounters struct {
		InMsgs, OutMsgs uint64 /* ... */
	}
	UDPCounters struct {
		InDatagrams, OutDatagrams, NoPorts, InErrors uint64 /* ... */
	}
	TCPCounters struct {
		ActiveOpens, PassiveOpens, InSegs, OutSegs, RetransSegs uint64 /* ... */
	}
)

// Error says why a call could not be done. Values are comparable constants with a
// text; why a connection ended is a tcp.Error instead.
type Error uint8

// The errors.
const (
	_ Error = iota
	ErrSeed
	ErrPrefix
	ErrRoute
	ErrBadHandle        // EBADF
	ErrWouldBlock       // EAGAIN
	ErrInProgress       // EINPROGRESS
	ErrAlready          // EALREADY
	ErrIsConnected      // EISCONN
	ErrNotConnected     // ENOTCONN
	ErrInvalid          // EINVAL
	ErrAddrInUse        // EADDRINUSE
	ErrAddrNotAvail     // EADDRNOTAVAIL
	ErrNoRoute          // ENETUNREACH
	ErrMsgSize          // EMSGSIZE
	ErrDestAddrRequired // EDESTADDRREQ
	ErrPipe             // EPIPE
	ErrNoMemory         // ENOBUFS
	ErrTooMany          // ENFILE
	ErrNotSupported     // EOPNOTSUPP
	ErrAccess           // EACCES: broadcast without leave
	ErrClosed           // the whole host was closed (ECONNABORTED)
)

func (e Error) Error() string { panic("contract") }
