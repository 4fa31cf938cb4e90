// Package balance spreads connections over several servers: a small load balancer on the sockets of a stack.
//
// # Place in the walk
//
//	Balancer.Serve   a listener's connections, one goroutine each way for each
//	  Pick           which target is next: round robin, weighted, least connections, by the client's address (pick.go)
//	  connect        the target, or the next one where it is dead (serve.go)
//	  splice         bytes both ways; the end of one direction is passed on, and an abort too
//
// # Invariants
//
// A target that does not answer is taken out for Pause and then tried by one connection again. No connection is
// lost because its target was dead, as long as one is alive. Counts add up: every connection that came was served
// by one target, or is counted as refused, or came as we ended: then no target is blamed.
package balance
