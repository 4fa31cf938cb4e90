package tcp

import (
	"math/bits"
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp/congestion"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// Options are what the owner of a connection may set, before and during its
// life. The zero value is the default.
type Options struct {
	SendBuffer  int                  // bytes; 0: follows the congestion window, up to Config.MaxSendBuffer
	RecvBuffer  int                  // bytes; 0: follows the owner's reading, up to Config.MaxRecvBuffer; the window scale spans the largest when the connection opens
	MaxSeg      int                  // upper bound of our MSS, sent and advertised; 0: from the MTU
	NoDelay     bool                 // Nagle off (RFC 9293 MUST-17)
	Cork        bool                 // send full segments only, for at most 200 ms
	QuickACK    bool                 // acknowledge each segment at once, for good (SetQuickACK is TCP_QUICKACK)
	KeepAlive   bool                 // RFC 9293 3.8.4; off by default
	NoDF        bool                 // let routers fragment our segments; the host sets it, from its own Discover
	DeferAccept uint8                // of a listener: for how many SYN-ACK timeouts a bare ACK waits for data (DeferTimeouts); 0: none
	KeepIdle    time.Duration        // 0: 2 h
	KeepIntvl   time.Duration        // 0: 75 s
	KeepCount   int                  // 0: 9
	UserTimeout time.Duration        // RFC 9293 3.9.1; 0: by R2
	SYNRetries  int                  // of the SYN, and of a listener's SYN-ACKs; 0: as many as last at least 180 s (MUST-23)
	Congestion  congestion.Algorithm // nil: the host's
	FinWait2    time.Duration        // how long an orphan stays in FIN-WAIT-2 (TCP_LINGER2). 0: the host's; below 0: not at all, it is reset
	OOBInline   bool                 // urgent bytes stay in the stream

	// MaxPacingRate bounds how fast data leaves, bytes per second, whatever the
	// controller (SO_MAX_PACING_RATE). 0: no bound.
	MaxPacingRate int64

	// WindowClamp bounds the window that is offered, bytes, beside RecvBuffer;
	// where it is set before the connection opens the window scale follows it.
	// 0: no bound.
	WindowClamp int

	// NotSentLowat bounds the bytes that the send buffer takes beyond those
	// that have left; with half of them the owner is told EvWritable. 0: no bound.
	NotSentLowat int
}

const (
	minBuffer        = 2 << 10
	minClamp         = 1152    // of WindowClamp, as Linux
	maxBuffer        = 1 << 30 // the largest window that may be offered (RFC 7323 2.3)
	defaultKeepIdle  = 2 * time.Hour
	defaultKeepIntvl = 75 * time.Second
	defaultKeepCount = 9

	// defaultSYNRetries with timeouts of 1, 2, 4 ... 64 and at last 120 s
	// gives up after 247 s (RFC 9293 MUST-23: at least 180 s).
	defaultSYNRetries = 7
)

func orDefault[T int | time.Duration](v, d T) T {
	if v <= 0 {
		return d
	}
	return v
}

// Header sizes, bytes.
const (
	headers        = 40 // IPv4 and TCP without options
	tsOptionLen    = 12 // timestamps, padded
	maxHeaders     = 60 + 60
	defaultPeerMSS = 536 // RFC 9293 MUST-15
	minPeerMSS     = 48  // smaller ones would cost more header than data (CVE-2019-11479)
	maxWindowShift = 14  // RFC 7323 2.3
	minMTU         = 68  // RFC 791
	maxMTU         = 65535
)

// advertisedMSS is what the MSS option of our SYN says (RFC 9293 3.7.1,
// MUST-67; RFC 6691: without regard to options).
func advertisedMSS(e *Env, o *Options) int {
	mss := max(e.MTU, minMTU) - headers
	if o.MaxSeg > 0 {
		mss = min(mss, max(o.MaxSeg, minPeerMSS))
	}
	return min(mss, 65535)
}

// windowShift is the smallest scale that lets the window span buffer bytes.
func windowShift(buffer int) uint8 {
	return uint8(min(max(bits.Len(uint(buffer))-16, 0), maxWindowShift))
}

// agreed is what the two SYNs settled.
type agreed struct {
	ts, sack bool
	ecn      bool  // ECN-setup SYN and SYN-ACK (RFC 3168 6.1.1)
	scale    bool  // both sides sent the option (RFC 7323 2.2)
	sndShift uint8 // of the windows we receive
	rcvShift uint8 // of the windows we send; in SYN-SENT what our SYN says
	peerMSS  uint16
}

// synOptions are those of our SYN, or of our SYN-ACK where peer is the SYN's
// outcome: options that the peer did not offer are not answered.
func synOptions(e *Env, o *Options, tsVal, tsEcr uint32, peer *agreed) wire.TCPOptions {
	cfg := &e.Config
	opts := wire.TCPOptions{HasMSS: true, MSS: uint16(advertisedMSS(e, o))}
	if !cfg.NoSACK && (peer == nil || peer.sack) {
		opts.SACKPermitted = true
	}
	if !cfg.NoScale && (peer == nil || peer.scale) {
		opts.HasWindowScale = true
		opts.WindowScale = windowShift(o.window(e))
		if peer != nil {
			opts.WindowScale = peer.rcvShift // as it was said before, whatever the buffer is now
		}
	}
	if !cfg.NoTimestamps && (peer == nil || peer.ts) {
		opts.HasTimestamps = true
		opts.TSVal, opts.TSEcr = tsVal, tsEcr
	}
	return opts
}

// agree says what follows from the peer's SYN.
func agree(e *Env, o *Options, syn *wire.TCPOptions) agreed {
	a := agreed{peerMSS: defaultPeerMSS}
	if syn.HasMSS {
		// Deviates from RFC 9293 s.3.7.1: below minPeerMSS it is not obeyed (MUST-16).
		a.peerMSS = max(syn.MSS, minPeerMSS)
	}
	a.ts = syn.HasTimestamps && !e.Config.NoTimestamps
	a.sack = syn.SACKPermitted && !e.Config.NoSACK
	if syn.HasWindowScale && !e.Config.NoScale {
		a.scale = true
		// A shift above 14 is taken as 14 (RFC 7323 2.3).
		a.sndShift = min(syn.WindowScale, maxWindowShift)
		a.rcvShift = windowShift(o.window(e))
	}
	return a
}

// takeBack follows a SYN that came again: what it no longer asks for, its sender
// has given up and would not understand.
func (a *agreed) takeBack(syn *wire.TCPOptions) {
	a.ts = a.ts && syn.HasTimestamps
	a.sack = a.sack && syn.SACKPermitted
	if !syn.HasWindowScale {
		a.scale, a.sndShift, a.rcvShift = false, 0, 0
	}
}

// Options returns the options in force.
func (c *Conn) Options() Options {
	if c.opts == nil {
		return Options{}
	}
	return c.opts.Options
}

// SetOptions replaces the options. The window scale of an open connection
// stays as agreed, so a larger RecvBuffer counts as far as it reaches; so does
// MaxSeg, which the SYN has told.
func (c *Conn) SetOptions(now clock.Instant, o Options) {
	if c.state != StateClosed {
		o.MaxSeg = c.opts.MaxSeg
	}
	old := c.opts.Options
	probesMoved := old.KeepAlive != o.KeepAlive || old.KeepIdle != o.KeepIdle || old.KeepIntvl != o.KeepIntvl
	c.env.settings.leave(c.opts)
	c.opts = c.env.settings.use(&o)
	if old.Congestion != o.Congestion && c.cc != nil {
		c.changeController(now)
	}
	c.notePaced()
	if c.state == StateClosed {
		return
	}
	c.refreshMSS()
	if !o.Cork && c.calls&moreSoon == 0 {
		c.uncork()
		c.armPersist(now) // the window may hold back what the cork did
	} else if c.unsent() > 0 {
		c.holdUntil(now)
	}
	if o.NoDelay && !old.NoDelay {
		c.Push(now)
	}
	if (old.NotSentLowat != o.NotSentLowat || old.SendBuffer != o.SendBuffer) && c.WritableSoon() {
		c.events |= EvWritable
	}
	if o.QuickACK && c.rcv.nxt != c.rcv.acked {
		c.oweACK()
	}
	if probesMoved { // or whoever sets other options often would put them off for ever
		c.armKeepalive(now)
	}
	c.moveUser(now, old.UserTimeout)
}
