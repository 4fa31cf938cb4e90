package host

import (
	"math/rand/v2"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/tcp"
)

// checkMemoryLists holds what the lists of orphans, of stalled connections and
// of TIME-WAIT say against the sockets.
func checkMemoryLists(t testing.TB, h *Host) {
	t.Helper()
	var count [3]int
	for _, s := range h.sockets {
		if !s.live {
			require.Equal(t, unwatched, s.watched)
			continue
		}
		count[s.watched]++
		orphan := s.conn != nil && !s.ended && !s.owned && s.parent == 0 && s.state != tcp.StateTimeWait && s.state != tcp.StateClosed
		require.Equal(t, orphan, s.watched == inOrphans, "%v", s.describe())
		require.True(t, s.watched == unwatched || s.conn != nil && !s.ended)
	}
	for _, l := range []struct {
		list *socketList
		is   watched
	}{{&h.orphans, inOrphans}, {&h.stalled, inStalled}} {
		n := 0
		for s := l.list.head; s != nil; s = s.in[linkAge].next {
			require.Equal(t, l.is, s.watched)
			require.True(t, s.in[linkAge].next == nil || s.agedAt <= s.in[linkAge].next.agedAt, "not in the order of age")
			n++
		}
		require.Equal(t, count[l.is], n)
		require.Equal(t, n, l.list.n)
	}
	require.LessOrEqual(t, h.orphans.n, h.orphanLimit())
	n := 0
	for i := h.waits.first(); i != none; i = h.waits.recs[i].newer {
		f := h.waits.recs[i].flow()
		require.Nil(t, h.flowSocket(f.Local, f.Remote), "a four-tuple twice")
		n++
	}
	require.Equal(t, h.waits.n, n)
	require.LessOrEqual(t, n, h.timeWaitLimit())
	require.GreaterOrEqual(t, h.budget.Free(), 0)
}

// Random calls, losses, pauses and shortages of memory: the lists are right
// after every step, nobody is left behind, and everything comes back.
func TestMemoryListsInChaos(t *testing.T) {
	var sum TCPCounters
	seeds := uint64(16)
	if os.Getenv("SOCKEYE_LONG") != "" {
		seeds = 200
	}
	for seed := range seeds {
		rnd := rand.New(rand.NewPCG(seed, 8))
		w := newWorld(t, func(c *Config) {
			c.Memory = 192 << 10 << rnd.IntN(3)
			c.TCP.MSL = time.Second << rnd.IntN(4)
			c.TCP.NoTimestamps = seed%3 == 0
		})
		w.lose = func(*Host, []byte) bool { return rnd.IntN(30) == 0 }
		l := w.listen(w.b, 10)
		hosts := [2]*Host{w.a, w.b}
		var socks [2][]Handle
		giveBack := [2]func(){func() {}, func() {}}
		buf := make([]byte, 1<<16)
		for range 1500 {
			who := rnd.IntN(2)
			h := hosts[who]
			var s Handle
			if n := len(socks[who]); n > 0 {
				s = socks[who][rnd.IntN(n)]
			}
			switch rnd.IntN(16) {
			case 0, 1, 2:
				if c, err := w.a.Open(w.now, Stream); err == nil {
					_ = w.a.SetOptions(w.now, c, Options{ReuseAddr: true, TCP: tcp.Options{FinWait2: time.Duration(rnd.IntN(4)-1) * 5 * time.Second}})
					if rnd.IntN(2) == 0 { // a few ports, so that four-tuples come again
						_ = w.a.Bind(w.now, c, netip.AddrPortFrom(addrA, uint16(1000+rnd.IntN(4))))
					}
					_ = w.a.Connect(w.now, c, netip.AddrPortFrom(addrB, 80))
					socks[0] = append(socks[0], c)
				}
			case 3, 4:
				if c, err := w.b.Accept(w.now, l); err == nil {
					socks[1] = append(socks[1], c)
				}
			case 5, 6, 7:
				_, _ = h.Send(w.now, s, buf[:rnd.IntN(len(buf))])
			case 8, 9:
				_, _ = h.Recv(w.now, s, buf, 0)
			case 10:
				_ = h.Shutdown(w.now, s, ShutWrite)
			case 11, 12:
				_ = h.Close(w.now, s)
			case 13:
				if rnd.IntN(4) == 0 {
					_ = h.Abort(w.now, s)
				}
			case 14:
				giveBack[who]()
				giveBack[who] = func() {}
				if rnd.IntN(3) == 0 {
					giveBack[who] = drain(t, h, rnd.IntN(h.budget.Free()+1))
				}
			case 15:
				w.run(time.Duration(rnd.Int64N(int64(time.Second) << rnd.IntN(6))))
			}
			if rnd.IntN(3) > 0 {
				w.run(time.Duration(rnd.IntN(20)) * time.Millisecond)
			}
			for _, h := range hosts {
				checkMemoryLists(t, h)
				h.Events()
			}
		}
		w.lose = nil
		giveBack[0]()
		giveBack[1]()
		for who, h := range hosts {
			for _, s := range socks[who] {
				_ = h.Close(w.now, s)
			}
		}
		w.run(10 * time.Minute)
		for c, err := w.b.Accept(w.now, l); err == nil; c, err = w.b.Accept(w.now, l) {
			require.NoError(t, w.b.Close(w.now, c))
		}
		w.run(10 * time.Minute)
		for _, h := range hosts {
			checkMemoryLists(t, h)
			c := h.Counters().TCP
			sum.TW += c.TW
			sum.TWRecycled += c.TWRecycled
			sum.AbortOnMemory += c.AbortOnMemory
			sum.AbortOnOrphans += c.AbortOnOrphans
			sum.TimeWaitOverflow += c.TimeWaitOverflow
			require.Zero(t, h.env.Stats.IllegalTransitions)
		}
		require.Empty(t, w.a.Sockets(nil), "seed %d", seed)
		require.Len(t, w.b.Sockets(nil), 1, "seed %d: the listener", seed)
		require.Zero(t, w.a.budget.Used(), "seed %d", seed)
		w.quiesce()
	}
	require.NotZero(t, sum.TW)
	require.NotZero(t, sum.TWRecycled)
	require.NotZero(t, sum.AbortOnMemory)
	t.Logf("%+v", sum)
}
