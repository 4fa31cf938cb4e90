package sim

import (
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
)

func TestScratchTrace(t *testing.T) {
	alg := os.Getenv("ALG")
	loss, _ := strconv.ParseFloat(os.Getenv("LOSS"), 64)
	counts := map[string]int{}
	var timeCwnd float64
	for seed := uint64(1); seed <= 9; seed++ {
		log := trace.NewLog(1 << 20)
		w := New(Config{Seed: seed})
		cfg := host.Config{TCP: tcp.Config{Congestion: alg}, Trace: log}
		cfg.Prefixes = []netip.Prefix{netip.MustParsePrefix("10.0.0.1/24")}
		from, err := w.AddHost("from", cfg, link.Features{})
		require.NoError(t, err)
		cfg.Prefixes = []netip.Prefix{netip.MustParsePrefix("10.0.0.2/24")}
		cfg.Trace = nil
		to, err := w.AddHost("to", cfg, link.Features{})
		require.NoError(t, err)
		f := link.Faults{Delay: 10 * time.Millisecond, Rate: 12500000, Queue: 250000}
		w.Connect(from, to, f, link.Faults{Delay: 10 * time.Millisecond})
		f.Loss = loss
		if os.Getenv("LATE") != "" {
			f.Reorder, f.ReorderDelay = .01, 3*time.Millisecond
		}
		w.After(30*time.Millisecond, func() { w.SetFaults(from, to, f) })
		sink, err := to.Serve(80, func(int) Plan { return Plan{} })
		require.NoError(t, err)
		_, err = from.Dial(netip.MustParseAddrPort("10.0.0.2:80"), Plan{Send: 1 << 30})
		require.NoError(t, err)
		require.NoError(t, w.Run(10*time.Second))
		ev, lost := log.Take(nil)
		require.Zero(t, lost)
		for _, e := range ev {
			counts[fmt.Sprint(e.Kind, " ", e.Reason)]++
			if os.Getenv("DUMP") != "" && seed == 1 {
				fmt.Printf("%.6f %+v\n", float64(e.At)/1e9, e)
			}
		}
		_ = timeCwnd
		fmt.Printf("seed %d: %.2f Mbit/s\n", seed, float64(sink.Programs[0].Received)*8/10e6)
	}
	for k, v := range counts {
		fmt.Println(k, float64(v)/9)
	}
}
