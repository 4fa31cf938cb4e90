package stdnet

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/socket"
	"github.com/sockeye-net/sockeye/stack/tcp"
)

// timeoutError is what package net makes of a context's or a Dialer's deadline.
type timeoutError struct{}

func (timeoutError) Error() string        { return "i/o timeout" }
func (timeoutError) Timeout() bool        { return true }
func (timeoutError) Temporary() bool      { return true }
func (timeoutError) Is(target error) bool { return target == context.DeadlineExceeded }

// canceledError is what package net makes of a context that was canceled.
type canceledError struct{}

func (canceledError) Error() string        { return "operation was canceled" }
func (canceledError) Is(target error) bool { return target == context.Canceled }

// contextError returns what package net says of a context that has ended.
func contextError(err error) error {
	switch err {
	case context.Canceled:
		return canceledError{}
	case context.DeadlineExceeded:
		return timeoutError{}
	}
	return err
}

// cause returns what an OpError wraps for err, met in the system call named
// call. What a link said when it failed stays as it is.
func cause(call string, err error) error {
	switch err.(type) {
	case host.Error, tcp.Error, syscall.Errno:
		return os.NewSyscallError(call, socket.Errno(err))
	}
	if errors.Is(err, stack.ErrClosed) {
		return net.ErrClosed
	}
	return err
}

// A flow is what the errors of one socket name: its network and two addresses,
// which may be nil.
type flow struct {
	network       string
	local, remote net.Addr
}

// fail wraps err, met in the system call named call, for the operation op.
func (f *flow) fail(op, call string, err error) error {
	if err == nil {
		return nil
	}
	return &net.OpError{Op: op, Net: f.network, Source: f.local, Addr: f.remote, Err: cause(call, err)}
}

// wrap wraps err as it is.
func (f *flow) wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	return &net.OpError{Op: op, Net: f.network, Source: f.local, Addr: f.remote, Err: err}
}

// failLocal does what fail does for operations that package net ascribes to the local
// address only: accept, set.
func (f *flow) failLocal(op, call string, err error) error {
	if err == nil {
		return nil
	}
	return &net.OpError{Op: op, Net: f.network, Addr: f.local, Err: cause(call, err)}
}
