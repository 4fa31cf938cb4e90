package tcp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp/congestion"
	"github.com/sockeye-net/sockeye/stack/wire"
)

type sample = congestion.Sample

// A spy is a controller with a window of a megabyte that keeps what it is told.
type spy struct {
	congestion.Controller
	samples []congestion.Sample
	lost    []congestion.Lost
}

func (s *spy) Window() int { return 1 << 20 }

func (s *spy) Models() bool                             { return true }
func (s *spy) PacingRate() int64                        { return 0 }
func (s *spy) OnAck(_ clock.Instant, x *sample)         { s.samples = append(s.samples, *x) }
func (s *spy) OnLost(x *congestion.Lost)                { s.lost = append(s.lost, *x) }
func (s *spy) last() congestion.Sample                  { return s.samples[len(s.samples)-1] }
func (r *rig) spy() *spy                                { return r.c.cc.(*spy) }
func sendBulk(n int) func(*rig)                         { return func(r *rig) { r.write(n); r.drain() } }
func ackTo(ack int, blocks ...int) func(*rig)           { return func(r *rig) { r.sackIn(ack, blocks...) } }
func lately(d time.Duration, f func(*rig)) func(r *rig) { return both(wait(d), f) }

// drain lets all go that may.
func (r *rig) drain() {
	var out Segment
	for r.c.Transmit(r.now, &out) {
	}
}

// sackOf is the option with these blocks.
func sackOf(r *rig, blocks ...int) wire.TCPOptions {
	o := wire.TCPOptions{NumSACK: uint8(len(blocks) / 2)}
	for i := range len(blocks) / 2 {
		o.SACK[i] = wire.SACKBlock{Left: r.c.snd.iss.Add(blocks[2*i]), Right: r.c.snd.iss.Add(blocks[2*i+1])}
	}
	return o
}

// sackIn is an ACK with SACK blocks, given as pairs of edges.
func (r *rig) sackIn(ack int, blocks ...int) {
	r.opt = sackOf(r, blocks...)
	r.in("A", 1, ack, 60000, 0)
	r.opt = wire.TCPOptions{}
	r.drain()
}

// rateRig has agreed on SACK, sends super-segments of segments of 1000 bytes, and
// its round-trip time is 20 ms.
func rateRig(t *testing.T) *rig {
	r := newRig(t, Config{NoTimestamps: true}, Options{NoDelay: true})
	r.env.MaxGSO = 65535
	r.c.Open(r.now)
	r.out()
	r.now = r.now.Add(20 * ms)
	r.opt = wire.TCPOptions{HasMSS: true, MSS: 1000, SACKPermitted: true, HasWindowScale: true, WindowScale: 4}
	r.in("SA", 0, 1, 60000, 0)
	r.opt = wire.TCPOptions{}
	r.drain()
	r.c.snd.wnd = 900_000
	r.c.wake()
	r.c.cc = &spy{Controller: r.c.cc}
	r.c.rcv.quick = 0
	return r
}

func TestDeliveryRates(t *testing.T) {
	for _, row := range []struct {
		rule string // sections of draft-ietf-ccwg-bbr-05
		do   []func(*rig)
		want congestion.Sample // of the last ACK: what is checked of it
	}{
		{"a super-segment is one transmission (4.1.3.1)",
			[]func(*rig){sendBulk(44_000), lately(20*ms, ackTo(44_001))},
			sample{Rate: 2_200_000, TxInFlight: 44_000, AppLimited: true}},
		{"one ACK may cover several of them: the newest counts (4.1.2.3)",
			[]func(*rig){sendBulk(64_000), lately(5*ms, sendBulk(36_000)), lately(15*ms, ackTo(100_001))},
			sample{Rate: 5_000_000, TxInFlight: 100_000, AppLimited: true}},
		{"and of half a super-segment",
			[]func(*rig){sendBulk(44_000), lately(20*ms, ackTo(22_001))},
			sample{Rate: 1_100_000, TxInFlight: 44_000, AppLimited: true}},
		{"what was delivered since the newest left is measured from the ACK before it (4.1.1.2.1)",
			[]func(*rig){sendBulk(40_000), lately(20*ms, ackTo(40_001)), sendBulk(40_000), sendBulk(40_000),
				lately(20*ms, ackTo(80_001)), lately(2*ms, sendBulk(10_000)), lately(3*ms, ackTo(120_001)), lately(15*ms, ackTo(130_001))},
			sample{Rate: 50_000_000 / 22, Prior: 80_000, TxInFlight: 50_000, AppLimited: true}},
		{"ACKs that come all at once are not believed beyond the rate of sending (4.1.1.2.3)",
			[]func(*rig){sendBulk(10_000), lately(10*ms, sendBulk(10_000)), lately(10*ms, sendBulk(10_000)), lately(10*ms, sendBulk(10_000)),
				lately(10*ms, ackTo(30_001)), ackTo(40_001)},
			sample{Rate: 1_000_000, TxInFlight: 40_000, AppLimited: true}},
		{"SACK cuts a record, its parts remember the whole (4.1.3.1)",
			[]func(*rig){sendBulk(44_000), lately(20*ms, ackTo(1, 10_001, 20_001))},
			sample{Rate: 500_000, TxInFlight: 44_000, TxLost: 10_000, AppLimited: true}},
		{"what goes again is a new transmission",
			[]func(*rig){sendBulk(44_000), lately(20*ms, ackTo(1, 10_001, 20_001)), lately(20*ms, ackTo(44_001))},
			sample{Rate: 1_700_000, Prior: 10_000, TxInFlight: 34_000, AppLimited: true}},
		{"what leaves while more waits is not limited by the owner (4.1.2.4)",
			[]func(*rig){sendBulk(40_000), lately(20*ms, ackTo(40_001)), func(r *rig) {
				r.c.snd.wnd = 50_000
				r.write(90_000)
				r.drain()
				r.now = r.now.Add(20 * ms)
				r.in("A", 1, 90_001, 50_000>>4, 0)
				r.drain()
				r.now = r.now.Add(20 * ms)
				r.in("A", 1, 130_001, 50_000>>4, 0)
			}},
			sample{Rate: 2_000_000, Prior: 90_000, TxInFlight: 40_000}},
		{"counts may pass 2^32",
			[]func(*rig){func(r *rig) { r.c.count.delivered = 1<<32 - 7000 }, sendBulk(44_000), lately(20*ms, ackTo(44_001))},
			sample{Rate: 2_200_000, Prior: 1<<32 - 7000, TxInFlight: 44_000, AppLimited: true}},
		{"what took longer than a record can tell has no rate",
			[]func(*rig){sendBulk(10_000), func(r *rig) { r.now = r.now.Add(80 * time.Second) }, ackTo(10_001)},
			sample{TxInFlight: 10_000, AppLimited: true}},
	} {
		t.Run(row.rule, func(t *testing.T) {
			r := rateRig(t)
			for _, f := range row.do {
				f(r)
			}
			got := r.spy().last()
			require.True(t, got.Sampled)
			require.InDelta(t, row.want.Rate, got.Rate, float64(row.want.Rate)/1e4)
			got = congestion.Sample{Rate: row.want.Rate, Prior: got.Prior, TxInFlight: got.TxInFlight, TxLost: got.TxLost, AppLimited: got.AppLimited}
			require.Equal(t, row.want, got)
		})
	}
}

// A retransmission that is acknowledged before it can have arrived gives no rate
// (4.1.3.5), and each loss is told with what was in flight when it left.
func TestRatesAndLosses(t *testing.T) {
	r := rateRig(t)
	sendBulk(20_000)(r)
	lately(20*ms, ackTo(1, 5001, 20_001))(r)
	require.Equal(t, []congestion.Lost{{Delivered: 15_000, Bytes: 5000, TxInFlight: 20_000, TxLost: 5000, AppLimited: true}}, r.spy().lost)
	require.Equal(t, 15_000, r.spy().last().Arrived)
	require.Zero(t, r.spy().last().Acked, "no window opens by it")
	lately(ms, ackTo(20_001))(r)
	got := r.spy().last()
	require.Equal(t, 5000, got.Arrived)
	require.Zero(t, got.Rate)
}

// Losses that touch are one hole.
func TestAdjacentLosses(t *testing.T) {
	r := rateRig(t)
	r.env.MaxGSO = 0
	sendBulk(20_000)(r)
	lately(20*ms, ackTo(1, 2001, 3001, 5001, 20_001))(r)
	var adjacent []bool
	for _, l := range r.spy().lost {
		require.Equal(t, 1000, l.Bytes)
		adjacent = append(adjacent, l.Adjacent)
	}
	require.Equal(t, []bool{false, true, false, true}, adjacent)
}

// tcpi_delivery_rate is the latest rate, where one that the owner limited only
// counts if it is higher.
func TestInfoDeliveryRate(t *testing.T) {
	r := rateRig(t)
	sendBulk(40_000)(r)
	lately(20*ms, ackTo(30_001))(r)
	i := r.c.Info(r.now)
	require.InDelta(t, 1_500_000, i.DeliveryRate, 200)
	require.True(t, i.DeliveryRateAppLimited)
	lately(40*ms, ackTo(35_001))(r)
	require.InDelta(t, 1_500_000, r.c.Info(r.now).DeliveryRate, 200)
	ackTo(40_001)(r)
	require.Zero(t, r.c.Info(r.now).DeliveryRate)
}
