package socket_test

import (
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/stack/socket"
)

// kernel makes the same calls of the system. What waits blocks a thread: tests
// let it wait only for what comes.
type kernel struct{}

var _ calls = kernel{}

func theKernel() calls { return kernel{} }

func sa(a socket.SockAddr) unix.Sockaddr {
	if a.Addr().Is6() {
		return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
	}
	if !a.Addr().IsValid() {
		return &unix.SockaddrInet4{Port: int(a.Port())}
	}
	return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
}

func ap(s unix.Sockaddr) socket.SockAddr {
	if s, ok := s.(*unix.SockaddrInet4); ok {
		return netip.AddrPortFrom(netip.AddrFrom4(s.Addr), uint16(s.Port))
	}
	return socket.SockAddr{}
}

func (kernel) Socket(domain, typ, proto int) (int, error) { return unix.Socket(domain, typ, proto) }
func (kernel) Bind(fd int, a socket.SockAddr) error       { return unix.Bind(fd, sa(a)) }
func (kernel) Listen(fd, backlog int) error               { return unix.Listen(fd, backlog) }
func (kernel) Connect(fd int, a socket.SockAddr) error    { return unix.Connect(fd, sa(a)) }
func (kernel) Shutdown(fd, how int) error                 { return unix.Shutdown(fd, how) }
func (kernel) Close(fd int) error                         { return unix.Close(fd) }
func (kernel) SetNonblock(fd int, nonblock bool) error    { return unix.SetNonblock(fd, nonblock) }
func (kernel) SetSockOptInt(fd, level, opt, v int) error {
	return unix.SetsockoptInt(fd, level, opt, v)
}
func (kernel) GetSockOptInt(fd, level, opt int) (int, error) {
	return unix.GetsockoptInt(fd, level, opt)
}
func (kernel) Send(fd int, p []byte, flags int) (int, error) {
	return unix.SendmsgN(fd, p, nil, nil, flags|unix.MSG_NOSIGNAL)
}

func (kernel) Accept(fd int) (int, socket.SockAddr, error) {
	nfd, from, err := unix.Accept(fd)
	return nfd, ap(from), err
}

func (kernel) SendTo(fd int, p []byte, flags int, to socket.SockAddr) (int, error) {
	return unix.SendmsgN(fd, p, nil, sa(to), flags|unix.MSG_NOSIGNAL)
}

func (kernel) Recv(fd int, p []byte, flags int) (int, error) {
	n, _, err := unix.Recvfrom(fd, p, flags)
	return n, err
}

func (kernel) RecvFrom(fd int, p []byte, flags int) (int, socket.SockAddr, error) {
	n, from, err := unix.Recvfrom(fd, p, flags)
	return n, ap(from), err
}

func (kernel) GetSockName(fd int) (socket.SockAddr, error) {
	s, err := unix.Getsockname(fd)
	return ap(s), err
}

func (kernel) GetPeerName(fd int) (socket.SockAddr, error) {
	s, err := unix.Getpeername(fd)
	return ap(s), err
}

func (kernel) SetSockOptTimeval(fd, level, opt int, d time.Duration) error {
	tv := unix.NsecToTimeval(d.Nanoseconds())
	return unix.SetsockoptTimeval(fd, level, opt, &tv)
}

func (kernel) SetLinger(fd int, on bool, d time.Duration) error {
	l := unix.Linger{Linger: int32(d / time.Second)}
	if on {
		l.Onoff = 1
	}
	return unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &l)
}

func (kernel) Ioctl(fd, request int) (int, error) { return unix.IoctlGetInt(fd, uint(request)) }

func (kernel) Ready(fd, events int) (int, error) {
	p := []unix.PollFd{{Fd: int32(fd), Events: int16(events)}}
	_, err := unix.Poll(p, 0)
	return int(p[0].Revents), err
}
