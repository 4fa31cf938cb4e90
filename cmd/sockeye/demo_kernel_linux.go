package main

import (
	"context"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

func (kernelSide) listenSmall(address string, bytes int) (net.Listener, error) {
	var set error
	c := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) error {
		err := raw.Control(func(fd uintptr) { set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, bytes) })
		if err != nil {
			return err
		}
		return set
	}}
	return c.Listen(context.Background(), "tcp4", address)
}
