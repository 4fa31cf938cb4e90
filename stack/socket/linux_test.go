package socket_test

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/socket"
)

func local(port uint16) socket.SockAddr {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), port)
}

// A transcript is what a program saw of its calls.
type transcript struct{ lines []string }

// note adds a call's result. Numbers that differ from run to run do not come in.
func (tr *transcript) note(call string, err error, results ...any) {
	var e syscall.Errno
	switch {
	case errors.As(err, &e):
		tr.lines = append(tr.lines, fmt.Sprintf("%s: %s", call, e))
	case err != nil:
		tr.lines = append(tr.lines, fmt.Sprintf("%s: not an errno: %v", call, err))
	default:
		tr.lines = append(tr.lines, fmt.Sprint(append([]any{call, ": "}, results...)...))
	}
}

// patiently repeats f, which must not wait, while it says EAGAIN: what a peer
// across 127.0.0.1 did may take a moment to arrive.
func patiently(f func() (int, error)) (int, error) {
	for end := time.Now().Add(patience); ; time.Sleep(tick) {
		if n, err := f(); err != syscall.EAGAIN || time.Now().After(end) {
			return n, err
		}
	}
}

// Each of these programs has to see on our stack what it sees on Linux.
var programs = []struct {
	name string
	run  func(t *testing.T, c calls, tr *transcript)
}{
	{"socket(2): what there is", func(t *testing.T, c calls, tr *transcript) {
		for _, a := range [][3]int{
			{2, 1, 0}, {2, 1, 6}, {2, 2, 0}, {2, 2, 17}, {2, 1, 17}, {2, 2, 6}, {2, 1, 1}, {2, 5, 0}, {2, 4, 0}, {2, 0, 0},
			{2, 11, 0}, {2, 0x100 | 1, 0}, {2, 1, -1}, {2, 1, 263}, {99, 1, 0}, {-1, 1, 0}, {2, 3, 0},
			{2, 1 | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, 0},
		} {
			fd, err := c.Socket(a[0], a[1], a[2])
			tr.note(fmt.Sprint("socket", a), err)
			if err == nil {
				for _, o := range []int{socket.SO_TYPE, socket.SO_DOMAIN, socket.SO_PROTOCOL, socket.SO_ACCEPTCONN, socket.SO_ERROR} {
					v, err := c.GetSockOptInt(fd, socket.SOL_SOCKET, o)
					tr.note(fmt.Sprint("get ", o), err, v)
				}
				tr.note("close", c.Close(fd))
			}
		}
	}},
	{"a descriptor that is none", func(t *testing.T, c calls, tr *transcript) {
		fd := 1 << 20
		tr.note("bind", c.Bind(fd, local(0)))
		tr.note("listen", c.Listen(fd, 1))
		_, _, err := c.Accept(fd)
		tr.note("accept", err)
		tr.note("connect", c.Connect(fd, local(1)))
		_, err = c.Send(fd, []byte("x"), 0)
		tr.note("send", err)
		_, err = c.Recv(fd, make([]byte, 1), 0)
		tr.note("recv", err)
		tr.note("shutdown", c.Shutdown(fd, 2))
		_, err = c.GetSockName(fd)
		tr.note("getsockname", err)
		_, err = c.GetPeerName(-1)
		tr.note("getpeername", err)
		tr.note("setsockopt", c.SetSockOptInt(fd, socket.SOL_SOCKET, socket.SO_REUSEADDR, 1))
		_, err = c.GetSockOptInt(fd, socket.SOL_SOCKET, socket.SO_TYPE)
		tr.note("getsockopt", err)
		tr.note("timeval", c.SetSockOptTimeval(fd, socket.SOL_SOCKET, socket.SO_RCVTIMEO, 0))
		tr.note("linger", c.SetLinger(fd, true, 0))
		tr.note("fcntl", c.SetNonblock(fd, true))
		tr.note("close", c.Close(fd))
	}},
	{"a stream that is not connected", func(t *testing.T, c calls, tr *transcript) {
		fd := must(t, c, socket.SOCK_STREAM)
		_, err := c.Send(fd, []byte("x"), 0)
		tr.note("send", err)
		_, err = c.Recv(fd, make([]byte, 1), 0)
		tr.note("recv", err)
		_, _, err = c.Accept(fd)
		tr.note("accept", err)
		tr.note("shutdown 3", c.Shutdown(fd, 3))
		tr.note("shutdown -1", c.Shutdown(fd, -1))
		tr.note("shutdown", c.Shutdown(fd, socket.SHUT_RDWR))
		_, err = c.GetPeerName(fd)
		tr.note("getpeername", err)
		at, err := c.GetSockName(fd)
		tr.note("getsockname", err, at)
		tr.note("bind, not ours", c.Bind(fd, netip.MustParseAddrPort("203.0.113.9:0")))
		tr.note("bind, IPv6", c.Bind(fd, netip.MustParseAddrPort("[2001:db8::1]:0")))
		tr.note("bind", c.Bind(fd, socket.SockAddr{}))
		tr.note("bind again", c.Bind(fd, local(0)))
		tr.note("close", c.Close(fd))
		tr.note("close again", c.Close(fd))
	}},
	{"a listener", func(t *testing.T, c calls, tr *transcript) {
		l, at := listening(t, c)
		tr.note("listen again", c.Listen(l, 2))
		v, err := c.GetSockOptInt(l, socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
		tr.note("SO_ACCEPTCONN", err, v)
		tr.note("connect", c.Connect(l, at))
		_, err = c.Send(l, []byte("x"), 0)
		tr.note("send", err)
		_, err = c.Recv(l, make([]byte, 1), 0)
		tr.note("recv", err)
		other := must(t, c, socket.SOCK_STREAM)
		tr.note("bind to the same", c.Bind(other, at))
		require.NoError(t, c.SetNonblock(l, true))
		_, _, err = c.Accept(l)
		tr.note("accept, nobody there", err)
		tr.note("shutdown", c.Shutdown(l, socket.SHUT_RD))
		_, _, err = c.Accept(l)
		tr.note("accept after shutdown", err)
		v, err = c.GetSockOptInt(l, socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
		tr.note("SO_ACCEPTCONN", err, v)
		require.NoError(t, c.Close(l))
		require.NoError(t, c.Close(other))
	}},
	{"refused", func(t *testing.T, c calls, tr *transcript) {
		l, at := listening(t, c)
		require.NoError(t, c.Close(l))
		fd := must(t, c, socket.SOCK_STREAM)
		tr.note("connect", c.Connect(fd, at))
		_, err := c.Recv(fd, make([]byte, 1), 0)
		tr.note("recv", err)
		_, err = c.Send(fd, []byte("x"), 0)
		tr.note("send", err)
		tr.note("connect again", c.Connect(fd, at))
		require.NoError(t, c.Close(fd))
	}},
	{"connect without waiting: made", func(t *testing.T, c calls, tr *transcript) {
		l, at := listening(t, c)
		fd := must(t, c, socket.SOCK_STREAM|socket.SOCK_NONBLOCK)
		tr.note("connect", c.Connect(fd, at))
		_, err := patiently(func() (int, error) { return c.Send(fd, []byte("x"), 0) })
		tr.note("send", err)
		v, err := c.GetSockOptInt(fd, socket.SOL_SOCKET, socket.SO_ERROR)
		tr.note("SO_ERROR", err, v)
		tr.note("connect again", c.Connect(fd, at))
		tr.note("and again", c.Connect(fd, at))
		require.NoError(t, c.Close(fd))
		require.NoError(t, c.Close(l))
	}},
	{"connect without waiting: refused, asked by SO_ERROR", func(t *testing.T, c calls, tr *transcript) {
		l, at := listening(t, c)
		require.NoError(t, c.Close(l))
		fd := must(t, c, socket.SOCK_STREAM|socket.SOCK_NONBLOCK)
		tr.note("connect", c.Connect(fd, at))
		v, err := patiently(func() (int, error) {
			v, err := c.GetSockOptInt(fd, socket.SOL_SOCKET, socket.SO_ERROR)
			if v == 0 && err == nil {
				err = syscall.EAGAIN
			}
			return v, err
		})
		tr.note("SO_ERROR", err, syscall.Errno(v))
		v, err = c.GetSockOptInt(fd, socket.SOL_SOCKET, socket.SO_ERROR)
		tr.note("SO_ERROR again", err, v)
		tr.note("connect again", c.Connect(fd, at))
		require.NoError(t, c.Close(fd))
	}},
	{"connect without waiting: refused, asked by recv", func(t *testing.T, c calls, tr *transcript) {
		l, at := listening(t, c)
		require.NoError(t, c.Close(l))
		fd := must(t, c, socket.SOCK_STREAM|socket.SOCK_NONBLOCK)
		tr.note("connect", c.Connect(fd, at))
		_, err := patiently(func() (int, error) { return c.Recv(fd, make([]byte, 1), 0) })
		tr.note("recv", err)
		require.NoError(t, c.Close(fd))
	}},
	{"a stream", func(t *testing.T, c calls, tr *transcript) {
		cfd, sfd := connected(t, c)
		tr.note("connect, connected", c.Connect(cfd, local(1)))
		tr.note("listen, connected", c.Listen(cfd, 1))
		_, _, err := c.Accept(cfd)
		tr.note("accept on it", err)
		buf := make([]byte, 16)
		_, err = c.Recv(sfd, buf, socket.MSG_DONTWAIT)
		tr.note("recv, nothing there", err)
		n, err := c.Send(cfd, []byte("hello"), 0)
		tr.note("send", err, n)
		n, err = c.SendTo(cfd, []byte("world"), 0, local(9))
		tr.note("sendto elsewhere", err, n)
		n, err = c.Recv(sfd, buf[:10], socket.MSG_WAITALL)
		tr.note("recv, all", err, n, string(buf[:max(n, 0)]))
		_, _ = c.Send(cfd, []byte("peek"), 0)
		n, err = patiently(func() (int, error) { return c.Recv(sfd, buf, socket.MSG_PEEK|socket.MSG_DONTWAIT) })
		tr.note("recv, peek", err, n, string(buf[:max(n, 0)]))
		n, from, err := c.RecvFrom(sfd, buf, 0)
		tr.note("recvfrom", err, n, from.IsValid())
		_, err = c.Recv(sfd, buf, socket.MSG_OOB)
		tr.note("recv, out of band", err)
		tr.note("shutdown", c.Shutdown(cfd, socket.SHUT_WR))
		_, err = c.Send(cfd, []byte("x"), 0)
		tr.note("send after shutdown", err)
		n, err = c.Recv(sfd, buf, 0)
		tr.note("the end", err, n)
		n, err = c.Recv(sfd, buf, 0)
		tr.note("the end again", err, n)
		n, err = c.Send(sfd, []byte("back"), 0)
		tr.note("send the other way", err, n)
		n, err = c.Recv(cfd, buf, 0)
		tr.note("recv it", err, n)
		require.NoError(t, c.SetLinger(sfd, true, 0))
		require.NoError(t, c.Close(sfd))
		_, err = patiently(func() (int, error) { return c.Recv(cfd, buf, socket.MSG_DONTWAIT) })
		tr.note("recv, reset", err)
		n, err = c.Recv(cfd, buf, 0)
		tr.note("recv after that", err, n)
		_, err = c.Send(cfd, []byte("x"), 0)
		tr.note("send after that", err)
		_, err = c.GetPeerName(cfd)
		tr.note("getpeername", err)
		tr.note("shutdown", c.Shutdown(cfd, socket.SHUT_RDWR))
		require.NoError(t, c.Close(cfd))
	}},
	{"receiving is shut down", func(t *testing.T, c calls, tr *transcript) {
		cfd, sfd := connected(t, c)
		tr.note("shutdown", c.Shutdown(cfd, socket.SHUT_RD))
		n, err := c.Recv(cfd, make([]byte, 1), 0)
		tr.note("recv", err, n)
		n, err = c.Send(cfd, []byte("x"), 0)
		tr.note("send", err, n)
		require.NoError(t, c.Close(cfd))
		require.NoError(t, c.Close(sfd))
	}},
	{"receiving is shut down, data was there", func(t *testing.T, c calls, tr *transcript) {
		cfd, sfd := connected(t, c)
		n, err := c.Send(sfd, []byte("abc"), 0)
		tr.note("send", err, n)
		n, err = c.Recv(cfd, make([]byte, 9), socket.MSG_PEEK)
		tr.note("peek", err, n)
		tr.note("shutdown", c.Shutdown(cfd, socket.SHUT_RD))
		for range 2 {
			n, err = c.Recv(cfd, make([]byte, 9), 0)
			tr.note("recv", err, n)
		}
		require.NoError(t, c.Close(cfd))
		require.NoError(t, c.Close(sfd))
	}},
	{"time limits", func(t *testing.T, c calls, tr *transcript) {
		cfd, sfd := connected(t, c)
		ms := 20 * time.Millisecond
		tr.note("set", c.SetSockOptTimeval(cfd, socket.SOL_SOCKET, socket.SO_RCVTIMEO, ms))
		_, err := c.Recv(cfd, make([]byte, 1), 0)
		tr.note("recv", err)
		_, err = c.Send(sfd, []byte("x"), 0)
		require.NoError(t, err)
		n, err := c.Recv(cfd, make([]byte, 1), 0)
		tr.note("recv, there", err, n)
		tr.note("set", c.SetSockOptTimeval(cfd, socket.SOL_SOCKET, socket.SO_SNDTIMEO, ms))
		for err == nil {
			_, err = c.Send(cfd, make([]byte, 1<<20), 0)
		}
		tr.note("send until full", err)
		tr.note("set, unknown", c.SetSockOptTimeval(cfd, socket.SOL_SOCKET, 9999, ms))
		tr.note("set, as int", c.SetSockOptInt(cfd, socket.SOL_SOCKET, socket.SO_RCVTIMEO, 1))
		l, _ := listening(t, c)
		tr.note("set", c.SetSockOptTimeval(l, socket.SOL_SOCKET, socket.SO_RCVTIMEO, ms))
		_, _, err = c.Accept(l)
		tr.note("accept", err)
		for _, fd := range []int{cfd, sfd, l} {
			require.NoError(t, c.Close(fd))
		}
	}},
	{"datagrams", func(t *testing.T, c calls, tr *transcript) {
		fd, peer := must(t, c, socket.SOCK_DGRAM), must(t, c, socket.SOCK_DGRAM)
		require.NoError(t, c.Bind(peer, local(0)))
		at, err := c.GetSockName(peer)
		require.NoError(t, err)
		tr.note("listen", c.Listen(fd, 1))
		_, _, err = c.Accept(fd)
		tr.note("accept", err)
		_, err = c.Send(fd, []byte("x"), 0)
		tr.note("send, to nobody", err)
		_, err = c.GetPeerName(fd)
		tr.note("getpeername", err)
		_, err = c.Recv(fd, make([]byte, 1), socket.MSG_DONTWAIT)
		tr.note("recv, unbound", err)
		_, err = c.SendTo(fd, []byte("x"), 0, netip.AddrPortFrom(at.Addr(), 0))
		tr.note("sendto port 0", err)
		_, err = c.SendTo(fd, []byte("x"), 0, netip.MustParseAddrPort("[2001:db8::1]:1"))
		tr.note("sendto IPv6", err)
		_, err = c.SendTo(fd, make([]byte, 65508), 0, at)
		tr.note("sendto, too long", err)
		_, err = c.SendTo(fd, []byte("x"), socket.MSG_OOB, at)
		tr.note("sendto, out of band", err)
		n, err := c.SendTo(fd, []byte("hello"), 0, at)
		tr.note("sendto", err, n)
		buf := make([]byte, 3)
		n, err = c.Recv(peer, buf, socket.MSG_PEEK|socket.MSG_TRUNC)
		tr.note("recv, peek, whole length", err, n)
		n, from, err := c.RecvFrom(peer, buf, 0)
		tr.note("recvfrom", err, n, string(buf), from.Addr())
		_, err = c.Recv(peer, buf, socket.MSG_DONTWAIT)
		tr.note("recv, nothing left", err)
		n, err = c.SendTo(fd, nil, 0, at)
		tr.note("sendto, empty", err, n)
		n, err = c.Recv(peer, buf, 0)
		tr.note("recv, empty", err, n)
		tr.note("connect", c.Connect(fd, at))
		n, err = c.Send(fd, []byte("x"), 0)
		tr.note("send", err, n)
		tr.note("shutdown, not connected", c.Shutdown(peer, socket.SHUT_WR))
		require.NoError(t, c.Close(peer))
		n, err = c.Send(fd, []byte("x"), 0)
		tr.note("send to a closed port", err, n)
		_, err = patiently(func() (int, error) { return c.Recv(fd, buf, socket.MSG_DONTWAIT) })
		tr.note("recv", err)
		tr.note("shutdown", c.Shutdown(fd, socket.SHUT_RDWR))
		_, err = c.Send(fd, []byte("x"), 0)
		tr.note("send", err)
		n, err = c.Recv(fd, buf, 0)
		tr.note("recv", err, n)
		require.NoError(t, c.Close(fd))
	}},
	{"options: ranges", func(t *testing.T, c calls, tr *transcript) {
		s, u := must(t, c, socket.SOCK_STREAM), must(t, c, socket.SOCK_DGRAM)
		for _, o := range []struct{ level, opt int }{
			{socket.SOL_SOCKET, socket.SO_REUSEADDR}, {socket.SOL_SOCKET, socket.SO_BROADCAST}, {socket.SOL_SOCKET, socket.SO_TYPE},
			{socket.SOL_SOCKET, socket.SO_ERROR}, {socket.SOL_SOCKET, socket.SO_ACCEPTCONN}, {socket.SOL_SOCKET, socket.SO_LINGER},
			{socket.SOL_SOCKET, socket.SO_KEEPALIVE}, {socket.SOL_SOCKET, 9999}, {socket.IPPROTO_IP, 9999}, {socket.IPPROTO_TCP, 9999}, {77, 1},
			{socket.IPPROTO_IP, socket.IP_TTL}, {socket.IPPROTO_IP, socket.IP_TOS},
			{socket.IPPROTO_TCP, socket.TCP_NODELAY}, {socket.IPPROTO_TCP, socket.TCP_CORK}, {socket.IPPROTO_TCP, socket.TCP_MAXSEG},
			{socket.IPPROTO_TCP, socket.TCP_KEEPIDLE}, {socket.IPPROTO_TCP, socket.TCP_KEEPINTVL},
			{socket.IPPROTO_TCP, socket.TCP_KEEPCNT}, {socket.IPPROTO_TCP, socket.TCP_SYNCNT}, {socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT},
			{socket.IPPROTO_TCP, socket.TCP_LINGER2}, {socket.IPPROTO_TCP, socket.TCP_WINDOW_CLAMP}, {socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT},
			{socket.SOL_SOCKET, socket.SO_OOBINLINE}, {socket.SOL_SOCKET, socket.SO_MAX_PACING_RATE},
			{socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT},
		} {
			for _, v := range []int{-2, -1, 0, 1, 2, 87, 88, 127, 128, 255, 256, 32767, 32768} {
				tr.note(fmt.Sprint("stream ", o, v), c.SetSockOptInt(s, o.level, o.opt, v))
				if o.opt != socket.SO_KEEPALIVE || o.level != socket.SOL_SOCKET {
					tr.note(fmt.Sprint("datagram ", o, v), c.SetSockOptInt(u, o.level, o.opt, v))
				}
			}
			v, err := c.GetSockOptInt(s, o.level, o.opt)
			tr.note(fmt.Sprint("get stream ", o), err, v)
		}
		require.NoError(t, c.Close(s))
		require.NoError(t, c.Close(u))
	}},
	{"options: defaults", func(t *testing.T, c calls, tr *transcript) {
		s, u := must(t, c, socket.SOCK_STREAM), must(t, c, socket.SOCK_DGRAM)
		for _, o := range []struct{ level, opt int }{
			{socket.SOL_SOCKET, socket.SO_REUSEADDR}, {socket.SOL_SOCKET, socket.SO_BROADCAST}, {socket.SOL_SOCKET, socket.SO_KEEPALIVE},
			{socket.SOL_SOCKET, socket.SO_LINGER}, {socket.IPPROTO_IP, socket.IP_TTL}, {socket.IPPROTO_IP, socket.IP_TOS},
			{socket.IPPROTO_TCP, socket.TCP_NODELAY}, {socket.IPPROTO_TCP, socket.TCP_CORK}, {socket.IPPROTO_TCP, socket.TCP_KEEPIDLE},
			{socket.IPPROTO_TCP, socket.TCP_KEEPINTVL}, {socket.IPPROTO_TCP, socket.TCP_KEEPCNT}, {socket.IPPROTO_TCP, socket.TCP_MAXSEG},
			{socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT}, {socket.IPPROTO_TCP, socket.TCP_LINGER2}, {socket.IPPROTO_TCP, socket.TCP_QUICKACK},
			{socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT},
			{socket.IPPROTO_TCP, socket.TCP_WINDOW_CLAMP}, {socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT}, {socket.SOL_SOCKET, socket.SO_OOBINLINE},
			{socket.SOL_SOCKET, socket.SO_MAX_PACING_RATE},
		} {
			v, err := c.GetSockOptInt(s, o.level, o.opt)
			tr.note(fmt.Sprint("stream ", o), err, v)
			v, err = c.GetSockOptInt(u, o.level, o.opt)
			tr.note(fmt.Sprint("datagram ", o), err, v)
		}
		for _, v := range []int{0, 4096, 100_000} { // set, and what it becomes
			for _, o := range []int{socket.SO_SNDBUF, socket.SO_RCVBUF} {
				for _, fd := range []int{s, u} {
					tr.note("set buffer", c.SetSockOptInt(fd, socket.SOL_SOCKET, o, v))
					got, err := c.GetSockOptInt(fd, socket.SOL_SOCKET, o)
					tr.note(fmt.Sprint("buffer ", o, v), err, got)
				}
			}
		}
		require.NoError(t, c.SetLinger(s, true, 3*time.Second))
		v, err := c.GetSockOptInt(s, socket.SOL_SOCKET, socket.SO_LINGER)
		tr.note("linger", err, v)
		require.NoError(t, c.Close(s))
		require.NoError(t, c.Close(u))
	}},
}

func TestAsOnLinux(t *testing.T) {
	for _, p := range programs {
		t.Run(p.name, func(t *testing.T) { asOnLinux(t, p.run) })
	}
}

// asOnLinux fails unless run sees the same on our stack and on Linux.
func asOnLinux(t *testing.T, run func(*testing.T, calls, *transcript)) {
	api, _ := pair(t)
	var ours transcript
	run(t, api, &ours)
	require.NotEmpty(t, ours.lines)
	k := theKernel()
	if k == nil {
		return // ran without a panic; the lines are Linux's
	}
	var linux transcript
	run(t, k, &linux)
	require.Len(t, ours.lines, len(linux.lines))
	for i, want := range linux.lines {
		if want != ours.lines[i] {
			t.Errorf("\n  Linux: %s\n  ours:  %s", want, ours.lines[i])
		}
	}
}
