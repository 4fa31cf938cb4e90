//go:build !linux

package bench

import (
	"context"
	"io"
	"net"
	"time"

	"github.com/sockeye-net/sockeye/tun"
)

type path struct {
	listen func() (net.Listener, error)
	dial   func(context.Context) (net.Conn, error)
}

func (*path) close() error { return nil }

type peer struct{}

func (*peer) end() error { return nil }

const peerEcho = "echo"

func (*path) apart(string, int, time.Duration) (*peer, error) { return nil, tun.ErrNotSupported }

// ServePeer is for Linux.
func ServePeer(string, int, time.Duration, io.Reader, io.Writer) error { return tun.ErrNotSupported }

type contestant struct {
	mode, under, direct string
	bare, bulk          bool
	open                func(*Plan) (*path, error)
}

var contestants = []contestant{{mode: "nothing", open: func(*Plan) (*path, error) { return nil, tun.ErrNotSupported }}}

func bulk(context.Context, *path, *Plan, int, bool) (Result, error) {
	return Result{}, tun.ErrNotSupported
}
