package sim

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/stack/link"
)

func TestScratch(t *testing.T) {
	b100 := func(f link.Faults) link.Faults {
		f.Delay, f.Rate, f.Queue = 10*time.Millisecond, 12500000, 250000
		return f
	}
	for _, alg := range []string{"cubic", "reno"} {
		for _, c := range []struct {
			n string
			f link.Faults
		}{{"0", b100(link.Faults{})}, {"0.1", b100(link.Faults{Loss: .001})}, {"1", b100(link.Faults{Loss: .01})}, {"5", b100(link.Faults{Loss: .05})},
			{"late", b100(link.Faults{Reorder: .01, ReorderDelay: 3 * time.Millisecond})},
			{"fast", link.Faults{Delay: 10 * time.Millisecond}},
			{"fastlate", link.Faults{Delay: 10 * time.Millisecond, Reorder: .01, ReorderDelay: 3 * time.Millisecond}},
		} {
			if testing.Short() && c.f.Rate == 0 {
				continue
			}
			var all []float64
			d := 10 * time.Second
			seeds := uint64(9)
			if c.f.Rate == 0 {
				d, seeds = time.Second, 3
			}
			for seed := range seeds {
				x := bottleneck{seed: seed + 1, congestion: alg, flows: 1, path: c.f}.run(t, 31*time.Millisecond, d)
				all = append(all, total(x, d))
			}
			slices.Sort(all)
			fmt.Printf("%s %s median %.2f  %.1f\n", alg, c.n, all[len(all)/2], all)
		}
	}
}
