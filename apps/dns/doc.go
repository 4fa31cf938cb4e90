// Package dns asks name servers questions over Berkeley sockets: a stub resolver (RFC 1034 5.3.1).
//
// # Place in the walk
//
// It stands on stack/socket and uses nothing of it but the calls in Sockets. One question is one socket:
//
//	Lookup        name -> question; follows the CNAME chain, asking again where it leaves the message
//	  ask         rounds over the servers until one gives an answer worth keeping
//	    try       one server: UDP, then without EDNS or over TCP where the answer calls for it
//	      askUDP  socket bind connect send, then recv until an answer is believed or time is up
//	      askTCP  the same over a stream, each message after its length (RFC 7766 8)
//
// # Invariants
//
// A message is walked by checkMessage before dnsmessage sees it: every compression pointer goes strictly
// backward, every name, count and length is true (RFC 9267).
//
// An answer is believed only from the address and to the port that were asked, with the ID, the opcode and
// the question, letter case included, that were sent (RFC 5452). Anything else is counted and ignored, and
// the wait goes on: junk that comes first must not decide.
//
// IDs, source ports and letter case come from crypto/rand. Nothing is cached, nothing is kept between calls.
package dns
