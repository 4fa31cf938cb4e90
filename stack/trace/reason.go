package trace

// Reason says why something happened: why a packet was sent, why it was
// dropped, which timer fired.
//
// To add a reason: 1. add the constant in its group, 2. its text below, 3. use
// it where the thing happens. A test holds that every reason has a text.
type Reason uint8

// The reasons.
const (
	None Reason = iota

	// Why a TCP segment was sent.
	SendSYN       // active open
	SendSYNACK    // answer to a SYN
	SendCookie    // answer to a SYN by a cookie, nothing is kept (RFC 4987)
	SendData      // new data
	SendFIN       // our side is done sending
	SendRST       // abort, or a segment that belongs to no connection
	SendACK       // an ACK that is owed now
	SendDelACK    // the delayed-ACK timer fired, or a second full segment came
	SendDupACK    // out-of-order data arrived
	SendWindow    // the receive window opened
	SendChallenge // challenge ACK (RFC 5961)
	SendRTO       // retransmission timeout
	SendFast      // fast retransmit: third duplicate ACK or SACK evidence
	SendPartial   // retransmission on a partial ACK (RFC 6582)
	SendTLP       // tail loss probe (RFC 8985)
	SendProbe     // zero-window probe
	SendRefused   // sent again: the peer's window had no room for it
	SendKeepalive // keep-alive probe
	SendLimited   // limited transmit (RFC 3042)
	SendMTUProbe  // larger than is known to pass (RFC 4821)

	// Why another packet was sent.
	SendUDP
	SendEcho
	SendEchoReply
	SendUnreachable
	SendICMPError

	// Why a packet was dropped.
	DropShort       // shorter than its headers say
	DropVersion     // not IPv4
	DropIPChecksum  // bad header checksum
	DropIPHeader    // header length, total length or options do not fit
	DropSourceRoute // source-routed
	DropMartian     // a source or destination that must not be on a wire
	DropNotOurs     // not addressed to us
	DropFragment    // a fragment that cannot be kept
	DropProtocol    // a protocol nobody here speaks
	DropICMP        // malformed, unknown or unwanted ICMP
	DropUDPHeader
	DropUDPChecksum
	DropUDPNoPort
	DropUDPFull // the socket's receive queue is full
	DropTCPHeader
	DropTCPChecksum
	DropTCPNoConn     // no connection and no listener
	DropUnacceptable  // outside the window (RFC 9293 3.10.7.4, first)
	DropPAWS          // an old timestamp (RFC 7323 5.3)
	DropOldACK        // ACK outside what may be acknowledged
	DropNoACK         // a segment without ACK after the handshake
	DropBacklog       // the accept or SYN queue is full
	DropDefer         // the listener waits for data (TCP_DEFER_ACCEPT)
	DropMemory        // the Budget is used up
	DropLink          // the link refused it or had no room
	DropNoRoute       // there is no way to the destination
	DropTooFar        // out-of-order data too far ahead to keep
	DropPieces        // out-of-order data in more pieces than are kept
	DropState         // not legal in this state
	DropEchoOverLimit // more answers asked for than the rate limit gives
	DropTTL
	DropUndecided // a SYN again, and nobody has decided on the first (forwarding)
	DropSessions  // a datagram that would begin one session too many (forwarding)

	// Which timer fired.
	TimerRetransmit
	TimerDelACK
	TimerPersist
	TimerKeepalive
	TimerTimeWait
	TimerFinWait2
	TimerUser
	TimerSYNACK
	TimerReorder // RACK (RFC 8985)
	TimerTLP

	// Why we ended a connection whose owner did not.
	EndOrphans // too many connections without an owner
	EndMemory  // memory was short, and it made no progress

	// Why the congestion window changed.
	CwndACK
	CwndFastRecovery
	CwndRecovered
	CwndTimeout
	CwndUndo
	CwndIdle
	CwndECN

	numReasons
)

// NumReasons is how many reasons there are: the size of a table by Reason.
const NumReasons = int(numReasons)

// String returns the reason as a short English phrase.
func (r Reason) String() string {
	if r < numReasons {
		return reasons[r]
	}
	return "unknown reason"
}

var reasons = [numReasons]string{
	None:          "",
	SendSYN:       "active open",
	SendSYNACK:    "answer to SYN",
	SendCookie:    "answer to SYN by a cookie",
	SendData:      "new data",
	SendFIN:       "no more to send",
	SendRST:       "reset",
	SendACK:       "acknowledgment",
	SendDelACK:    "delayed acknowledgment",
	SendDupACK:    "duplicate acknowledgment: data out of order",
	SendWindow:    "window update",
	SendChallenge: "challenge ACK",
	SendRTO:       "retransmission timeout",
	SendFast:      "fast retransmit",
	SendPartial:   "retransmission on a partial ACK",
	SendTLP:       "tail loss probe",
	SendProbe:     "zero-window probe",
	SendRefused:   "sent again: there is room now",
	SendKeepalive: "keep-alive probe",
	SendLimited:   "limited transmit",
	SendMTUProbe:  "path MTU probe",

	SendUDP:         "datagram",
	SendEcho:        "echo request",
	SendEchoReply:   "echo reply",
	SendUnreachable: "destination unreachable",
	SendICMPError:   "ICMP error",

	DropShort:         "shorter than its headers say",
	DropVersion:       "not IPv4",
	DropIPChecksum:    "bad IP header checksum",
	DropIPHeader:      "malformed IP header",
	DropSourceRoute:   "source-routed",
	DropMartian:       "impossible address",
	DropNotOurs:       "not addressed to us",
	DropFragment:      "fragment not kept",
	DropProtocol:      "unknown protocol",
	DropICMP:          "malformed or unwanted ICMP",
	DropUDPHeader:     "malformed UDP header",
	DropUDPChecksum:   "bad UDP checksum",
	DropUDPNoPort:     "no socket on this UDP port",
	DropUDPFull:       "receive queue full",
	DropTCPHeader:     "malformed TCP header",
	DropTCPChecksum:   "bad TCP checksum",
	DropTCPNoConn:     "no such connection",
	DropUnacceptable:  "outside the window",
	DropPAWS:          "old timestamp (PAWS)",
	DropOldACK:        "acknowledges what may not be acknowledged",
	DropNoACK:         "no ACK flag",
	DropBacklog:       "backlog full",
	DropDefer:         "no data yet (TCP_DEFER_ACCEPT)",
	DropUndecided:     "the handshake waits for a decision",
	DropSessions:      "too many forwarded sessions",
	DropMemory:        "memory budget used up",
	DropLink:          "link full or refused it",
	DropNoRoute:       "no route",
	DropTooFar:        "too far out of order to keep",
	DropPieces:        "too many pieces out of order",
	DropState:         "not legal in this state",
	DropEchoOverLimit: "over the ICMP rate limit",
	DropTTL:           "time to live exceeded",

	TimerRetransmit: "retransmission timer",
	TimerDelACK:     "delayed-ACK timer",
	TimerPersist:    "persist timer",
	TimerKeepalive:  "keep-alive timer",
	TimerTimeWait:   "TIME-WAIT timer",
	TimerFinWait2:   "FIN-WAIT-2 timer",
	TimerUser:       "user timeout",
	TimerSYNACK:     "SYN-ACK timer",
	TimerReorder:    "reordering timer",
	TimerTLP:        "tail-loss timer",

	EndOrphans: "too many connections without an owner",
	EndMemory:  "memory was short, and it made no progress",

	CwndACK:          "acknowledged",
	CwndFastRecovery: "fast recovery",
	CwndRecovered:    "recovered",
	CwndTimeout:      "timeout",
	CwndUndo:         "undone: nothing was lost",
	CwndIdle:         "restart after idle",
	CwndECN:          "congestion experienced",
}

// String returns the kind's name.
func (k Kind) String() string {
	if k < numKinds {
		return kinds[k]
	}
	return "unknown kind"
}

var kinds = [numKinds]string{
	Sent: "sent", Received: "received", Dropped: "dropped",
	StateChanged: "state", TimerFired: "timer", CwndChanged: "cwnd",
}
