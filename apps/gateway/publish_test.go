package gateway_test

import (
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/apps/gateway"
	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/stdnet"
	"github.com/sockeye-net/sockeye/stack/stdnet/stdnettest"
)

// A troubled listener fails so many times before each connection that it has.
type troubled struct {
	failures int
	conns    chan net.Conn
	mu       sync.Mutex
	asked    int
}

func (l *troubled) Accept() (net.Conn, error) {
	l.mu.Lock()
	l.asked++
	fails := l.asked <= l.failures
	l.mu.Unlock()
	if fails {
		return nil, syscall.EMFILE
	}
	c, ok := <-l.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (l *troubled) Close() error   { close(l.conns); return nil }
func (l *troubled) Addr() net.Addr { return &net.TCPAddr{} }

// published has a gateway take a listener over, in virtual time. It returns the host
// inside, and what closes the gateway.
func published(t *testing.T, l net.Listener, inside netip.AddrPort) (n *stdnet.Net, stop func()) {
	a, b := stdnettest.Pair(t, stack.Config{}, stack.Config{})
	out := stdnet.New(b)
	g, err := gateway.Start(out, gateway.Config{})
	require.NoError(t, err)
	g.Publish(l, out, inside)
	return stdnet.New(a), func() { require.NoError(t, g.Close()) }
}

// A listener without descriptors is asked again after a while, and what comes then is served.
func TestPublishOutlivesErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &troubled{failures: 100, conns: make(chan net.Conn, 1)}
		inside, stop := published(t, l, netip.MustParseAddrPort("192.0.2.1:80"))
		web, err := inside.Listen("tcp", ":80")
		require.NoError(t, err)
		// The two ends of somebody's connection from outside.
		sa, sb := stdnettest.Pair(t, stack.Config{}, stack.Config{})
		far, err := stdnet.New(sb).Listen("tcp", ":1")
		require.NoError(t, err)
		client, err := stdnet.New(sa).Dial("tcp", "192.0.2.2:1")
		require.NoError(t, err)
		server, err := far.Accept()
		require.NoError(t, err)

		begin := time.Now()
		l.conns <- server
		c, err := web.Accept()
		require.NoError(t, err)
		require.GreaterOrEqual(t, time.Since(begin), time.Second, "a hundred times it was left alone")
		_, err = client.Write([]byte("through"))
		require.NoError(t, err)
		p := make([]byte, 7)
		_, err = io.ReadFull(c, p)
		require.NoError(t, err)
		require.Equal(t, "through", string(p))
		require.NoError(t, client.Close())
		require.NoError(t, c.Close())
		stop()
	})
}

// Closing the gateway does not wait for a listener that is left alone.
func TestPublishEndsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &troubled{failures: 1 << 30, conns: make(chan net.Conn)}
		_, stop := published(t, l, netip.MustParseAddrPort("192.0.2.1:80"))
		synctest.Wait() // it is left alone now
		begin := time.Now()
		stop()
		require.Less(t, time.Since(begin), time.Millisecond)
	})
}
