package sim

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkLaw says how much RFC 5681 lets a sender of BenchmarkGoodput's path
// deliver when packets are lost at random: in Mbit/s, and as segments for each
// round trip. It is a bound, not a sender: windows are fractions of a segment,
// the path and the receiver take no time but the 20 ms, no retransmission is
// lost, and there are no timeouts.
//
//	go test -run '^$' -bench Law -benchtime 1x ./stack/sim
func BenchmarkLaw(b *testing.B) {
	const packets, segment, roundTrips = 4_000_000, 1448 * 8, 50 // for each second
	for _, p := range []float64{.001, .01, .05} {
		for _, counts := range []bool{false, true} {
			b.Run(fmt.Sprint("loss=", 100*p, "%,counted=", counts), func(b *testing.B) {
				w, losses := renoLaw(p, packets, counts)
				b.ReportMetric(w, "segments/RTT")
				b.ReportMetric(w*segment*roundTrips/1e6, "Mbit/s")
				b.ReportMetric(losses, "losses/reduction")
				b.ReportMetric(0, "ns/op")
			})
		}
	}
}

// renoLaw sends n packets by RFC 5681, of which each is lost with probability p,
// and returns how many arrive in a round trip. The window grows by a segment for
// each round trip (equation 3), but not while losses are repaired, which takes
// one (3.2); a loss is noticed a round trip after it left and halves the window
// (equation 4) unless it left before the last time. Where the repair is counted
// the ACK that ends it is worth a segment at once, and growth goes on without a
// pause: a little more than 3.1 allows.
func renoLaw(p float64, n int, counted bool) (arrived, lossesPerReduction float64) {
	rng := rand.New(rand.NewPCG(1, 2))
	w, t, reduced, repairing := 10., 0., -1., false // t and reduced in round trips
	var left []float64                              // when what was lost and is not yet noticed left
	lost, reductions := 0, 0
	for range n {
		if repairing && t >= reduced+1 {
			repairing = false
			if counted {
				w++
			}
		}
		for ; len(left) > 0 && left[0]+1 <= t; left = left[1:] {
			if left[0] >= reduced {
				w, reduced, repairing = max(w/2, 2), t, true
				reductions++
			}
		}
		if rng.Float64() < p {
			left = append(left, t)
			lost++
		}
		if !repairing {
			w += 1 / w
		}
		t += 1 / w
	}
	return float64(n-lost) / t, float64(lost) / float64(reductions)
}
