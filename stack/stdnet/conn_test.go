package stdnet_test

import (
	"net"
	"testing"

	"golang.org/x/net/nettest"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/stdnet"
)

// TestConn is golang.org/x/net's test of what a net.Conn has to be.
func TestConn(t *testing.T) {
	nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
		a, b, err := stdnet.Pair(stack.Config{}, stack.Config{})
		if err != nil {
			return nil, nil, nil, err
		}
		stop = func() {
			_ = a.Close()
			_ = b.Close()
		}
		l, err := stdnet.New(b).Listen("tcp", "192.0.2.2:0")
		if err != nil {
			return nil, nil, stop, err
		}
		if c1, err = stdnet.New(a).Dial("tcp", l.Addr().String()); err != nil {
			return nil, nil, stop, err
		}
		c2, err = l.Accept()
		return c1, c2, stop, err
	})
}
