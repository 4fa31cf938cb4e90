package sim

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/link"
)

// With buffers of their own choosing both sides fill a long path, of which the
// bandwidth-delay product is ten times as large as the first receive buffer.
func TestBuffersFillALongPath(t *testing.T) {
	const rate = 100e6 / 8
	b := bottleneck{seed: 1, congestion: "cubic", flows: 1,
		path: link.Faults{Delay: 50 * time.Millisecond, Rate: rate, Queue: rate / 10}}
	got := total(b.run(t, 3*time.Second, time.Second), time.Second)
	require.Greater(t, got, 90.)
}
