// Package stomp speaks STOMP 1.2, the simple text protocol of message brokers, over anything that carries
// messages, such as a WebSocket: a frame in each.
//
// # Place in the walk
//
//	Dial        CONNECT -> CONNECTED
//	Subscribe   SUBSCRIBE: the destination's messages come from now on
//	Send        SEND
//	Receive     the next MESSAGE; an ERROR is an error
//	Close       DISCONNECT with a receipt -> RECEIPT: all that was sent has arrived
//
// # Invariants
//
// A frame is bounded before it is kept, and what is not exactly one is refused. Header values are escaped, so that
// none can end its line.
package stomp
