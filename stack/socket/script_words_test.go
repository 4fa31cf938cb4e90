package socket_test

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/sockeye-net/sockeye/stack/socket"
)

// words are the names that a script may use for numbers.
var words = map[string]int{
	"AF_UNSPEC": 0, "AF_INET": socket.AF_INET, "AF_INET6": 10, "AF_UNIX": 1,
	"SOCK_STREAM": socket.SOCK_STREAM, "SOCK_DGRAM": socket.SOCK_DGRAM, "SOCK_RAW": socket.SOCK_RAW,
	"SOCK_SEQPACKET": 5, "SOCK_NONBLOCK": socket.SOCK_NONBLOCK, "SOCK_CLOEXEC": socket.SOCK_CLOEXEC,
	"IPPROTO_IP": 0, "IPPROTO_ICMP": 1, "IPPROTO_TCP": 6, "IPPROTO_UDP": 17,
	"SHUT_RD": 0, "SHUT_WR": 1, "SHUT_RDWR": 2,
	"MSG_OOB": socket.MSG_OOB, "MSG_PEEK": socket.MSG_PEEK, "MSG_TRUNC": socket.MSG_TRUNC, "MSG_DONTWAIT": socket.MSG_DONTWAIT,
	"MSG_WAITALL": socket.MSG_WAITALL, "MSG_ERRQUEUE": socket.MSG_ERRQUEUE, "MSG_NOSIGNAL": socket.MSG_NOSIGNAL, "MSG_MORE": socket.MSG_MORE,
	"MSG_CONFIRM": 0x800, "MSG_DONTROUTE": 4, "MSG_EOR": 0x80,
	"SOL_SOCKET": 1, "SO_DEBUG": 1, "SO_REUSEADDR": socket.SO_REUSEADDR, "SO_TYPE": socket.SO_TYPE, "SO_ERROR": socket.SO_ERROR,
	"SO_DONTROUTE": socket.SO_DONTROUTE, "SO_BROADCAST": socket.SO_BROADCAST, "SO_SNDBUF": socket.SO_SNDBUF, "SO_RCVBUF": socket.SO_RCVBUF,
	"SO_KEEPALIVE": socket.SO_KEEPALIVE, "SO_OOBINLINE": socket.SO_OOBINLINE, "SO_PRIORITY": socket.SO_PRIORITY, "SO_LINGER": socket.SO_LINGER,
	"SO_REUSEPORT": socket.SO_REUSEPORT, "SO_MAX_PACING_RATE": socket.SO_MAX_PACING_RATE, "SO_RCVLOWAT": socket.SO_RCVLOWAT, "SO_SNDLOWAT": socket.SO_SNDLOWAT,
	"SO_RCVTIMEO": socket.SO_RCVTIMEO, "SO_SNDTIMEO": socket.SO_SNDTIMEO, "SO_TIMESTAMP": socket.SO_TIMESTAMP,
	"SO_ACCEPTCONN": socket.SO_ACCEPTCONN, "SO_PROTOCOL": socket.SO_PROTOCOL, "SO_DOMAIN": socket.SO_DOMAIN,
	"IP_TOS": socket.IP_TOS, "IP_TTL": socket.IP_TTL, "IP_PKTINFO": socket.IP_PKTINFO, "IP_MTU_DISCOVER": socket.IP_MTU_DISCOVER,
	"IP_RECVERR": socket.IP_RECVERR, "IP_RECVTTL": socket.IP_RECVTTL, "IP_RECVTOS": socket.IP_RECVTOS, "IP_MTU": socket.IP_MTU,
	"IP_FREEBIND": socket.IP_FREEBIND, "IP_TRANSPARENT": socket.IP_TRANSPARENT,
	"TCP_NODELAY": socket.TCP_NODELAY, "TCP_MAXSEG": socket.TCP_MAXSEG, "TCP_CORK": socket.TCP_CORK, "TCP_KEEPIDLE": socket.TCP_KEEPIDLE,
	"TCP_KEEPINTVL": socket.TCP_KEEPINTVL, "TCP_KEEPCNT": socket.TCP_KEEPCNT, "TCP_SYNCNT": socket.TCP_SYNCNT, "TCP_LINGER2": socket.TCP_LINGER2,
	"TCP_DEFER_ACCEPT": socket.TCP_DEFER_ACCEPT, "TCP_WINDOW_CLAMP": socket.TCP_WINDOW_CLAMP, "TCP_INFO": socket.TCP_INFO,
	"TCP_QUICKACK": socket.TCP_QUICKACK, "TCP_CONGESTION": socket.TCP_CONGESTION, "TCP_USER_TIMEOUT": socket.TCP_USER_TIMEOUT,
	"TCP_NOTSENT_LOWAT": socket.TCP_NOTSENT_LOWAT, "UDP_CORK": socket.UDP_CORK, "UDP_SEGMENT": socket.UDP_SEGMENT,
	"FIONREAD": socket.FIONREAD, "SIOCINQ": socket.SIOCINQ, "SIOCOUTQ": socket.SIOCOUTQ, "SIOCOUTQNSD": socket.SIOCOUTQNSD, "SIOCATMARK": socket.SIOCATMARK,
	"POLLIN": socket.POLLIN, "POLLPRI": socket.POLLPRI, "POLLOUT": socket.POLLOUT, "POLLERR": socket.POLLERR, "POLLHUP": socket.POLLHUP,
	"POLLNVAL": socket.POLLNVAL, "POLLRDHUP": socket.POLLRDHUP,
	"EPOLLONESHOT": socket.EPOLLONESHOT,
	"ADD":          socket.EPOLL_CTL_ADD, "MOD": socket.EPOLL_CTL_MOD, "DEL": socket.EPOLL_CTL_DEL,
	"O_NONBLOCK": socket.O_NONBLOCK, "O_RDWR": socket.O_RDWR, "F_GETFL": socket.F_GETFL, "F_SETFL": socket.F_SETFL,
	"ALL": socket.POLLIN | socket.POLLPRI | socket.POLLOUT | socket.POLLRDHUP,
}

// value reads a number: names and digits, joined by |.
func value(word string) (int64, error) {
	n := int64(0)
	for _, w := range strings.Split(word, "|") {
		if v, ok := words[w]; ok {
			n |= int64(v)
			continue
		}
		v, err := strconv.ParseInt(w, 0, 64)
		if err != nil {
			return 0, fmt.Errorf("no number: %q", w)
		}
		n |= v
	}
	return n, nil
}

// eventNames are told in this order.
var eventNames = []struct {
	bit  int
	name string
}{
	{socket.POLLIN, "POLLIN"}, {socket.POLLPRI, "POLLPRI"}, {socket.POLLOUT, "POLLOUT"}, {socket.POLLERR, "POLLERR"},
	{socket.POLLHUP, "POLLHUP"}, {socket.POLLNVAL, "POLLNVAL"}, {socket.POLLRDHUP, "POLLRDHUP"},
}

func events(bits int) string {
	var names []string
	for _, e := range eventNames {
		if bits&e.bit != 0 {
			names = append(names, e.name)
		}
	}
	if names == nil {
		return "0"
	}
	return strings.Join(names, "|")
}
