package script

import (
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/tcp"
)

// constants are the names that arguments may have, as Linux numbers them; where
// the number means nothing here it is 0.
var constants = map[string]int{
	"AF_INET": 2, "SOCK_STREAM": 1, "SOCK_DGRAM": 2, "SOCK_NONBLOCK": 0x800, "SOCK_CLOEXEC": 0x80000,
	"IPPROTO_IP": 0, "IPPROTO_ICMP": 1, "IPPROTO_TCP": 6, "IPPROTO_UDP": 17,
	"O_RDWR": 2, "O_NONBLOCK": 0x800,
	"SHUT_RD": 0, "SHUT_WR": 1, "SHUT_RDWR": 2,
	"MSG_OOB": 1, "MSG_PEEK": 2, "MSG_DONTWAIT": 0x40, "MSG_WAITALL": 0x100, "MSG_NOSIGNAL": 0x4000, "MSG_MORE": 0x8000,
	"POLLIN": 1, "POLLPRI": 2, "POLLOUT": 4, "POLLERR": 8, "POLLHUP": 16, "POLLRDHUP": 0x2000,
	"IP_PMTUDISC_DONT": 0, "IP_PMTUDISC_WANT": 1, "IP_PMTUDISC_DO": 2, "IP_PMTUDISC_PROBE": 3,
	"SOL_SOCKET": 1, "SOL_TCP": 6, "NULL": 0,
}

// errnoName is the errno that Linux gives for an error of a call; "" for one
// that is no error of a call.
func errnoName(err error) string {
	switch e := err.(type) {
	case host.Error:
		if name, ok := hostErrnos[e]; ok {
			return name
		}
		return "EINVAL"
	case tcp.Error:
		if name, ok := tcpErrnos[e]; ok {
			return name
		}
		return "ECONNABORTED"
	}
	return ""
}

var hostErrnos = map[host.Error]string{
	host.ErrBadHandle:        "EBADF",
	host.ErrWouldBlock:       "EAGAIN",
	host.ErrInProgress:       "EINPROGRESS",
	host.ErrAlready:          "EALREADY",
	host.ErrIsConnected:      "EISCONN",
	host.ErrNotConnected:     "ENOTCONN",
	host.ErrAddrInUse:        "EADDRINUSE",
	host.ErrAddrNotAvail:     "EADDRNOTAVAIL",
	host.ErrNoRoute:          "ENETUNREACH",
	host.ErrMsgSize:          "EMSGSIZE",
	host.ErrDestAddrRequired: "EDESTADDRREQ",
	host.ErrPipe:             "EPIPE",
	host.ErrNoMemory:         "ENOBUFS",
	host.ErrTooMany:          "ENFILE",
	host.ErrNotSupported:     "EOPNOTSUPP",
	host.ErrAccess:           "EACCES",
	host.ErrClosed:           "ENETDOWN",
}

var tcpErrnos = map[tcp.Error]string{
	tcp.ErrRefused:          "ECONNREFUSED",
	tcp.ErrReset:            "ECONNRESET",
	tcp.ErrTimeout:          "ETIMEDOUT",
	tcp.ErrHostUnreachable:  "EHOSTUNREACH",
	tcp.ErrNetUnreachable:   "ENETUNREACH",
	tcp.ErrProtoUnreachable: "ENOPROTOOPT",
	tcp.ErrPortUnreachable:  "ECONNREFUSED",
	tcp.ErrAborted:          "ECONNABORTED",
	tcp.ErrProtocol:         "EPROTO",
}
