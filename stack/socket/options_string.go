package socket

import (
	"syscall"

	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/tcp/congestion"
)

// SetSockOptString sets an option that is a name: TCP_CONGESTION, on a connection
// from now on, on a listener for those to come. EBADF, ENOPROTOOPT, EINVAL (empty),
// ENOENT (no controller of that name).
func (a *API) SetSockOptString(fd, level, opt int, value string) error {
	d, err := a.get(fd)
	if err == nil {
		err = d.setString(level, opt, value)
	}
	a.tell(d, Call{Name: "setsockopt", FD: fd, Len: opt}, 0, err)
	return err
}

func (d *descriptor) setString(level, opt int, name string) error {
	switch {
	case level != IPPROTO_TCP || opt != TCP_CONGESTION || !d.stream():
		return syscall.ENOPROTOOPT
	case name == "":
		return syscall.EINVAL
	}
	algorithm, ok := congestion.Find(name)
	if !ok {
		return syscall.ENOENT
	}
	return d.errno(d.sock.SetOptions(func(o *host.Options) { o.TCP.Congestion = algorithm }))
}

// GetSockOptString returns an option that is a name: TCP_CONGESTION. EBADF,
// ENOPROTOOPT, EOPNOTSUPP (unknown level).
func (a *API) GetSockOptString(fd, level, opt int) (value string, err error) {
	d, err := a.get(fd)
	if err == nil {
		value, err = d.getString(level, opt)
	}
	a.tell(d, Call{Name: "getsockopt", FD: fd, Len: opt}, len(value), err)
	return value, err
}

func (d *descriptor) getString(level, opt int) (string, error) {
	switch tcp := level == IPPROTO_TCP && d.stream(); {
	case !tcp && level != SOL_SOCKET && level != IPPROTO_IP:
		return "", syscall.EOPNOTSUPP
	case !tcp || opt != TCP_CONGESTION:
		return "", syscall.ENOPROTOOPT
	}
	i, err := d.sock.Info()
	return i.Congestion, d.errno(err)
}
