package kernel

import (
	"net/netip"
	"sync"
	"syscall"
	"time"
)

// API has the methods of socket.API that clients need. It counts the descriptors that are open.
type API struct {
	mu   sync.Mutex
	open int
}

// Open is how many descriptors were made and not closed.
func (a *API) Open() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.open
}

func (a *API) count(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.open += n
}

// again repeats a call that a signal of the Go runtime interrupted.
func again(call func() error) {
	for call() == syscall.EINTR {
	}
}

func sockaddr(a netip.AddrPort) *syscall.SockaddrInet4 {
	return &syscall.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
}

func addrPort(sa syscall.Sockaddr) netip.AddrPort {
	if v4, ok := sa.(*syscall.SockaddrInet4); ok {
		return netip.AddrPortFrom(netip.AddrFrom4(v4.Addr), uint16(v4.Port))
	}
	return netip.AddrPort{}
}

// Socket is socket(2).
func (a *API) Socket(domain, typ, proto int) (int, error) {
	fd, err := syscall.Socket(domain, typ|syscall.SOCK_CLOEXEC, proto)
	if err == nil {
		a.count(1)
	}
	return fd, err
}

// Bind is bind(2).
func (a *API) Bind(fd int, to netip.AddrPort) error { return syscall.Bind(fd, sockaddr(to)) }

// Connect is connect(2). A signal, as the runtime sends them, ends the call but not the attempt: another
// call waits for the same one, or finds it made.
func (a *API) Connect(fd int, to netip.AddrPort) (err error) {
	interrupted := false
	again(func() error {
		if err = syscall.Connect(fd, sockaddr(to)); interrupted && err == syscall.EISCONN {
			err = nil
		}
		interrupted = true
		return err
	})
	return err
}

// Send is send(2).
func (a *API) Send(fd int, p []byte, flags int) (n int, err error) {
	again(func() error { n, err = syscall.SendmsgN(fd, p, nil, nil, flags); return err })
	return n, err
}

// Recv is recv(2).
func (a *API) Recv(fd int, p []byte, flags int) (n int, err error) {
	again(func() error { n, _, err = syscall.Recvfrom(fd, p, flags); return err })
	return n, err
}

// Shutdown is shutdown(2).
func (a *API) Shutdown(fd, how int) error { return syscall.Shutdown(fd, how) }

// Close is close(2).
func (a *API) Close(fd int) error {
	a.count(-1)
	return syscall.Close(fd)
}

// GetSockName is getsockname(2).
func (a *API) GetSockName(fd int) (netip.AddrPort, error) {
	sa, err := syscall.Getsockname(fd)
	return addrPort(sa), err
}

// SetSockOptTimeval is setsockopt(2) for SO_RCVTIMEO and SO_SNDTIMEO.
func (a *API) SetSockOptTimeval(fd, level, opt int, d time.Duration) error {
	tv := syscall.NsecToTimeval(int64(d))
	return syscall.SetsockoptTimeval(fd, level, opt, &tv)
}
