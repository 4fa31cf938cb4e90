package host

import (
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
)

// Counters are named as in SNMP, and as Linux shows them in /proc/net/snmp.
type Counters struct {
	IP   IPCounters
	ICMP ICMPCounters
	UDP  UDPCounters
	TCP  TCPCounters

	Forward ForwardCounters
	Drop    [256]uint64 // by trace.Reason: every packet without effect is counted here exactly once
}

// IPCounters are the counters of RFC 4293, without prefix.
type IPCounters struct {
	InReceives, InHdrErrors, InAddrErrors, InUnknownProtos uint64
	InDiscards, InDelivers                                 uint64
	OutRequests, OutDiscards, OutNoRoutes                  uint64
	ReasmReqds, ReasmOKs, ReasmFails, ReasmTimeout         uint64
	FragOKs, FragFails, FragCreates                        uint64
}

// ICMPCounters are the counters of RFC 2011, as Linux still names them.
type ICMPCounters struct {
	InMsgs, InErrors, InCsumErrors                                      uint64
	InDestUnreachs, InTimeExcds, InParmProbs, InSrcQuenchs, InRedirects uint64
	InEchos, InEchoReps                                                 uint64
	OutMsgs, OutErrors, OutRateLimitHost                                uint64
	OutDestUnreachs, OutTimeExcds, OutParmProbs, OutEchos, OutEchoReps  uint64
}

// UDPCounters are the counters of RFC 4113.
type UDPCounters struct {
	InDatagrams, NoPorts, InErrors, OutDatagrams uint64
	RcvbufErrors, SndbufErrors, InCsumErrors     uint64
}

// TCPCounters are the counters of RFC 4022. CurrEstab is a gauge.
type TCPCounters struct {
	ActiveOpens, PassiveOpens, AttemptFails, EstabResets, CurrEstab uint64
	InSegs, OutSegs, RetransSegs, InErrs, OutRsts, InCsumErrors     uint64
	tcp.ListenStats                                                 // Linux's TcpExt

	// The memory of connections, named as Linux does in TcpExt and sockstat.
	TW, TWRecycled   uint64 // records of TIME-WAIT that ended by their timer; connections in it that made room for a new one
	TimeWaitOverflow uint64 // ... that ended early: there were too many, or no memory for more
	AbortOnMemory    uint64 // connections reset because memory was short
	AbortOnOrphans   uint64 // ... because there were too many orphans
	MemoryPressures  uint64 // how often the last of the Budget was reached
	CurrTimeWait     uint64 // gauge: records of TIME-WAIT
	CurrOrphans      uint64 // gauge: connections without an owner, TIME-WAIT not counted
}

// ForwardCounters say what became of the flows that were addressed to nobody here.
type ForwardCounters struct {
	Held, Accepted, Reset, Refused uint64 // handshakes that waited for a decision, and the decisions; Refused: datagrams too
	Expired                        uint64 // ... on which nobody decided in time
	Sessions                       uint64 // that began, of datagrams and echoes
	SessionsIdle, SessionsEvicted  uint64 // that ended because nothing came, and to make room
	SessionsRefused                uint64 // datagrams for whose session there was no room
	CurrSessions                   uint64 // gauge
}

// Counters returns the SNMP-named counters (RFC 4293, 4022, 4113). What it
// points to changes with the next call only.
func (h *Host) Counters() *Counters {
	if h.shown == nil {
		h.shown = new(Counters)
	}
	*h.shown = h.counters
	for why, n := range h.env.Stats.Dropped {
		h.shown.Drop[why] += n
	}
	h.shown.TCP.RetransSegs = h.env.Stats.Retransmitted
	h.shown.TCP.CurrTimeWait, h.shown.TCP.CurrOrphans = uint64(h.waits.n), uint64(h.orphans.n)
	h.shown.TCP.ListenStats = h.env.Stats.ListenStats
	h.shown.Forward.Expired = h.env.Stats.HeldExpired
	h.shown.Forward.CurrSessions = uint64(h.fwd.sessions())
	return h.shown
}

// drop counts a packet without effect, once, and names it in the trace.
// Not inlined: its callers are many.
//
//go:noinline
func (h *Host) drop(why trace.Reason) {
	h.counters.Drop[why]++
	if h.log != nil {
		h.log.Add(trace.Event{At: h.now, Kind: trace.Dropped, Reason: why})
	}
}
