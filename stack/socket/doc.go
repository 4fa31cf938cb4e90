// Package socket offers the Berkeley calls over descriptors: socket bind listen
// accept connect send recv shutdown close, with the names, values and errors
// that a programmer knows from Linux (socket(2), socket(7), tcp(7), udp(7)).
//
// Place in the walk: the top. A call finds its descriptor, hands the work to
// the stack.Socket behind it and turns what that says into the errno that the
// call of this name returns on Linux. It has no goroutine and waits nowhere
// itself; stack.Socket does.
//
//	doc.go         this page
//	constants.go   the names and numbers of sys/socket.h, netinet/in.h and netinet/tcp.h
//	descriptors.go numbers: lowest first, the limit, what close does to a blocked call
//	calls.go       the calls that make, name and end a socket
//	transfer.go    the calls that move data; cork.go: datagrams from several of them
//	message.go     sendmsg and recvmsg: vectors, what headers said, the error queue
//	options.go     setsockopt and getsockopt of numbers; options_path.go: of IPPROTO_IP, options_udp.go: of IPPROTO_UDP;
//	               options_tcp.go, options_string.go, options_info.go: of IPPROTO_TCP;
//	               options_pacing.go: SO_MAX_PACING_RATE;
//	               options_raw.go: of bytes, as in C. testdata/options.md is the table of all
//	ioctl.go       what is queued, and the urgent mark; fcntl's O_NONBLOCK
//	poll.go        poll(2); epoll.go: by level, by edge and once
//	errno.go       errors of the core -> errno
//	observe.go     Observe, a strace for the program's own calls
//
// # Invariants
//
//   - Every error is a syscall.Errno, on every system.
//   - A descriptor names one socket from the call that made it until Close. Close
//     frees the number first. A call that is blocked on the old socket ends with
//     EBADF and never touches the socket that gets the number next.
//   - The kernel is the oracle: testdata/calls holds sequences of calls with what
//     Linux returns, and each difference with its reason; random ones beside them.
//   - At the calls Linux wins over POSIX: send on a stream that was never
//     connected is EPIPE, sendto on a stream ignores the address, accept
//     reserves its descriptor before it waits.
//
// The package needs neither net nor fmt, so that a program that only dials stays small.
package socket
