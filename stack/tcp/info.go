package tcp

import (
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
)

// Info describes the connection as Linux's struct tcp_info does, with the same
// meanings. Sizes are in bytes, Unacked to SndCwnd in segments where tcp_info
// has them so.
type Info struct {
	State         State
	Retransmits   int  // timeouts in a row without progress
	Probes        int  // keep-alive probes unanswered
	Backoff       int  // how often the RTO is doubled now
	Timestamps    bool // agreed
	SACK          bool // agreed
	WindowScaling bool // agreed
	ECN           bool // agreed
	SndWscale     uint8
	RcvWscale     uint8
	RTO           time.Duration
	ATO           time.Duration
	SndMSS        int
	RcvMSS        int
	Unacked       int // segments
	Sacked        int // segments
	Lost          int // segments
	Retrans       int // segments sent again and outstanding
	LastDataSent  time.Duration
	LastDataRecv  time.Duration
	PMTU          int
	RTT           time.Duration
	RTTVar        time.Duration
	MinRTT        time.Duration
	RcvRTT        time.Duration // round-trip time as the receiver sees it
	SndSsthresh   int           // segments
	SndCwnd       int           // segments
	AdvMSS        int
	SndWnd        int // the peer's window, bytes
	RcvWnd        int // the window we offer, bytes
	SndBuf        int // size of the send buffer now, bytes
	RcvBuf        int // size of the receive buffer now, bytes
	BytesAcked    int64
	BytesSent     int64
	BytesRetrans  int64
	BytesReceived int64
	NotSentBytes  int
	Congestion    string // name of the controller that it has, or will have
}

// Info returns the connection's description.
func (c *Conn) Info(now clock.Instant) Info {
	mss := max(c.sendMSS(0), 1)
	segments := func(n int) int { return (n + mss - 1) / mss }
	i := Info{
		State: c.state, Retransmits: int(c.snd.backoff), Probes: int(c.snd.probes), Backoff: int(c.snd.backoff),
		Timestamps: c.opt.ts, SACK: c.opt.sack, WindowScaling: c.opt.scale, ECN: c.opt.ecn,
		SndWscale: c.opt.sndShift, RcvWscale: c.opt.rcvShift,
		RTO: c.timeout(), ATO: c.env.Config.DelayedACK, SndMSS: mss, RcvMSS: int(c.rcv.mss),
		PMTU: int(c.mtu), RTT: c.rtt.srtt, RTTVar: c.rtt.rttvar, MinRTT: c.rtt.min, RcvRTT: c.recvRTT(),
		SndBuf: c.sendBuffer(), RcvBuf: c.recvBuffer(),
		AdvMSS: advertisedMSS(c.env, &c.opts), SndWnd: int(c.snd.wnd), RcvWnd: c.rcv.adv.Sub(c.rcv.nxt),
		BytesAcked: c.count.delivered, BytesSent: c.count.sent, BytesRetrans: c.count.retrans,
		BytesReceived: c.count.received, Unacked: segments(c.snd.nxt.Sub(c.snd.una)),
	}
	if c.state != StateClosed {
		i.NotSentBytes = max(c.unsent(), 0)
	}
	if s := c.sb; s != nil {
		i.Sacked, i.Lost, i.Retrans = segments(s.sackedBytes), segments(s.lostBytes), segments(s.resentBytes)
	}
	if c.cc == nil {
		i.Congestion = c.env.CongestionName(c.opts)
	} else {
		i.SndCwnd, i.SndSsthresh = c.cwnd()/mss, c.cc.Ssthresh()/mss
		i.Congestion = c.cc.Name()
	}
	if c.snd.lastSend != clock.Never {
		i.LastDataSent = now.Sub(c.snd.lastSend)
	}
	if c.rcv.lastRecv != clock.Never {
		i.LastDataRecv = now.Sub(c.rcv.lastRecv)
	}
	return i
}
