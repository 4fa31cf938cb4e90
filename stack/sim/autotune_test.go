package sim

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/tcp"
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

// What may be in flight is the buffers' and the window's matter, not that of
// how many records the scoreboard has: more than 4096 ordinary segments go.
func TestBuffersFillAFastPath(t *testing.T) {
	const most = 16 << 20
	w := New(Config{Seed: 1})
	var hosts []*Host
	for _, at := range []string{"192.0.2.1/24", "192.0.2.2/24"} {
		h, err := w.AddHost(at, host.Config{Prefixes: []netip.Prefix{netip.MustParsePrefix(at)},
			TCP: tcp.Config{MaxSendBuffer: most, MaxRecvBuffer: 2 * most}}, link.Features{})
		require.NoError(t, err)
		hosts = append(hosts, h)
	}
	w.Connect(hosts[0], hosts[1], link.Faults{Delay: 10 * ms}, link.Faults{Delay: 10 * ms})
	_, err := hosts[1].Serve(port, func(int) Plan { return Plan{} })
	require.NoError(t, err)
	p, err := hosts[0].Dial(serverAddr, Plan{Send: 1 << 30})
	require.NoError(t, err)
	unacked := 0
	require.NoError(t, w.RunUntil(func() bool {
		i, err := hosts[0].Info(w.Now(), p.Socket)
		unacked = max(unacked, i.Unacked)
		return err != nil || unacked > 6000
	}, time.Second))
	require.Greater(t, unacked, 6000, "segments in flight")
}
