package sim

import (
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/stack/link"
)

func TestBBRTry(t *testing.T) {
	const rate = 100e6 / 8
	for _, mix := range [][]string{{"bbr", "cubic"}, {"cubic","bbr"}, {"bbr","bbr"}, {"cubic","cubic"},{"bbr","reno"}} {
	for seed := range uint64(2) {
		b := bottleneck{seed: seed, mix: mix, flows: 2, apart: 2*time.Second, path: link.Faults{Delay: 10 * time.Millisecond, Rate: rate, Queue: 250_000}}
		x := b.run(t, 5*time.Second, 40*time.Second)
		t.Logf("%v : %.1f Mbit/s  %.2f", mix, total(x, 40*time.Second), x[0]/(x[0]+x[1]))
	}
	}
}
func TestBBRFlows(t *testing.T) {
	for _, flows := range []int{1,2,4,8,16,32,64} {
				rate := int64(max(flows, 8)) * 1e6 / 8
					b := bottleneck{seed: 1, congestion: "bbr", flows: flows, apart: 50 * time.Millisecond,
						path: link.Faults{Delay: 10 * time.Millisecond, Jitter: time.Millisecond, Rate: rate, Queue: int(rate / 50)}} // 20 ms of queue
		x := b.run(t, 5*time.Second, 15*time.Second)
		t.Logf("%v : %.1f of %v Mbit/s  %.2f", flows, total(x, 15*time.Second), float64(rate)*8/1e6, jain(x))
	}
}
