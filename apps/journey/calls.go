package journey

import (
	"fmt"
	"maps"
	"strings"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/socket"
)

// fdNames remembers what is left out because it was said already: the options
// set on each descriptor.
type fdNames map[[2]int]bool

// tellCall prints one Berkeley call with its result, as strace does.
func (j *Journey) tellCall(at clock.Instant, c socket.Call) {
	switch c.Name {
	case "setsockopt", "getsockopt":
		// The time left is set anew before each call; once is enough to see.
		if j.names[[2]int{c.FD, c.Len}] && c.Err == nil {
			return
		}
		j.names[[2]int{c.FD, c.Len}] = true
	case "close":
		maps.DeleteFunc(j.names, func(k [2]int, _ bool) bool { return k[0] == c.FD })
	}
	j.record("call", at, callText(c))
	line := fmt.Sprintf("%*s  %s", timeColumn, j.time(at), j.call(callText(c)))
	if c.Name == "connect" && c.Err == nil && j.recent != nil && j.recent.remote == c.Addr {
		seen := j.t("the peer sees %s", j.recent.local)
		if timeColumn+2+width(callText(c))+3+width(seen) > columns {
			line += "\n" + strings.Repeat(" ", timeColumn-1)
		}
		line += j.dim("   " + seen)
	}
	j.rung(line, 0)
}

// callText writes a call with its arguments and result.
func callText(c socket.Call) string {
	var args []string
	if c.FD >= 0 {
		args = append(args, fmt.Sprint(c.FD))
	}
	result := fmt.Sprint(c.Result)
	switch c.Name {
	case "socket":
		args = []string{"AF_INET", socketType(c.Len)}
	case "bind", "connect":
		args = append(args, endpoint(c.Addr))
	case "getsockname", "getpeername":
		if c.Err == nil {
			result = c.Addr.String()
		}
	case "accept":
		result += " from " + c.Addr.String()
	case "shutdown":
		args = append(args, [...]string{"SHUT_RD", "SHUT_WR", "SHUT_RDWR"}[max(0, min(2, c.Len))])
	case "setsockopt", "getsockopt":
		args = append(args, optionName(c.Len))
	case "listen", "fcntl":
		args = append(args, fmt.Sprint(c.Len))
	case "send", "recv":
		args = append(args, "buf", fmt.Sprint(c.Len))
	case "sendto":
		args = append(args, "buf", fmt.Sprint(c.Len), endpoint(c.Addr))
	case "recvfrom", "recvmsg":
		args = append(args, "buf", fmt.Sprint(c.Len))
		if c.Err == nil {
			result += " from " + endpoint(c.Addr)
		}
	}
	if c.Err != nil {
		result = "-1 " + clean(c.Err.Error(), 40)
	}
	if c.Name == "recv" && c.Result == 0 && c.Err == nil {
		result += " (the end)" // as in the source of a program, in English
	}
	return c.Name + "(" + strings.Join(args, ", ") + ") = " + result
}

func socketType(n int) string {
	switch n {
	case socket.SOCK_STREAM:
		return "SOCK_STREAM"
	case socket.SOCK_DGRAM:
		return "SOCK_DGRAM"
	}
	return fmt.Sprint(n)
}

func optionName(n int) string {
	switch n {
	case socket.SO_RCVTIMEO:
		return "SO_RCVTIMEO"
	case socket.SO_SNDTIMEO:
		return "SO_SNDTIMEO"
	case socket.SO_LINGER:
		return "SO_LINGER"
	case socket.TCP_NODELAY:
		return "TCP_NODELAY"
	case socket.TCP_INFO:
		return "TCP_INFO"
	case socket.SO_ERROR:
		return "SO_ERROR"
	}
	return fmt.Sprintf("option %d", n)
}
