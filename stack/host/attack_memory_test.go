package host

import (
	"encoding/binary"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// Attacks on the memory of connections: rows 35, 40, 41, 45 and 76.

// cycle opens a connection to b and closes it, at a first or at b.
func (w *world) cycle(l Handle, aFirst bool) {
	c, s := w.join(l)
	w.part(c, s, aFirst)
}

// join opens a connection from a to b's listener l.
func (w *world) join(l Handle) (Handle, Handle) {
	w.t.Helper()
	c := w.dial(w.a, addrB)
	s, err := w.b.Accept(w.now, l)
	require.NoError(w.t, err)
	return c, s
}

// part closes a connection, at a first or at b.
func (w *world) part(c, s Handle, aFirst bool) {
	w.t.Helper()
	first, second := func() error { return w.a.Close(w.now, c) }, func() error { return w.b.Close(w.now, s) }
	if !aFirst {
		first, second = second, first
	}
	require.NoError(w.t, first())
	w.flush()
	require.NoError(w.t, second())
	w.flush()
}

// waiting counts what h lists in a state.
func waiting(h *Host, st tcp.State) (n int) {
	for _, d := range h.Sockets(nil) {
		if d.State == st {
			n++
		}
	}
	return n
}

// Many quick closes: the records are bounded, the oldest make room.
func TestAttack_45_TimeWait(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Memory = 1 << 20 })
	l := w.listen(w.b, 5)
	limit := w.a.timeWaitLimit()
	var last []byte
	w.seen = func(from *Host, p []byte) {
		if from == w.a {
			last = append(last[:0], p...)
		}
	}
	for range 2 * limit {
		w.cycle(l, true)
		w.now = w.now.Add(time.Millisecond)
	}
	require.LessOrEqual(t, w.a.budget.Used(), w.a.budget.Limit()/timeWaitShare+8<<10)
	require.Equal(t, limit, waiting(w.a, tcp.StateTimeWait))
	require.EqualValues(t, limit, w.a.Counters().TCP.CurrTimeWait)
	n := w.a.Counters().TCP // some four-tuples came again, by chance: those records made room by RFC 6191
	require.EqualValues(t, limit, n.TimeWaitOverflow+n.TWRecycled)
	require.NotZero(t, n.TimeWaitOverflow)
	require.Empty(t, answers(w.a, w.now, rawAnswer(last, wire.RST, 0)))
	require.Equal(t, limit, waiting(w.a, tcp.StateTimeWait), "a reset does not end TIME-WAIT (RFC 1337)")
	require.Len(t, answers(w.a, w.now, rawAnswer(last, wire.FIN|wire.ACK, -1)), 1, "a FIN that comes again is acknowledged")
	w.seen = nil
	c, s := w.join(l)
	w.pump(c, s, pattern(100000), pattern(100000))
	w.run(2 * time.Minute)
	require.Zero(t, waiting(w.a, tcp.StateTimeWait))
	require.EqualValues(t, limit, w.a.Counters().TCP.TW)
	w.quiesce()
}

// An owner who still holds connections in TIME-WAIT keeps them; once he lets go
// they end when they would have.
func TestAttack_45_TimeWaitLetGoLate(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Memory = 1 << 20 })
	l := w.listen(w.b, 5)
	var held []Handle
	for range 100 {
		c, s := w.join(l)
		require.NoError(t, w.a.Shutdown(w.now, c, ShutWrite))
		w.flush()
		require.NoError(t, w.b.Close(w.now, s))
		w.flush()
		require.Equal(t, tcp.StateTimeWait, w.state(w.a, c))
		held = append(held, c)
	}
	w.run(30 * time.Second)
	w.cycle(l, true) // a younger one, at the head of the queue
	for _, c := range held {
		require.NoError(t, w.a.Close(w.now, c))
		w.flush()
	}
	require.Equal(t, 101, waiting(w.a, tcp.StateTimeWait))
	require.EqualValues(t, 101, w.a.Counters().TCP.CurrTimeWait)
	w.run(30 * time.Second)
	w.a.Expire(w.now)
	require.Equal(t, 1, waiting(w.a, tcp.StateTimeWait), "30 s later they are over, the younger one is not")
	w.run(30 * time.Second)
	require.Zero(t, w.a.Counters().TCP.CurrTimeWait)
	w.quiesce()
}

// 100,000 connections opened and closed by a host of 4 MiB, each side closing
// first for half of them: neither its Budget nor the heap grows.
func TestAttack_45_QuickCloses(t *testing.T) {
	quickCloses(t, 0, cycles())
}

// The same with TIME-WAIT over as soon: what is left of an attack is nothing.
func TestAttack_76_OpenCloseCycles(t *testing.T) {
	quickCloses(t, 5*time.Millisecond, cycles())
}

// cycles is how often a connection opens and closes; less under the race
// detector, for the core has no goroutines.
func cycles() int {
	if testing.Short() {
		return 20_000 // more than there may be records of TIME-WAIT
	}
	return 100_000
}

func quickCloses(t *testing.T, msl time.Duration, cycles int) {
	w := newWorld(t, func(c *Config) {
		c.Memory = 4 << 20
		c.TCP.MSL = msl
	})
	l := w.listen(w.b, 5)
	heap := func() int {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int(m.HeapAlloc)
	}
	some := func() {
		for i := range cycles / 2 {
			w.cycle(l, i%2 == 0)
			w.a.Events()
			w.b.Events()
			w.now = w.now.Add(time.Millisecond)
			w.a.Expire(w.now)
			w.b.Expire(w.now)
		}
	}
	some()
	before, usedA, usedB := heap(), w.a.budget.Used(), w.b.budget.Used()
	some()
	require.LessOrEqual(t, heap(), before+64<<10, "the heap")
	require.LessOrEqual(t, w.a.budget.Used(), usedA+8<<10)
	require.LessOrEqual(t, w.b.budget.Used(), usedB+8<<10)
	for _, h := range []*Host{w.a, w.b} {
		require.LessOrEqual(t, h.budget.Used(), h.budget.Limit()/timeWaitShare+16<<10)
		require.LessOrEqual(t, len(h.sockets), 16, "entries of the table of sockets")
	}
	c, s := w.join(l)
	w.pump(c, s, pattern(100000), pattern(100000))
	w.part(c, s, true)
	w.run(2 * time.Minute)
	require.Empty(t, w.a.Sockets(nil))
	require.Len(t, w.b.Sockets(nil), 1)
	require.Zero(t, w.a.due.next(), "no timer is left")
	require.Zero(t, w.a.budget.Used())
	w.quiesce()
}

// Peers that never send their FIN: an orphan waits for it for a time, and there
// are only so many.
func TestAttack_40_Orphans(t *testing.T) {
	w := newWorld(t)
	w.a = newHost(t, 1, "192.0.2.1/24", featuresOf(1500), func(c *Config) { c.Memory = 1 << 20 })
	l := w.listen(w.b, 5)
	limit := w.a.orphanLimit()
	var theirs []Handle
	for range 2 * limit {
		c, s := w.join(l)
		theirs = append(theirs, s)
		require.NoError(t, w.a.Close(w.now, c))
		w.run(10 * time.Millisecond)
		require.LessOrEqual(t, waiting(w.a, tcp.StateFinWait2), limit)
	}
	require.EqualValues(t, limit, w.a.Counters().TCP.CurrOrphans)
	require.EqualValues(t, limit, w.a.Counters().TCP.AbortOnOrphans)
	require.LessOrEqual(t, w.a.budget.Used(), w.a.budget.Limit()/orphanShare+16<<10)
	require.Equal(t, tcp.StateClosed, w.state(w.b, theirs[0]), "the oldest was reset")
	require.Equal(t, tcp.StateCloseWait, w.state(w.b, theirs[len(theirs)-1]))
	c, s := w.join(l)
	w.pump(c, s, pattern(100000), pattern(100000))
	w.part(c, s, true)
	w.run(2 * time.Minute)
	require.Empty(t, w.a.Sockets(nil), "FIN-WAIT-2 has an end")
	require.Zero(t, w.a.budget.Used())
	w.quiesce()
}

// An orphan that is on the way out with much to send, and whose peer takes it,
// is not the victim of those whose peers do not close.
func TestAttack_40_OrphansThatProgressLive(t *testing.T) {
	w := newWorld(t)
	w.a = newHost(t, 1, "192.0.2.1/24", featuresOf(1500), func(c *Config) { c.Memory = 1 << 20 })
	l := w.listen(w.b, 5)
	smallBuffers(t, w.b, w.now, l)
	good, reader := w.join(l)
	n, err := w.a.Send(w.now, good, pattern(200000))
	require.NoError(t, err)
	require.Greater(t, n, 100000)
	require.NoError(t, w.a.Close(w.now, good))
	limit := w.a.orphanLimit()
	got, orphans := 0, 0
	buf := make([]byte, 5000)
	for i := 0; got < n; i++ {
		require.Less(t, i, 10000)
		m, err := w.b.Recv(w.now, reader, buf, 0)
		if err != ErrWouldBlock {
			require.NoError(t, err)
		}
		got += m
		for range 2 * limit / 20 { // others, who are never closed at b
			c, _ := w.join(l)
			require.NoError(t, w.a.Close(w.now, c))
			w.flush()
			orphans++
		}
		w.run(time.Millisecond)
	}
	require.Greater(t, orphans, 2*limit)
	require.NotZero(t, w.a.Counters().TCP.AbortOnOrphans)
	w.run(5 * time.Minute)
	w.quiesce()
}

// squat opens n connections from a to a peer that acknowledges nothing but the
// handshake and offers no window, and fills their send buffers.
func (w *world) squat(n int, to netip.Addr, perConn int) (all []Handle) {
	for i := range n {
		s := w.open(w.a, Stream)
		if w.a.Connect(w.now, s, netip.AddrPortFrom(to, uint16(1000+i))) != ErrInProgress {
			require.NoError(w.t, w.a.Close(w.now, s))
			break
		}
		w.flush()
		w.a.Send(w.now, s, make([]byte, perConn)) // as much as there is room for
		w.flush()
		all = append(all, s)
	}
	return all
}

// squatter answers what a sends to addr: SYNs with a window of 0 and everything
// else with an ACK of what was in order at the handshake and no window.
func (w *world) squatter(addr netip.Addr, p []byte) {
	seg, _, err := wire.DecodeTCP(p[20:])
	if err != nil || seg.Flags&wire.RST != 0 {
		return
	}
	out := wire.TCP{SrcPort: seg.DstPort, DstPort: seg.SrcPort, Flags: wire.ACK, Seq: 1001, Ack: seg.Seq}
	if seg.Flags&wire.SYN != 0 {
		out.Flags, out.Seq, out.Ack = wire.SYN|wire.ACK, 1000, seg.Seq.Add(1)
	}
	w.a.Input(w.now, packet(rawTCP(addr, addrA, out, nil)))
}

// steady lets both ends of a connection send n times 16 KiB, as the buffers take
// it and at most once in 10 ms (3.2 MB/s), and returns how long it took.
func (w *world) steady(c, s Handle, n int) time.Duration {
	const piece = 16 << 10
	began := w.now
	data, buf := make([]byte, piece), make([]byte, piece)
	var sent, got [2]int
	ends := [2]struct {
		h *Host
		s Handle
	}{{w.a, c}, {w.b, s}}
	for step := 1; got[0] < n*piece || got[1] < n*piece; step++ {
		require.Less(w.t, step, 100*n, "stuck at %v", got)
		for i, e := range ends {
			if left := min(n, step)*piece - sent[i]; left > 0 {
				if m, err := e.h.Send(w.now, e.s, data[:min(left, piece)]); err != ErrWouldBlock {
					require.NoError(w.t, err)
					sent[i] += m
				}
			}
		}
		w.run(10 * time.Millisecond)
		for i, e := range ends {
			if m, err := e.h.Recv(w.now, e.s, buf, 0); err != ErrWouldBlock {
				require.NoError(w.t, err)
				got[i] += m
			}
		}
	}
	return w.now.Sub(began)
}

var addrSquatter = netip.MustParseAddr("192.0.2.66")

// Zero-window squatters (sockstress): they cannot take all the memory, and after
// a minute at a closed window those who hold it are reset, the oldest first.
// Whoever progresses lives and keeps his goodput.
func TestAttack_41_ZeroWindow(t *testing.T) {
	for _, memory := range []int{2 << 20, 16 << 20} {
		w := newWorld(t)
		w.a = newHost(t, 1, "192.0.2.1/24", featuresOf(1500), func(c *Config) { c.Memory = memory })
		w.lose = func(_ *Host, p []byte) bool {
			if netip.AddrFrom4([4]byte(p[16:20])) != addrSquatter {
				return false
			}
			w.squatter(addrSquatter, append([]byte{}, p...))
			return true
		}
		l := w.listen(w.b, 5)
		c, s := w.join(l)
		alone := w.steady(c, s, 100)
		squats := w.squat(2000, addrSquatter, 1<<20)
		require.Greater(t, len(squats), 50)
		require.GreaterOrEqual(t, w.a.budget.Free(), 0)
		require.True(t, w.a.env.RunsLow(), "the attack bites")
		require.LessOrEqual(t, w.steady(c, s, 100), alone*10/9, "goodput beside the attack, %d bytes of Budget", memory)
		require.Zero(t, w.a.Counters().TCP.AbortOnMemory, "nobody is reset in the first minute")

		w.run(70 * time.Second)
		n := w.a.Counters().TCP.AbortOnMemory
		require.NotZero(t, n)
		require.False(t, w.a.scarce(), "there is room again")
		require.Equal(t, tcp.StateClosed, w.state(w.a, squats[0]), "the oldest first")
		require.Equal(t, tcp.ErrAborted, w.a.SocketError(squats[0]))
		require.NotEqual(t, tcp.StateClosed, w.state(w.a, squats[len(squats)-1]), "no more than needed")
		require.NotZero(t, w.a.Counters().TCP.MemoryPressures)
		require.LessOrEqual(t, w.steady(c, s, 100), alone*10/9)
		w.part(c, s, true)
		c, s = w.join(l)
		require.LessOrEqual(t, w.steady(c, s, 100), alone*10/9, "a new connection")
		w.part(c, s, true)
		for _, s := range squats {
			require.NoError(t, w.a.Abort(w.now, s))
		}
		w.run(2 * time.Minute)
		require.Zero(t, w.a.budget.Used())
		w.quiesce()
	}
}

// A million one-byte segments out of order, on many connections at once: memory
// is capped, and given up first when others need it.
func TestAttack_35_OutOfOrderOnManyConnections(t *testing.T) {
	const memory, conns = 2 << 20, 250
	w := newWorld(t)
	w.b = newHost(t, 2, "192.0.2.2/24", featuresOf(1500), func(c *Config) { c.Memory = memory })
	l := w.listen(w.b, 5)
	honest, reader := w.join(l)
	last := map[uint16][]byte{}
	w.seen = func(from *Host, p []byte) {
		if from == w.a {
			last[binary.BigEndian.Uint16(p[20:])] = append([]byte{}, p...)
		}
	}
	for range conns {
		w.join(l)
	}
	delete(last, port(t, w.a, honest))
	w.seen = nil
	flood := func(rounds int) {
		for i := range rounds {
			for _, p := range last {
				if w.b.Input(w.now, packet(oneByteAhead(p, 2+2*(i*7919%30000)))); i%64 == 0 {
					for w.b.Transmit(w.now, w.out[:]) > 0 {
						continue
					}
				}
			}
		}
	}
	flood(400)
	require.LessOrEqual(t, w.b.budget.Used(), memory)
	require.NotZero(t, w.b.Counters().Drop[trace.DropMemory], "the attack bites")
	require.GreaterOrEqual(t, w.b.budget.Free(), memory/16, "the last part is not for data out of order")
	began := w.now
	w.pump(honest, reader, pattern(1<<20), pattern(1<<20))
	require.Less(t, w.now.Sub(began), 2*time.Second)
	w.quiesce()
}

// oneByteAhead is the segment with one byte, ahead of the next in sequence,
// after the handshake whose last segment p was.
func oneByteAhead(p []byte, ahead int) []byte {
	seg, _, err := wire.DecodeTCP(p[20:])
	if err != nil {
		panic(err)
	}
	seg.Seq, seg.Flags = seg.Seq.Add(ahead), wire.ACK
	return rawTCP(addrA, addrB, seg, []byte{0})
}
