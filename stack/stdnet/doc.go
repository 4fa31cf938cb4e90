// Package stdnet offers the sockets of a stack as package net's interfaces:
// net.Conn, net.Listener, net.PacketConn and a dialer, so that net/http,
// crypto/tls and whatever else speaks those runs on a Sockeye stack.
//
//	n := stdnet.New(s)
//	client := http.Client{Transport: &http.Transport{DialContext: n.DialContext}}
//
// Place in the walk: the top, beside stack/socket. A call here is a call of
// stack.Socket with the addresses and errors of package net around it; there is
// no goroutine and no buffer of its own.
//
//	net.go       Net: dial, listen, and what a network's name means
//	listenconfig.go   ListenConfig: what may be said when listening
//	forwarder.go session.go   Forwarder: what arrives for addresses that are not ours
//	buffers.go   several buffers in one call
//	dialer.go    Dialer: timeouts, contexts, several addresses of one name
//	address.go   "host:port" -> addresses
//	conn.go      Conn, a stream
//	options.go   what can be set on a Conn
//	listener.go  Listener
//	packet.go    PacketConn, datagrams, connected or not
//	errors.go    *net.OpError around the errors of the stack
//	pair.go      Pair: two stacks joined in memory, for tests and examples
//
// # Invariants
//
//   - Errors are what package net gives on Linux: *net.OpError with the same Op,
//     Net, Source and Addr around a *os.SyscallError, os.ErrDeadlineExceeded,
//     net.ErrClosed or a context's error; io.EOF bare.
//   - Networks are tcp, tcp4, udp and udp4. There is no IPv6 yet: tcp6 and udp6
//     find no suitable address.
//   - As in package net, streams begin with TCP_NODELAY and keep-alive set.
package stdnet
