// Package host is a whole IPv4 host as a value: IP with fragments and routes,
// ICMP, UDP and TCP's demultiplexing, timers and sockets. Packets, calls and
// the time go in; packets, readiness and a deadline come out.
//
// Place in the walk: package stack enters a shard, hands packets to InputBatch
// (and each application call to the method of its name), and leaves through
// Transmit, Events and Deadline. An arriving packet goes
//
//	receive (input.go) -> admit (route.go) -> [reassemble.go] -> deliver
//	  -> inputICMP (icmp.go, icmp_errors.go, echo.go)
//	  -> inputUDP (udp.go) -> datagram queue (datagrams.go)
//	  -> inputTCP (tcp.go) -> tcp.Conn.Arrive -> ready queue
//	                          (its bytes straight to who waits for them: readers.go)
//	                          and, in InputBatch, the train behind it (train.go -> tcp.Conn.ArriveTrain)
//	                       -> tcp.TimeWait.Arrive (timewait.go)
//	     or arriveListener (listen.go) -> tcp.Listener.Arrive -> establish -> accept queue
//
// and a leaving one comes from the queue of the host's own packets (output.go,
// fragment.go), or from a connection in the ready queue (tcp_output.go), several
// segments at once that are cut here where the link does not (cut.go);
// packets to our own addresses cross a bounded queue inside Transmit (loop.go).
// Who is given up so that others live: orphans.go, pressure.go. What is addressed
// to nobody here, where somebody forwards it: forward.go, sessions.go.
//
// What a router, or a connection's own search, tells of a path's MTU goes into
// the caches of pmtu.go, and from there to all connections that go the same way,
// each before it sends next (pmtu_streams.go).
//
// Invariants: the same seed and the same inputs give the same outputs, byte for
// byte: nothing depends on a map's order, and ties of deadlines break by socket
// index. Nor does anything depend on how packets were read together, or on how
// many Transmit was asked for at once: trains and cuts are faster, and nothing else. Every packet without effect is counted once in Counters.Drop. What
// Transmit lends is valid until the host's next call, and is taken back by the
// next Transmit. All memory comes out of one buffer.Budget, and all of it goes
// back after CloseAll and a drained Transmit. Steady state allocates nothing, and
// a packet costs the same however many connections there are, but for the
// logarithm in the heap of deadlines.
// An Audit (audit.go) holds a host and its connections to these and to tcp's.
package host
