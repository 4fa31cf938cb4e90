package sim

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/link"
)

// Where a flow's packets take either of two queues, and one is behind the
// other, half of them are overtaken. That is no loss (RFC 8985 6.2): the flow
// goes on as fast as the path allows, next to nothing is sent again, and no
// timer has to help.
func TestReorderingAcrossQueues(t *testing.T) {
	gso := link.Features{MTU: 1500, MaxGSO: 65535, ChecksumOffload: true}
	for _, algorithm := range []string{"cubic", "reno", "bbr"} {
		for _, behind := range []time.Duration{200 * time.Microsecond, ms, 4 * ms} {
			for _, feat := range []link.Features{{}, gso} {
				t.Run(fmt.Sprint(algorithm, " ", behind, " gso ", feat.MaxGSO), func(t *testing.T) {
					t.Parallel()
					const measured = 3 * time.Second
					least := 75.
					if algorithm == "reno" {
						least = 30 // HyStart++ takes round trips that differ for a queue, and Reno grows slowly then
					}
					const seeds = 3 // HyStart++ may meet a round trip that it takes for a queue: one flow alone says little
					var mean float64
					for seed := range uint64(seeds) {
						var from *Host
						var flow *Program
						b := bottleneck{seed: 1 + seed, congestion: algorithm, flows: 1, feat: feat,
							path:  bbrPath(link.Faults{Reorder: .5, ReorderDelay: behind}),
							watch: func(_ *World, h *Host, flows []*Program) { from, flow = h, flows[0] }}
						x := total(b.run(t, 2*time.Second, measured), measured)
						mean += x / seeds
						i, err := from.Info(from.World.Now(), flow.Socket)
						require.NoError(t, err)
						t.Logf("%.1f Mbit/s, %d of %d sent again, %d timeouts", x, i.TotalRetrans, i.DataSegsOut, i.TotalRTO)
						require.NotZero(t, i.ReordSeen)
						require.Zero(t, i.TotalRTO)
						require.Less(t, i.TotalRetrans*50, i.DataSegsOut)
					}
					require.Greater(t, mean, least)
				})
			}
		}
	}
}
