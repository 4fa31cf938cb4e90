// Package link is the packet contract: what a stack asks of the thing that
// carries its packets (Link, Packet, Features), and the links and link tools
// that need no device: Pipe (two ends in memory), Tap (a bounded copy of what
// passes) and Impair (loss, delay, reordering, duplication and corruption,
// from a seed) and Scatter (several queues that steer at random).
//
// Place in the walk: the first and the last step. A batch of packets is read
// with TryRead before the shard is entered, and written with WriteBatch as the
// shard is left. Whoever waits, waits in Wait.
//
// Invariants: no call but Wait blocks; nothing calls back into the stack; a
// link that keeps bytes copies them; a Pipe, a Tap and an Impair are bounded, and
// Pipe and Impair allocate nothing once they have carried their most. Two stacks on one full Pipe, each with
// its own lock held, therefore never wait for each other.
//
// This is the one core package that may use sync, for Pipe, Tap and Scatter.
package link
