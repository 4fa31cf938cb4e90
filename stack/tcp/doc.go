// Package tcp is one TCP connection as a value (Conn) and one listener as a
// value (Listener), after RFC 9293 and its companions. It knows segments and
// time, both handed to it; it knows no address resolution, no sockets, no
// clock and no goroutine.
//
//	conn.go state.go env.go       Conn with its groups snd, rcv, opt; states and legal transitions; what a host shares
//	arrive.go                     RFC 9293 3.10.7 as a table of contents
//	acceptable.go                 3.4 acceptability; RFC 5961 challenge ACKs and their limits
//	listen.go syncache.go         LISTEN and its SYN records
//	listen_repeat.go claim.go     how often SYN-ACKs go, TCP_DEFER_ACCEPT; connections that wait to be accepted
//	hold.go                       handshakes that wait for a decision: a forwarder's
//	cookies.go                    SYN cookies (RFC 4987), where there is no room for a record
//	handshake.go isn.go           SYN-SENT, SYN-RECEIVED, simultaneous open; RFC 6528
//	options.go options_shared.go  what the owner sets and the SYNs agree; equal options are kept once
//	timestamps.go                 RFC 7323 RTTM and PAWS
//	ack.go window.go autotune.go  SND.UNA, WL1/WL2; the receive window, silly-window avoidance, reading; buffers that follow the flow
//	reassembly.go sack.go         holes in the receive ring; SACK and D-SACK blocks
//	train.go                      segments that continue the one before, taken at once
//	sendqueue.go transmit.go      what goes next: window, probe, super-segment size
//	sendqueue_hold.go             what holds a partial segment back: Nagle, TCP_CORK, MSG_MORE; TCP_NOTSENT_LOWAT
//	urgent.go                     9293 3.8.5, both ways
//	rto.go rto_sample.go persist.go keepalive.go   RFC 6298, 4015; 9293 3.8.6.1; 3.8.4
//	delack.go delack_quick.go     RFC 5681 4.2; TCP_QUICKACK
//	scoreboard.go loss.go recovery.go          one record per transmission; RFC 6582; RFC 9937
//	rack.go resends.go tlp.go                  RFC 8985, where SACK is agreed; retransmissions in the order of time
//	pacing.go rates.go                         when the next data may leave; how fast the path delivers (draft-ietf-ccwg-bbr 4.1)
//	ecn.go controllers.go rest.go              RFC 3168; which controller a connection has, and when it needs none
//	pmtu.go mtuprobe.go           the path MTU by RFC 1191, as the owner tells it, and by RFC 4821, as probes do
//	undo.go frto.go                            retransmissions that were for nothing: RFC 3522 and 4015, D-SACKs, RFC 5682
//	close.go timers.go trace.go                FIN, abort, TIME-WAIT; the timer table; events
//	info.go info_counters.go                   tcp_info, and what is counted for it
//	timewait.go pressure.go                   TIME-WAIT as a small record; what goes when memory is short
//	audit.go                                   the invariants below, for tests, simulator and fuzzers
//
// Place in the walk: host.Input decodes a segment, finds the connection and
// calls Arrive, which changes the connection's variables and owes segments;
// the host's leave calls Transmit until it returns false, so that one batch of
// arrivals is answered once, and asks Deadline for when to call Expire.
//
// To add a timer: 1. a constant in timers.go, 2. its case in expire, 3. arm it
// where its condition begins and set it to Never where that ends; setState
// stops all timers in TIME-WAIT and CLOSED.
//
// To add a segment that is owed: 1. a bit in facts (and in owesAny), 2. its case
// in transmitOwed or transmitACK with a trace.Reason.
//
// A SYN costs a record of 160 bytes, and where there is no room for one nothing:
// the answer is a cookie, which Listener.Cookie makes and redeem checks. Either
// way Arrive's verdict comes with a Handshake, from which InitPassive makes the
// connection; what the two know of the peer differs in nothing that matters
// where the peer sends timestamps.
//
// Invariants, which an Audit holds after every step of tests, simulator and fuzzers:
//   - SND.UNA <= SND.NXT, and SND.NXT passes the largest right edge that the
//     peer offered by one byte at most (a zero-window probe);
//   - RCV.NXT + RCV.WND never moves to the left, so no byte that was offered
//     is ever refused for want of window;
//   - while something is outstanding the retransmission or the persist timer
//     runs, and while something waits a timer that will let it go;
//   - the scoreboard's records cover SND.UNA to SND.NXT without a gap, and its
//     sums are those of its records; no SACKed byte is sent again unless the
//     peer takes its SACK back;
//   - where SACK is agreed every record that is out will be judged by its time:
//     those sent once lie in the order of time from judged on, those sent again
//     are among the resends;
//   - the send ring begins with the byte at SND.UNA; the spans of reassembly are
//     apart from each other and beyond RCV.NXT;
//   - state changes only along the table in state.go;
//   - where there is a pacing rate, what leaves in any time is at most what the
//     rate gives in it, one burst, and one more after a late timer;
//   - Release gives everything back to the Env's Budget and pools.
//
// An idle connection is its Conn and a controller: scoreboard, reassembly and
// rings are taken while there is something in them.
package tcp
