package socket_test

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sockeye-net/sockeye/stack/socket"
)

// errnoNames are those that calls return.
var errnoNames = map[syscall.Errno]string{
	syscall.EPERM:           "EPERM",
	syscall.EINTR:           "EINTR",
	syscall.EBADF:           "EBADF",
	syscall.EAGAIN:          "EAGAIN",
	syscall.ENOMEM:          "ENOMEM",
	syscall.EACCES:          "EACCES",
	syscall.EFAULT:          "EFAULT",
	syscall.EEXIST:          "EEXIST",
	syscall.ENODEV:          "ENODEV",
	syscall.EINVAL:          "EINVAL",
	syscall.ENFILE:          "ENFILE",
	syscall.EMFILE:          "EMFILE",
	syscall.ENOTTY:          "ENOTTY",
	syscall.EPIPE:           "EPIPE",
	syscall.EDOM:            "EDOM",
	syscall.ENOENT:          "ENOENT",
	syscall.ENOTSOCK:        "ENOTSOCK",
	syscall.EDESTADDRREQ:    "EDESTADDRREQ",
	syscall.EMSGSIZE:        "EMSGSIZE",
	syscall.EPROTOTYPE:      "EPROTOTYPE",
	syscall.ENOPROTOOPT:     "ENOPROTOOPT",
	syscall.EPROTONOSUPPORT: "EPROTONOSUPPORT",
	syscall.ESOCKTNOSUPPORT: "ESOCKTNOSUPPORT",
	syscall.EOPNOTSUPP:      "EOPNOTSUPP",
	syscall.EAFNOSUPPORT:    "EAFNOSUPPORT",
	syscall.EADDRINUSE:      "EADDRINUSE",
	syscall.EADDRNOTAVAIL:   "EADDRNOTAVAIL",
	syscall.ENETDOWN:        "ENETDOWN",
	syscall.ENETUNREACH:     "ENETUNREACH",
	syscall.ECONNABORTED:    "ECONNABORTED",
	syscall.ECONNRESET:      "ECONNRESET",
	syscall.ENOBUFS:         "ENOBUFS",
	syscall.EISCONN:         "EISCONN",
	syscall.ENOTCONN:        "ENOTCONN",
	syscall.ETIMEDOUT:       "ETIMEDOUT",
	syscall.ECONNREFUSED:    "ECONNREFUSED",
	syscall.EHOSTUNREACH:    "EHOSTUNREACH",
	syscall.EALREADY:        "EALREADY",
	syscall.EINPROGRESS:     "EINPROGRESS",
	syscall.EPROTO:          "EPROTO",
}

func errnoName(e syscall.Errno) string {
	if name, ok := errnoNames[e]; ok {
		return name
	}
	return fmt.Sprintf("errno %d", int(e))
}

// naming are the calls that name, make and end connections.
func (p *player) naming(name string, fd int, args []string) (string, bool) {
	switch name {
	case "bind":
		return said(p.c.Bind(fd, p.addr(args[0])), "0"), true
	case "connect":
		return said(p.c.Connect(fd, p.addr(args[0])), "0"), true
	case "listen":
		return said(p.c.Listen(fd, p.num(args[0])), "0"), true
	case "accept":
		nfd, from, err := p.c.Accept(fd)
		if err == nil {
			p.name(args[0], nfd)
			_ = p.c.SetNonblock(nfd, len(args) == 1) // accept4's SOCK_NONBLOCK, unless a word more stands there
		}
		return said(err, p.shown(from)), true
	case "shutdown":
		return said(p.c.Shutdown(fd, p.num(args[0])), "0"), true
	case "close":
		return said(p.c.Close(fd), "0"), true
	case "getsockname":
		at, err := p.c.GetSockName(fd)
		return said(err, p.shown(at)), true
	case "getpeername":
		at, err := p.c.GetPeerName(fd)
		return said(err, p.shown(at)), true
	}
	return "", false
}

// moving are the calls that move data.
func (p *player) moving(name string, fd int, args []string) (string, bool) {
	switch name {
	case "send":
		n, err := p.c.Send(fd, p.data(args[0]), p.nth(args, 1))
		return said(err, strconv.Itoa(n)), true
	case "sendto":
		n, err := p.c.SendTo(fd, p.data(args[0]), p.nth(args, 2), p.addr(args[1]))
		return said(err, strconv.Itoa(n)), true
	case "sendmsg":
		to, from, chosen := strings.Cut(args[1], "<")
		m := socket.Msg{Name: p.addr(to)}
		if chosen {
			m.Src = netip.MustParseAddr(from)
		}
		for _, w := range strings.Split(args[0], ",") {
			m.Iov = append(m.Iov, p.data(w))
		}
		n, err := p.c.SendMsg(fd, &m, p.nth(args, 2))
		return said(err, strconv.Itoa(n)), true
	case "recv":
		b := make([]byte, p.num(args[0]))
		n, err := p.c.Recv(fd, b, p.nth(args, 1))
		return said(err, got(n, b)), true
	case "recvfrom":
		b := make([]byte, p.num(args[0]))
		n, from, err := p.c.RecvFrom(fd, b, p.nth(args, 1))
		return said(err, got(n, b)+" "+p.shown(from)), true
	case "recvmsg":
		return p.recvmsg(fd, args), true
	}
	return "", false
}

func (p *player) recvmsg(fd int, args []string) string {
	var m socket.Msg
	for _, w := range strings.Split(args[0], ",") {
		m.Iov = append(m.Iov, make([]byte, p.num(w)))
	}
	n, err := p.c.RecvMsg(fd, &m, p.nth(args, 1))
	var all []byte
	for _, b := range m.Iov {
		all = append(all, b...)
	}
	r := got(n, all) + " " + p.shown(m.Name)
	for _, f := range []string{"MSG_TRUNC", "MSG_OOB", "MSG_ERRQUEUE"} {
		if m.Flags&words[f] != 0 {
			r += " " + f
		}
	}
	if m.Src.IsValid() {
		r += fmt.Sprintf(" to=%v answer=%v", m.Meta.To, m.Src)
	}
	if e := m.Err; e != nil {
		r += fmt.Sprintf(" %s local=%v type=%d code=%d info=%d by=%v", errnoName(e.Errno), e.Local, e.Type, e.Code, e.Info, e.Offender)
	}
	return said(err, r)
}

// options are what is left.
func (p *player) options(name string, fd int, args []string) (string, bool) {
	switch name {
	case "setsockopt":
		return said(p.c.SetSockOpt(fd, p.num(args[0]), p.num(args[1]), p.bytes(args[2])), "0"), true
	case "getsockopt":
		return p.getsockopt(fd, args), true
	case "fcntl":
		v, err := p.c.Fcntl(fd, p.num(args[0]), p.nth(args, 1))
		return said(err, strconv.Itoa(v&(socket.O_NONBLOCK|socket.O_RDWR))), true
	case "ioctl":
		v, err := p.c.Ioctl(fd, p.num(args[0]))
		return said(err, strconv.Itoa(v)), true
	case "poll":
		return p.poll(fd, p.num(args[0])), true
	case "wait":
		return p.await(fd, p.num(args[0])), true
	}
	return "", false
}

func (p *player) poll(fd, want int) string {
	v, err := p.c.Ready(fd, want)
	return said(err, events(v))
}

// await polls until all of want holds, and tells what else does of it.
func (p *player) await(fd, want int) string {
	for range 5000 {
		v, err := p.c.Ready(fd, want)
		if err != nil || v&want == want {
			return said(err, events(v))
		}
		p.wait(2 * time.Millisecond)
	}
	return "never"
}

// bytes reads an option's value: a number; N:LEN for one of another length; N,N for a
// struct linger; sSECuUSEC for a struct timeval; text in quotation marks.
func (p *player) bytes(word string) []byte {
	if word[0] == '"' {
		return p.data(word)
	}
	if word == "-" {
		return nil
	}
	order := binary.NativeEndian
	if a, b, ok := strings.Cut(word, ","); ok {
		return order.AppendUint32(order.AppendUint32(nil, uint32(p.num(a))), uint32(p.num(b)))
	}
	if a, b, ok := strings.Cut(strings.TrimPrefix(word, "s"), "u"); ok && word[0] == 's' {
		return order.AppendUint64(order.AppendUint64(nil, uint64(p.wide(a))), uint64(p.wide(b)))
	}
	a, length, ok := strings.Cut(word, ":")
	b := order.AppendUint64(nil, uint64(p.wide(a)))
	if ok {
		return append(b, make([]byte, 64)...)[:p.num(length)]
	}
	return order.AppendUint32(nil, uint32(p.wide(a)))
}

// getsockopt tells numbers as such, and other lengths as bytes.
func (p *player) getsockopt(fd int, args []string) string {
	level, opt := p.num(args[0]), p.num(args[1])
	size := 4
	if len(args) > 2 {
		size = p.num(args[2])
	}
	b := make([]byte, size)
	n, err := p.c.GetSockOpt(fd, level, opt, b)
	b = b[:max(n, 0)]
	order := binary.NativeEndian
	switch {
	case level == socket.SOL_SOCKET && opt == socket.SO_ERROR && n == 4 && order.Uint32(b) != 0:
		return errnoName(syscall.Errno(order.Uint32(b)))
	case level == socket.IPPROTO_TCP && opt == socket.TCP_INFO && n > 0:
		return said(err, "state "+strconv.Itoa(int(b[0])))
	case level == socket.IPPROTO_TCP && opt == socket.TCP_CONGESTION:
		return said(err, fmt.Sprintf("%q", strings.TrimRight(string(b), "\x00")))
	case n == 4:
		return said(err, strconv.Itoa(int(int32(order.Uint32(b)))))
	case n == 8:
		return said(err, fmt.Sprintf("%d,%d", order.Uint32(b), order.Uint32(b[4:])))
	case n == 16:
		return said(err, fmt.Sprintf("s%du%d", order.Uint64(b), order.Uint64(b[8:])))
	}
	return said(err, fmt.Sprintf("% x", b))
}
