package oracle

import (
	"context"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/stack/link"
)

// BenchmarkShares lets a flow of ours and one of the kernel's, of which one runs
// BBR and the other CUBIC, send for ten seconds through one queue of a
// bandwidth-delay product: 100 Mbit/s, 20 ms there and back. It reports medians
// of what each has, in Mbit/s, and BBR's share. stack/sim has the same with ours
// at both ends.
//
//	go test -run '^$' -bench Shares -benchtime 1x ./stack/oracle
func BenchmarkShares(b *testing.B) {
	if os.Geteuid() != 0 {
		b.Skip("needs root: it makes network namespaces and TUN devices")
	}
	for _, c := range []struct{ ours, kernel string }{{"bbr", "cubic"}, {"cubic", "bbr"}} {
		b.Run("ours="+c.ours+",kernel="+c.kernel, func(b *testing.B) {
			var ours, kernel, share []float64
			for seed := range uint64(bulkRuns) {
				r := &run{TB: b}
				x, y := shared(r, c.ours, c.kernel, seed)
				r.end()
				ours, kernel = append(ours, x), append(kernel, y)
				if c.ours != "bbr" {
					x, y = y, x
				}
				share = append(share, x/(x+y))
			}
			b.Logf("ours %.1f, kernel %.1f", ours, kernel)
			b.ReportMetric(median(ours), "ours-Mbit/s")
			b.ReportMetric(median(kernel), "kernel-Mbit/s")
			b.ReportMetric(median(share), "bbr-share")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// besideUs is the address of the kernel that sends beside us.
var besideUs = netip.MustParsePrefix("192.0.2.3/24")

// shared returns what each has got, in Mbit/s.
func shared(t testing.TB, ours, kernel string, seed uint64) (x, y float64) {
	sink := newNS(t)
	far := kernelTUN(t, sink, gvisorPrefix)
	data := link.Faults{Delay: pathDelay, Rate: pathRate, Queue: pathQueue}
	one, other := fork(t, far, data, link.Faults{Delay: pathDelay}, seed)
	l := kernelListener(t, sink)
	defer l.Close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var pairs [2][2]net.Conn
	for i, dial := range []func(context.Context) (net.Conn, error){
		contestant(t, "ours", ours, one), kernelSender(t, kernel, other, besideUs),
	} {
		pairs[i][0], pairs[i][1] = connect(ctx, t, l, dial)
		defer pairs[i][0].Close()
		defer pairs[i][1].Close()
	}
	var all sync.WaitGroup
	all.Go(func() { x = feed(t, pairs[0][0], pairs[0][1]) })
	all.Go(func() { y = feed(t, pairs[1][0], pairs[1][1]) })
	all.Wait()
	return x, y
}

// fork is two near ends before one path: what they send takes one lane, and what
// comes back is for the one or the other by its address.
func fork(t testing.TB, far link.Link, out, back link.Faults, seed uint64) (one, other *shuttle) {
	began, stop := time.Now(), make(chan struct{})
	way := newLane(t, out, 3*seed)
	end := func(i uint64) *shuttle {
		return &shuttle{began: began, stop: stop, out: way, back: newLane(t, back, 3*seed+i)}
	}
	one, other = end(1), end(2)
	t.Cleanup(func() {
		close(stop)
		one.all.Wait()
		other.all.Wait()
	})
	one.all.Go(func() {
		beside := besideUs.Addr().As4()
		ps := make([]link.Packet, 64)
		for far.Wait(false) == nil {
			n, err := far.TryRead(ps)
			if err != nil {
				return
			}
			for i := range ps[:n] {
				to := one
				if h := ps[i].Head; len(h) >= 20 && [4]byte(h[16:20]) == beside {
					to = other
				}
				to.put(to.back, ps[i:i+1])
			}
		}
	})
	one.all.Go(func() { one.unload(way, far) })
	t.Cleanup(func() { _ = far.Close() })
	return one, other
}
