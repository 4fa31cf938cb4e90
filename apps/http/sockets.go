package http

import (
	"net/netip"
	"syscall"
	"time"

	"github.com/sockeye-net/sockeye/stack/socket"
)

// Sockets are the Berkeley calls that a client makes. *socket.API has them.
type Sockets interface {
	Socket(domain, typ, proto int) (fd int, err error)
	Connect(fd int, addr netip.AddrPort) error
	Send(fd int, p []byte, flags int) (int, error)
	Recv(fd int, p []byte, flags int) (int, error)
	GetSockName(fd int) (netip.AddrPort, error)
	SetSockOptTimeval(fd, level, opt int, d time.Duration) error
	Close(fd int) error
}

var _ Sockets = (*socket.API)(nil)

// timedOut says whether a call ended because of SO_RCVTIMEO or SO_SNDTIMEO,
// or because the stack itself gave the peer up.
func timedOut(err error) bool {
	return err == syscall.EAGAIN || err == syscall.EINPROGRESS || err == syscall.ETIMEDOUT
}

// earlier is the earlier of two times; zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
