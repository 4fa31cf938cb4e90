package sim

import (
	"fmt"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/tcp/congestion"
)

// A bottleneck is one path that flows share, in virtual time.
type bottleneck struct {
	seed       uint64
	congestion string
	mix        []string // of the flows, in turn; nil: congestion
	flows      int
	path       link.Faults                                  // of the data; ACKs only have its Delay
	apart      time.Duration                                // the flows begin this long after one another
	feat       link.Features                                // of the senders' link
	plan       Plan                                         // of the senders; Send 0: without end
	watch      func(w *World, from *Host, flows []*Program) // called when the flows begin and, where every is set, so often then
	every      time.Duration
}

func algorithm(name string) congestion.Algorithm {
	a, _ := congestion.Find(name)
	return a
}

// run lets the flows send for warm, then for as long as measured, and returns
// how many bytes of each arrived in the latter.
func (b bottleneck) run(t testing.TB, warm, measured time.Duration) []float64 {
	w := New(Config{Seed: b.seed})
	cfg := host.Config{TCP: tcp.Config{Congestion: algorithm(b.congestion)}}
	cfg.Prefixes = []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24")}
	from, err := w.AddHost("from", cfg, b.feat)
	require.NoError(t, err)
	cfg.Prefixes = []netip.Prefix{netip.MustParsePrefix("10.0.0.2/24")}
	to, err := w.AddHost("to", cfg, link.Features{})
	require.NoError(t, err)
	clean := b.path
	clean.Loss, clean.Reorder = 0, 0 // the handshake is not what is measured
	w.Connect(from, to, clean, link.Faults{Delay: b.path.Delay})
	w.After(3*b.path.Delay, func() { w.SetFaults(from, to, b.path) })
	sink, err := to.Serve(80, func(int) Plan { return Plan{} })
	require.NoError(t, err)
	var sources []*Program
	for i := range b.flows {
		w.After(time.Duration(i)*b.apart, func() {
			plan := b.plan
			if plan.Send == 0 {
				plan.Send = 1 << 30
			}
			if b.mix != nil {
				plan.Options.TCP.Congestion = algorithm(b.mix[i%len(b.mix)])
			}
			p, err := from.Dial(netip.MustParseAddrPort("10.0.0.2:80"), plan)
			require.NoError(t, err)
			sources = append(sources, p)
			if b.watch != nil && len(sources) == b.flows {
				w.repeat(b.every, func() { b.watch(w, from, sources) })
			}
		})
	}
	require.NoError(t, w.Run(warm))
	require.Len(t, sink.Programs, b.flows)
	got := make([]float64, b.flows)
	for i, p := range sink.Programs {
		got[i] = -float64(p.Received)
	}
	require.NoError(t, w.Run(measured))
	for i, p := range sink.Programs {
		require.NoError(t, p.Err)
		got[i] += float64(p.Received)
	}
	for _, p := range sources {
		require.NoError(t, p.Err)
	}
	return got
}

// repeat calls f now and, where every is not 0, again and again.
func (w *World) repeat(every time.Duration, f func()) {
	f()
	if every > 0 {
		w.After(every, func() { w.repeat(every, f) })
	}
}

// jain is Jain's fairness index: 1 where all have the same, 1/n where one has all.
func jain(x []float64) float64 {
	var sum, squares float64
	for _, v := range x {
		sum += v
		squares += v * v
	}
	return sum * sum / (float64(len(x)) * squares)
}

// total is the sum of x in Mbit/s.
func total(x []float64, over time.Duration) (mbits float64) {
	for _, v := range x {
		mbits += v * 8 / over.Seconds() / 1e6
	}
	return mbits
}

// Flows that share a bottleneck get the same share of it, and together all of
// it: Jain's index is at least 0.95 (RFC 9438 3.3, RFC 5033 3).
func TestFairness(t *testing.T) {
	const warm, measured = 5 * time.Second, 15 * time.Second
	seeds := 1
	if os.Getenv("SOCKEYE_LONG") != "" {
		seeds = 5
	}
	counts := []int{1, 2, 4, 8, 16, 32, 64}
	if testing.Short() {
		counts = []int{1, 4}
	}
	for _, algorithm := range []string{"cubic", "reno", "bbr"} {
		for _, flows := range counts {
			t.Run(fmt.Sprint(algorithm, "/", flows), func(t *testing.T) {
				// A Mbit/s for each: four or five segments, with the queue.
				rate := int64(max(flows, 8)) * 1e6 / 8
				for seed := range uint64(seeds) {
					b := bottleneck{seed: seed, congestion: algorithm, flows: flows, apart: 50 * time.Millisecond,
						path: link.Faults{Delay: 10 * time.Millisecond, Jitter: time.Millisecond, Rate: rate, Queue: int(rate / 50)}} // 20 ms of queue
					x := b.run(t, warm, measured)
					t.Logf("seed %d: Jain's index %.3f, %.1f Mbit/s", seed, jain(x), total(x, measured))
					require.GreaterOrEqual(t, jain(x), .95)
					require.Greater(t, total(x, measured), .93*float64(rate)*8/1e6) // headers are 3.5 %
				}
			})
		}
	}
}
