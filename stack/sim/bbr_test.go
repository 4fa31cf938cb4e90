package sim

import (
	"fmt"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/tcp/congestion"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// The path of these tests: 20 ms there and back, 100 Mbit/s, a queue of one
// bandwidth-delay product.
const (
	bbrRate  = 100e6 / 8
	bbrDelay = 10 * time.Millisecond
	bbrBDP   = 250_000
)

func bbrPath(f link.Faults) link.Faults {
	f.Delay, f.Rate = bbrDelay, bbrRate
	if f.Queue == 0 {
		f.Queue = bbrBDP
	}
	return f
}

func seeds() uint64 {
	if os.Getenv("SOCKEYE_LONG") != "" {
		return 5
	}
	return 1
}

// BBR uses a path that loses at random, and queues that hold little.
func TestBBRGoodput(t *testing.T) {
	const measured = 5 * time.Second
	for _, row := range []struct {
		path  link.Faults
		feat  link.Features
		least float64 // Mbit/s; headers leave 96.5 of 100
	}{
		{bbrPath(link.Faults{}), link.Features{}, 92},
		{bbrPath(link.Faults{}), link.Features{MTU: 1500, MaxGSO: 65535, ChecksumOffload: true}, 92},
		{bbrPath(link.Faults{Loss: .001}), link.Features{}, 90},
		{bbrPath(link.Faults{Loss: .01}), link.Features{}, 80},
		{bbrPath(link.Faults{Loss: .01}), link.Features{MTU: 1500, MaxGSO: 65535, ChecksumOffload: true}, 75},
		{bbrPath(link.Faults{Loss: .05}), link.Features{}, 4},
		{bbrPath(link.Faults{Reorder: .01, ReorderDelay: 3 * time.Millisecond}), link.Features{}, 90},
		{bbrPath(link.Faults{Queue: bbrBDP / 4}), link.Features{}, 85},
		{bbrPath(link.Faults{Queue: bbrBDP / 16}), link.Features{}, 60},
	} {
		t.Run(fmt.Sprintf("loss %v late %v queue %d gso %d", row.path.Loss, row.path.Reorder, row.path.Queue, row.feat.MaxGSO), func(t *testing.T) {
			t.Parallel()
			for seed := range seeds() {
				b := bottleneck{seed: seed, congestion: "bbr", flows: 1, path: row.path, feat: row.feat}
				x := total(b.run(t, 2*time.Second, measured), measured)
				t.Logf("seed %d: %.1f Mbit/s", seed, x)
				require.GreaterOrEqual(t, x, row.least)
			}
		})
	}
}

// Flows of BBR and CUBIC, and of BBR alone, share a queue of one bandwidth-delay
// product: each has a fifth at least, whoever was first.
func TestBBRShares(t *testing.T) {
	const measured = 10 * time.Second
	for _, mix := range [][]string{{"bbr", "cubic"}, {"cubic", "bbr"}, {"bbr", "bbr"}, {"bbr", "reno"}} {
		t.Run(fmt.Sprint(mix), func(t *testing.T) {
			t.Parallel()
			for seed := range seeds() {
				b := bottleneck{seed: seed, mix: mix, flows: 2, apart: 2 * time.Second, path: bbrPath(link.Faults{})}
				x := b.run(t, 6*time.Second, measured)
				share := x[0] / (x[0] + x[1])
				t.Logf("seed %d: the first has %.2f of %.1f Mbit/s", seed, share, total(x, measured))
				require.InDelta(t, .5, share, .3)
				require.Greater(t, total(x, measured), 90.)
			}
		})
	}
}

// A meter holds what one flow puts on the wire to its pacing rate: a bucket of
// one burst that leaks at that rate never overflows.
type meter struct {
	t     *testing.T
	from  *Host
	flow  *Program
	level float64
	rate  float64
	at    clock.Instant
	most  float64 // of level, in bursts
}

func (m *meter) see(h *Host, packet []byte) {
	if h != m.from || m.flow == nil {
		return
	}
	_, body, err := wire.DecodeIPv4(packet)
	require.NoError(m.t, err)
	_, payload, err := wire.DecodeTCP(body)
	require.NoError(m.t, err)
	now := h.World.Now()
	i, err := h.Info(now, m.flow.Socket)
	if err != nil || len(payload) == 0 {
		return
	}
	rate := float64(i.PacingRate)
	if m.at != clock.Never {
		m.level = max(m.level-now.Sub(m.at).Seconds()*max(rate, m.rate), 0)
	}
	burst := max(2*float64(i.SndMSS), min(64<<10, max(rate, m.rate)/1000))
	m.at, m.rate, m.level = now, rate, m.level+float64(len(payload))
	m.most = max(m.most, m.level/burst)
}

// What crosses the link is never more at once than max(2 MSS, min(64 KiB, 1 ms of
// the pacing rate)), with losses and without, whole super-segments or not.
func TestPacingOnTheWire(t *testing.T) {
	gso := link.Features{MTU: 1500, MaxGSO: 65535, ChecksumOffload: true}
	for _, row := range []struct {
		congestion string
		bound      int64
		path       link.Faults
		feat       link.Features
	}{
		{"bbr", 0, bbrPath(link.Faults{}), link.Features{}},
		{"bbr", 0, bbrPath(link.Faults{}), gso},
		{"bbr", 0, bbrPath(link.Faults{Loss: .02}), link.Features{}},
		{"bbr", 0, link.Faults{Delay: bbrDelay, Rate: 4 * bbrRate}, gso},
		{"bbr", 1e6, bbrPath(link.Faults{Loss: .001}), gso},
		{"cubic", 2e6, bbrPath(link.Faults{Loss: .001}), link.Features{}},
		{"cubic", 20_000, bbrPath(link.Faults{}), gso},
	} {
		t.Run(fmt.Sprint(row.congestion, row.bound, row.path, row.feat.MaxGSO), func(t *testing.T) {
			t.Parallel()
			m := &meter{t: t}
			b := bottleneck{seed: 1, congestion: row.congestion, flows: 1, path: row.path, feat: row.feat,
				watch: func(w *World, from *Host, flows []*Program) {
					m.from, m.flow = from, flows[0]
					w.seen = m.see
				}}
			b.plan.Options.TCP.MaxPacingRate = row.bound
			x := b.run(t, time.Second, 2*time.Second)
			t.Logf("%.1f Mbit/s, %.2f bursts", total(x, 2*time.Second), m.most)
			require.LessOrEqual(t, m.most, 1.02) // two MSS of a rate that has just fallen
			if row.bound > 0 {
				require.InDelta(t, float64(row.bound)*8/1e6, total(x, 2*time.Second), float64(row.bound)*8/1e6*.05)
			}
		})
	}
}

// Every ten seconds the flow lets the queue run dry for 200 ms, and only then
// (BBR.ProbeRTTInterval), and the smallest round trip stays what it is.
func TestBBRProbesRTT(t *testing.T) {
	var low []time.Duration // when no more than 0.6 of the product was in flight
	began := time.Duration(0)
	b := bottleneck{seed: 1, congestion: "bbr", flows: 1, path: link.Faults{Delay: bbrDelay, Rate: bbrRate / 5, Queue: bbrBDP / 5}, every: 10 * time.Millisecond,
		watch: func(w *World, from *Host, flows []*Program) {
			i, err := from.Info(w.Now(), flows[0].Socket)
			require.NoError(t, err)
			at := time.Duration(w.Now())
			if began == 0 {
				began = at
			}
			if at-began > 2*time.Second && i.Unacked*i.SndMSS < bbrBDP/5*6/10 {
				low = append(low, at-began)
			}
		}}
	x := b.run(t, 5*time.Second, 28*time.Second)
	require.Greater(t, total(x, 28*time.Second), 18.)
	require.NotEmpty(t, low)
	episodes := 1
	for i := 1; i < len(low); i++ {
		if gap := low[i] - low[i-1]; gap > time.Second {
			episodes++
			require.InDelta(t, 10, gap.Seconds(), .5)
		}
	}
	require.Equal(t, 3, episodes, "%v", low)
	require.InDelta(t, 10, low[0].Seconds(), .5)
	require.InDelta(t, .2, float64(len(low))*.01/float64(episodes), .08)
}

// An application that has little to say for a while does not ruin what is known of
// the path, and one that had from the beginning finds it out (4.1.2.4, 5.5.4).
func TestBBRAppLimited(t *testing.T) {
	const chunk = 10_000
	w := New(Config{Seed: 3})
	from := addHost(t, w, "from", "10.0.0.1/24", link.Features{})
	to := addHost(t, w, "to", "10.0.0.2/24", link.Features{})
	w.Connect(from, to, bbrPath(link.Faults{}), link.Faults{Delay: bbrDelay})
	sink, err := to.Serve(80, func(int) Plan { return Plan{} })
	require.NoError(t, err)
	s, err := from.Open(w.Now(), host.Stream)
	require.NoError(t, err)
	require.NoError(t, from.SetOptions(w.Now(), s, host.Options{TCP: tcp.Options{Congestion: congestion.BBR{}, NoDelay: true}}))
	require.Equal(t, host.ErrInProgress, from.Connect(w.Now(), s, netip.MustParseAddrPort("10.0.0.2:80")))
	require.NoError(t, w.Run(time.Second))
	var block [chunk]byte
	bulk := func(d time.Duration) (mbits float64) {
		before := sink.Programs[0].Received
		from.On(s, func(host.Mask) {
			for {
				if n, err := from.Send(w.Now(), s, block[:]); n == 0 || err != nil {
					return
				}
			}
		})
		require.NoError(t, w.Run(d))
		from.On(s, nil)
		return float64(sink.Programs[0].Received-before) * 8 / d.Seconds() / 1e6
	}
	trickle := func(d time.Duration) { // 0.8 Mbit/s
		for end := w.Now().Add(d); w.Now() < end; {
			_, _ = from.Send(w.Now(), s, block[:])
			require.NoError(t, w.Run(100*time.Millisecond))
		}
	}
	rate := func() float64 {
		i, err := from.Info(w.Now(), s)
		require.NoError(t, err)
		return float64(i.PacingRate) * 8 / 1e6
	}
	trickle(5 * time.Second)
	require.Greater(t, bulk(2*time.Second), 80., "after a slow beginning")
	require.InDelta(t, 100, rate(), 30)
	trickle(30 * time.Second)
	require.InDelta(t, 100, rate(), 30, "a trickle says nothing of the path")
	require.Greater(t, bulk(time.Second), 85., "at once")
}
