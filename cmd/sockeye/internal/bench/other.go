//go:build !linux

package bench

import (
	"context"
	"net"

	"github.com/sockeye-net/sockeye/tun"
)

type path struct {
	listen func() (net.Listener, error)
	dial   func(context.Context) (net.Conn, error)
}

func (*path) close() error { return nil }

type contestant struct {
	mode string
	bare bool
	open func(*Plan) (*path, error)
}

var contestants = []contestant{{"nothing", false, func(*Plan) (*path, error) { return nil, tun.ErrNotSupported }}}

func bulk(context.Context, *path, *Plan, int, bool) (Result, error) {
	return Result{}, tun.ErrNotSupported
}
