package stdnet_test

import (
	"net"
	"net/netip"
	"testing"

	"golang.org/x/net/nettest"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/stdnet"
)

// TestConnOnShards is TestConn where both stacks have three shards, and each
// packet comes through any queue.
func TestConnOnShards(t *testing.T) {
	nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
		var as, bs []link.Link
		for range 3 {
			a, b := link.NewPipe(link.Features{MTU: 1500}, 1024)
			as, bs = append(as, a), append(bs, b)
		}
		a, err := stack.New(stack.Config{Links: stack.Queues(link.Scatter(as, 1)), Prefixes: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}})
		if err != nil {
			return nil, nil, nil, err
		}
		b, err := stack.New(stack.Config{Links: stack.Queues(link.Scatter(bs, 2)), Prefixes: []netip.Prefix{netip.MustParsePrefix("192.0.2.2/24")}})
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
