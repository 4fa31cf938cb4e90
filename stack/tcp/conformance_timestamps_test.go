package tcp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// Tests of testdata/conformance.md, part C: RFC 7323.

func TestReqC_WScaleNegotiation(t *testing.T) { // RFC 7323 2.2
	for _, row := range []struct {
		rule        string
		cfg         Config
		peerOffers  bool
		wantOffer   bool
		peerWindow  uint32 // what a window of 100 means
		weScale     bool
		fromListens bool
	}{
		{"both offer", Config{}, true, true, 100 << 3, true, false},
		{"the peer does not", Config{}, false, true, 100, false, false},
		{"we do not", Config{NoScale: true}, true, false, 100, false, false},
		{"both offer, the peer first", Config{}, true, true, 100 << 3, true, true},
		{"the peer opens without: no offer in the SYN-ACK", Config{}, false, false, 100, false, true},
		{"the peer opens, we do not", Config{NoScale: true}, true, false, 100, false, true},
	} {
		cfg := row.cfg
		cfg.NoSACK, cfg.NoTimestamps = true, true
		o := Options{RecvBuffer: 4 << 20, NoDelay: true}
		r := newRig(t, cfg, o)
		syn := wire.TCPOptions{HasWindowScale: row.peerOffers, WindowScale: 3}
		var ours Segment
		if row.fromListens {
			l := new(Listener)
			l.Init(r.env, 1, o)
			in := arrival(wire.SYN, peerISS, 0)
			in.Seg.Options = syn
			require.Equal(t, Answered, must(l.Arrive(r.now, r.c.Flow(), in, false)))
			var f Flow
			require.True(t, l.Transmit(r.now, &f, &ours))
			in = arrival(wire.ACK, peerISS.Add(1), ours.Seg.Seq.Add(1))
			in.Seg.Window = 100
			v, hs := l.Arrive(r.now, r.c.Flow(), in, false)
			require.Equal(t, Established, v)
			r.c.InitPassive(r.now, r.env, 1, hs, o, 1500)
			r.c.Arrive(r.now, in)
		} else {
			r.c.Open(r.now)
			ours = r.segment()
			r.opt = syn
			r.in("SA", 0, 1, 100, 0)
			require.EqualValues(t, 100, r.c.snd.wnd, "%s: a SYN's own window is never scaled", row.rule)
			r.opt = wire.TCPOptions{}
			r.in("A", 1, 1, 100, 0)
		}
		require.Equal(t, row.wantOffer, ours.Seg.Options.HasWindowScale, row.rule)
		require.Equal(t, row.peerWindow, r.c.snd.wnd, row.rule)
		require.Equal(t, row.weScale, r.c.opt.rcvShift > 0, row.rule)
		r.out()

		// Later segments carry no such option, and one that does is not believed.
		r.opt = wire.TCPOptions{HasWindowScale: true, WindowScale: 9}
		r.in("PA", 1, 1, 100, 10)
		r.opt = wire.TCPOptions{}
		require.Equal(t, row.peerWindow, r.c.snd.wnd, row.rule)
		r.write(50)
		for _, s := range r.segments() {
			require.False(t, s.Seg.Options.HasWindowScale, row.rule)
		}
	}
}

func TestReqC_WScaleOver14(t *testing.T) { // RFC 7323 2.3
	for shift, want := range map[uint8]uint32{13: 50 << 13, 14: 50 << 14, 15: 50 << 14, 31: 50 << 14, 32: 50 << 14, 255: 50 << 14} {
		r := connected(t, Config{}, Options{}, wire.TCPOptions{HasWindowScale: true, WindowScale: shift})
		r.in("A", 1, 1, 50, 0)
		require.Equal(t, want, r.c.snd.wnd, shift)
		require.Equal(t, min(shift, 14), r.c.Info(r.now).SndWscale)
	}
	require.LessOrEqual(t, windowShift(maxBuffer), uint8(14), "nor do we offer more")
	require.LessOrEqual(t, windowShift(1<<30), uint8(14))
}

// Every segment but a RST of what is no connection carries timestamps once both SYNs did, and none does
// otherwise (RFC 7323 3.2).
func TestReqC_TSAlways(t *testing.T) {
	for _, agreed := range []bool{true, false} {
		w := newWorld(t, 3, Config{}, Options{KeepAlive: true, KeepIdle: time.Minute})
		w.b.env.Config.NoTimestamps = !agreed
		w.loss, w.jitter, w.dup = 0.1, 5*ms, 0.05
		kinds := map[trace.Reason]int{}
		w.see = func(p *peer, s *Segment) {
			if s.Seg.Flags&wire.RST != 0 {
				return
			}
			first := s.Seg.Flags&(wire.SYN|wire.ACK) == wire.SYN
			require.Equal(t, agreed || first, s.Seg.Options.HasTimestamps, "%v", s.Seg)
			kinds[s.Why]++
		}
		w.transfer(150000, 50000)
		require.Greater(t, len(kinds), 5, "data, ACKs, retransmissions, FINs: %v", kinds)
	}
	// What a transfer does not show: probes, keep-alives, challenges.
	r := timestampRig(t)
	r.in("R", 5, 0, 0, 0) // challenge
	require.True(t, r.segment().Seg.Options.HasTimestamps)
	r.in("A", 1, 1, 0, 0)
	r.write(100)
	r.now = r.c.Deadline()
	r.c.Expire(r.now)
	require.True(t, r.segment().Seg.Options.HasTimestamps, "a window probe")
	r.c.Abort(r.now)
	require.True(t, r.segment().Seg.Options.HasTimestamps, "the RST of an abort (SHOULD)")
}

func TestReqC_PAWS(t *testing.T) { // RFC 7323 5.3, R1
	for _, row := range []struct {
		rule  string
		by    uint32 // what is added to TS.Recent
		flags string
		text  int
		taken bool
		reply string
	}{
		{"the same timestamp: taken", 0, "PA", 10, true, ". 1:1 ack 11"},
		{"a newer one: taken", 1, "PA", 10, true, ". 1:1 ack 11"},
		{"newer by almost half the circle: taken", 1<<31 - 1, "PA", 10, true, ". 1:1 ack 11"},
		{"older by one: dropped, and acknowledged", ^uint32(0), "PA", 10, false, ". 1:1 ack 1"},
		{"older by half the circle", 1 << 31, "PA", 10, false, ". 1:1 ack 1"},
		{"an old FIN", ^uint32(0), "FA", 0, false, ". 1:1 ack 1"},
		{"an old SYN", ^uint32(0), "S", 0, false, ". 1:1 ack 1"},
	} {
		r := timestampRig(t)
		r.c.opts.QuickACK = true
		r.opt.TSVal += row.by
		r.in(row.flags, 1, 1, 60000, row.text)
		require.Equal(t, row.reply, r.out(), row.rule)
		require.Equal(t, row.taken, r.c.Readable() == 10, row.rule)
		require.Equal(t, !row.taken, r.env.Stats.Dropped[trace.DropPAWS] == 1, row.rule)
		require.Equal(t, StateEstablished, r.c.State(), row.rule)
	}
	// A RST is judged by its number alone.
	r := timestampRig(t)
	r.opt.TSVal--
	r.in("R", 1, 1, 0, 0)
	require.Equal(t, StateClosed, r.c.State())
}

func TestReqC_TSRecentUpdate(t *testing.T) { // RFC 7323 4.3, 5.3 R3
	for _, row := range []struct {
		rule      string
		seq, text int
		flags     string
		by        uint32
		updates   bool
	}{
		{"begins at Last.ACK.sent", 1, 10, "A", 5, true},
		{"begins before it and reaches past it", -5, 10, "A", 5, true},
		{"no text, at Last.ACK.sent", 1, 0, "A", 5, true},
		{"the same timestamp again", 1, 10, "A", 0, true},
		{"ahead of it: a hole is before", 11, 10, "A", 5, false},
		{"ahead by one", 2, 10, "A", 5, false},
		{"old text, all of it acknowledged", -20, 10, "A", 5, false},
		{"outside the window", 1 << 29, 10, "A", 5, false},
		{"a RST that does not count", 2, 0, "R", 5, false},
	} {
		r := timestampRig(t)
		before := r.c.rcv.tsRecent
		r.opt.TSVal += row.by
		r.in(row.flags, row.seq, 1, 60000, row.text)
		want := before
		if row.updates {
			want += row.by
		}
		require.Equal(t, want, r.c.rcv.tsRecent, row.rule)
	}
	// Last.ACK.sent, not RCV.NXT: while the ACK is delayed, the echo is that of
	// the first segment it is for.
	r := timestampRig(t)
	r.opt.TSVal = 200
	r.in("A", 1, 1, 60000, 1000)
	require.Empty(t, r.out())
	r.opt.TSVal = 300
	r.in("A", 1001, 1, 60000, 1000)
	s := r.segment()
	require.EqualValues(t, 200, s.Seg.Options.TSEcr)
}

func TestTimestampOffsetIsKeyed(t *testing.T) { // RFC 7323 5.4, 7.1; C-16
	first := func(seed byte, f Flow, at time.Duration) uint32 {
		e := NewEnv(Config{}, [32]byte{seed}, establishedRig(t, plain, Options{}).env.Budget, nil)
		var c Conn
		c.Init(e, 1, f, Options{}, 1500)
		c.Open(epoch.Add(at))
		var s Segment
		require.True(t, c.Transmit(epoch.Add(at), &s))
		c.Release()
		return s.Seg.Options.TSVal
	}
	here := Flow{addrA, addrB}
	v := first(1, here, 0)
	require.Equal(t, v, first(1, here, 0), "the next incarnation has the same offset")
	require.Equal(t, v+60000, first(1, here, time.Minute), "so its timestamps go on (RFC 6191)")
	uptime := uint32(time.Duration(epoch) / tsTick)
	seen := map[uint32]bool{uptime: true}
	for i := range 1000 { // nobody's tells the uptime, or another's
		f := client(i)
		ts := first(1, f, 0)
		require.False(t, seen[ts], i)
		seen[ts] = true
	}
	require.NotEqual(t, v, first(2, here, 0), "the key is the host's")

	l, e := listening(t, Config{})
	in := arrival(wire.SYN, 5, 0)
	in.Seg.Options = wire.TCPOptions{HasTimestamps: true, TSVal: 1}
	require.Equal(t, Answered, must(l.Arrive(epoch, client(1), in, false)))
	require.Equal(t, uptime+e.tsOffset(client(1)), transmitted(t, l, client(1)).Seg.Options.TSVal, "a SYN-ACK too")
}
