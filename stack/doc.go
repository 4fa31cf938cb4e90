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
// A Stack has one goroutine for its link and one timer. Whoever must wait on a
// socket reads the link himself: he becomes the leader, if there is none, until
// what he waits for has come (lead.go says why); others sleep on their socket's
// condition variable for their direction. The goroutine leads when no
// application has for a millisecond, and steps back when it wakes one. All of
// that is in one place, shard.await. One call at a time is at work in a
// direction; the others stand in line (wait.go), but for calls with DontWait,
// which never wait. Everything a waiter does ends by a wake: news, a deadline
// (an alarm in the host's own heap), Close. Who waits on many sockets at once
// (watch.go) does not lead.
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
//  3. The timer stops. It may be on its way: it finds failed set and does nothing.
//  4. The link closes, which ends the wait of who leads it.
//  5. Close returns when nobody leads and the goroutine is gone: from then on
//     nothing of the stack runs, and the link's owner may take it apart.
//
// A link that fails ends the stack the same way from step 1, and every call then
// says why. Closing a socket of a stack that has ended is no error.
//
// Lock order: Stack.mu is none yet (one shard); a shard's mu; then leaves (a
// Tap's, a link's own). Never two shards.
package stack
