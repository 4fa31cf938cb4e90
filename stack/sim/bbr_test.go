package sim

import (
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/stack/link"
)

func TestBBRTry(t *testing.T) {
	const rate = 100e6 / 8
	for _, loss := range []float64{0, .001, .01, .02, .05} {
		for _, a := range []string{"bbr", "cubic"} {
		b := bottleneck{seed: 1, congestion: a, flows: 1, path: link.Faults{Delay: 10 * time.Millisecond, Rate: rate, Queue: 250_000, Loss: loss}}
		x := b.run(t, 2*time.Second, 20*time.Second)
		t.Logf("%s loss %v: %.1f Mbit/s", a, loss, total(x, 20*time.Second))
		}
	}
}
