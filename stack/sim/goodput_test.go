package sim

import (
	"cmp"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/stack/link"
)

// BenchmarkGoodput is the path of the same name in stack/oracle in virtual
// time, with ours at both ends: 20 ms there and back, 100 Mbit/s, a queue of
// one bandwidth-delay product. It reports the mean and the median in Mbit/s
// over SOCKEYE_SEEDS seeds, 100 by default.
//
//	go test -run '^$' -bench Goodput -benchtime 1x ./stack/sim
func BenchmarkGoodput(b *testing.B) {
	seeds := 100
	if n, err := strconv.Atoi(os.Getenv("SOCKEYE_SEEDS")); err == nil {
		seeds = n
	}
	for _, algorithm := range []string{"cubic", "reno"} {
		for _, cell := range []struct {
			name string
			part int // of the seeds
			path link.Faults
		}{
			{"loss=0.1%", 4, link.Faults{Loss: .001}},
			{"loss=1%", 2, link.Faults{Loss: .01}},
			{"loss=5%", 1, link.Faults{Loss: .05}},
			{"late=1%", 50, link.Faults{Reorder: .01, ReorderDelay: 3 * time.Millisecond}},
		} {
			cell.path.Delay, cell.path.Rate, cell.path.Queue = 10*time.Millisecond, 100e6/8, 250_000
			b.Run(algorithm+"/"+cell.name, func(b *testing.B) {
				var got []float64
				for seed := range uint64(max(seeds/cell.part, 1)) {
					f := bottleneck{seed: seed, congestion: algorithm, flows: 1, path: cell.path}
					got = append(got, total(f.run(b, 50*time.Millisecond, 10*time.Second), 10*time.Second))
				}
				b.ReportMetric(mean(got), "mean-Mbit/s")
				slices.SortFunc(got, cmp.Compare[float64])
				b.ReportMetric(got[len(got)/2], "Mbit/s")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

func mean(x []float64) (m float64) {
	for _, v := range x {
		m += v / float64(len(x))
	}
	return m
}
