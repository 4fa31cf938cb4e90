package stdnet_test

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/nettest"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/outlet"
	"github.com/sockeye-net/sockeye/stack/stdnet"
)

// times is how often a test of connections is repeated: as SOCKEYE_REPEAT says (CI: 20),
// long times with SOCKEYE_LONG=1, else once.
func times(long int) int {
	if n, err := strconv.Atoi(os.Getenv("SOCKEYE_REPEAT")); err == nil {
		return n
	}
	if os.Getenv("SOCKEYE_LONG") != "" {
		return long
	}
	return 1
}

// repeated is golang.org/x/net's test of what a net.Conn has to be, again and again.
func repeated(t *testing.T, n int, mp nettest.MakePipe) {
	for i := range n {
		t.Run(strconv.Itoa(i), func(t *testing.T) { nettest.TestConn(t, mp) })
	}
}

// ends returns the two ends of a connection from a to b.
func ends(a, b *stdnet.Net, at string) (c1, c2 net.Conn, err error) {
	l, err := b.Listen("tcp", at)
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	if c1, err = a.Dial("tcp", l.Addr().String()); err != nil {
		return nil, nil, err
	}
	c2, err = l.Accept()
	return c1, c2, err
}

func TestConn(t *testing.T) {
	repeated(t, times(1000), func() (c1, c2 net.Conn, stop func(), err error) {
		a, b, err := stdnet.Pair(stack.Config{}, stack.Config{})
		if err != nil {
			return nil, nil, nil, err
		}
		stop = func() {
			_ = a.Close()
			_ = b.Close()
		}
		c1, c2, err = ends(stdnet.New(a), stdnet.New(b), "192.0.2.2:0")
		return c1, c2, stop, err
	})
}

// Over a link that loses a packet in fifty, either way. It mostly waits for what was
// lost to be sent again, so -parallel may be large.
func TestConnOverLoss(t *testing.T) {
	lossyConn := func() (c1, c2 net.Conn, stop func(), err error) {
		a, b, stop, err := lossy(0.02)
		if err != nil {
			return nil, nil, nil, err
		}
		c1, c2, err = ends(a, b, "192.0.2.2:0")
		return c1, c2, stop, err
	}
	for i := range times(1000) {
		t.Run(strconv.Itoa(i), func(t *testing.T) {
			t.Parallel()
			nettest.TestConn(t, lossyConn)
		})
	}
}

// lossy returns two hosts between which packets are lost by chance.
func lossy(chance float64) (a, b *stdnet.Net, stop func(), err error) {
	oa, ob := outlet.New(1500, 0), outlet.New(1500, 0)
	var carriers sync.WaitGroup
	carriers.Go(func() { carry(oa, ob, chance) })
	carriers.Go(func() { carry(ob, oa, chance) })
	sa, err := stack.New(stack.Config{Link: oa, Prefixes: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}})
	if err != nil {
		return nil, nil, nil, err
	}
	sb, err := stack.New(stack.Config{Link: ob, Prefixes: []netip.Prefix{netip.MustParsePrefix("192.0.2.2/24")}})
	if err != nil {
		return nil, nil, nil, err
	}
	return stdnet.New(sa), stdnet.New(sb), func() {
		_ = sa.Close()
		_ = sb.Close()
		carriers.Wait()
	}, nil
}

// carry carries packets until one of the links is closed.
func carry(from, to *outlet.Outlet, chance float64) {
	p, sizes := [][]byte{make([]byte, 1500)}, make([]int, 1)
	for {
		if _, err := from.Pull(context.Background(), p, sizes); err != nil {
			return
		}
		if rand.Float64() < chance {
			continue
		}
		if _, err := to.Push(context.Background(), [][]byte{p[0][:sizes[0]]}); err != nil {
			return
		}
	}
}

func TestLossyCarries(t *testing.T) {
	a, b, stop, err := lossy(0)
	require.NoError(t, err)
	defer stop()
	c, s, err := ends(a, b, "192.0.2.2:0")
	require.NoError(t, err)
	require.NoError(t, c.Close())
	require.NoError(t, s.Close())
}
