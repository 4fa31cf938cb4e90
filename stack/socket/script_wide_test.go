package socket_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// wideSequence draws from more calls than randomSequence: options with what follows
// from them, the queue of errors, epoll(7) by level and by edge.
func wideSequence(seed int) sequence {
	names := []string{"a", "b", "c"} // few: both ends of a connection are used
	g := generator{rand.New(rand.NewPCG(uint64(seed), 6)), names, names}
	q := sequence{name: fmt.Sprint("wide seed ", seed)}
	calls := [][]string{wideStream, wideDatagram, slices.Concat(wideStream, wideDatagram)}[g.r.IntN(3)]
	for _, call := range wideBegin[g.r.IntN(len(wideBegin))] {
		q.steps = append(q.steps, step{call: call})
	}
	for len(q.steps) < randomCalls {
		q.steps = append(q.steps, step{call: g.fill(g.of(calls))})
	}
	return q
}

var (
	wideBegin = [][]string{
		{"epoll m", "epoll n", "connected a b", "tcp c"},
		{"epoll m", "epoll n", "connected a b", "epollctl m ADD a POLLIN|POLLOUT|EPOLLET", "epollctl n ADD b POLLIN|EPOLLET"},
		{"epoll m", "epoll n", "tcp a", "bind a 127.0.0.1:A", "listen a 2", "tcp b", "tcp c"},
		{"epoll m", "epoll n", "udp a", "bind a 127.0.0.1:A", "udp b", "bind b 127.0.0.1:B", "udp c"},
		{"epoll m", "epoll n", "udp a", "bind a 127.0.0.1:A", "udp b", "connect b @a", "epollctl m ADD a POLLIN|EPOLLET", "udp c", "setsockopt c IPPROTO_IP IP_RECVERR 1"},
	}
	wideEpoll = []string{
		"epollctl m ADD % EVENTS", "epollctl m ADD % EVENTS", "epollctl m ADD % EVENTS", "epollctl m MOD % EVENTS", "epollctl m DEL %",
		"epollctl n ADD % POLLIN|EPOLLET", "epollwait n", "epollwait m", "epollwait m", "epollwait m", "epollwait m", "epollwait m", "epollwait m",
	}
	wideStream = slices.Concat(wideEpoll, []string{
		"tcp %", "tcp %", "connected % %", "connected % %", "connected % %", "connected % %",
		"bind % 127.0.0.1:P", "bind % 0.0.0.0:P", "bind % 127.0.0.1:0", "listen % 3", "listen % 1", "accept % %", "accept % %",
		"connect % @%", "connect % @%", "connect % 127.0.0.1:P", "connect % 192.0.2.77:9", "connect % -",
		"send % DATA FLAGS", "send % DATA", "send % DATA", "sendmsg % DATA,DATA -", "send % DATA MSG_OOB", "sendmsg % - -",
		"recv % LEN FLAGS", "recv % LEN FLAGS", "recv % LEN", "recv % LEN MSG_OOB", "recv % LEN MSG_OOB|MSG_PEEK", "recvmsg % LEN,LEN FLAGS", "recvmsg % LEN MSG_ERRQUEUE",
		"shutdown % HOW", "shutdown % HOW", "shutdown % SHUT_WR", "close %", "close %",
		"setsockopt % SOL_SOCKET SO_LINGER 1,0", "setsockopt % SOL_SOCKET SO_LINGER 1,1", "setsockopt % SOL_SOCKET SO_LINGER 0,0",
		"setsockopt % SOL_SOCKET SO_REUSEADDR BOOL", "setsockopt % SOL_SOCKET SO_REUSEPORT BOOL", "setsockopt % SOL_SOCKET SO_OOBINLINE BOOL",
		"setsockopt % SOL_SOCKET SO_KEEPALIVE BOOL", "setsockopt % IPPROTO_TCP TCP_NODELAY BOOL",
		"setsockopt % IPPROTO_TCP TCP_CORK BOOL", "setsockopt % IPPROTO_IP IP_TOS LEN", "setsockopt % IPPROTO_IP IP_RECVERR BOOL",
		"setsockopt % IPPROTO_TCP TCP_LINGER2 -1", "setsockopt % IPPROTO_TCP TCP_USER_TIMEOUT 5000", "setsockopt % IPPROTO_IP IP_TTL 9",
		"getsockopt % SOL_SOCKET SO_ERROR", "getsockopt % SOL_SOCKET SO_ERROR", "getsockopt % SOL_SOCKET SO_KEEPALIVE",
		"getsockopt % IPPROTO_IP IP_TOS", "getsockopt % IPPROTO_IP IP_TTL", "getsockopt % SOL_SOCKET SO_RCVLOWAT", "getsockopt % SOL_SOCKET SO_LINGER 8",
		"getsockopt % IPPROTO_TCP TCP_NODELAY", "getsockopt % IPPROTO_TCP TCP_CORK", "getsockopt % SOL_SOCKET SO_REUSEPORT",
		"getpeername %", "getsockname %", "poll % ALL", "poll % ALL", "ioctl % SIOCINQ", "ioctl % SIOCATMARK",
	})
	wideDatagram = slices.Concat(wideEpoll, []string{
		"udp %", "udp %", "udp %", "udp %", "ping %",
		"bind % 127.0.0.1:P", "bind % 127.0.0.1:P", "bind % 0.0.0.0:P", "bind % 127.0.0.5:P", "bind % 127.0.0.1:0",
		"connect % @%", "connect % @%", "connect % 127.0.0.1:P", "connect % 192.0.2.1:P", "connect % -", "connect % 192.0.2.77:9",
		"send % DATA", "send % DATA FLAGS", "sendto % DATA @%", "sendto % DATA @%", "sendto % DATA 127.0.0.1:P", "sendto % DATA 127.0.0.1:P", "sendto % DATA 127.0.0.1:C",
		"sendmsg % DATA,DATA @%", "sendmsg % DATA 127.0.0.1:P<127.0.0.7", "sendmsg % DATA 127.0.0.1:P<0.0.0.0", "sendto % 1473 192.0.2.77:9",
		"recv % LEN FLAGS", "recv % LEN", "recvfrom % LEN", "recvmsg % LEN,LEN FLAGS", "recvmsg % LEN MSG_ERRQUEUE", "recvmsg % LEN MSG_ERRQUEUE", "recvmsg % LEN MSG_ERRQUEUE|MSG_PEEK",
		"shutdown % HOW", "shutdown % SHUT_RD", "close %", "close %",
		"setsockopt % SOL_SOCKET SO_REUSEADDR BOOL", "setsockopt % SOL_SOCKET SO_REUSEPORT BOOL", "setsockopt % IPPROTO_IP IP_RECVERR BOOL", "setsockopt % IPPROTO_IP IP_RECVERR 1",
		"setsockopt % IPPROTO_IP IP_PKTINFO BOOL", "setsockopt % IPPROTO_IP IP_MTU_DISCOVER LEN", "setsockopt % SOL_SOCKET SO_BROADCAST BOOL",
		"setsockopt % IPPROTO_UDP UDP_SEGMENT 100", "setsockopt % IPPROTO_UDP UDP_SEGMENT 0", "setsockopt % IPPROTO_IP IP_TTL 9", "setsockopt % SOL_SOCKET SO_LINGER 1,1",
		"getsockopt % SOL_SOCKET SO_ERROR", "getsockopt % SOL_SOCKET SO_ERROR", "getsockopt % IPPROTO_IP IP_MTU_DISCOVER",
		"getpeername %", "getsockname %", "poll % ALL", "poll % ALL", "ioctl % SIOCINQ", "ioctl % SIOCATMARK",
	})
)

// wideKnown are the seeds beyond those recorded that are known to end otherwise.
var wideKnown = map[int]string{
	1494: leaves, 1908: leaves, 7042: leaves, 10_831: leaves, 10_982: leaves, 12_115: leaves, 15_089: leaves, 15_857: leaves,
	19_296: leaves, 20_215: leaves,
	1686: rests, 1760: rests, 5077: rests, 6389: rests, 6390: rests, 14_446: rests, 16_699: rests, 16_861: rests, 19_668: rests,
	2226: order, 6436: order,
	1751:   "packets to ourselves are as large as the link's, so that a full segment goes below TCP_CORK",
	11_530: "a stream that was shut down and connects to itself",
	15_303: held,
}

const (
	leaves = "on Linux each datagram that has left is an edge for who waits for room, full or not"
	rests  = "a stream whose connection is in TIME-WAIT cannot be bound: the port is still its own"
	order  = "of two things that are wrong, shut down and too long, ours tells the first"
)
