package oracle

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/stdnet"
	"github.com/sockeye-net/sockeye/tun"
)

// queueFlows is how many connections BenchmarkQueues moves bytes over at once.
const queueFlows = 4

// BenchmarkQueues moves bytes over several connections between ours and the
// kernel, with one queue of the device and with several, each a shard of the
// stack. It reports medians of alternating runs in Gbit/s, all flows together,
// and each number of queues as a ratio of one.
//
//	go test -run '^$' -bench Queues ./stack/oracle
func BenchmarkQueues(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("needs root: it makes network namespaces and TUN devices")
	}
	queues := []int{1, 2, 4}
	for _, up := range []bool{true, false} {
		b.Run(map[bool]string{true: "up", false: "down"}[up], func(b *testing.B) {
			results := map[int][]float64{}
			for range bulkRuns {
				for _, n := range queues {
					r := &run{TB: b}
					results[n] = append(results[n], flows(r, overQueues(r, n), up))
					r.end()
				}
			}
			for _, n := range queues {
				b.ReportMetric(median(results[n]), fmt.Sprintf("%d-queues-Gbit/s", n))
			}
			for _, n := range queues[1:] {
				b.ReportMetric(median(results[n])/median(results[1]), fmt.Sprintf("%d/1", n))
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// flows is bulk over several connections.
func flows(t testing.TB, d dialer, up bool) (sum float64) {
	l := kernelListener(t, d)
	defer l.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	type pair struct{ from, to net.Conn }
	var pairs []pair
	for range queueFlows {
		client, server := connect(ctx, t, l, d.dial)
		defer client.Close()
		defer server.Close()
		kernelBest(t, client)
		kernelBest(t, server)
		if up {
			pairs = append(pairs, pair{client, server})
		} else {
			pairs = append(pairs, pair{server, client})
		}
	}
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, p := range pairs {
		all.Go(func() {
			rate := measure(t, p.from, p.to)
			mu.Lock()
			defer mu.Unlock()
			sum += rate
		})
	}
	all.Wait()
	return sum
}

func overQueues(t testing.TB, n int) dialer {
	ns := newNS(t)
	var dev *tun.Device
	require.NoError(t, ns.Do(func() (err error) {
		if dev, err = tun.Open(tun.Config{Name: "bench0", Queues: n}); err != nil {
			return err
		}
		return kernelSide("bench0", gvisorPrefix)
	}))
	s, err := stack.New(stack.Config{Links: dev.Links(), Prefixes: []netip.Prefix{ourPrefix}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	ours := stdnet.New(s)
	return dialer{ns, func(ctx context.Context) (net.Conn, error) {
		return ours.DialContext(ctx, "tcp", kernelAt.String())
	}}
}
