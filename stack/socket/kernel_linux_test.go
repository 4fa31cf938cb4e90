package socket_test

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/stack/socket"
)

// kernel makes the same calls of the system. What waits blocks a thread: tests
// let it wait only for what comes.
type kernel struct{}

var _ calls = kernel{}

func theKernel() calls { return kernel{} }

// unbroken makes a call anew that a signal has ended. Go's runtime sends itself signals,
// and where a socket has a time limit the system does not restart its calls (signal(7)).
func unbroken(call func() error) (err error) {
	for err = unix.EINTR; err == unix.EINTR; {
		err = call()
	}
	return err
}

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
func (kernel) Shutdown(fd, how int) error                 { return unix.Shutdown(fd, how) }
func (kernel) Close(fd int) error                         { return unix.Close(fd) }
func (kernel) SetNonblock(fd int, nonblock bool) error    { return unix.SetNonblock(fd, nonblock) }
func (kernel) SetSockOptInt(fd, level, opt, v int) error {
	return unix.SetsockoptInt(fd, level, opt, v)
}
func (kernel) GetSockOptInt(fd, level, opt int) (int, error) {
	return unix.GetsockoptInt(fd, level, opt)
}

// Connect to no address is AF_UNSPEC.
func (kernel) Connect(fd int, a socket.SockAddr) error {
	if a.Addr().IsValid() {
		return unbroken(func() error { return unix.Connect(fd, sa(a)) })
	}
	b := make([]byte, 16)
	_, _, e := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), at(b), uintptr(len(b)))
	return errnoOf(0, 0, e)
}

func (k kernel) Send(fd int, p []byte, flags int) (int, error) {
	return k.SendTo(fd, p, flags, socket.SockAddr{})
}

func (kernel) Accept(fd int) (nfd int, from socket.SockAddr, err error) {
	err = unbroken(func() error {
		var s unix.Sockaddr
		nfd, s, err = unix.Accept(fd)
		from = ap(s)
		return err
	})
	return nfd, from, err
}

func (kernel) SendTo(fd int, p []byte, flags int, to socket.SockAddr) (n int, err error) {
	var name unix.Sockaddr
	if to.IsValid() {
		name = sa(to)
	}
	err = unbroken(func() error {
		n, err = unix.SendmsgN(fd, p, nil, name, flags|unix.MSG_NOSIGNAL)
		return err
	})
	return n, err
}

func (k kernel) Recv(fd int, p []byte, flags int) (int, error) {
	n, _, err := k.RecvFrom(fd, p, flags)
	return n, err
}

func (kernel) RecvFrom(fd int, p []byte, flags int) (n int, from socket.SockAddr, err error) {
	err = unbroken(func() error {
		var s unix.Sockaddr
		n, s, err = unix.Recvfrom(fd, p, flags)
		from = ap(s)
		return err
	})
	return n, from, err
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

// Ready says EBADF where poll has a bit for it.
func (kernel) Ready(fd, events int) (int, error) {
	p := []unix.PollFd{{Fd: int32(fd), Events: int16(events)}}
	err := unbroken(func() error {
		_, err := unix.Poll(p, 0)
		return err
	})
	if p[0].Revents&unix.POLLNVAL != 0 {
		return -1, unix.EBADF
	}
	return int(p[0].Revents), err
}

func (kernel) Fcntl(fd, cmd, arg int) (int, error) { return unix.FcntlInt(uintptr(fd), cmd, arg) }

func (kernel) SetSockOpt(fd, level, opt int, value []byte) error {
	return errnoOf(unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(fd), uintptr(level), uintptr(opt), at(value), uintptr(len(value)), 0))
}

func (kernel) GetSockOpt(fd, level, opt int, p []byte) (int, error) {
	n := uint32(len(p))
	err := errnoOf(unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), uintptr(level), uintptr(opt), at(p), uintptr(unsafe.Pointer(&n)), 0))
	if err != nil {
		return -1, err
	}
	return int(n), nil
}

func errnoOf(_, _ uintptr, e syscall.Errno) error {
	if e != 0 {
		return e
	}
	return nil
}

// nowhere is where a buffer of no bytes is.
var nowhere byte

func at(b []byte) uintptr {
	if len(b) == 0 {
		return uintptr(unsafe.Pointer(&nowhere))
	}
	return uintptr(unsafe.Pointer(&b[0]))
}

// message is a msghdr of iov and control. Package unix would send and receive a byte
// that nobody has asked for where there are none.
func message(iov [][]byte, control []byte) (*unix.Msghdr, []unix.Iovec) {
	vs := make([]unix.Iovec, len(iov)+1)
	for i, b := range iov {
		if vs[i].Base = &nowhere; len(b) > 0 {
			vs[i].Base = &b[0]
		}
		vs[i].SetLen(len(b))
	}
	h := &unix.Msghdr{Iov: &vs[0]}
	h.SetIovlen(len(iov))
	if len(control) > 0 {
		h.Control = &control[0]
		h.SetControllen(len(control))
	}
	return h, vs
}

func (kernel) SendMsg(fd int, m *socket.Msg, flags int) (int, error) {
	var control []byte
	if m.Src.IsValid() {
		control = unix.PktInfo4(&unix.Inet4Pktinfo{Spec_dst: m.Src.As4()})
	}
	h, vs := message(m.Iov, control)
	var name unix.RawSockaddrInet4
	if m.Name.IsValid() {
		name = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: swapped(m.Name.Port()), Addr: m.Name.Addr().As4()}
		h.Name, h.Namelen = (*byte)(unsafe.Pointer(&name)), uint32(unsafe.Sizeof(name))
	}
	return messageCall(unix.SYS_SENDMSG, fd, h, vs, flags|unix.MSG_NOSIGNAL)
}

// messageCall is sendmsg(2) or recvmsg(2).
func messageCall(number uintptr, fd int, h *unix.Msghdr, vs []unix.Iovec, flags int) (n int, err error) {
	err = unbroken(func() error {
		m, _, e := unix.Syscall(number, uintptr(fd), uintptr(unsafe.Pointer(h)), uintptr(flags))
		n = int(m)
		return errnoOf(0, 0, e)
	})
	runtime.KeepAlive(vs)
	return n, err
}

func (kernel) RecvMsg(fd int, m *socket.Msg, flags int) (int, error) {
	control := make([]byte, 512)
	h, vs := message(m.Iov, control)
	var name unix.RawSockaddrInet4
	h.Name, h.Namelen = (*byte)(unsafe.Pointer(&name)), uint32(unsafe.Sizeof(name))
	n, err := messageCall(unix.SYS_RECVMSG, fd, h, vs, flags)
	if err != nil {
		return -1, err
	}
	m.Flags = int(h.Flags)
	if h.Namelen > 0 && name.Family == unix.AF_INET {
		m.Name = netip.AddrPortFrom(netip.AddrFrom4(name.Addr), swapped(name.Port))
	}
	messages, err := unix.ParseSocketControlMessage(control[:h.Controllen])
	if err != nil {
		return -1, err
	}
	for _, c := range messages {
		if c.Header.Level == unix.SOL_IP && c.Header.Type == unix.IP_RECVERR {
			m.Err = extended(c.Data)
		}
		if c.Header.Level == unix.SOL_IP && c.Header.Type == unix.IP_PKTINFO { // ifindex, spec_dst, addr
			m.Src, m.Meta.To = netip.AddrFrom4([4]byte(c.Data[4:])), netip.AddrFrom4([4]byte(c.Data[8:]))
		}
	}
	return n, nil
}

// swapped is a port in the network's order.
func swapped(port uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, port))
}

// extended reads a struct sock_extended_err with the address behind it.
func extended(b []byte) *socket.ExtendedErr {
	e := &socket.ExtendedErr{
		Errno: syscall.Errno(binary.NativeEndian.Uint32(b)), Local: b[4] == unix.SO_EE_ORIGIN_LOCAL,
		Type: b[5], Code: b[6], Info: binary.NativeEndian.Uint32(b[8:]),
	}
	if len(b) >= 24 && binary.NativeEndian.Uint16(b[16:]) == unix.AF_INET {
		e.Offender = netip.AddrFrom4([4]byte(b[20:24]))
	}
	return e
}
