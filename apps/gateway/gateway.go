package gateway

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sockeye-net/sockeye/stack/stdnet"
)

// Config says what goes out, and how. The zero value lets everything out but what
// is for the system itself: loopback.
type Config struct {
	// Forward bounds what the stack takes.
	Forward stdnet.ForwardConfig

	// Out returns where what is sent to an address over a network (tcp, udp or ping)
	// really goes, or the error that its sender gets: syscall.EACCES, say. nil: Direct.
	Out func(network string, to netip.AddrPort) (netip.AddrPort, error)

	// Dial makes the connections outside. nil: a net.Dialer's.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Direct is the Out of an empty Config: where it is sent to, unless that is loopback.
func Direct(_ string, to netip.AddrPort) (netip.AddrPort, error) {
	if to.Addr().IsLoopback() || to.Addr().IsUnspecified() {
		return to, syscall.EACCES
	}
	return to, nil
}

// Stats counts what went through.
type Stats struct {
	Connections, Refused atomic.Int64 // streams
	Open                 atomic.Int64 // gauge of streams
	Sessions             atomic.Int64 // of datagrams and pings
	BytesOut, BytesIn    atomic.Int64 // of streams
}

// A Gateway runs until Close.
type Gateway struct {
	Stats Stats

	cfg   Config
	f     *stdnet.Forwarder
	ctx   context.Context
	stop  context.CancelFunc
	tasks sync.WaitGroup
	moved atomic.Int64 // bytes that left, for Drain
	outs  atomic.Int64 // directions outward that are still open
}

// patience is longer than Linux tries to connect for (127 s): who gives up is the
// peer, as it would without us.
const patience = 130 * time.Second

// Start makes the stack of n forward.
func Start(n *stdnet.Net, c Config) (*Gateway, error) {
	if c.Out == nil {
		c.Out = Direct
	}
	if c.Dial == nil {
		c.Dial = (&net.Dialer{KeepAlive: -1}).DialContext // what is probed is up to the two ends
	}
	if c.Forward.Patience == 0 {
		c.Forward.Patience = patience
	}
	f, err := n.Forward(c.Forward)
	if err != nil {
		return nil, err
	}
	g := &Gateway{cfg: c, f: f}
	g.ctx, g.stop = context.WithCancel(context.Background())
	g.run(func() {
		for r, err := f.NextTCP(); err == nil; r, err = f.NextTCP() {
			g.run(func() { g.stream(r) })
		}
	})
	g.run(func() {
		for s, err := f.NextUDP(); err == nil; s, err = f.NextUDP() {
			g.run(func() { g.datagrams(s) })
		}
	})
	g.run(func() {
		for s, err := f.NextEcho(); err == nil; s, err = f.NextEcho() {
			g.run(func() { g.pings(s) })
		}
	})
	return g, nil
}

// run runs a task that Close waits for.
func (g *Gateway) run(task func()) { g.tasks.Go(task) }

// Close ends everything: connections are reset, and it returns when nothing is left.
func (g *Gateway) Close() error {
	g.stop() // first: it says why what follows fails
	err := g.f.Close()
	g.tasks.Wait()
	return err
}

// Drain waits until what the peers have sent has been handed to the system, and its
// end too; no longer than ctx, and no longer than nothing moves for calm. It looks
// at the counts every 10 ms: relays tell nobody, so that each byte costs nothing.
func (g *Gateway) Drain(ctx context.Context, calm time.Duration) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	last, since := g.moved.Load(), time.Now()
	for g.outs.Load() > 0 && time.Since(since) < calm {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if n := g.moved.Load(); n != last {
			last, since = n, time.Now()
		}
	}
}
