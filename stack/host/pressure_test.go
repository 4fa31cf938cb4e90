package host

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// drain takes all of h's Budget but left bytes, and returns what gives it back.
func drain(t *testing.T, h *Host, left int) func() {
	n := h.budget.Free() - left
	require.True(t, h.budget.Take(n))
	return func() { h.budget.Give(n) }
}

// At the limit new connections are refused, both ways, and those that there are
// go on.
func TestScarceMemoryRefusesNewConnections(t *testing.T) {
	w := newWorld(t)
	c, s := w.pair()
	back := w.listen(w.a, 5)
	giveBack := drain(t, w.a, w.a.budget.Limit()/scarceLeft-1)

	n, err := w.a.Open(w.now, Stream)
	require.NoError(t, err, "a socket alone is small")
	require.Equal(t, ErrNoMemory, w.a.Connect(w.now, n, netip.AddrPortFrom(addrB, 80)))
	require.Equal(t, 1, waiting(w.a, tcp.StateEstablished))
	theirs := w.dial(w.b, addrA)
	require.Equal(t, tcp.StateSynSent, w.state(w.b, theirs), "its SYN is dropped")
	require.EqualValues(t, 1, w.a.Counters().Drop[trace.DropMemory])
	require.EqualValues(t, 1, w.a.Counters().TCP.ListenDrops)
	w.says(w.a, c, w.b, s, "we live")
	w.says(w.b, s, w.a, c, "both")

	giveBack()
	require.Equal(t, ErrInProgress, w.a.Connect(w.now, n, netip.AddrPortFrom(addrB, 80)))
	w.run(5 * time.Second)
	require.Equal(t, tcp.StateEstablished, w.state(w.b, theirs), "its SYN came again")
	_, err = w.a.Accept(w.now, back)
	require.NoError(t, err)
	w.quiesce()
}

// A handshake that completes at the limit waits: the peer believes that it is
// connected, and his data comes again.
func TestScarceMemoryDefersHandshake(t *testing.T) {
	w := newWorld(t)
	l := w.listen(w.b, 5)
	var giveBack func()
	w.lose = func(from *Host, _ []byte) bool {
		if from == w.b && giveBack == nil {
			giveBack = drain(t, w.b, w.b.budget.Limit()/scarceLeft-1)
		}
		return false
	}
	c := w.dial(w.a, addrB)
	require.Equal(t, tcp.StateEstablished, w.state(w.a, c))
	_, err := w.b.Accept(w.now, l)
	require.Equal(t, ErrWouldBlock, err)
	_, err = w.a.Send(w.now, c, []byte("hello"))
	require.NoError(t, err)
	w.run(500 * time.Millisecond)
	giveBack()
	w.run(10 * time.Second)
	s, err := w.b.Accept(w.now, l)
	require.NoError(t, err)
	got, err := w.recv(w.b, s)
	require.NoError(t, err)
	require.Equal(t, "hello", got)
	w.quiesce()
}

// TIME-WAIT does not make room for a connection that would be refused.
func TestScarceMemoryKeepsTimeWait(t *testing.T) {
	w := newWorld(t)
	w.waits(1000, Options{ReuseAddr: true})
	w.run(2 * time.Second)
	giveBack := drain(t, w.a, w.a.budget.Limit()/scarceLeft-1)
	_, err := w.reconnect(1000)
	require.Equal(t, ErrNoMemory, err)
	require.EqualValues(t, 1, w.a.Counters().TCP.CurrTimeWait)
	giveBack()
	w.quiesce()
}

// The timer of relief runs while the Budget is nearly used up, and not longer.
func TestReliefEnds(t *testing.T) {
	w := newWorld(t)
	w.run(time.Second)
	require.Equal(t, clock.Never, w.a.Deadline())
	giveBack := drain(t, w.a, 1000)
	w.flush()
	require.Equal(t, w.now, w.a.Deadline())
	w.run(10 * time.Second)
	require.EqualValues(t, 1, w.a.Counters().TCP.MemoryPressures)
	require.NotEqual(t, clock.Never, w.a.Deadline())
	giveBack()
	w.run(2 * time.Second)
	require.Equal(t, clock.Never, w.a.Deadline())
	giveBack = drain(t, w.a, 1000)
	w.run(time.Second)
	require.EqualValues(t, 2, w.a.Counters().TCP.MemoryPressures)
	w.a.CloseAll(w.now)
	w.flush()
	require.Equal(t, clock.Never, w.a.Deadline())
	giveBack()
	w.quiesce()
}

// full gives b connections to a that are stalled: b's application does not read.
func (w *world) full(l Handle, n int) (mine, theirs []Handle) {
	for range n {
		c, s := w.join(l)
		for {
			m, err := w.a.Send(w.now, c, make([]byte, 1<<16))
			w.flush()
			if err == ErrWouldBlock || m == 0 {
				break
			}
		}
		mine, theirs = append(mine, c), append(theirs, s)
	}
	w.run(time.Second)
	return mine, theirs
}

func smallBuffers(t *testing.T, h *Host, now clock.Instant, s Handle) {
	require.NoError(t, h.SetOptions(now, s, Options{TCP: tcp.Options{RecvBuffer: 4096}}))
}

// Who goes at the limit: connections whose peer's window has been closed for a
// minute and orphans that do not progress, the oldest first, whatever they are;
// not those that progress, nor more than needed. The trace says why.
func TestRelieveInOrderOfAge(t *testing.T) {
	log := trace.NewLog(1 << 16)
	w := newWorld(t)
	w.a = newHost(t, 1, "192.0.2.1/24", featuresOf(1500), func(c *Config) { c.Memory, c.Trace = 4<<20, log })
	l := w.listen(w.b, 5)
	smallBuffers(t, w.b, w.now, l)
	good, reader := w.join(l)
	stalled, _ := w.full(l, 2)
	w.run(30 * time.Second)
	orphans, keepers := w.full(l, 1)
	require.NoError(t, w.a.Close(w.now, orphans[0]))
	w.run(25 * time.Second)
	young, _ := w.full(l, 1)
	w.run(10 * time.Second)
	require.Equal(t, 3, w.a.stalled.n)
	require.Equal(t, 1, w.a.orphans.n)

	short := func(want int) {
		t.Helper()
		giveBack := drain(t, w.a, 4096)
		w.run(2 * time.Second)
		require.EqualValues(t, want, w.a.Counters().TCP.AbortOnMemory, "no more than needed")
		w.says(w.a, good, w.b, reader, "x")
		giveBack()
	}
	short(1)
	require.Equal(t, tcp.StateClosed, w.state(w.a, stalled[0]), "the oldest")
	require.Equal(t, tcp.ErrAborted, w.a.SocketError(stalled[0]))
	require.Equal(t, tcp.StateEstablished, w.state(w.a, stalled[1]))
	short(2)
	require.Equal(t, tcp.StateClosed, w.state(w.a, stalled[1]))
	require.Equal(t, 1, w.a.orphans.n)
	short(3)
	require.Zero(t, w.a.orphans.n)
	_, err := w.recv(w.b, keepers[0])
	for err == nil {
		_, err = w.recv(w.b, keepers[0])
	}
	require.Equal(t, tcp.ErrReset, err, "the orphan's peer was told")
	require.Equal(t, tcp.StateEstablished, w.state(w.a, young[0]), "for less than a minute")
	short(3)
	require.Equal(t, tcp.StateEstablished, w.state(w.a, good))
	evs, lost := log.Take(nil)
	require.Zero(t, lost)
	n := 0
	for _, e := range evs {
		if e.Kind == trace.StateChanged && e.Reason == trace.EndMemory {
			require.EqualValues(t, tcp.StateClosed, e.State)
			n++
		}
	}
	require.Equal(t, 3, n)
	w.quiesce()
}

// A window that opens for a byte now and then is no progress; one that takes a
// segment is.
func TestStalledMeansNoProgress(t *testing.T) {
	w := newWorld(t)
	l := w.listen(w.b, 5)
	smallBuffers(t, w.b, w.now, l)
	mine, theirs := w.full(l, 1)
	h := w.a.sockets[mine[0].Index()]
	require.Equal(t, inStalled, h.watched)
	since := h.agedAt
	drained := 0
	for range 5 {
		m, err := w.b.Recv(w.now, theirs[0], make([]byte, 4096), 0)
		require.NoError(t, err)
		drained += m
		w.run(time.Second)
		if h.agedAt != since || h.watched != inStalled {
			break
		}
	}
	require.GreaterOrEqual(t, drained, 1448)
	require.True(t, h.agedAt > since || h.watched == unwatched, "it was taken for stalled from the beginning")
	w.quiesce()
}

// An orphan that progresses is passed over when memory is short.
func TestRelieveSparesOrphansThatProgress(t *testing.T) {
	w := newWorld(t)
	w.a = newHost(t, 1, "192.0.2.1/24", featuresOf(1500), func(c *Config) { c.Memory = 1 << 20 })
	l := w.listen(w.b, 5)
	smallBuffers(t, w.b, w.now, l)
	good, reader := w.full(l, 1)
	bad, _ := w.join(l)
	require.NoError(t, w.a.Close(w.now, good[0]))
	require.NoError(t, w.a.Close(w.now, bad))
	w.flush()
	require.Equal(t, 2, w.a.orphans.n)
	buf := make([]byte, 4096)
	var got int
	var giveBack func()
	for i := 0; ; i++ {
		n, err := w.b.Recv(w.now, reader[0], buf, 0)
		if err == nil && n == 0 {
			break
		}
		if err != ErrWouldBlock {
			require.NoError(t, err)
		}
		got += n
		w.run(10 * time.Millisecond)
		if i == 5 {
			giveBack = drain(t, w.a, 1000)
		}
		require.Less(t, i, 5000)
	}
	require.Greater(t, got, 50000)
	require.EqualValues(t, 1, w.a.Counters().TCP.AbortOnMemory, "the other one was reset")
	giveBack()
	w.quiesce()
}

// Probing a closed window goes on as long as the peer answers, but not against
// the owner's will, his user timeout, or the needs of others; and not for ever
// without an owner.
func TestReqC_PersistAbort(t *testing.T) {
	begin := func(o tcp.Options) (*world, Handle) {
		w := newWorld(t)
		l := w.listen(w.b, 5)
		smallBuffers(t, w.b, w.now, l)
		mine, _ := w.full(l, 1)
		require.NoError(t, w.a.SetOptions(w.now, mine[0], Options{TCP: o}))
		w.run(20 * time.Minute)
		return w, mine[0]
	}
	w, c := begin(tcp.Options{})
	require.Equal(t, tcp.StateEstablished, w.state(w.a, c), "MUST-37")
	require.NoError(t, w.a.Abort(w.now, c))
	w.run(time.Second)
	require.Empty(t, w.a.Sockets(nil), "by the owner")
	w.quiesce()

	w, c = begin(tcp.Options{UserTimeout: time.Minute})
	require.Equal(t, tcp.StateClosed, w.state(w.a, c), "by the user timeout")
	require.Equal(t, tcp.ErrTimeout, w.a.SocketError(c))
	w.quiesce()

	w, c = begin(tcp.Options{})
	require.NoError(t, w.a.Close(w.now, c))
	w.run(5 * time.Minute)
	require.Empty(t, w.a.Sockets(nil), "without an owner by R2")
	w.quiesce()

	w, c = begin(tcp.Options{})
	giveBack := drain(t, w.a, 1000)
	w.run(2 * time.Second)
	require.Equal(t, tcp.StateClosed, w.state(w.a, c), "for the sake of others")
	giveBack()
	w.quiesce()
}

// All data out of order goes before anybody is reset.
func TestRelieveBeginsWithOutOfOrderData(t *testing.T) {
	w := newWorld(t)
	l := w.listen(w.b, 100)
	smallBuffers(t, w.b, w.now, l)
	w.full(l, 1)
	w.run(2 * time.Minute)
	back := w.listen(w.a, 100)
	last := [][]byte{}
	w.seen = func(from *Host, p []byte) {
		if from == w.b && p[9] == wire.ProtoTCP {
			last = append(last, append([]byte{}, p...))
		}
	}
	const conns = 50
	for range conns {
		last = last[:0]
		w.dial(w.b, addrA)
		_, err := w.a.Accept(w.now, back)
		require.NoError(t, err)
		seg, _, err := wire.DecodeTCP(last[len(last)-1][20:])
		require.NoError(t, err)
		seg.Seq, seg.Flags = seg.Seq.Add(100), wire.ACK
		w.a.Input(w.now, packet(rawTCP(addrB, addrA, seg, make([]byte, 500))))
		w.flush()
	}
	w.seen = nil
	giveBack := drain(t, w.a, 1000)
	before := w.a.budget.Used()
	w.flush()
	w.a.Expire(w.now)
	require.Less(t, w.a.budget.Used(), before)
	require.Zero(t, w.a.Counters().TCP.AbortOnMemory, "there is more to do first")
	w.run(time.Second)
	require.EqualValues(t, conns, w.a.Counters().Drop[trace.DropMemory])
	require.EqualValues(t, 1, w.a.Counters().TCP.AbortOnMemory)
	giveBack()
	w.quiesce()
}
