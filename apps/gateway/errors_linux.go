package gateway

import (
	"encoding/binary"
	"net/netip"
	"syscall"
)

// askErrors makes the system keep ICMP errors with the address that they are about (ip(7), IP_RECVERR).
func askErrors(s socket) {
	if raw, err := s.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) {
			_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, syscall.IP_RECVERR, 1)
		})
	}
}

// readErrors tells each of the errors that are kept.
func readErrors(s socket, tell func(to netip.AddrPort, why syscall.Errno)) {
	raw, err := s.SyscallConn()
	if err != nil {
		return
	}
	type kept struct {
		to  netip.AddrPort
		why syscall.Errno
	}
	var all []kept
	_ = raw.Control(func(fd uintptr) {
		p, oob := make([]byte, 128), make([]byte, 256)
		for range 64 {
			_, n, _, from, err := syscall.Recvmsg(int(fd), p, oob, syscall.MSG_ERRQUEUE|syscall.MSG_DONTWAIT)
			if err != nil {
				return
			}
			if why, ok := extendedError(oob[:n]); ok {
				all = append(all, kept{address(from), why})
			}
		}
	})
	for _, k := range all {
		tell(k.to, k.why)
	}
}

// extendedError finds the errno in a struct sock_extended_err.
func extendedError(oob []byte) (syscall.Errno, bool) {
	ms, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return 0, false
	}
	for _, m := range ms {
		v4 := m.Header.Level == syscall.IPPROTO_IP && m.Header.Type == syscall.IP_RECVERR
		v6 := m.Header.Level == syscall.IPPROTO_IPV6 && m.Header.Type == syscall.IPV6_RECVERR // of a socket for both
		if (v4 || v6) && len(m.Data) >= 4 {
			return syscall.Errno(binary.NativeEndian.Uint32(m.Data)), true
		}
	}
	return 0, false
}

func address(sa syscall.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *syscall.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *syscall.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), uint16(sa.Port))
	}
	return netip.AddrPort{}
}
