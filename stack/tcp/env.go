package tcp

import (
	"encoding/binary"
	"time"
	"unsafe"

	"github.com/sockeye-net/sockeye/stack/buffer"
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp/congestion"
	"github.com/sockeye-net/sockeye/stack/trace"
)

// Config is what all connections of a host have in common. The zero value is
// the default everywhere.
type Config struct {
	MSL           time.Duration // maximum segment lifetime; TIME-WAIT lasts two. 0: 30 s
	Congestion    string        // name of the controller; "" or unknown: congestion.Default
	NoTimestamps  bool          // do not offer or accept RFC 7323 timestamps
	NoSACK        bool          // do not offer or accept SACK
	NoScale       bool          // do not offer or accept window scaling
	ECN           ECNMode       // 0: ECN when the peer asks for it (RFC 3168)
	DelayedACK    time.Duration // 0: 40 ms; at most 500 ms (RFC 9293 MUST-40)
	MaxSendBuffer int           // largest send buffer by auto-tuning, bytes. 0: 4 MiB
	MaxRecvBuffer int           // largest receive buffer by auto-tuning, bytes. 0: 6 MiB
	SYNBacklog    int           // SYN records per listener; 0: 1024
	SYNCookies    CookieMode    // 0: when there is no room for a SYN record (RFC 4987)
	FinWait2      time.Duration // how long an orphan stays in FIN-WAIT-2. 0: 60 s
	MTUProbing    MTUProbing    // 0: search for the path MTU when a black hole is suspected (RFC 4821)
}

// The defaults of Config.
const (
	defaultMSL        = 30 * time.Second
	defaultDelayedACK = 40 * time.Millisecond
	maxDelayedACK     = 500 * time.Millisecond
	defaultMaxSend    = 4 << 20
	defaultMaxRecv    = 6 << 20
	defaultSYNBacklog = 1024
	defaultFinWait2   = 60 * time.Second
)

// filled returns cfg with the defaults in the place of zeros.
func (cfg Config) filled() Config {
	if cfg.MSL <= 0 {
		cfg.MSL = defaultMSL
	}
	if cfg.DelayedACK <= 0 {
		cfg.DelayedACK = defaultDelayedACK
	}
	// RFC 9293 MUST-40: the delay stays below half a second.
	cfg.DelayedACK = min(cfg.DelayedACK, maxDelayedACK-time.Millisecond)
	if _, ok := congestion.New(cfg.Congestion); !ok {
		cfg.Congestion = congestion.Default
	}
	cfg.MaxSendBuffer = fixedBuffer(orDefault(cfg.MaxSendBuffer, defaultMaxSend))
	cfg.MaxRecvBuffer = fixedBuffer(orDefault(cfg.MaxRecvBuffer, defaultMaxRecv))
	if cfg.SYNBacklog <= 0 {
		cfg.SYNBacklog = defaultSYNBacklog
	}
	if cfg.FinWait2 <= 0 {
		cfg.FinWait2 = defaultFinWait2
	}
	return cfg
}

// Stats counts what the connections and listeners of an Env did.
type Stats struct {
	Dropped            [trace.NumReasons]uint64 // segments without effect, by reason
	Retransmitted      uint64                   // segments of the wire sent again
	IllegalTransitions uint64                   // state changes that the table of state.go lacks: always 0
	HeldExpired        uint64                   // handshakes on which nobody decided in time
	ListenStats
}

// ListenStats counts what became of SYNs and handshakes, by Linux's names (TcpExt).
type ListenStats struct {
	SyncookiesSent, SyncookiesRecv uint64 // RFC 4987 3.6; Recv: that came back and were good
	SyncookiesFailed               uint64 // ACKs without a record that bring no good cookie, while some are out
	ListenOverflows                uint64 // a full accept queue
	ListenDrops                    uint64 // SYNs and ACKs dropped for that, or for want of records or memory
	TCPDeferAcceptDrop             uint64 // bare ACKs that waited for data
}

// Add adds what the listeners of another Env did.
func (s *ListenStats) Add(o *ListenStats) {
	s.SyncookiesSent += o.SyncookiesSent
	s.SyncookiesRecv += o.SyncookiesRecv
	s.SyncookiesFailed += o.SyncookiesFailed
	s.ListenOverflows += o.ListenOverflows
	s.ListenDrops += o.ListenDrops
	s.TCPDeferAcceptDrop += o.TCPDeferAcceptDrop
}

// Env is what the connections of one host share: configuration, memory, trace,
// secrets and pools. A host has one; it is not safe for concurrent use.
type Env struct {
	Config Config
	Budget *buffer.Budget
	Trace  *trace.Log // nil: off
	MTU    int        // of the link, bytes: what the advertised MSS is made from
	MaxGSO int        // largest super-segment the link takes, whole IP packet, bytes; 0: none
	MaxCut int        // where MaxGSO is 0: into how many segments the owner cuts one of Transmit; 0 or 1: none
	Stats  Stats

	// PacedUntil is the latest time that data of a connection waited for, or
	// waits for, for the sake of a rate.
	PacedUntil clock.Instant

	isnKey, tsKey, flowKey, cookieKey [2]uint64 // of SipHash: ISNs, timestamp offsets, SYN records, SYN cookies

	scoreboards  *scoreboard // free list
	freeRecords  int         // records in the free list's scoreboards
	lists        *reassembly // free list
	numLists     int
	searches     *mtuSearch // free list
	freeSearches int
	controllers  [maxKinds][]congestion.Controller // by their place in congestion.Names
	awake        []awake                           // of the connections whose controllers are not at rest
	sleepless    int                               // of those, whose controllers know no rest
	hand         int                               // where RestIdle goes on in it
	noEpisode    episode                           // of those that are
	settings     sharedSettings
	firstHolder  *reassembly // those in use, the oldest first
	lastHolder   *reassembly
	ending       trace.Reason      // why GiveUp ends a connection
	sample       congestion.Sample // of the ACK under way: one for all, so that none is allocated
}

// EnvSize is how many bytes an Env is by itself.
const EnvSize = int(unsafe.Sizeof(Env{}))

// NewEnv returns an Env whose secrets (ISNs, timestamp offsets) come from
// seed. MTU is 1500 until the host sets it.
func NewEnv(cfg Config, seed [32]byte, b *buffer.Budget, log *trace.Log) *Env {
	e := &Env{Config: cfg.filled(), Budget: b, Trace: log, MTU: 1500}
	k0 := binary.LittleEndian.Uint64(seed[0:])
	k1 := binary.LittleEndian.Uint64(seed[8:])
	k2 := binary.LittleEndian.Uint64(seed[16:])
	k3 := binary.LittleEndian.Uint64(seed[24:])
	e.isnKey = derive(k0, k1, k2, k3, "isn")
	e.tsKey = derive(k0, k1, k2, k3, "timestamps")
	e.flowKey = derive(k0, k1, k2, k3, "flows")
	e.cookieKey = derive(k0, k1, k2, k3, "cookies")
	return e
}
