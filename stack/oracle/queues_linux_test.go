package oracle

import (
	"context"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/stdnet"
	"github.com/sockeye-net/sockeye/tun"
)

// queueFlows is how many connections BenchmarkQueues moves bytes over at once.
const queueFlows = 4

// BenchmarkQueues moves bytes over several connections between ours and the
// kernel, with one queue of the device and with several, each a shard of the
// stack. Scattered, each of our packets leaves through any queue, so that the
// kernel too brings each flow now here and now there. It reports the medians of
// alternating runs for one queue, all flows together, in Gbit/s and processor
// seconds per 10^9 bytes, and the others as ratios of them.
//
//	go test -run '^$' -bench Queues ./stack/oracle
func BenchmarkQueues(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("needs root: it makes network namespaces and TUN devices")
	}
	contestants := []struct {
		name    string
		queues  int
		scatter bool
	}{{"1-queue", 1, false}, {"2-queues", 2, false}, {"4-queues", 4, false}, {"2-queues-scattered", 2, true}}
	for _, up := range []bool{true, false} {
		b.Run(map[bool]string{true: "up", false: "down"}[up], func(b *testing.B) {
			rates, costs := map[string][]float64{}, map[string][]float64{}
			for range bulkRuns {
				for _, c := range contestants {
					r := &run{TB: b}
					rate, cost := flows(r, overQueues(r, c.queues, c.scatter), up)
					rates[c.name], costs[c.name] = append(rates[c.name], rate), append(costs[c.name], cost)
					r.end()
				}
			}
			rate, cost := median(rates[contestants[0].name]), median(costs[contestants[0].name])
			b.ReportMetric(rate, "1-queue-Gbit/s")
			b.ReportMetric(cost, "1-queue-cpu-s/GB")
			for _, c := range contestants[1:] {
				b.ReportMetric(median(rates[c.name])/rate, c.name+"/1")
				b.ReportMetric(median(costs[c.name])/cost, c.name+"-cpu/1")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// flows is bulk over several connections. It returns their rate together and
// the processor's seconds, both sides' and the kernel's, for each 10^9 bytes.
func flows(t testing.TB, d dialer, up bool) (rate, cost float64) {
	l := kernelListener(t, d.peer)
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
	before := processorTime(t)
	for _, p := range pairs {
		all.Go(func() {
			one := measure(t, p.from, p.to)
			mu.Lock()
			defer mu.Unlock()
			rate += one
		})
	}
	all.Wait()
	bytes := rate / 8 * bulkTime.Seconds() // in 10^9
	return rate, (processorTime(t) - before).Seconds() / bytes
}

func overQueues(t testing.TB, n int, scattered bool) dialer {
	ns := newNS(t)
	var dev *tun.Device
	require.NoError(t, ns.Do(func() (err error) {
		if dev, err = tun.Open(tun.Config{Name: "bench0", Queues: n}); err != nil {
			return err
		}
		return kernelSide("bench0", gvisorPrefix)
	}))
	links := dev.Links()
	if scattered {
		links = link.Scatter(links, 1)
	}
	s, err := stack.New(stack.Config{Links: stack.Queues(links), Prefixes: []netip.Prefix{ourPrefix}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	ours := stdnet.New(s)
	return dialer{ns, func(ctx context.Context) (net.Conn, error) {
		return ours.DialContext(ctx, "tcp", kernelAt.String())
	}}
}
