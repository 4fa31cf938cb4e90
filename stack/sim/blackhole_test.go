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

// hole is a path of 20 ms and 20 Mbit/s that swallows packets above mtu. All
// interfaces say 1500, and nobody sends an ICMP message.
func hole(mtu int) link.Faults {
	return link.Faults{Delay: 10 * ms, Rate: 2_500_000, MTU: mtu}
}

func newHole(t testing.TB, mtu int, client, server tcp.Config, feat link.Features) *pair {
	p := &pair{World: New(Config{Seed: 4821})}
	for i, cfg := range []tcp.Config{client, server} {
		prefix := netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)}), 24)
		h, err := p.AddHost([]string{"client", "server"}[i], host.Config{TCP: cfg, Prefixes: []netip.Prefix{prefix}}, feat)
		require.NoError(t, err)
		*[]**Host{&p.client, &p.server}[i] = h
	}
	p.Connect(p.client, p.server, hole(mtu), hole(mtu))
	return p
}

// RFC 4821: probing starts when a black hole is suspected, in both directions at
// once; a lost probe alone is no congestion signal, so the rate is good.
func TestReqC_PLPMTUD(t *testing.T) {
	const n = 4 << 20
	plain, offload := link.Features{MTU: 1500}, link.Features{MTU: 1500, MaxGSO: 65535, ChecksumOffload: true}
	for _, c := range []struct {
		rule string
		mtu  int
		cfg  tcp.Config
		feat link.Features
		took time.Duration // at most; 1.7 s are what the link needs
	}{
		{"nothing is swallowed", 1500, tcp.Config{}, plain, 2200 * time.Millisecond},
		{"1500 advertised, 1280 passed, no ICMP", 1280, tcp.Config{}, plain, 4500 * time.Millisecond},
		{"the same with super-segments", 1280, tcp.Config{}, offload, 4500 * time.Millisecond},
		{"without SACK", 1280, tcp.Config{NoSACK: true}, plain, 4500 * time.Millisecond},
		{"a PPPoE line", 1492, tcp.Config{}, plain, 4500 * time.Millisecond},
		{"576", 576, tcp.Config{}, plain, 7 * time.Second},
		{"searched from the beginning", 1280, tcp.Config{MTUProbing: tcp.MTUProbeAlways}, plain, 3 * time.Second},
	} {
		t.Run(c.rule, func(t *testing.T) {
			p := newHole(t, c.mtu, c.cfg, c.cfg, c.feat)
			v, err := p.server.Serve(port, func(int) Plan { return Plan{Seed: 2, Send: n} })
			require.NoError(t, err)
			x, err := p.client.Dial(serverAddr, Plan{Seed: 1, Send: n})
			require.NoError(t, err)
			start := p.Now()
			require.NoError(t, p.RunUntil(func() bool { return x.Received == n && len(v.Programs) == 1 && v.Programs[0].Received == n }, time.Hour))
			took := p.Now().Sub(start)
			require.Less(t, took, c.took)
			require.NoError(t, p.Run(time.Hour))
			require.True(t, requireComplete(t, x, v.Programs[0]))
			requireNoSockets(t, p)
			if c.mtu < 1500 {
				require.Positive(t, p.Stats(p.client, p.server).TooLarge)
			}
		})
	}
}

// A receiver can help only by the MSS that it offers (RFC 9293 3.7.1): with a bound
// of its own it is sent nothing that the path swallows, also by who never searches.
func TestBlackHoleAvoidedByMSS(t *testing.T) {
	deaf := tcp.Config{MTUProbing: tcp.MTUProbeOff}
	p := newHole(t, 1280, deaf, deaf, link.Features{MTU: 1500})
	c, s := p.talk(t, Plan{Options: host.Options{TCP: tcp.Options{MaxSeg: 1240}}, Seed: 1, Send: 1 << 20}, Plan{Seed: 2, Send: 1 << 20})
	require.True(t, requireComplete(t, c, s))
	require.Zero(t, p.Stats(p.server, p.client).TooLarge+p.Stats(p.client, p.server).TooLarge)
}
