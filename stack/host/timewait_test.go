package host

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/buffer"
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

func TestWaitRecordIsSmall(t *testing.T) {
	require.LessOrEqual(t, unsafe.Sizeof(waitRecord{}), uintptr(112))
	require.Less(t, waitCost*7, socketCost+connCost)
}

// The tables of the records against a plain list of them: every one is found by
// its four-tuple and its port, in the order of the queue, through growth and reuse.
func TestTimeWaitsModel(t *testing.T) {
	type key struct {
		hash       uint32
		port, peer uint16
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	b := buffer.NewBudget(1 << 20)
	var w timeWaits
	var order []key // oldest first
	local := func(k key) netip.AddrPort { return netip.AddrPortFrom(addrA, k.port) }
	remote := func(k key) netip.AddrPort { return netip.AddrPortFrom(addrB, k.peer) }
	find := func(k key) int32 { return w.find(0, k.hash, local(k), remote(k)) }
	const limit = 200
	for step := range 20000 {
		k := key{uint32(rnd.IntN(300)), uint16(1 + rnd.IntN(40)), uint16(1 + rnd.IntN(40))}
		at := -1
		for i := range order {
			if order[i] == k {
				at = i
			}
		}
		i := find(k)
		require.Equal(t, at >= 0, i != none, "step %d", step)
		switch {
		case at < 0:
			if w.n == len(w.recs) && !w.grow(b, limit) {
				require.Len(t, w.recs, limit)
				w.remove(w.oldest)
				order = order[1:]
			}
			w.insert(&waitRecord{hash: k.hash, local: number(addrA), remote: number(addrB), localPort: k.port, remotePort: k.peer, reuse: k.port%2 == 0})
			order = append(order, k)
		case rnd.IntN(2) == 0: // a FIN came again
			w.dequeue(i)
			w.enqueue(i)
			order = append(append(order[:at:at], order[at+1:]...), k)
		default:
			w.remove(i)
			order = append(order[:at:at], order[at+1:]...)
		}
		require.Equal(t, len(order), w.n)
		if step%100 != 0 {
			continue
		}
		i = w.first()
		used := map[uint16]bool{}
		for _, k := range order {
			require.Equal(t, find(k), i)
			used[k.port] = true
			i = w.recs[i].newer
		}
		require.Equal(t, none, i)
		for p := uint16(1); p < 41; p++ {
			require.Equal(t, used[p], w.inUse(0, netip.AddrPortFrom(addrA, p), anyWait))
			require.Equal(t, used[p], w.inUse(0, netip.AddrPortFrom(anyAddress, p), anyWait))
			require.False(t, w.inUse(0, netip.AddrPortFrom(addrB, p), anyWait), "another address")
			require.Equal(t, used[p] && p%2 == 1, w.inUse(0, netip.AddrPortFrom(addrA, p), exclusiveWait))
		}
	}
	require.Equal(t, (limit-firstWaits)*waitCost, b.Used())
	w.release(b)
	require.Zero(t, b.Used())
	require.Equal(t, none, w.first())
}

// waits brings a, with a socket bound to port, into TIME-WAIT towards b's port
// 80, and returns what a sent last.
func (w *world) waits(port uint16, o Options) (l Handle, last []byte) {
	w.t.Helper()
	l = w.listen(w.b, 5)
	c := w.bound(w.a, Stream, addrA, port)
	require.NoError(w.t, w.a.SetOptions(w.now, c, o))
	old := w.seen
	w.seen = func(from *Host, p []byte) {
		if from == w.a {
			last = append(last[:0], p...)
		}
	}
	require.Equal(w.t, ErrInProgress, w.a.Connect(w.now, c, netip.AddrPortFrom(addrB, 80)))
	w.flush()
	s, err := w.b.Accept(w.now, l)
	require.NoError(w.t, err)
	w.part(c, s, true)
	w.seen = old
	require.EqualValues(w.t, 1, w.a.Counters().TCP.CurrTimeWait)
	return l, last
}

// Only the record is left: nothing that the connection had.
func TestTimeWaitCostsARecord(t *testing.T) {
	w := newWorld(t)
	w.waits(1000, Options{})
	require.Zero(t, w.a.budget.Used(), "the first records belong to the host")
	require.Zero(t, w.a.flows.n)
	require.Zero(t, w.a.tcp.n)
	require.Len(t, w.a.freeSockets, len(w.a.sockets))
	require.Equal(t, []Description{{Kind: Stream, State: tcp.StateTimeWait,
		Local: netip.AddrPortFrom(addrA, 1000), Remote: netip.AddrPortFrom(addrB, 80)}}, w.a.Sockets(nil))
	end := w.now.Add(60 * time.Second)
	w.run(restEvery) // one look after the controller that the connection had
	require.Equal(t, end, w.a.Deadline())
	w.run(60*time.Second - restEvery - 1)
	require.EqualValues(t, 1, w.a.Counters().TCP.CurrTimeWait)
	w.run(1)
	require.Zero(t, w.a.Counters().TCP.CurrTimeWait)
	require.EqualValues(t, 1, w.a.Counters().TCP.TW)
	require.Equal(t, clock.Never, w.a.Deadline())
	w.quiesce()
}

// Who closes second waits for nothing, and an owner who still has the socket
// keeps the connection.
func TestTimeWaitOfAnOwner(t *testing.T) {
	w := newWorld(t)
	l := w.listen(w.b, 5)
	c, s := w.join(l)
	require.NoError(t, w.a.Shutdown(w.now, c, ShutWrite))
	w.flush()
	require.NoError(t, w.b.Close(w.now, s))
	w.flush()
	require.Equal(t, tcp.StateTimeWait, w.state(w.a, c))
	require.Zero(t, w.a.Counters().TCP.CurrTimeWait)
	require.Zero(t, w.b.Counters().TCP.CurrTimeWait)
	w.run(10 * time.Second)
	require.NoError(t, w.a.Close(w.now, c))
	w.flush()
	require.EqualValues(t, 1, w.a.Counters().TCP.CurrTimeWait)
	w.run(50 * time.Second)
	require.Zero(t, w.a.Counters().TCP.CurrTimeWait, "2 MSL from the FIN, not from the close")
	w.quiesce()
}

// A FIN that comes again is acknowledged with the options, the TTL and the TOS
// of the connection, and 2 MSL begin again (RFC 9293 3.10.7.4, eighth).
func TestTimeWaitAnswers(t *testing.T) {
	w := newWorld(t)
	_, last := w.waits(1000, Options{TTL: 33, TOS: 0x48})
	w.run(40 * time.Second)
	got := answers(w.a, w.now, rawAnswer(last, wire.FIN|wire.ACK, -1))
	require.Len(t, got, 1)
	ip, payload, err := wire.DecodeIPv4(got[0])
	require.NoError(t, err)
	require.True(t, wire.TransportChecksumOK(ip.Src, ip.Dst, wire.ProtoTCP, payload))
	require.EqualValues(t, 33, ip.TTL)
	require.EqualValues(t, 0x48, ip.TOS)
	require.True(t, ip.DF)
	seg, _, err := wire.DecodeTCP(payload)
	require.NoError(t, err)
	before, _, err := wire.DecodeTCP(last[20:])
	require.NoError(t, err)
	require.True(t, seg.Options.HasTimestamps)
	seg.Options, before.Options = wire.TCPOptions{}, wire.TCPOptions{}
	require.Equal(t, before, seg, "the same ACK")
	w.run(59 * time.Second)
	require.EqualValues(t, 1, w.a.Counters().TCP.CurrTimeWait)
	w.run(time.Second)
	require.Zero(t, w.a.Counters().TCP.CurrTimeWait)
	w.quiesce()
}

// A port whose connection is in TIME-WAIT is in use, as on Linux.
func TestTimeWaitHasItsPort(t *testing.T) {
	for _, row := range []struct {
		name       string
		old, fresh bool
		addr       netip.Addr
		want       error
	}{
		{"neither allows it", false, false, addrA, ErrAddrInUse},
		{"only the old one had SO_REUSEADDR", true, false, addrA, ErrAddrInUse},
		{"only the new one has SO_REUSEADDR", false, true, addrA, ErrAddrInUse},
		{"both have SO_REUSEADDR", true, true, addrA, nil},
		{"any address overlaps", false, false, anyAddress, ErrAddrInUse},
		{"another address does not", false, false, loopback, nil},
	} {
		w := newWorld(t)
		w.waits(1000, Options{ReuseAddr: row.old})
		s := w.open(w.a, Stream)
		require.NoError(t, w.a.SetOptions(w.now, s, Options{ReuseAddr: row.fresh}))
		to := netip.AddrPortFrom(row.addr, 1000)
		require.Equal(t, row.want, w.a.Bind(w.now, s, to), row.name)
		if row.want != nil {
			w.run(61 * time.Second)
			require.NoError(t, w.a.Bind(w.now, s, to), "%s: TIME-WAIT is over", row.name)
		}
		w.bound(w.a, Datagram, addrA, 1000) // UDP has ports of its own
		w.quiesce()
	}
}

// A server that closed connections and begins anew needs SO_REUSEADDR.
func TestTimeWaitOfAServer(t *testing.T) {
	for _, reuse := range []bool{false, true} {
		w := newWorld(t)
		serve := func() (Handle, error) {
			l := w.open(w.b, Stream)
			require.NoError(t, w.b.SetOptions(w.now, l, Options{ReuseAddr: reuse}))
			if err := w.b.Bind(w.now, l, netip.AddrPortFrom(anyAddress, 80)); err != nil {
				return l, err
			}
			return l, w.b.Listen(w.now, l, 5)
		}
		l, err := serve()
		require.NoError(t, err)
		w.cycle(l, false)
		require.NoError(t, w.b.Close(w.now, l))
		_, err = serve()
		if reuse {
			require.NoError(t, err)
		} else {
			require.Equal(t, ErrAddrInUse, err)
			w.run(61 * time.Second)
			_, err = serve()
			require.NoError(t, err)
		}
		w.quiesce()
	}
}

// Neither a reset nor an old duplicate ends TIME-WAIT (RFC 1337 3), with the
// record as with the connection.
func TestReqC_TimeWaitAssassination(t *testing.T) {
	w := newWorld(t)
	_, last := w.waits(1000, Options{})
	for _, ahead := range []int{-1, 0, 1, 100} {
		require.Empty(t, answers(w.a, w.now, rawAnswer(last, wire.RST, ahead)))
		require.Empty(t, answers(w.a, w.now, rawAnswer(last, wire.RST|wire.ACK, ahead)))
	}
	require.Len(t, answers(w.a, w.now, rawAnswer(last, wire.ACK, -100)), 1, "an old duplicate draws an ACK")
	require.Empty(t, answers(w.a, w.now, rawAnswer(last, wire.ACK, -100)), "the next at once does not")
	require.EqualValues(t, 1, w.a.Counters().TCP.CurrTimeWait)
	require.EqualValues(t, 6, w.a.Counters().Drop[trace.DropState]+w.a.Counters().Drop[trace.DropUnacceptable]-4)
	w.run(60 * time.Second)
	require.Zero(t, w.a.Counters().TCP.CurrTimeWait)
	w.quiesce()
}

// A connection with ourselves ends in TIME-WAIT, too, and its FIN may come again.
func TestTimeWaitWithOurselves(t *testing.T) {
	w := newWorld(t)
	w.seen = func(*Host, []byte) { t.Fatal("it left the host") }
	l := w.listen(w.a, 5)
	c := w.dial(w.a, loopback)
	s, err := w.a.Accept(w.now, l)
	require.NoError(t, err)
	require.NoError(t, w.a.Close(w.now, c))
	w.flush()
	require.NoError(t, w.a.Close(w.now, s))
	w.flush()
	require.EqualValues(t, 1, w.a.Counters().TCP.CurrTimeWait)
	require.Len(t, w.a.Sockets(nil), 2)
	w.run(time.Second)
	before := w.a.Counters().TCP.OutSegs
	r := &w.a.waits.recs[w.a.waits.oldest]
	f := r.flow()
	require.Equal(t, loopback, f.Local.Addr())
	w.a.arrival = tcp.Arrival{Segments: 1}
	w.a.arrival.Seg = wire.TCP{SrcPort: f.Remote.Port(), DstPort: f.Local.Port(), Flags: wire.SYN | wire.ACK}
	w.a.demux(w.now, f.Local, f.Remote)
	w.flush()
	require.Equal(t, before+2, w.a.Counters().TCP.OutSegs, "an ACK, and the reset of an end that is closed")
	require.EqualValues(t, 1, w.a.Counters().TCP.CurrTimeWait)
	w.quiesce()
}

// Nothing is allocated, neither by connections that come and go while the
// records are at their bound, nor by what is answered.
func TestTimeWaitAllocatesNothing(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Memory = 256 << 10 })
	l := w.listen(w.b, 5)
	var last []byte
	w.seen = func(from *Host, p []byte) {
		if from == w.a {
			last = append(last[:0], p...)
		}
	}
	to := netip.AddrPortFrom(addrB, 80)
	cycle := func() {
		c, _ := w.a.Open(w.now, Stream)
		w.a.Connect(w.now, c, to)
		w.flush()
		s, err := w.b.Accept(w.now, l)
		if err != nil {
			t.Fatal(err)
		}
		w.a.Close(w.now, c)
		w.flush()
		w.b.Close(w.now, s)
		w.run(time.Millisecond)
		w.a.Events()
		w.b.Events()
	}
	for range 3 * w.a.timeWaitLimit() {
		cycle()
	}
	require.Zero(t, testing.AllocsPerRun(200, cycle))
	fin := packet(rawAnswer(last, wire.FIN|wire.ACK, -1))
	sent := w.a.Counters().TCP.OutSegs
	require.Zero(t, testing.AllocsPerRun(200, func() {
		w.a.Input(w.now, fin)
		w.a.Transmit(w.now, w.out[:])
	}))
	require.EqualValues(t, sent+201, w.a.Counters().TCP.OutSegs)
	w.quiesce()
}

// An ICMP error cannot be about a record: nothing of it is on its way.
func TestTimeWaitAndICMP(t *testing.T) {
	w := newWorld(t)
	_, last := w.waits(1000, Options{})
	before := w.a.Counters().Drop[trace.DropICMP]
	for _, m := range []wire.ICMP{{Type: wire.ICMPUnreachable, Code: wire.UnreachPort}, {Type: wire.ICMPUnreachable, Code: 4, Rest: 600}} {
		answers(w.a, w.now, rawICMP(addrB, addrA, m, last))
	}
	require.Equal(t, before+2, w.a.Counters().Drop[trace.DropICMP])
	require.EqualValues(t, 1, w.a.Counters().TCP.CurrTimeWait)
	mtu, _ := w.a.pathMTU(addrB, streamPaths)
	require.Equal(t, 1500, mtu)
	w.quiesce()
}

// Where there is no memory for more records the oldest makes room, and is counted.
func TestTimeWaitWithoutMemory(t *testing.T) {
	w := newWorld(t)
	l := w.listen(w.b, 5)
	for range firstWaits {
		w.cycle(l, true)
	}
	c, s := w.join(l)
	require.NoError(t, w.a.Shutdown(w.now, c, ShutWrite))
	w.flush()
	others := w.a.budget.Free()
	require.True(t, w.a.budget.Take(others))
	oldest := w.a.Sockets(nil)
	w.part(c, s, true)
	require.EqualValues(t, firstWaits, w.a.Counters().TCP.CurrTimeWait)
	require.EqualValues(t, 1, w.a.Counters().TCP.TimeWaitOverflow)
	require.NotContains(t, w.a.Sockets(nil), oldest[len(oldest)-firstWaits], "the oldest made room")
	w.a.budget.Give(others)
	w.quiesce()
}
