// Package gateway carries what a stdnet.Forwarder takes on through the sockets of
// the system: connections, datagrams and pings. Who is behind the stack gets out
// without a privilege, and what the system answers is what he gets.
//
//	g, err := gateway.Start(n, gateway.Config{})
//
// Place in the walk: beyond the top. A Request becomes a dial, and is accepted when
// that has succeeded, or refused as the dial was; a Session becomes one unconnected
// socket of the system.
//
//	gateway.go   Start, Close, Drain, and what is allowed
//	publish.go   the other way: connections from outside, and datagrams (publish_datagrams.go)
//	stream.go    connections, half-closed and reset as their other ends are
//	datagram.go  UDP, one socket for each endpoint inside
//	ping.go      echoes, over ping sockets
//	errors_linux.go   what the error queue of a socket says, for who is inside
//
// # Goroutines
//
// Three wait for the Forwarder; a connection has two while it lives and one while it
// is dialed, a session two. Close waits for all of them.
//
// # Invariants
//
//   - No byte is promised before there is somebody to take it: the handshake inside
//     ends after the one outside.
//   - A reset stays a reset, an end an end, and an error the same error.
//   - After Close nothing is left: no goroutine, no socket.
package gateway
