// Package dns turns names into what is known of them, over Berkeley sockets, and answers others: a stub resolver
// (RFC 1034 5.3.1), an iterative one that begins at the root (RFC 1034 5.3.3), a cache, and a server before them.
//
// # Place in the walk
//
// It stands on stack/socket and uses nothing of it but the calls in Sockets and ServerSockets. From the top:
//
//	Server        somebody's message -> Client -> message         serve stream request rate
//	Client        the hosts file, then the cache, then Upstream,  client flight hosts reverse config
//	              one question in flight for each name            lookups hostent
//	Resolver      Upstream, stub: rounds over its servers         resolver
//	Iterator      Upstream, iterative: zone by zone downward      iterate asking zone judge dname hints
//	  Cache       records, nothing, failures, zones' servers      cache lru set
//	  try         one server: UDP, then without EDNS or over TCP  resolver exchange sockets
//	    query     what is asked, and what is an answer to it      query job
//	Message       bytes <-> values                                message check name data dotted pack type text extra
//
// One question to one server is one socket. Where Carry and Now are set, no socket and no clock are used: the whole
// runs in a time of its own.
//
// # Invariants
//
// A message is walked by checkMessage before dnsmessage sees it: every compression pointer goes strictly
// backward, every name, count and length is true (RFC 9267). Messages are written by ourselves, compressed: those
// of the server come from the cache's bytes, without a value between.
//
// An answer is believed only from the address and to the port that were asked, with the ID, the opcode and
// the question, letter case included, that were sent (RFC 5452). Anything else is counted and ignored, and
// the wait goes on: junk that comes first must not decide. IDs, source ports and letter case come from
// the system's randomness.
//
// A server is believed in what is below its zone and in nothing else; the addresses that come with a referral
// serve to ask the servers that it names, and never answer a question (RFC 2181 5.4.1).
//
// A question costs at most 30 packets, all that it leads to counted, and an alias leads at most 12 times
// elsewhere. Each referral goes strictly down. A question that led to nothing is not asked again for 5 s, at
// most 300 s (RFC 9520).
//
// The cache takes the bytes that it was given; what is used least recently goes first.
//
// Every answer says where it came from: Answer.Source.
package dns
