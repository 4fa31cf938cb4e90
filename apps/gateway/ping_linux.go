package gateway

import (
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"syscall"
)

// openPing returns a ping socket, or a raw one where that is not allowed but this is.
func openPing() (socket, error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM|syscall.SOCK_CLOEXEC|syscall.SOCK_NONBLOCK, syscall.IPPROTO_ICMP)
	if err != nil {
		if c, err := net.ListenIP("ip4:icmp", nil); err == nil {
			return rawPing{c, uint16(rand.Uint32())}, nil
		}
		return nil, os.NewSyscallError("socket", err)
	}
	f := os.NewFile(uintptr(fd), "ping")
	defer f.Close()
	c, err := net.FilePacketConn(f)
	if err != nil {
		return nil, err
	}
	u, ok := c.(*net.UDPConn)
	if !ok {
		_ = c.Close()
		return nil, errors.ErrUnsupported
	}
	return pingSocket{u}, nil
}
