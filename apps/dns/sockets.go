package dns

import (
	"net/netip"
	"syscall"
	"time"

	"github.com/sockeye-net/sockeye/stack/socket"
)

// Sockets are the Berkeley calls that a resolver makes. *socket.API has them.
type Sockets interface {
	Socket(domain, typ, proto int) (fd int, err error)
	Bind(fd int, addr netip.AddrPort) error
	Connect(fd int, addr netip.AddrPort) error
	Send(fd int, p []byte, flags int) (int, error)
	Recv(fd int, p []byte, flags int) (int, error)
	GetSockName(fd int) (netip.AddrPort, error)
	SetSockOptTimeval(fd, level, opt int, d time.Duration) error
	Close(fd int) error
}

var _ Sockets = (*socket.API)(nil)

// bindTries is how many random ports are tried before the system picks one.
const bindTries = 8

// bindRandom binds fd to a random port (RFC 5452 9.2: as many ports as possible).
func (r *Resolver) bindRandom(fd int) error {
	for range bindTries {
		n, err := r.random16()
		if err != nil {
			return err
		}
		if n < 1024 {
			continue
		}
		err = r.API.Bind(fd, netip.AddrPortFrom(netip.IPv4Unspecified(), n))
		if err != syscall.EADDRINUSE {
			return err
		}
	}
	return nil // connect binds to a port of the stack's choice, which is random too
}

// until sets how long the next call of one kind may wait. It fails when the time has passed.
func (r *Resolver) until(fd, opt int, t time.Time) error {
	left := t.Sub(r.now())
	if left <= 0 {
		return syscall.EAGAIN
	}
	// A timeval counts microseconds, and zero would mean for ever.
	return r.API.SetSockOptTimeval(fd, socket.SOL_SOCKET, opt, max(left, time.Millisecond))
}

// timedOut says whether a call ended because of SO_RCVTIMEO or SO_SNDTIMEO,
// or because the stack itself gave the peer up.
func timedOut(err error) bool {
	return err == syscall.EAGAIN || err == syscall.EINPROGRESS || err == syscall.ETIMEDOUT
}
