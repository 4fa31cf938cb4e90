package socket

import (
	"errors"
	"os"
	"syscall"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/tcp"
)

// Errno returns the errno that Linux gives for an error of package stack, where
// it does not depend on the call; 0 for nil. What it does not know, above all
// the error of a link that failed, is ENETDOWN unless it wraps an errno itself.
func Errno(err error) syscall.Errno {
	switch e := err.(type) {
	case nil:
		return 0
	case syscall.Errno:
		return e
	case host.Error:
		return hostErrno(e)
	case tcp.Error:
		return tcpErrno(e)
	}
	switch err {
	case stack.ErrClosed:
		return syscall.EBADF
	case os.ErrDeadlineExceeded:
		return syscall.EAGAIN
	}
	if e, ok := errors.AsType[syscall.Errno](err); ok {
		return e
	}
	return syscall.ENETDOWN
}

func hostErrno(e host.Error) syscall.Errno {
	switch e {
	case host.ErrBadHandle:
		return syscall.EBADF
	case host.ErrWouldBlock:
		return syscall.EAGAIN
	case host.ErrInProgress:
		return syscall.EINPROGRESS
	case host.ErrAlready:
		return syscall.EALREADY
	case host.ErrIsConnected:
		return syscall.EISCONN
	case host.ErrNotConnected:
		return syscall.ENOTCONN
	case host.ErrAddrInUse:
		return syscall.EADDRINUSE
	case host.ErrAddrNotAvail:
		return syscall.EADDRNOTAVAIL
	case host.ErrNoRoute:
		return syscall.ENETUNREACH
	case host.ErrMsgSize:
		return syscall.EMSGSIZE
	case host.ErrDestAddrRequired:
		return syscall.EDESTADDRREQ
	case host.ErrPipe:
		return syscall.EPIPE
	case host.ErrNoMemory:
		return syscall.ENOBUFS
	case host.ErrTooMany:
		return syscall.ENFILE
	case host.ErrNotSupported:
		return syscall.EOPNOTSUPP
	case host.ErrAccess:
		return syscall.EACCES
	case host.ErrClosed:
		return syscall.ENETDOWN
	}
	return syscall.EINVAL
}

func tcpErrno(e tcp.Error) syscall.Errno {
	switch e {
	case tcp.ErrRefused, tcp.ErrPortUnreachable:
		return syscall.ECONNREFUSED
	case tcp.ErrReset:
		return syscall.ECONNRESET
	case tcp.ErrTimeout:
		return syscall.ETIMEDOUT
	case tcp.ErrHostUnreachable:
		return syscall.EHOSTUNREACH
	case tcp.ErrNetUnreachable:
		return syscall.ENETUNREACH
	case tcp.ErrProtoUnreachable:
		return syscall.ENOPROTOOPT
	case tcp.ErrProtocol:
		return syscall.EPROTO
	}
	return syscall.ECONNABORTED
}
