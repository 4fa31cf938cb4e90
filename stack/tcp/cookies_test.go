package tcp

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/buffer"
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

func TestCookieMSS(t *testing.T) { // RFC 4987 3.6, RFC 9293 MUST-16
	e := NewEnv(Config{}, [32]byte{3}, buffer.NewBudget(0), nil)
	for mss := minPeerMSS; mss <= 65535; mss++ {
		f := client(mss)
		got, ok := e.openCookie(epoch, &f, 5, e.cookie(epoch, &f, 5, uint16(mss)))
		want := cookieMSS[0] // the largest that is not above the peer's
		for _, m := range cookieMSS {
			if int(m) <= mss {
				want = m
			}
		}
		if !ok || got != want {
			t.Fatalf("%d became %d, %v; want %d", mss, got, ok, want)
		}
	}
}

func TestCookieLasts(t *testing.T) {
	e := NewEnv(Config{}, [32]byte{3}, buffer.NewBudget(0), nil)
	f := client(1)
	for _, made := range []clock.Instant{1, clock.Instant(63 * time.Second), clock.Instant(64 * time.Second), epoch,
		clock.Instant(255 * 64 * time.Second), clock.Instant(1<<31) * clock.Instant(time.Second)} {
		c := e.cookie(made, &f, 5, 1460)
		for s := range 600 {
			now := made.Add(time.Duration(s) * 37 * time.Second)
			_, ok := e.openCookie(now, &f, 5, c)
			age := cookieTime(now) - cookieTime(made)
			require.Equal(t, age < 2, ok, "made %v, %d s old", made, 37*s)
		}
	}
	_, ok := e.openCookie(1, &f, 5, e.cookie(epoch, &f, 5, 1460))
	require.False(t, ok, "from a time to come")
}

// Every single bit counts: of the cookie, the peer's ISN, addresses and ports;
// and a guess is as good as none.
func TestCookieForged(t *testing.T) {
	e := NewEnv(Config{}, [32]byte{3}, buffer.NewBudget(0), nil)
	for i := range 100 {
		f, irs := client(i), wire.Seq(i*7919)
		c := e.cookie(epoch, &f, irs, 1460)
		for bit := range 32 {
			_, ok := e.openCookie(epoch, &f, irs, c^1<<bit)
			require.False(t, ok && bit > 2, "bit %d of the cookie; the low ones may name another MSS", bit)
			_, ok = e.openCookie(epoch, &f, irs^1<<bit, c)
			require.False(t, ok, "bit %d of the peer's ISN", bit)
		}
		g := client(i + 1)
		_, ok := e.openCookie(epoch, &g, irs, c)
		require.False(t, ok, "another peer")
		g = Flow{f.Remote, f.Local}
		_, ok = e.openCookie(epoch, &g, irs, c)
		require.False(t, ok, "the other way round")
	}
	other := NewEnv(Config{}, [32]byte{4}, buffer.NewBudget(0), nil)
	r, f := rand.New(rand.NewPCG(1, 2)), client(1)
	for range 1 << 18 {
		_, ok := e.openCookie(epoch, &f, 5, wire.Seq(r.Uint32()))
		if ok {
			t.Fatal("a guess was good")
		}
	}
	_, ok := e.openCookie(epoch, &f, 5, other.cookie(epoch, &f, 5, 1460))
	require.False(t, ok, "another host's")
}

// The next incarnation of a four-tuple begins beyond the one before, as the
// peer's ISN or the time moves on (RFC 9293 3.4.1).
func TestCookieGrows(t *testing.T) {
	e := NewEnv(Config{}, [32]byte{3}, buffer.NewBudget(0), nil)
	f := client(1)
	const irs, proof = wire.Seq(5), 1 << cookieBits
	c := e.cookie(epoch, &f, 5, 1460)
	require.True(t, c.Less(e.cookie(epoch.Add(2*cookiePeriod), &f, 5, 1460)))
	require.True(t, c.Less(e.cookie(epoch, &f, irs.Add(proof), 1460)))
	require.False(t, c.Less(e.cookie(epoch, &f, irs.Add(-proof), 1460)))
}

// A cookie's timestamp never runs ahead of the clock and never further behind
// than its low bits, so that it grows as the clock does (RFC 7323 5.3).
func TestCookieStamp(t *testing.T) {
	e := NewEnv(Config{}, [32]byte{3}, buffer.NewBudget(0), nil)
	for _, from := range []uint32{0, 1 << 31, 1<<32 - 200, 12345} {
		for bits := range 64 {
			a := agreed{ts: true, ecn: bits&1 != 0, sack: bits&2 != 0}
			if shift := bits >> 2; shift <= maxWindowShift {
				a.scale, a.sndShift, a.rcvShift = true, uint8(shift), windowShift(defaultMaxRecv)
			}
			last := a.stamp(from)
			for ts := from; ts != from+300; ts++ {
				v := a.stamp(ts)
				var b agreed
				b.unstamp(e, &Options{}, v)
				if ts-v >= 64 || tsLess(v, last) || a != b {
					t.Fatalf("%+v at %d: %d after %d, which says %+v", a, ts, v, last, b)
				}
				last = v
			}
		}
	}
	off := NewEnv(Config{NoSACK: true, NoScale: true, ECN: ECNOff}, [32]byte{3}, buffer.NewBudget(0), nil)
	var a agreed
	a.unstamp(off, &Options{}, stampECN|stampSACK|7<<stampScale)
	require.Equal(t, agreed{ts: true}, a, "what is switched off stays off, whatever the peer echoes")
}

// baked lets a SYN arrive for which the answer is a cookie, and returns it.
func baked(t *testing.T, l *Listener, now clock.Instant, f Flow, in *Arrival) Segment {
	v, hs := l.Arrive(now, f, in, false)
	require.Equal(t, Cookie, v)
	require.Nil(t, hs)
	var out Segment
	l.Cookie(now, f, in, &out)
	require.Equal(t, in.Seg.Seq.Add(1), out.Seg.Ack)
	return out
}

// A cookie makes the connection that a record would have made.
func TestCookieIsAsGoodAsARecord(t *testing.T) {
	for bits := range 32 {
		o := wire.TCPOptions{HasMSS: true, MSS: 1440}
		o.HasTimestamps, o.TSVal = bits&1 != 0, 77
		o.SACKPermitted = bits&2 != 0
		o.HasWindowScale, o.WindowScale = bits&4 != 0, uint8(bits)
		syn, ack := arrival(wire.SYN, 5, 0), arrival(wire.ACK, 6, 0)
		syn.Seg.Options = o
		if bits&8 != 0 {
			syn.Seg.Flags |= wire.ECE | wire.CWR
		}
		run := func(mode CookieMode) (Segment, agreed, *Conn) {
			l, e := listening(t, Config{SYNCookies: mode})
			var out Segment
			if mode == CookiesAlways {
				out = baked(t, l, epoch, client(bits), syn)
			} else {
				l.Arrive(epoch, client(bits), syn, false)
				out = transmitted(t, l, client(bits))
			}
			ack.Seg.Ack = out.Seg.Seq.Add(1)
			if o.HasTimestamps {
				ack.Seg.Options = wire.TCPOptions{HasTimestamps: true, TSVal: 78, TSEcr: out.Seg.Options.TSVal}
			}
			v, hs := l.Arrive(epoch.Add(time.Second), client(bits), ack, false)
			require.Equal(t, Established, v)
			c := new(Conn)
			c.InitPassive(epoch.Add(time.Second), e, 4, hs, Options{}, 1500)
			c.Arrive(epoch.Add(time.Second), ack)
			require.Equal(t, StateEstablished, c.State())
			t.Cleanup(c.Release)
			out.Seg.Seq, out.Seg.Options.TSVal, out.Why = 0, 0, 0
			return out, hs.opt, c
		}
		want, opt, byRecord := run(CookiesOff)
		got, gotOpt, byCookie := run(CookiesAlways)
		require.Equal(t, byRecord.rcv.nxt, byCookie.rcv.nxt)
		require.Equal(t, byRecord.rcv.adv, byCookie.rcv.adv)
		require.Equal(t, byRecord.rcv.tsRecent, byCookie.rcv.tsRecent)
		if o.HasTimestamps {
			require.Equal(t, want, got, "the same SYN-ACK, %05b", bits)
			require.Equal(t, opt, gotOpt)
			require.Equal(t, byRecord.snd.wnd, byCookie.snd.wnd)
			continue
		}
		require.Equal(t, agreed{peerMSS: 1440}, gotOpt, "without timestamps the MSS only")
		require.Equal(t, wire.TCPOptions{HasMSS: true, MSS: 1460}, got.Seg.Options)
		require.Equal(t, wire.SYN|wire.ACK, got.Seg.Flags)
	}
}

func TestCookieVerdicts(t *testing.T) {
	type step struct {
		rule string
		in   func(iss wire.Seq) *Arrival
		full bool
		want Verdict
		stat ListenStats
	}
	for _, row := range []step{
		{"the right ACK", func(iss wire.Seq) *Arrival { return arrival(wire.ACK, 6, iss.Add(1)) }, false, Established, ListenStats{SyncookiesRecv: 1}},
		{"with a FIN", func(iss wire.Seq) *Arrival { return arrival(wire.ACK|wire.FIN, 6, iss.Add(1)) }, false, Established, ListenStats{SyncookiesRecv: 1}},
		{"a full accept queue", func(iss wire.Seq) *Arrival { return arrival(wire.ACK, 6, iss.Add(1)) }, true, Dropped, ListenStats{SyncookiesRecv: 1, ListenOverflows: 1, ListenDrops: 1}},
		{"a wrong ACK is reset (RFC 9293 3.10.7.2, second)", func(iss wire.Seq) *Arrival { return arrival(wire.ACK, 6, iss.Add(77)) }, false, Reset, ListenStats{SyncookiesFailed: 1}},
		{"a segment ahead of the first", func(iss wire.Seq) *Arrival { return arrival(wire.ACK, 7, iss.Add(1)) }, false, Reset, ListenStats{SyncookiesFailed: 1}},
		{"SYN with ACK is reset without a look", func(iss wire.Seq) *Arrival { return arrival(wire.SYN|wire.ACK, 6, iss.Add(1)) }, false, Reset, ListenStats{}},
		{"RST is ignored (RFC 9293 3.10.7.2, first)", func(iss wire.Seq) *Arrival { return arrival(wire.RST|wire.ACK, 6, iss.Add(1)) }, false, Dropped, ListenStats{}},
	} {
		l, e := listening(t, Config{SYNCookies: CookiesAlways})
		out := baked(t, l, epoch, client(1), arrival(wire.SYN, 5, 0))
		v, hs := l.Arrive(epoch.Add(time.Second), client(1), row.in(out.Seg.Seq), row.full)
		require.Equal(t, row.want, v, row.rule)
		require.Equal(t, row.want == Established, hs != nil, row.rule)
		row.stat.SyncookiesSent = 1
		require.Equal(t, row.stat, e.Stats.ListenStats, row.rule)
		require.Zero(t, e.Budget.Used(), row.rule)
		require.Equal(t, clock.Never, l.Deadline(), row.rule)
		var f Flow
		require.False(t, l.Transmit(epoch, &f, &out), "nothing is repeated")
	}
}

// Where no cookie is out nothing is compared: the SYNs of a quiet listener cost no more.
func TestCookieNotExpected(t *testing.T) {
	l, e := listening(t, Config{})
	f := client(1)
	iss := e.cookie(epoch, &f, 5, 1460)
	v, _ := l.Arrive(epoch, f, arrival(wire.ACK, 6, iss.Add(1)), false)
	require.Equal(t, Reset, v)
	require.Zero(t, e.Stats.SyncookiesFailed+e.Stats.SyncookiesRecv)
}

func TestCookieModes(t *testing.T) {
	for _, row := range []struct {
		rule   string
		cfg    Config
		budget int
		want   [2]Verdict
	}{
		{"room for one record", Config{SYNBacklog: 1}, 1 << 20, [2]Verdict{Answered, Cookie}},
		{"no memory for a record", Config{}, 1000, [2]Verdict{Cookie, Cookie}},
		{"always", Config{SYNCookies: CookiesAlways}, 1 << 20, [2]Verdict{Cookie, Cookie}},
		{"never", Config{SYNBacklog: 1, SYNCookies: CookiesOff}, 1 << 20, [2]Verdict{Answered, Dropped}},
	} {
		e := NewEnv(row.cfg, [32]byte{3}, buffer.NewBudget(row.budget), nil)
		l := new(Listener)
		l.Init(e, 1, Options{})
		for i, want := range row.want {
			v, _ := l.Arrive(epoch, client(i), arrival(wire.SYN, 5, 0), false)
			require.Equal(t, want, v, row.rule)
		}
		dropped := uint64(0)
		if row.cfg.SYNCookies == CookiesOff {
			dropped = 1
		}
		require.Equal(t, dropped, e.Stats.Dropped[trace.DropBacklog], row.rule)
		require.Equal(t, ListenStats{ListenDrops: dropped}, e.Stats.ListenStats, row.rule)
		l.Close()
		require.Zero(t, e.Budget.Used())
	}
}

// A SYN comes again when there is room for its record; the ACK of the cookie
// that went out before is as good as that of the SYN-ACK.
func TestCookieBeforeRecord(t *testing.T) {
	l, _ := listening(t, Config{SYNBacklog: 1})
	f, g := client(1), client(2)
	first := synAcked(t, l, f, 5)
	cookie := baked(t, l, epoch, g, arrival(wire.SYN, 50, 0))
	v, _ := l.Arrive(epoch, f, arrival(wire.ACK, 6, first.Seg.Seq.Add(1)), false)
	require.Equal(t, Established, v)
	second := synAcked(t, l, g, 50)
	require.NotEqual(t, cookie.Seg.Seq, second.Seg.Seq)
	v, _ = l.Arrive(epoch, g, arrival(wire.ACK, 51, second.Seg.Seq.Add(2)), false)
	require.Equal(t, Reset, v)
	require.Equal(t, 1, l.syns.n)
	v, hs := l.Arrive(epoch, g, arrival(wire.ACK, 51, cookie.Seg.Seq.Add(1)), false)
	require.Equal(t, Established, v)
	require.Equal(t, cookie.Seg.Seq, hs.iss)
	require.Zero(t, l.syns.n)
}

// A transfer through a handshake by cookie, with everything agreed and with
// the MSS only: no timestamp looks old to the peer, no sequence number is off.
func TestCookieTransfer(t *testing.T) {
	for _, cfg := range []Config{{}, {NoTimestamps: true}, {NoSACK: true}, {NoScale: true}, {ECN: ECNRequest}} {
		cfg.SYNCookies = CookiesAlways
		w := newWorld(t, 1, cfg, Options{})
		w.transfer(300000, 200000)
		require.Zero(t, w.a.env.Stats.Dropped[trace.DropPAWS])
		require.EqualValues(t, 1, w.b.env.Stats.SyncookiesRecv)
	}
}

// Cookies do not tell our window scale: one that went out under another is refused.
func TestCookieScaleChanges(t *testing.T) {
	for buffer, want := range map[int]Verdict{defaultMaxRecv: Established, defaultMaxRecv + 1: Established, 4 << 10: Reset} {
		l, _ := listening(t, Config{SYNCookies: CookiesAlways})
		out := baked(t, l, epoch, client(1), arrival(wire.SYN, 5, 0))
		l.SetOptions(Options{RecvBuffer: buffer})
		v, _ := l.Arrive(epoch, client(1), arrival(wire.ACK, 6, out.Seg.Seq.Add(1)), false)
		require.Equal(t, want, v, buffer)
	}
}

// Nothing is allocated and nothing grows for a SYN (attack 37).
func TestCookieAllocatesNothing(t *testing.T) {
	l, e := listening(t, Config{SYNBacklog: 64})
	now, i := epoch, 0
	var out Segment
	var f Flow
	syn, ack := arrival(wire.SYN, 5, 0), arrival(wire.ACK, 6, 99)
	syn.Seg.Options = wire.TCPOptions{HasMSS: true, MSS: 1460, HasTimestamps: true, TSVal: 1}
	flood := func() {
		i++
		now = now.Add(time.Millisecond)
		l.Expire(now)
		if v, _ := l.Arrive(now, client(i), syn, false); v == Cookie {
			l.Cookie(now, client(i), syn, &out)
		}
		l.Arrive(now, client(i+1), ack, false)
		for l.Transmit(now, &f, &out) {
			continue
		}
	}
	for range 1000 {
		flood()
	}
	used := e.Budget.Used()
	require.Zero(t, testing.AllocsPerRun(5000, flood))
	require.Equal(t, used, e.Budget.Used())
	require.NotZero(t, e.Stats.SyncookiesSent)
}
