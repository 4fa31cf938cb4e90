package oracle

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack"
	berkeley "github.com/sockeye-net/sockeye/stack/socket"
	"github.com/sockeye-net/sockeye/stack/stdnet"
	"github.com/sockeye-net/sockeye/tun"
	"github.com/sockeye-net/sockeye/tun/setup"
)

// BenchmarkEpollServer is requests and answers of one byte from the kernel's sockets to a
// server on our stack: one goroutine that waits in Epoll.Wait for all its connections, and
// a goroutine for each, which waits in Read. Medians of alternating runs per second, the
// first as a ratio of the second, and the processor's time for each, both ends together.
//
//	go test -run '^$' -bench EpollServer ./stack/oracle
func BenchmarkEpollServer(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("needs root: it makes network namespaces and TUN devices")
	}
	for _, conns := range []int{1, 64} {
		b.Run(fmt.Sprint(conns), func(b *testing.B) {
			servers := []struct {
				name  string
				serve func(testing.TB, *stack.Stack) (stop func())
			}{{"epoll", epollEcho}, {"goroutines", goroutineEcho}}
			results, work := map[string][]float64{}, map[string][]float64{}
			for range bulkRuns {
				for _, s := range servers {
					r := &run{TB: b}
					rate, cpu := answers(r, s.serve, conns)
					results[s.name], work[s.name] = append(results[s.name], rate), append(work[s.name], cpu)
					r.end()
				}
			}
			for _, s := range servers {
				b.ReportMetric(median(results[s.name]), s.name+"-1/s")
				b.ReportMetric(median(work[s.name]), s.name+"-us")
			}
			b.ReportMetric(median(results["epoll"])/median(results["goroutines"]), "epoll/goroutines")
			b.ReportMetric(0, "ns/op")
		})
	}
}

var echoAt = netip.AddrPortFrom(ourPrefix.Addr(), 7)

// answers returns how many requests of conns connections were answered per second, and the
// microseconds of processor time that each took.
func answers(tb testing.TB, serve func(testing.TB, *stack.Stack) func(), conns int) (rate, cpu float64) {
	ns := newNS(tb)
	s := ourStack(tb, ns)
	stop := serve(tb, s)
	defer stop()
	var done atomic.Int64
	var all sync.WaitGroup
	var clients []net.Conn
	for range conns {
		var c net.Conn
		require.NoError(tb, ns.Do(func() (err error) {
			c, err = net.Dial("tcp4", echoAt.String())
			return err
		}))
		defer c.Close()
		require.NoError(tb, c.SetDeadline(time.Now().Add(patience)))
		clients = append(clients, c)
	}
	start, before := time.Now(), processorTime(tb)
	until := start.Add(bulkTime)
	for _, c := range clients {
		all.Go(func() { done.Add(ask(c, until)) })
	}
	all.Wait()
	took := time.Since(start)
	return float64(done.Load()) / took.Seconds(), float64((processorTime(tb) - before).Microseconds()) / float64(done.Load())
}

func ourStack(tb testing.TB, ns *setup.NetNS) *stack.Stack {
	var dev *tun.Device
	require.NoError(tb, ns.Do(func() (err error) {
		if dev, err = tun.Open(tun.Config{Name: "bench0"}); err != nil {
			return err
		}
		return kernelSide("bench0", gvisorPrefix)
	}))
	s, err := stack.New(stack.Config{Link: dev, Prefixes: []netip.Prefix{ourPrefix}})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	return s
}

// goroutineEcho serves each connection in a goroutine of its own.
func goroutineEcho(tb testing.TB, s *stack.Stack) func() {
	l, err := stdnet.New(s).Listen("tcp", echoAt.String())
	require.NoError(tb, err)
	go serveEach(l, echo)
	return func() { _ = l.Close() }
}

// epollEcho serves all connections in one goroutine.
func epollEcho(tb testing.TB, s *stack.Stack) func() {
	a := berkeley.New(s)
	l, err := a.Socket(berkeley.AF_INET, berkeley.SOCK_STREAM, 0)
	require.NoError(tb, err)
	require.NoError(tb, a.SetNonblock(l, true))
	require.NoError(tb, a.Bind(l, echoAt))
	require.NoError(tb, a.Listen(l, 128))
	e := a.NewEpoll()
	require.NoError(tb, e.Ctl(berkeley.EPOLL_CTL_ADD, l, berkeley.POLLIN))
	var over sync.WaitGroup
	over.Go(func() {
		evs := make([]berkeley.EpollEvent, 64)
		buf := make([]byte, 1)
		for {
			n, err := e.Wait(evs, -1)
			if err != nil {
				return
			}
			for _, ev := range evs[:n] {
				if ev.FD != l {
					if n, err := a.Recv(ev.FD, buf, 0); err != nil || n == 0 {
						_ = a.Close(ev.FD)
					} else if _, err := a.Send(ev.FD, buf, 0); err != nil {
						_ = a.Close(ev.FD)
					}
				} else if c, _, err := a.Accept(l); err == nil {
					_ = a.SetNonblock(c, true)
					_ = e.Ctl(berkeley.EPOLL_CTL_ADD, c, berkeley.POLLIN)
				}
			}
		}
	})
	return func() {
		_ = e.Close()
		over.Wait()
	}
}
