package tcp

import (
	"time"

	"github.com/sockeye-net/sockeye/stack/buffer"
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp/congestion"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// Event is a set of things that happened to a connection and that its owner
// may wait for.
type Event uint8

// The events.
const (
	EvReadable  Event = 1 << iota // in-order data or the peer's FIN arrived
	EvWritable                    // room in the send buffer came back
	EvConnected                   // ESTABLISHED was reached
	EvClosed                      // the connection is over: Err says how
	EvUrgent                      // the peer's urgent mark moved forward, or the byte there has come
	EvPathMTU                     // the connection found out by itself what its path carries: PathMTU
)

// Conn is one TCP connection as a value. Init it before any other call. It
// belongs to one host and is not safe for concurrent use.
//
// The order of the fields keeps 64-bit values aligned on 32-bit machines and
// the whole small: an idle connection is this and nothing else.
type Conn struct {
	env    *Env
	sb     *scoreboard           // nil while nothing is outstanding
	re     *reassembly           // nil while nothing is out of order
	search *mtuSearch            // nil while the path is not suspected
	cc     congestion.Controller // &rest while at rest
	id     uint64
	flow   tuple
	opts   *settings
	timers [numTimers]clock.Instant
	rtt    rtt
	count  counters
	busy   busyClock
	snd    sendVars
	rcv    recvVars
	in     buffer.Ring // bytes received: the first is the next to be read
	out    buffer.Ring // bytes to send: the first is the oldest unacknowledged
	has    facts
	rest   congestion.Rest
	awake  int32  // place in Env.awake, counted from 1; 0: the controller is at rest
	mtu    uint16 // path MTU, bytes
	mss    uint16 // largest segment: the smaller of peer's MSS and path MTU, options not subtracted
	tsOff  uint32
	opt    agreed
	ecn    ecnFacts
	calls  callFacts
	state  State
	events Event
	err    Error
	soft   Error // the latest soft ICMP error

	unclaimed bool // nobody has accepted it yet
}

// A tuple is a Flow in short.
type tuple struct{ local, remote wire.Endpoint }

// sendVars are the send sequence variables of RFC 9293 3.3.1.
type sendVars struct {
	una     wire.Seq // SND.UNA
	nxt     wire.Seq // SND.NXT
	wnd     uint32   // SND.WND, bytes
	wl1     wire.Seq // SND.WL1
	wl2     wire.Seq // SND.WL2
	iss     wire.Seq // ISS
	maxWnd  uint32   // MAX.SND.WND (RFC 5961 5)
	small   wire.Seq // end of the last segment below full size
	guard   wire.Seq // no new fast recovery by duplicate ACKs up to here (RFC 6582 3.2)
	reset   wire.Seq // SEG.SEQ of the RST that is owed
	limited wire.Seq // SND.NXT when cwnd last kept data back, where cwndLimited
	tail    wire.Seq // TLP.end_seq, where tailOut
	up      wire.Seq // SND.UP: behind the last urgent byte, where urgentOut
	dsacked wire.Seq // RACK.dsack_round, where dsackRound

	ecn      wire.Seq      // SND.NXT when the window fell, where ecnHeld
	stalled  clock.Tick    // first timeout or probe since the peer last acknowledged anything
	lastSend clock.Instant // of data
	backoff  uint8         // how often the running timeout was doubled
	probes   uint8         // keep-alive probes unanswered
	dupacks  uint8         // duplicate ACKs in a row
	retries  uint8         // SYNs or SYN-ACKs sent again
	reoMult  uint8         // RACK.reo_wnd_mult - 1
	reoKeep  uint8         // RACK.reo_wnd_persist
	buf      uint16        // send buffer by auto-tuning, in bufUnit; 0: the first
}

// recvVars are the receive sequence variables of RFC 9293 3.3.1.
type recvVars struct {
	nxt   wire.Seq // RCV.NXT
	adv   wire.Seq // right edge of the window offered: RCV.NXT + RCV.WND
	acked wire.Seq // Last.ACK.sent (RFC 7323 4.3)
	irs   wire.Seq // IRS
	up    wire.Seq // RCV.UP: the last urgent byte, where urgent says something of it
	fin   wire.Seq // sequence number of the peer's FIN, where finKnown

	tsRecent   uint32
	buf        uint16        // receive buffer by auto-tuning, in bufUnit; 0: the first
	rtt        uint16        // round-trip time as the receiver sees it, in rttUnit; 0: use the sender's
	tuneAt     uint32        // when the round trip of auto-tuning began, us
	tuneFrom   uint32        // how much had been read then
	tsRecentAt clock.Instant // Never: TS.Recent is not valid
	lastRecv   clock.Instant // last segment that was acceptable
	lastText   clock.Instant // last one with data
	oow        clock.Tick    // last answer to a segment outside the window
	challenged clock.Tick    // begin of the period in which challenges counts
	challenges uint8
	dupsOwed   uint8 // duplicate ACKs, one for each segment out of order
	quick      uint8 // ACKs to be sent without delay
	urgent     urgentByte
	mss        uint16 // largest segment seen, bytes
}

// facts are the single bits of a connection.
type facts uint32

const (
	finQueued   facts = 1 << iota // no more data comes from the owner
	finSent                       // our FIN has a sequence number
	finKnown                      // the peer's FIN was seen, rcv.fin says where
	finReceived                   // the peer's FIN is in order
	orphan                        // Close was called: nobody owns the connection
	passive                       // made from a Listener's handshake (MUST-11)
	owesSYN                       // a SYN or SYN-ACK is to be sent
	owesACK                       // an ACK is to be sent now
	owesDelayed                   // an ACK may wait for the timer
	owesChallenge
	owesRST       // with sequence number snd.reset
	rstACK        // ... and with an ACK
	owesProbe     // zero-window probe
	owesKeepalive // keep-alive probe
	owesWindow    // window update
	corkOver      // the cork's 200 ms are over
	pingpong      // data answers data: ACKs ride on it
	cwndLimited   // the window was full when what ends at snd.limited left
	overrideSWS   // the silly-window timer is over: send what there is
	smallMTU      // the path wants fragments: no DF
	reordered     // RACK.reordering_seen
	dsackRound    // a D-SACK was counted in the round that ends at snd.dsacked
	measured      // a round-trip time was measured since the last loss probe
	tailTimer     // the reordering timer is the loss probe's
	owesTail      // loss probe
	tailOut       // a loss probe is out: TLP.end_seq is snd.tail
	tailAgain     // ... and it was a retransmission: TLP.is_retrans
	starved       // the Budget refused bytes that the send buffer had room for
	dsackSeen     // the peer has sent a D-SACK
	paceHeld      // the rate holds data back, or the scoreboard, until scoreboard.pace.next
	backlog       // something waited to be sent when the scoreboard went
)

const owesAny = owesSYN | owesACK | owesDelayed | owesChallenge | owesProbe | owesKeepalive | owesWindow | owesTail

// Init makes c a closed connection of flow, ready to Open. id goes into trace
// events; mtu is the path MTU in bytes.
func (c *Conn) Init(e *Env, id uint64, flow Flow, o Options, mtu int) {
	*c = Conn{env: e, id: id, flow: tuple{wire.EndpointOf(flow.Local), wire.EndpointOf(flow.Remote)}, opts: e.settings.use(&o), state: StateClosed}
	c.setMTU(mtu)
	c.opt.peerMSS = defaultPeerMSS
	c.tsOff = e.tsOffset(flow)
	c.rtt.init()
	c.rcv.quick = maxQuickACKs
	c.rcv.mss = minPeerMSS
	c.refreshMSS()
}

// Release gives all memory back to the Env. c is closed afterwards and may be Init'ed again.
func (c *Conn) Release() {
	if c.env == nil {
		return
	}
	c.releaseSide()
	c.in.Release(c.env.Budget)
	c.out.Release(c.env.Budget)
	c.timers = [numTimers]clock.Instant{}
	c.has, c.calls, c.events = 0, 0, 0
	c.env.settings.leave(c.opts)
	c.opts = &c.env.settings.zero
	c.state = StateClosed
}

// releaseSide gives back what only a connection that sends or receives needs.
func (c *Conn) releaseSide() {
	c.dropScoreboard()
	c.dropReassembly()
	c.dropSearch()
	c.dropController()
	c.cc = nil
}

// Events returns what happened since the last call, and forgets it.
func (c *Conn) Events() Event {
	e := c.events
	c.events = 0
	return e
}

// State returns the state (RFC 9293 3.3.2).
func (c *Conn) State() State { return c.state }

// Err returns why the connection ended, or nil: ErrRefused, ErrReset, ErrTimeout, ...
func (c *Conn) Err() error {
	if c.err == 0 {
		return nil
	}
	return c.err
}

// SoftErr returns the latest ICMP error that did not end the connection (RFC
// 9293 MUST-47), or nil.
func (c *Conn) SoftErr() error {
	if c.soft == 0 {
		return nil
	}
	return c.soft
}

// Flow returns the four-tuple.
func (c *Conn) Flow() Flow { return Flow{c.flow.local.AddrPort(), c.flow.remote.AddrPort()} }

// MSS returns how many bytes of data a full segment has now, options subtracted.
func (c *Conn) MSS() int { return c.sendMSS(0) }

// sendMSS is Eff.snd.MSS (RFC 9293 3.7.1) beside sack SACK blocks.
func (c *Conn) sendMSS(sack int) int { return max(int(c.mss)-c.optionLen(sack), 1) }

// optionLen is the length of the options of a segment without SYN.
func (c *Conn) optionLen(sack int) int {
	n := 0
	if c.opt.ts {
		n = tsOptionLen
	}
	if sack > 0 {
		n += 4 + 8*sack
	}
	return n
}

// initialRTO is that of a connection without a sample (RFC 6298 2.1).
const initialRTO = time.Second
