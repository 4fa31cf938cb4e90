package tcp

import (
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp/congestion"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// Explicit congestion notification: RFC 3168 6.1, as RFC 8311 left it. Routers
// mark what says ECT; the receiver echoes the mark by ECE until CWR says that
// the sender has heard. How far the window falls is the controller's (RFC 8511).

// ECNMode says when a connection uses ECN.
type ECNMode uint8

// The modes.
const (
	ECNAccept  ECNMode = iota // when the peer asks for it
	ECNRequest                // ask for it too
	ECNOff                    // never
)

// The codepoints of the IP header (RFC 3168 5).
const (
	ect0 uint8 = 2
	ce   uint8 = 3
)

// ecnFacts is what ECN remembers of a connection.
type ecnFacts uint8

const (
	ecnSends   ecnFacts = 1 << iota // our data says ECT(0)
	ecnAnswers                      // marks on the peer's data are echoed
	ecnEcho                         // ECE goes with each ACK until CWR comes
	ecnOwesCWR                      // the next new data carries CWR
	ecnHeld                         // the window fell when SND.NXT was snd.ecn: until beyond, ECE is no news
	ecnReduced                      // ... and it was for ECE
)

// ecnSetup reports whether the flags are those of an ECN-setup SYN, or
// SYN-ACK. A SYN-ACK with both is a SYN reflected by a peer that knows nothing of
// ECN (RFC 3168 6.1.1).
func ecnSetup(f wire.Flags) bool {
	if f&wire.ACK != 0 {
		return f&(wire.ECE|wire.CWR) == wire.ECE
	}
	return f&(wire.ECE|wire.CWR) == wire.ECE|wire.CWR
}

// acceptsECN reports whether a SYN that came to a listener gets ECN.
func (e *Env) acceptsECN(syn wire.Flags) bool {
	return e.Config.ECN != ECNOff && ecnSetup(syn)
}

// synECN returns the flags that our SYN, or SYN-ACK, has for ECN. After a loss
// the SYN goes without: the path may have dropped it for them (RFC 3168 6.1.1.1).
func (c *Conn) synECN() wire.Flags {
	switch {
	case c.state == StateSynReceived && c.opt.ecn:
		return wire.ECE
	case c.state == StateSynSent && c.env.Config.ECN == ECNRequest && c.snd.retries == 0:
		return wire.ECE | wire.CWR
	}
	return 0
}

// settleECN takes the answer to our SYN, or a SYN that crossed it. Who has sent
// a SYN without ECN too may not send ECT, but the peer may have seen only the
// first (RFC 3168 6.1.1).
func (c *Conn) settleECN(f wire.Flags) {
	if c.env.Config.ECN != ECNRequest || !ecnSetup(f) {
		return
	}
	c.opt.ecn = true
	c.ecn = ecnAnswers
	if c.snd.retries == 0 {
		c.ecn |= ecnSends
	}
}

// stampECN marks new data as ECN-capable, and lets the first after a reduction
// say so. What goes again, pure ACKs and window probes go without (RFC 3168 6.1.4
// to 6.1.6). Of a super-segment CWR is for the first segment only: who cuts it
// sees to that.
func (c *Conn) stampECN(out *Segment, n int) {
	if c.ecn&ecnSends == 0 || n == 0 || c.has&owesProbe != 0 {
		return
	}
	out.ECN = ect0
	if c.ecn&ecnOwesCWR != 0 {
		c.ecn &^= ecnOwesCWR
		out.Seg.Flags |= wire.CWR
	}
}

// arriveMark follows CWR and a congestion mark on data in the window (RFC 3168
// 6.1.3, 6.1.5), in this order: data that says CWR may be marked itself. Either
// is told at once: the sender's window may be small.
func (c *Conn) arriveMark(s *arriving) {
	if c.ecn&ecnAnswers == 0 || len(s.text) == 0 {
		return
	}
	if s.in.ECN&3 != 0 {
		c.calls |= ecnSeen
	}
	if s.flags&wire.CWR != 0 && c.ecn&ecnEcho != 0 {
		c.ecn &^= ecnEcho
		c.oweACK()
	}
	if s.in.ECN&3 == ce && c.ecn&ecnEcho == 0 {
		c.ecn |= ecnEcho
		c.oweACK()
	}
}

// arriveECE lets the congestion window fall when the peer echoes a mark, once
// for each window, by loss or by ECE (RFC 3168 6.1.2). It reports whether the ACK
// echoes one: then it opens no window.
//
// Deviates from RFC 3168 s.6.1.2: with a window of one segment the next one does
// not wait for the retransmission timer, as on Linux.
func (c *Conn) arriveECE(now clock.Instant, s *arriving) bool {
	if c.ecn&ecnHeld != 0 && c.snd.ecn.Less(s.ack) {
		c.ecn &^= ecnHeld | ecnReduced
	}
	if c.ecn&ecnSends == 0 || s.flags&(wire.ECE|wire.SYN) != wire.ECE || s.ack.Less(c.snd.una) {
		return false
	}
	if c.ecn&ecnHeld == 0 && c.snd.una != c.snd.nxt && c.sb != nil && c.sb.rec.mode == open {
		c.beginEpisode(false, 0) // the mark was real: nothing is undone
		c.cc.OnCongestion(now, congestion.ECN, c.snd.nxt.Sub(c.snd.una))
		c.cc.OnRecovered(now)
		c.ecn |= ecnReduced
		c.traceCwnd(now, trace.CwndECN)
	}
	return true
}

// reduced notes that the congestion window falls, for whatever reason: the peer
// is told, and what it echoes before it has heard is of this window (RFC 3168 6.1.2).
func (c *Conn) reduced() {
	if c.ecn&ecnSends != 0 {
		c.ecn |= ecnOwesCWR | ecnHeld
		c.snd.ecn = c.snd.nxt
	}
}
