// Package script runs packet scripts: transcripts of what goes over the wire
// and through the socket calls, in packetdrill's notation, against one
// host.Host in virtual time.
//
// Place in the walk: it takes the place of package stack and of the peer. Run
// parses a file (parse*.go, values.go) into events (ast.go), and a machine
// (machine.go) goes through them: it injects packets (encode.go) with Input,
// makes the calls (calls.go, sockopts.go), calls Expire when a Deadline comes,
// reads what Transmit gives (decode.go) and compares it with what the script
// says (match.go), and keeps the ladder that a failure prints (print.go).
//
// # The notation
//
// A script begins with comment lines that say the rule in a sentence and name
// its RFC. Then come options, --name=value (settings.go), and events, one per
// line. A time is absolute (0.1), relative to the event before (+.1), a range
// (+.1~+.3), any time (*), or start and end of a call that blocks (+0...0.2: the
// end counts from where the start counts from).
//
//	+0   < S 0:0(0) win 65535 <mss 1460,nop,wscale 7>    a packet from the peer
//	+0   > S. 0:0(0) ack 1 <...>                         a packet that we send; <...>: any options
//	+0   accept(3, ..., ...) = 4                         a call and its result
//	+0   read(4, ..., 10) = -1 EAGAIN (not now)          and its errno
//	+0   < udp (100)                                     a datagram of 100 bytes
//	+0   < icmp unreachable frag_needed mtu 1280 [1:1461(1460)]
//	+0   forward(3, 10, 5) = 0                           and what a host that forwards is asked (forward.go)
//	+0   %{ assert tcpi_snd_cwnd == 10 }%                over the fields of tcp_info
//
// Our sequence numbers count from our SYN, the peer's are as written. Our
// timestamps count from the first that the script names. Where an outbound line
// leaves out win, urg or an attribute, any value will do; all else must match.
// An attribute stands before the flags, in brackets: ect0, ect1, ce, noecn (the
// ECN codepoint), ttl N, tos N, df, nodf, flow N (another peer port), src A, dst
// A, badsum (a wrong checksum), nosum (of UDP: none), length N (what a UDP header
// says), version N, id N, ipopt HEX (of the IP header), frag A:B (only these bytes
// of the IP payload, as a fragment), more (the next packet comes in the same batch).
//
// Payload is a pattern by its place in the stream, checked in every packet that
// leaves and every byte that is read, an urgent byte read by MSG_OOB too; so are
// the checksums. A packet that the
// script does not expect fails it, and so does one that does not come. A call
// without an end time must not block.
//
// Invariants: one goroutine and no clock; a script gives the same packets at the
// same times on every machine. Times are exact but for --tolerance_usecs, whose
// default is a millisecond.
package script
