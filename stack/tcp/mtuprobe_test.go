package tcp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp/congestion"
	"github.com/sockeye-net/sockeye/stack/trace"
)

// A blackHole swallows what is larger than mtu on its way from a to b, and
// notes what it sees.
type blackHole struct {
	mtu       int
	swallowed int
	probes    []int // sizes of the packets that were probes
	largest   int   // of those that passed
}

func dig(w *world, mtu int) *blackHole {
	b := &blackHole{mtu: mtu}
	w.lose = func(from *peer, s *Segment) bool {
		if from != w.a {
			return false
		}
		size := s.Len()
		if s.GSOSize > 0 {
			size = s.GSOSize
		}
		size += s.Seg.HeaderLen() + 20
		if s.Why == trace.SendMTUProbe {
			require.Zero(w.t, s.GSOSize, "a probe is one segment")
			c, behind := w.a.conn, 4*w.a.conn.MSS() // what draws the duplicate ACKs that tell of its loss
			require.GreaterOrEqual(w.t, c.cwnd(), s.Len()+behind)
			require.GreaterOrEqual(w.t, int(c.snd.wnd), s.Len()+behind)
			require.GreaterOrEqual(w.t, c.unsent(), behind)
			b.probes = append(b.probes, size)
		}
		if size > b.mtu {
			b.swallowed++
			return true
		}
		b.largest = max(b.largest, size)
		return false
	}
	return b
}

// RFC 4821: 1500 bytes are advertised, fewer pass, and nobody says so.
func TestBlackHole(t *testing.T) {
	for _, c := range []struct {
		rule   string
		cfg    Config
		mtu    int
		gso    int
		probes int // at most, that fail or succeed
	}{
		{"1280 passes", Config{}, 1280, 0, 9},
		{"with super-segments", Config{}, 1280, 65535, 9},
		{"without SACK", Config{NoSACK: true}, 1280, 0, 9},
		{"without timestamps", Config{NoTimestamps: true}, 1280, 0, 9},
		{"Reno", Config{Congestion: congestion.NewReno{}}, 1280, 0, 9},
		{"PPPoE's 1492", Config{}, 1492, 0, 9},
		{"1420, a tunnel", Config{}, 1420, 0, 9},
		{"less than the base: 600", Config{}, 600, 0, 10},
		{"from the beginning", Config{MTUProbing: MTUProbeAlways}, 1280, 0, 9},
		{"from the beginning, and all passes", Config{MTUProbing: MTUProbeAlways}, 1500, 0, 1},
	} {
		t.Run(c.rule, func(t *testing.T) {
			w := newWorld(t, 1, c.cfg, Options{})
			w.a.env.MaxGSO = c.gso
			hole := dig(w, c.mtu)
			began := w.now
			fell := clock.Never
			first, last := 0, 0 // ssthresh
			w.see = func(p *peer, s *Segment) {
				if p != w.a || s.Len() == 0 {
					return
				}
				a := w.a.conn
				last = a.cc.Ssthresh()
				if m := a.search; fell == clock.Never && m != nil && !m.doubted {
					fell, first = w.now, last
				}
			}
			w.transfer(1<<19, 0)
			require.Less(t, w.now.Sub(began), 5*time.Second, "%d probes", len(hole.probes))
			require.LessOrEqual(t, len(hole.probes), c.probes)
			require.NotEmpty(t, hole.probes)
			require.GreaterOrEqual(t, hole.largest, c.mtu-searchEnd, "found")
			require.LessOrEqual(t, hole.largest, c.mtu)
			require.NotEqual(t, clock.Never, fell)
			// RFC 4821 7.6.2: a probe that is lost, and nothing else, is no congestion.
			require.Equal(t, first, last)
			if c.cfg.MTUProbing == MTUProbeAlways {
				require.LessOrEqual(t, hole.swallowed, c.probes, "nothing but probes")
				require.Less(t, w.now.Sub(began), 2*time.Second)
			}
		})
	}
}

// MTUProbeOff leaves it to ICMP: the connection gives up.
func TestBlackHoleNobodyLooksFor(t *testing.T) {
	w := newWorld(t, 1, Config{MTUProbing: MTUProbeOff}, Options{UserTimeout: time.Minute})
	hole := dig(w, 1280)
	w.establish()
	w.a.conn.Write(w.now, make([]byte, 100000))
	w.flush(w.a)
	for w.a.conn.State() != StateClosed && w.step() {
		continue
	}
	require.Equal(t, ErrTimeout, w.a.conn.Err())
	require.Empty(t, hole.probes)
}

// What was no black hole but a pause of the whole path costs one round trip: the
// first probe is of full size, and that ends the search.
func TestSearchAfterOutage(t *testing.T) {
	w := newWorld(t, 1, Config{}, Options{})
	hole := dig(w, 0)
	pause := epoch.Add(6 * time.Second)
	swallow := w.lose
	w.lose = func(from *peer, s *Segment) bool {
		hole.mtu = 1500
		if w.now > epoch.Add(100*ms) && w.now < pause {
			hole.mtu = 0
		}
		return swallow(from, s)
	}
	fell := false
	w.see = func(p *peer, _ *Segment) { fell = fell || w.a.conn.search != nil }
	w.transfer(1_500_000, 0)
	require.True(t, fell)
	require.Equal(t, []int{1500}, hole.probes)
	require.Nil(t, w.a.conn.search)
	require.Less(t, w.now.Sub(pause), 4*time.Second)
}

// searcher is a connection that has found 1280 where 1500 were thought to pass,
// and the world around it.
func searcher(t *testing.T) (*world, *blackHole) {
	w := newWorld(t, 1, Config{}, Options{})
	hole := dig(w, 1280)
	w.establish()
	w.more(1 << 19)
	require.Equal(t, 1280, w.a.conn.PathMTU())
	require.Equal(t, EvPathMTU, w.a.conn.Events()&EvPathMTU)
	return w, hole
}

// more sends n bytes from a to b and waits until they have arrived.
func (w *world) more(n int) {
	a, b := w.a.conn, w.b.conn
	buf := make([]byte, 1<<16)
	for got := 0; got < n || a.snd.una != a.snd.nxt; {
		if want := min(n-a.out.Len()-got, a.Writable()); want > 0 {
			a.Write(w.now, make([]byte, want))
			w.flush(w.a)
		}
		require.True(w.t, w.step(), "it stopped: %v", w)
		for k := b.Read(w.now, buf); k > 0; k = b.Read(w.now, buf) {
			got += k
			w.flush(w.b)
		}
	}
}

// A search that is over begins anew after ten minutes, not before (RFC 4821 7.5).
func TestSearchAgain(t *testing.T) {
	w, hole := searcher(t)
	hole.mtu, hole.probes = 1500, nil
	w.now = w.now.Add(searchAgain - time.Minute)
	w.more(1 << 18)
	require.Empty(t, hole.probes)
	w.now = w.now.Add(time.Minute)
	w.more(1 << 18)
	require.Equal(t, []int{1500}, hole.probes)
	require.Equal(t, 1500, w.a.conn.PathMTU())
	require.Zero(t, w.a.env.Budget.Used(), "the search is over for good")
}

// A router that says its MTU after all bounds the search, and ends it.
func TestSearchHearsOfRouter(t *testing.T) {
	w, hole := searcher(t)
	a := w.a.conn
	hole.probes = nil
	a.SetPMTU(w.now, 1000)
	require.Equal(t, 1000-52, a.MSS())
	w.more(1 << 16)
	require.Empty(t, hole.probes)
	a.SetPMTU(w.now, 1500) // the router's word is too old
	require.Equal(t, 1000-52, a.MSS(), "up only by probes")
	hole.mtu = 1500
	w.more(1 << 18)
	require.Equal(t, []int{1500}, hole.probes)
	require.Equal(t, 1500-52, a.MSS())
}

// A probe refused by a router is not waited for.
func TestProbeRefused(t *testing.T) {
	w, hole := searcher(t)
	a := w.a.conn
	hole.probes = nil
	w.now = w.now.Add(searchAgain)
	a.Write(w.now, make([]byte, 100000))
	w.flush(w.a)
	require.Equal(t, []int{1500}, hole.probes)
	before := a.cc.Window()
	a.SetPMTU(w.now, 1400)
	require.Zero(t, a.search.size)
	require.Positive(t, a.sb.lostBytes)
	w.flush(w.a)
	require.Equal(t, a.sb.lostBytes, a.sb.resentBytes, "at once")
	require.Equal(t, before, a.cc.Window())
}

// A probe that is lost among others says nothing; the loss is congestion (RFC
// 4821 7.6.3). Three times in a row it counts as failed.
func TestProbeLostAmongOthers(t *testing.T) {
	w, hole := searcher(t)
	a := w.a.conn
	hole.mtu = 1500
	swallow, kill := w.lose, 0
	w.lose = func(p *peer, s *Segment) bool {
		if p == w.a && s.Why == trace.SendMTUProbe {
			kill = 3
		}
		if p == w.a && kill > 0 && s.Len() > 0 {
			kill--
			return swallow(p, s) || true
		}
		return swallow(p, s)
	}
	for i := range maxUnclear {
		hole.probes = nil
		before := a.cc.Window()
		w.now = w.now.Add(searchAgain)
		w.more(1 << 18)
		require.Less(t, a.cc.Ssthresh(), before, "%d", i)
		if len(hole.probes) >= maxUnclear {
			break
		}
	}
	require.Less(t, int(a.search.high), 1500)
}

// Who follows another connection's search goes on with it where it is not over,
// and waits for ten minutes where it is; up, it goes at once.
func TestFollowSearch(t *testing.T) {
	for _, over := range []bool{false, true} {
		w := newWorld(t, 1, Config{}, Options{})
		hole := dig(w, 1280)
		w.establish()
		a := w.a.conn
		a.FollowSearch(w.now, 1500, over)
		require.Nil(t, a.search, "nothing that was not known")
		a.FollowSearch(w.now, 1280, over)
		require.Equal(t, 1280, a.PathMTU())
		require.Equal(t, !over, a.Searching())
		w.more(1 << 19)
		require.Equal(t, over, len(hole.probes) == 0)
		require.Equal(t, len(hole.probes), hole.swallowed, "nothing else was lost")
		require.Equal(t, 1280, a.PathMTU())
		a.FollowSearch(w.now, 1000, over)
		require.Equal(t, 1280, a.PathMTU(), "it knows better")
		a.FollowSearch(w.now, 1400, true)
		require.Equal(t, 1400-52, a.MSS())
		require.False(t, a.Searching())
		a.FollowSearch(w.now, 1500, true)
		require.Nil(t, a.search, "all passes")
		require.Equal(t, 1500-52, a.MSS())
		a.FollowSearch(w.now, 551, true)
		require.Nil(t, a.search, "nonsense")
	}
}

// Without room in the Budget there is no search, and no harm.
func TestSearchWithoutMemory(t *testing.T) {
	w := newWorld(t, 1, Config{}, Options{})
	w.establish()
	b := w.a.env.Budget
	require.True(t, b.Take(b.Free()))
	require.False(t, w.a.conn.searchFrom(w.now, baseMTU))
	require.Equal(t, 1500-52, w.a.conn.MSS())
}

// checkSearch holds what is true of a search at any time.
func checkSearch(t testing.TB, c *Conn) {
	m := c.search
	if m == nil {
		return
	}
	require.GreaterOrEqual(t, int(m.low), min(leastMTU, int(c.mtu)))
	require.LessOrEqual(t, c.MSS()+c.optionLen(0)+headers, int(m.low))
	if m.size != 0 {
		require.NotNil(t, c.sb)
		require.True(t, c.snd.una.Less(m.out.r) && m.out.r.LessEq(c.snd.nxt), "a probe that is not out")
		require.LessOrEqual(t, int(m.size), c.env.MTU)
		require.Equal(t, int(m.size), m.out.r.Sub(m.out.l)+c.optionLen(0)+headers)
	}
}

// Whatever happens to the path and whatever routers say meanwhile, the stream
// arrives, and the invariants hold after every step.
func TestSearchUnderFaults(t *testing.T) {
	for seed := range uint64(12) {
		cfg := Config{NoSACK: seed%3 == 0, NoTimestamps: seed%2 == 0}
		if seed%5 == 0 {
			cfg.MTUProbing = MTUProbeAlways
		}
		w := newWorld(t, seed, cfg, Options{})
		if seed%4 == 0 {
			w.a.env.MaxGSO = 65535
		}
		w.loss, w.jitter, w.dup = float64(seed%4)*0.01, time.Duration(seed%3)*3*ms, float64(seed%2)*0.01
		hole := dig(w, 1500)
		swallow := w.lose
		n := 0
		w.lose = func(p *peer, s *Segment) bool {
			if n++; n%200 == 0 {
				hole.mtu = []int{576, 1006, 1280, 1400, 1492, 1500}[w.rnd.IntN(6)]
			}
			if c := w.a.conn; p == w.a && c != nil && w.rnd.IntN(300) == 0 {
				switch w.rnd.IntN(3) {
				case 0:
					c.FollowSearch(w.now, hole.mtu, w.rnd.IntN(2) == 0)
				case 1:
					c.opts.NoDF = !c.opts.NoDF
				}
			}
			return swallow(p, s)
		}
		w.see = func(p *peer, s *Segment) {
			if c := w.a.conn; p == w.a && c != nil && s.Len() > 0 {
				checkSearch(t, c)
			}
		}
		w.routers(t, hole)
		w.transfer(200_000, 1<<15)
	}
}

// routers makes routers tell a of the hole's MTU now and then, right or too late.
func (w *world) routers(t testing.TB, hole *blackHole) {
	see := w.see
	n := 0
	w.see = func(p *peer, s *Segment) {
		see(p, s)
		if n++; p == w.b && n%47 == 0 && w.a.conn != nil {
			c := w.a.conn
			c.SetPMTU(w.now, []int{hole.mtu, 1500, 700, 100}[w.rnd.IntN(4)])
			checkSearch(t, c)
			checkConn(t, c, w)
		}
	}
}

// always has a search on from the beginning, over a path where everything passes.
func always(t *testing.T, o Options) (*world, *blackHole) {
	w := newWorld(t, 1, Config{MTUProbing: MTUProbeAlways}, o)
	hole := dig(w, 1500)
	w.establish()
	require.Equal(t, baseMTU, w.a.conn.PathMTU())
	return w, hole
}

// A probe goes where so much data lies behind it that its loss would show (RFC 4821 7.4).
func TestProbeNeedsData(t *testing.T) {
	const enough = 1448 + 4*1012
	w, hole := always(t, Options{NoDelay: true})
	w.more(enough - 1)
	require.Empty(t, hole.probes)
	w.more(enough)
	require.Equal(t, []int{1500}, hole.probes)
}

// In a small window a probe waits until there is room, and the rest with it; in one
// that never has room for it there is none.
func TestProbeNeedsWindow(t *testing.T) {
	w, hole := always(t, Options{RecvBuffer: 4096})
	w.more(100_000)
	require.Empty(t, hole.probes)
	w, hole = always(t, Options{RecvBuffer: 8192})
	w.more(100_000)
	require.Equal(t, []int{1500}, hole.probes)
}

// What a router says bounds the search that is on, and is tried first.
func TestSearchUpToRoutersWord(t *testing.T) {
	w, hole := always(t, Options{})
	w.a.conn.SetPMTU(w.now, 1300)
	w.more(1 << 16)
	require.Equal(t, []int{1300}, hole.probes)
	require.Equal(t, 1300, w.a.conn.PathMTU())
	require.NotZero(t, w.a.conn.Events()&EvPathMTU, "who follows may try it too")
}

// The size that is fallen back to is told as soon as something of it has arrived.
func TestFallIsTold(t *testing.T) {
	r := newRig(t, plain, Options{NoDelay: true})
	r.c.Open(r.now)
	r.out()
	r.opt.HasMSS, r.opt.MSS = true, 1460
	r.in("SA", 0, 1, 60000, 0)
	r.out()
	r.write(1460)
	r.out()
	for range timeoutsToBase {
		require.Zero(t, r.c.Events()&EvPathMTU)
		r.fire()
	}
	require.Zero(t, r.c.Events()&EvPathMTU, "a guess")
	r.in("A", 1, 1025, 60000, 0)
	require.NotZero(t, r.c.Events()&EvPathMTU)
	require.Equal(t, baseMTU, r.c.PathMTU())
}

// While others of its size are SACKed, a segment that times out is not suspected of
// its size until it has done so for long.
func TestSACKedSizeIsNotSuspected(t *testing.T) {
	r := sackRig(t)
	r.write(3000)
	r.out()
	sack(1, 1001, 3001)(r)
	r.out()
	for r.c.snd.backoff < timeoutsToLeast {
		r.fire()
	}
	require.Equal(t, 1000, r.c.MSS())
	r.fire()
	require.Equal(t, 512, r.c.MSS())
}

// A probe that is always lost among others counts as failed in the end.
func TestProbeNeverAlone(t *testing.T) {
	w, hole := always(t, Options{})
	swallow, kill := w.lose, 0
	w.lose = func(p *peer, s *Segment) bool {
		gone := swallow(p, s)
		if p == w.a && s.Why == trace.SendMTUProbe && s.Len() > 1400 {
			kill = 3
		}
		if p == w.a && kill > 0 && s.Len() > 0 {
			kill--
			gone = true
		}
		return gone
	}
	w.more(1 << 20)
	tries := 0
	for _, size := range hole.probes {
		if size == 1500 {
			tries++
		}
	}
	require.Equal(t, maxUnclear, tries)
}
