package tcp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/wire"
)

// A download feeds a rig's connection, whose round trip is 20 ms, with text,
// and lets its owner read.
type download struct {
	*rig
	next int // sequence number of the next text
	edge int // the right edge that was offered last
}

func newDownload(t *testing.T, cfg Config, o Options) *download {
	cfg.NoSACK, cfg.NoTimestamps = true, true
	r := newRig(t, cfg, o)
	r.c.Open(r.now)
	r.out()
	r.answer(1000)
	return &download{rig: r, next: 1, edge: r.c.rcv.adv.Sub(r.irs)}
}

// answerACKs takes what the connection sends, and holds that the right edge
// never moves to the left (RFC 9293 SHLD-14).
func (d *download) answerACKs() {
	for _, s := range d.segments() {
		edge := s.Seg.Ack.Sub(d.irs) + int(s.Seg.Window)<<d.c.opt.rcvShift
		require.GreaterOrEqual(d.t, edge, d.edge)
		d.edge = edge
	}
}

// round lets 20 ms pass in which n bytes come, as far as the window allows.
func (d *download) round(n int) (came int) {
	for ; came < n && d.next+1000 <= d.edge; came += 1000 {
		d.in("A", d.next, 1, 60000, 1000)
		d.next += 1000
		if came%2000 == 0 {
			d.answerACKs()
		}
	}
	d.now = d.now.Add(20 * ms)
	return came
}

func (d *download) readAll() {
	b := make([]byte, 64<<10)
	for d.c.Read(d.now, b) > 0 {
		d.answerACKs()
	}
}

// The receive buffer holds what is read in a round trip several times, so that
// a flow in slow start is not bounded by it.
func TestReceiveBufferFollowsTheReader(t *testing.T) {
	d := newDownload(t, Config{}, Options{})
	require.Equal(t, firstRecv, d.c.recvBuffer())
	for n := 16000; n < 512<<10; n *= 2 { // slow start
		require.Equal(t, (n+999)/1000*1000, d.round(n), "the window holds the flow back at %d", n)
		d.readAll()
	}
	require.Greater(t, d.c.recvBuffer(), 512<<10)
	for range 4 { // the measure is one round late
		d.round(256 << 10)
		d.readAll()
	}
	was := d.c.recvBuffer()
	for range 20 { // no more is needed
		d.round(256 << 10)
		d.readAll()
	}
	require.Equal(t, was, d.c.recvBuffer())
	require.Zero(t, d.c.in.Held(), "an idle connection holds no memory")
}

func TestReceiveBufferIsBounded(t *testing.T) {
	for _, row := range []struct {
		name  string
		cfg   Config
		o     Options
		shift uint8 // on the SYN
		most  int
	}{
		{"by default, 6 MiB", Config{}, Options{}, 7, 6 << 20},
		{"by the configuration", Config{MaxRecvBuffer: 300 << 10}, Options{}, 3, 300 << 10},
		{"below the first size", Config{MaxRecvBuffer: 50 << 10}, Options{}, 0, 50 << 10},
		{"not at all where the owner has set it", Config{}, Options{RecvBuffer: 200 << 10}, 2, 200 << 10},
	} {
		d := newDownload(t, row.cfg, row.o)
		require.Equal(t, row.shift, d.c.opt.rcvShift, row.name)
		before := d.c.recvBuffer()
		for range 12 {
			d.round(3 << 20)
			d.readAll()
		}
		if row.o.RecvBuffer > 0 {
			require.Equal(t, before, d.c.recvBuffer(), row.name)
		}
		require.LessOrEqual(t, d.c.recvBuffer(), row.most, row.name)
		require.LessOrEqual(t, d.edge-d.next, row.most, row.name)
	}
}

// An owner who does not read is offered no more than the first size.
func TestReceiveBufferOfALazyReader(t *testing.T) {
	d := newDownload(t, Config{}, Options{})
	for range 20 {
		d.round(1 << 20)
	}
	require.Equal(t, firstRecv, d.c.recvBuffer())
	require.LessOrEqual(t, d.c.in.Len(), firstRecv+firstRecv/16, "but for the rounding of the window")
}

// No buffer grows beyond a quarter of what the Budget has left.
func TestBuffersLeaveTheBudgetAlone(t *testing.T) {
	d := newDownload(t, Config{}, Options{})
	require.True(t, d.env.Budget.Take(d.env.Budget.Free()-1<<20))
	for n := 16000; n < 2<<20; n *= 2 {
		d.round(n)
		d.readAll()
	}
	require.LessOrEqual(t, d.c.recvBuffer(), 1<<20/4)
}

// With timestamps the receiver knows the round trip of the path as it is now,
// which the handshake could not know (RFC 7323 4.1).
func TestReceiverMeasuresTheRoundTrip(t *testing.T) {
	r := newRig(t, Config{NoSACK: true}, Options{})
	r.c.Open(r.now)
	r.out()
	r.opt = wire.TCPOptions{HasTimestamps: true, TSVal: 1, TSEcr: tsClock(r.now, r.c.tsOff)}
	r.answer(1000)
	require.Equal(t, 20*ms, r.c.recvRTT(), "of the handshake")
	seq := 1
	arrive := func(rtt time.Duration) {
		r.opt = wire.TCPOptions{HasTimestamps: true, TSVal: 2, TSEcr: tsClock(r.now.Add(-rtt), r.c.tsOff)}
		r.in("A", seq, 1, 60000, 1000)
		r.out()
		r.c.Read(r.now, make([]byte, 1000))
		seq += 1000
	}
	r.c.opt.ts = true
	arrive(80 * ms)
	require.Equal(t, 80*ms, r.c.recvRTT())
	arrive(10 * time.Second) // the peer was idle
	require.Less(t, r.c.recvRTT(), 250*ms)
	arrive(60 * ms)
	require.Equal(t, 60*ms, r.c.recvRTT(), "it falls at once")
	for range 1000 {
		arrive(100 * ms)
	}
	require.InDelta(t, float64(100*ms), float64(r.c.recvRTT()), float64(ms), "and rises with time")
}

// The send buffer holds two congestion windows: what is in flight, and what is
// to follow.
func TestSendBufferFollowsTheWindow(t *testing.T) {
	for _, row := range []struct {
		name string
		cfg  Config
		o    Options
		most int
	}{
		{"up to 4 MiB", Config{}, Options{}, 4 << 20},
		{"up to what is configured", Config{MaxSendBuffer: 700 << 10}, Options{}, 700 << 10},
		{"not where the owner has set it", Config{}, Options{SendBuffer: 600 << 10}, 600 << 10},
	} {
		r := newRig(t, Config{NoSACK: true, NoTimestamps: true, MaxSendBuffer: row.cfg.MaxSendBuffer}, row.o)
		r.c.Open(r.now)
		r.out()
		r.answer(1000)
		acked := 1
		for range 40 {
			r.c.Write(r.now, make([]byte, r.c.Writable()))
			require.LessOrEqual(t, r.c.Unacked(), row.most, row.name)
			_, fresh := r.sends()
			r.now = r.now.Add(20 * ms)
			for range fresh / 1000 {
				acked += 1000
				r.in("A", 1, acked, 60000, 0)
			}
			if want := min(2*r.c.cc.Window(), row.most); row.o.SendBuffer == 0 && want <= r.env.Budget.Free()/4 {
				require.GreaterOrEqual(t, r.c.sendBuffer(), want, row.name)
			}
		}
		require.Greater(t, r.c.cc.Window(), 300<<10)
	}
}
