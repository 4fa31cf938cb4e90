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

const (
	solSocket   = socket.SOL_SOCKET
	soRcvTimeo  = socket.SO_RCVTIMEO
	soSndTimeo  = socket.SO_SNDTIMEO
	msgNoSignal = socket.MSG_NOSIGNAL
)

// timedOut says whether a call ended because of SO_RCVTIMEO, SO_SNDTIMEO or a Stream's time-out,
// or because the stack itself gave the peer up.
func timedOut(err error) bool {
	t, ok := err.(interface{ Timeout() bool }) // EAGAIN and ETIMEDOUT, too
	return ok && t.Timeout() || err == syscall.EINPROGRESS
}

// within is when d, or other where that is not positive, will be over, deadline where that is earlier.
func within(deadline time.Time, d, other time.Duration) time.Time {
	return earlier(deadline, time.Now().Add(orElse(d, other)))
}

// earlier is the earlier of two times; zero is never.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}
