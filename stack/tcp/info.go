package tcp

import (
	"math"
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
)

// Info describes the connection as Linux's struct tcp_info does, field by field
// in its order and with the same meanings. Sizes are in bytes. What it counts in
// segments it counts as they are on the wire, so that a super-segment is as many
// as it is cut into.
//
// Of struct tcp_info these are not kept: tcpi_last_ack_sent and tcpi_fackets,
// which Linux has as 0 too; tcpi_rcv_space, which belongs to its way of sizing
// the receive buffer (RcvBuf is the size itself); tcpi_rehash and the fields of accurate
// ECN and Fast Open, for there are no flow labels and no such options here.
type Info struct {
	State         State
	CAState       uint8 // of congestion control: 0 open, 1 disorder, 2 CWR (by ECN), 3 recovery, 4 loss
	Retransmits   int   // timeouts in a row without progress; before ESTABLISHED, SYNs sent again
	Probes        int   // zero-window or keep-alive probes unanswered
	Backoff       int   // how often the RTO is doubled now
	Timestamps    bool  // agreed
	SACK          bool  // agreed
	WindowScaling bool  // agreed
	ECN           bool  // agreed
	ECNSeen       bool  // a segment of the peer said that it is ECN-capable
	SndWscale     uint8
	RcvWscale     uint8
	RTO           time.Duration // with backoff
	ATO           time.Duration // delay of a delayed ACK
	SndMSS        int           // of a full segment, options subtracted
	RcvMSS        int           // the largest that the peer sent
	Unacked       int           // segments; of a listener: connections to be accepted
	Sacked        int           // segments; of a listener: the backlog
	Lost          int           // segments
	Retrans       int           // segments sent again and outstanding
	LastDataSent  time.Duration // ago
	LastDataRecv  time.Duration // ago
	LastAckRecv   time.Duration // ago
	PMTU          int
	RcvSsthresh   int // the largest window that we would offer
	RTT           time.Duration
	RTTVar        time.Duration
	SndSsthresh   int // segments
	SndCwnd       int // segments
	AdvMSS        int
	Reordering    int // segments beyond a hole that prove a loss where no time does: always 3
	TotalRetrans  int // segments sent again in the connection's life, SYNs included

	PacingRate    int64 // bytes per second; math.MaxInt64: unpaced
	MaxPacingRate int64 // likewise; math.MaxInt64: no bound
	BytesAcked    int64 // acknowledged, the SYN and FIN not counted
	BytesReceived int64 // in order
	SegsOut       int
	SegsIn        int
	SndBuf        int           // size of the send buffer now
	RcvBuf        int           // size of the receive buffer now
	RcvRTT        time.Duration // as the receiver sees it
	NotSentBytes  int
	MinRTT        time.Duration // the smallest of the last minutes
	DataSegsIn    int
	DataSegsOut   int

	BusyTime      time.Duration // with data unacknowledged or unsent
	RwndLimited   time.Duration // ... of it, kept by the peer's window
	SndbufLimited time.Duration // ... of it, all sent and no room in the send buffer

	// DeliveryRate is the latest rate at which the path delivered what was sent,
	// bytes per second; 0 where nothing is outstanding, or where the controller
	// (Congestion) does not ask for it.
	DeliveryRate           int64
	DeliveryRateAppLimited bool // ... and the owner had no more to send then

	Delivered    int   // segments that have reached the peer, the SYN included
	DeliveredCE  int   // of them, acknowledged with an echo of a congestion mark
	BytesSent    int64 // retransmissions included
	BytesRetrans int64
	DSACKDups    int // segments that the peer reported to have got twice
	ReordSeen    int // ACKs that showed reordering
	RcvOOOPack   int // segments that came out of order
	SndWnd       int // the peer's window
	RcvWnd       int // the window we offer

	TotalRTO           int           // retransmission timeouts
	TotalRTORecoveries int           // of them, the first after progress
	TotalRTOTime       time.Duration // in repair after timeouts, whole milliseconds

	Congestion string // name of the controller that it has, or will have (TCP_CONGESTION)
}

// Info returns the connection's description.
func (c *Conn) Info(now clock.Instant) Info {
	i := Info{
		State: c.state, CAState: c.caState(), Backoff: int(c.snd.backoff),
		Timestamps: c.opt.ts, SACK: c.opt.sack, WindowScaling: c.opt.scale,
		ECN: c.opt.ecn, ECNSeen: c.calls&ecnSeen != 0,
		SndWscale: c.opt.sndShift, RcvWscale: c.opt.rcvShift,
		RTO: c.timeout(), ATO: c.env.Config.DelayedACK, SndMSS: c.sendMSS(0), RcvMSS: int(c.rcv.mss),
		LastDataSent: sinceOrZero(now, c.snd.lastSend), LastDataRecv: sinceOrZero(now, c.rcv.lastText),
		LastAckRecv: c.lastACK(now),
		PMTU:        c.PathMTU(), RTT: c.rtt.srtt, RTTVar: c.rtt.rttvar, MinRTT: c.rtt.min,
		AdvMSS: advertisedMSS(c.env, &c.opts.Options), Reordering: dupThresh,
		RcvSsthresh: c.mostWindow(), SndWnd: int(c.snd.wnd), RcvWnd: c.rcv.adv.Sub(c.rcv.nxt),
		RcvRTT: c.recvRTT(), SndBuf: c.sendBuffer(), RcvBuf: c.recvBuffer(),
		PacingRate: math.MaxInt64, MaxPacingRate: math.MaxInt64,
	}
	i.Retransmits, i.Probes = c.patienceLeft()
	c.infoQueues(&i)
	c.infoCounts(now, &i)
	if c.cc == nil {
		i.Congestion = c.env.Algorithm(&c.opts.Options).Name()
		return i
	}
	mss := c.sendMSS(0)
	i.SndCwnd, i.SndSsthresh = c.cwnd()/mss, c.cc.Ssthresh()/mss
	i.Congestion = c.cc.Name()
	c.infoRates(&i)
	return i
}

// infoRates fills in how fast data leaves and arrives.
func (c *Conn) infoRates(i *Info) {
	if bound := c.opts.MaxPacingRate; bound > 0 {
		i.PacingRate, i.MaxPacingRate = bound, bound
	}
	if r := c.cc.PacingRate(); r > 0 {
		i.PacingRate = min(i.PacingRate, r)
	}
	if c.sb != nil && c.sb.rates.interval > 0 {
		q := &c.sb.rates
		i.DeliveryRate, i.DeliveryRateAppLimited = perSecond(q.sample, q.interval), q.bounded
	}
}

// patienceLeft says what the peer has not answered: segments repeated, and probes.
func (c *Conn) patienceLeft() (retransmits, probes int) {
	switch {
	case c.state == StateSynSent || c.state == StateSynReceived:
		return int(c.snd.retries), 0
	case c.persisting():
		return 0, int(c.snd.backoff)
	}
	return int(c.snd.backoff), int(c.snd.probes)
}

// infoQueues fills in what is on its way.
func (c *Conn) infoQueues(i *Info) {
	mss := c.sendMSS(0)
	segments := func(n int) int { return (n + mss - 1) / mss }
	i.Unacked = segments(c.snd.nxt.Sub(c.snd.una))
	if c.state != StateClosed {
		i.NotSentBytes = max(c.unsent(), 0)
	}
	if s := c.sb; s != nil {
		i.Sacked, i.Lost, i.Retrans = segments(s.sackedBytes), segments(s.lostBytes), segments(s.resentBytes)
	}
}

// infoCounts fills in the counters.
func (c *Conn) infoCounts(now clock.Instant, i *Info) {
	n := &c.count
	i.BytesAcked, i.BytesReceived, i.BytesSent, i.BytesRetrans = n.delivered, int64(c.in.Start())+int64(c.in.Len()), n.sent, n.retrans
	if c.sb != nil {
		i.BytesAcked -= int64(c.sb.sackedBytes + c.sb.dupBytes)
	}
	i.SegsIn, i.SegsOut, i.DataSegsIn, i.DataSegsOut = int(n.segsIn), int(n.segsOut), int(n.dataIn), int(n.dataOut)
	i.TotalRetrans, i.Delivered, i.DeliveredCE = int(n.segsAgain), int(n.segsDelivered), int(n.deliveredCE)
	i.DSACKDups, i.ReordSeen, i.RcvOOOPack = int(n.dsacks), int(n.late), int(n.ahead)
	i.TotalRTO, i.TotalRTORecoveries = int(n.rtos), int(n.rtoEvents)
	ms := time.Duration(n.rtoMillis)
	if c.sb != nil && c.sb.rec.mode == afterTimeout {
		ms += time.Duration(now.Sub(c.sb.rec.timedOut).Milliseconds())
	}
	i.TotalRTOTime = ms * time.Millisecond
	i.RwndLimited, i.SndbufLimited = c.busy.read(now, windowBound), c.busy.read(now, bufferBound)
	i.BusyTime = c.busy.read(now, busy) + i.RwndLimited + i.SndbufLimited
}
