// Package stack runs a host over a link: it owns the lock, the clock and the
// waiting, and nothing else. What the host does is stack/host's; what a socket
// call means to a Berkeley program is stack/socket's.
//
// # The walk
//
// enter, feed, leave. Every way into a host is the same three steps:
//
//	enter   lock the shard, read the clock once
//	feed    Input packets, Expire timers, or one call of an application
//	leave   Transmit to the link, wake the sockets that have news,
//	        re-arm the one timer, unlock, deliver trace events
//
// leave is the only way out. No step calls upward and no user code runs under
// the lock: waking is a condition variable, trace events are delivered after
// unlocking, in order. A leave sends at most 64 packets, then unlocks and
// enters again with a fresh time, so that nobody holds the lock for long.
//
// # Goroutines
//
// A Stack has one goroutine for its link and one timer, and so has each shard
// where there are several. Whoever must wait on a socket reads the link
// himself: he becomes the leader, if there is none, until what he waits for has
// come (lead.go says why); others sleep on their socket's condition variable
// for their direction. The goroutine leads when no
// application has for a millisecond, and steps back when it wakes one. All of
// that is in one place, shard.await. One call at a time is at work in a
// direction; the others stand in line (wait.go), but for calls with DontWait,
// which never wait. Everything a waiter does ends by a wake: news, a deadline
// (an alarm in the host's own heap), Close. Who waits on many sockets at once
// (watch.go) does not lead.
//
// Once a flow is paced, by its controller or by its owner, its shard has a second
// goroutine and a timerfd until it ends, on Linux: the runtime's timers are late
// by up to a millisecond, which costs a fast flow its rate (finetimer_linux.go).
// Not with a Config.Clock and not in a bubble of testing/synctest.
//
// # Bytes
//
// A stream's bytes are copied once on each way, and large pieces outside the
// lock (socket_bytes.go). Send fills a span of the send ring; Recv that finds
// something copies from a span of the receive ring; Recv that waits lends its
// memory to the host, and what arrives in order goes straight there, under the
// lock, whoever leads. A span is lent while others work on the same connection:
// its direction has one call at work, and a ring that Close or Abort gives up
// below a copy leaves its memory to the garbage collector, not to another ring.
// Who waits and has got a super-segment is woken when his memory is full or the
// link has no more, after 4 batches at the latest; few bytes wake at once.
//
// # Ending
//
// Shutdown (drain.go), in this order, each step for all sockets before the next:
//
//  1. Owners are done: calls on their sockets, blocked ones too, end with ErrClosed.
//     Listeners close, and reset who waits to be accepted; attempts to connect end.
//  2. Each connection's FIN follows its last byte. What still comes is read and
//     thrown away, until the peer's FIN. Peers that have all of ours and say
//     nothing for a minute are given up with a reset.
//  3. It waits for connections that had lost their owners before.
//  4. Close. It comes at once when the context ends, whatever is under way, or
//     the link fails.
//
// Close, in this order:
//
//  1. Every connection is reset, and the RSTs go as far as the link has room now:
//     nothing waits for a link that does not drain.
//  2. No call is taken any more: failed is set. Every blocked call ends with
//     ErrClosed; who sleeps is woken, who leads is woken by the link.
//  3. The timers stop. One may be on its way: it finds failed set and does nothing.
//  4. The link closes, which ends the wait of who leads it.
//  5. Close returns when nobody leads and the goroutines are gone: from then on
//     nothing of the stack runs, and the link's owner may take it apart.
//
// A link that fails ends the stack the same way from step 1, and every call then
// says why. Closing a socket of a stack that has ended is no error.
//
// # Shards
//
// A Stack has one shard as a rule: a host, its lock, its link, its timer. With
// Config.Links, the Queues of one device, it has one for each, so that the
// flows of several cores do not meet at one lock. The shards are one host to
// the outside: the same addresses, the same ports, the same secrets.
//
// Any queue may bring any packet: the kernel steers by its own hash, and by
// where a flow was last written to. So a leader finds the owner of each packet
// that it has read (host.Steer), gives what belongs to others to them, one
// shard's lock at a time, and then walks its own through its own (shards.go). A
// shard writes to its own queue only, so that the kernel soon learns to bring
// its flows there. What arrives in two queues at once may be reordered, as on any path.
//
//	TCP connection       a keyed hash of the four-tuple, the same from both ends
//	UDP, ICMP echo       the local port, or ID
//	ICMP error           what it quotes
//	fragment             source, destination, protocol and ID; once whole, again as above
//	what is forwarded    a connection as above, datagrams and pings by who sends them
//	what else there is   whoever has read it: echo requests, malformed packets
//
// Each shard has its share of the memory, of the random numbers and of the
// IDs of packets; a path MTU each learns by itself, and ICMP errors each limits for itself.
//
// A socket lives on one shard and is reached through its lock. How it comes to
// the right one is in spread.go: streams that connect choose a port that
// belongs to their shard, so that nothing has to move; a bound stream holds its
// port on every shard with a sibling there; datagram sockets move when they are
// bound. A listener has its SYN records and its accept queue, of backlog
// connections, on each shard, and one list under a leaf lock says which have
// something to accept; so does who forwards (forward.go), whose bounds count what
// all shards hold. Ports are reserved under Stack.mu, on all shards, before
// anything else is done with them.
//
// What a shard finds to be another's with its own lock held (a datagram to
// ourselves, an error about one, a datagram that fragments have made whole)
// goes into a box of the other's: bounded, and what finds no room is lost and
// counted. So does the news that a listener has something to accept. Who puts
// the first thing into a box Wakes the link, and the leader there opens it.
//
// A connection with ourselves lives on one shard, both ends of it.
//
// Lock order: Stack.mu; then one shard's mu, never two; then leaves (a spread's,
// a box's, a Tap's, a link's own).
package stack
