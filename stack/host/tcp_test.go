package host

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// listen makes b (or whoever) listen on port 80.
func (w *world) listen(h *Host, backlog int) Handle {
	w.t.Helper()
	l := w.bound(h, Stream, anyAddress, 80)
	require.NoError(w.t, h.Listen(w.now, l, backlog))
	return l
}

// dial begins a connection to addr's port 80 and lets the packets flow.
func (w *world) dial(h *Host, addr netip.Addr) Handle {
	w.t.Helper()
	s := w.open(h, Stream)
	require.Equal(w.t, ErrInProgress, h.Connect(w.now, s, netip.AddrPortFrom(addr, 80)))
	w.flush()
	return s
}

// pair returns a connection's two ends, a's and b's.
func (w *world) pair() (Handle, Handle) {
	w.t.Helper()
	l := w.listen(w.b, 5)
	c := w.dial(w.a, addrB)
	require.NotZero(w.t, events(w.b)[l]&Readable)
	require.Equal(w.t, Writable, events(w.a)[c])
	s, err := w.b.Accept(w.now, l)
	require.NoError(w.t, err)
	return c, s
}

func (w *world) state(h *Host, s Handle) tcp.State {
	w.t.Helper()
	i, err := h.Info(w.now, s)
	require.NoError(w.t, err)
	return i.State
}

// pump moves bytes both ways until all have arrived.
func (w *world) pump(c, s Handle, up, down []byte) {
	w.t.Helper()
	var gotUp, gotDown []byte
	buf := make([]byte, 30000)
	sentUp, sentDown := 0, 0
	move := func(h *Host, sock Handle, data []byte, sent *int, got *[]byte) {
		for *sent < len(data) {
			n, err := h.Send(w.now, sock, data[*sent:])
			if err == ErrWouldBlock {
				break
			}
			require.NoError(w.t, err)
			*sent += n
		}
		for {
			n, err := h.Recv(w.now, sock, buf, 0)
			if err == ErrWouldBlock {
				return
			}
			require.NoError(w.t, err)
			*got = append(*got, buf[:n]...)
		}
	}
	for end := w.now.Add(10 * time.Minute); len(gotUp) < len(up) || len(gotDown) < len(down); {
		move(w.a, c, up, &sentUp, &gotDown)
		move(w.b, s, down, &sentDown, &gotUp)
		w.run(10 * time.Millisecond)
		require.True(w.t, w.now.Before(end), "stuck at %d and %d bytes", len(gotUp), len(gotDown))
	}
	require.True(w.t, string(up) == string(gotUp))
	require.True(w.t, string(down) == string(gotDown))
}

func TestTransfer(t *testing.T) {
	for name, loss := range map[string]int{"clean": 0, "every 20th lost": 20} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c, s := w.pair()
			r := rand.New(rand.NewPCG(1, 2))
			w.lose = func(*Host, []byte) bool { return loss > 0 && r.IntN(loss) == 0 }
			w.pump(c, s, pattern(500000), pattern(300000))
			require.Equal(t, loss > 0, w.a.Counters().TCP.RetransSegs > 0)
			require.EqualValues(t, 1, w.a.Counters().TCP.CurrEstab)
			w.lose = nil
			w.quiesce()
			require.EqualValues(t, 0, w.a.Counters().TCP.CurrEstab)
		})
	}
}

func TestSpans(t *testing.T) {
	w := newWorld(t)
	c, s := w.pair()
	span, err := w.a.SendSpan(w.now, c, 5)
	require.NoError(t, err)
	copy(span[0], "hello")
	require.NoError(t, w.a.SendCommit(w.now, c, 5))
	w.flush()
	var b [10]byte
	n, err := w.b.Recv(w.now, s, b[:], Peek)
	require.NoError(t, err)
	require.Equal(t, "hello", string(b[:n]))
	span, err = w.b.RecvSpan(w.now, s, 100)
	require.NoError(t, err)
	require.Equal(t, "hello", string(span[0]))
	require.NoError(t, w.b.RecvCommit(w.now, s, 5))
	_, err = w.b.RecvSpan(w.now, s, 100)
	require.Equal(t, ErrWouldBlock, err)
	w.quiesce()
}

func TestCloseOrderly(t *testing.T) {
	w := newWorld(t)
	c, s := w.pair()
	_, err := w.a.Send(w.now, c, []byte("bye"))
	require.NoError(t, err)
	require.NoError(t, w.a.Shutdown(w.now, c, ShutWrite))
	w.flush()
	require.Equal(t, Readable|Writable|HangupRead, events(w.b)[s])
	got, err := w.recv(w.b, s)
	require.NoError(t, err)
	require.Equal(t, "bye", got)
	got, err = w.recv(w.b, s)
	require.NoError(t, err, "the end of the stream")
	require.Empty(t, got)
	_, err = w.a.Send(w.now, c, []byte("x"))
	require.Equal(t, ErrPipe, err)
	require.NoError(t, w.b.Close(w.now, s))
	w.flush()
	require.Equal(t, tcp.StateTimeWait, w.state(w.a, c))
	m, err := w.a.Poll(c)
	require.NoError(t, err)
	require.Equal(t, Readable|Writable|HangupRead|Hangup, m)
	require.NoError(t, w.a.Close(w.now, c))
	require.Len(t, w.a.Sockets(nil), 1, "TIME-WAIT goes on without an owner")
	require.Zero(t, w.a.Sockets(nil)[0].Socket)
	w.run(59 * time.Second)
	require.Len(t, w.a.Sockets(nil), 1)
	w.run(2 * time.Second)
	require.Empty(t, w.a.Sockets(nil))
	require.Zero(t, w.a.budget.Used())
	require.Zero(t, w.a.flows.n)
	require.Zero(t, w.a.tcp.n)
	w.quiesce()
}

func TestRefused(t *testing.T) {
	w := newWorld(t)
	c := w.dial(w.a, addrB)
	require.NotZero(t, events(w.a)[c]&(Failed|Writable))
	require.Equal(t, tcp.ErrRefused, w.a.SocketError(c))
	require.NoError(t, w.a.SocketError(c), "told once")
	require.EqualValues(t, 1, w.b.Counters().Drop[trace.DropTCPNoConn])
	require.EqualValues(t, 1, w.b.Counters().TCP.OutRsts)
	require.EqualValues(t, 1, w.a.Counters().TCP.AttemptFails)
	w.listen(w.b, 1)
	require.Equal(t, ErrInProgress, w.a.Connect(w.now, c, netip.AddrPortFrom(addrB, 80)), "it may try again")
	w.flush()
	require.Equal(t, ErrIsConnected, w.a.Connect(w.now, c, netip.AddrPortFrom(addrB, 80)))
	w.quiesce()
}

func TestReset(t *testing.T) {
	w := newWorld(t)
	c, s := w.pair()
	_, err := w.a.Send(w.now, c, []byte("unread"))
	require.NoError(t, err)
	w.flush()
	events(w.a)
	require.NoError(t, w.b.Close(w.now, s), "with data unread: RST (RFC 9293 SHLD-3)")
	w.flush()
	require.NotZero(t, events(w.a)[c]&Failed)
	_, err = w.recv(w.a, c)
	require.Equal(t, tcp.ErrReset, err)
	got, err := w.recv(w.a, c)
	require.NoError(t, err, "after the error, the end")
	require.Empty(t, got)
	_, err = w.a.Send(w.now, c, []byte("x"))
	require.Equal(t, ErrPipe, err)
	require.EqualValues(t, 1, w.a.Counters().TCP.EstabResets)
	w.quiesce()
}

func TestBacklog(t *testing.T) {
	w := newWorld(t)
	l := w.listen(w.b, 1)
	var cs []Handle
	for range 5 {
		cs = append(cs, w.dial(w.a, addrB))
	}
	done := func() (n int) {
		for _, c := range cs {
			if w.state(w.a, c) == tcp.StateEstablished {
				n++
			}
		}
		return n
	}
	require.Equal(t, 2, done(), "Linux holds one more than the backlog")
	require.Equal(t, 2, w.b.Sockets(nil)[0].RecvQ)
	require.NotZero(t, w.b.Counters().TCP.ListenDrops)
	for range 2 {
		_, err := w.b.Accept(w.now, l)
		require.NoError(t, err)
	}
	w.run(4 * time.Second)
	require.Equal(t, 2, w.b.Sockets(nil)[0].RecvQ, "the next SYNs find room")
	require.NoError(t, w.b.Close(w.now, l))
	w.flush()
	require.Len(t, w.b.Sockets(nil), 2, "closing the listener resets who waits (attack 39)")
	w.quiesce()
}

func TestAcceptInheritsAndOrders(t *testing.T) {
	w := newWorld(t)
	l := w.bound(w.b, Stream, addrB, 80)
	require.NoError(t, w.b.SetOptions(w.now, l, Options{TOS: 8, TTL: 9, TCP: tcp.Options{NoDelay: true}}))
	require.NoError(t, w.b.Listen(w.now, l, 10))
	var want []netip.AddrPort
	for range 3 {
		c := w.dial(w.a, addrB)
		a, err := w.a.LocalAddr(c)
		require.NoError(t, err)
		want = append(want, a)
	}
	for _, a := range want {
		s, err := w.b.Accept(w.now, l)
		require.NoError(t, err)
		from, err := w.b.RemoteAddr(s)
		require.NoError(t, err)
		require.Equal(t, a, from)
		o, err := w.b.Options(s)
		require.NoError(t, err)
		require.Equal(t, []any{uint8(8), uint8(9), true}, []any{o.TOS, o.TTL, o.TCP.NoDelay})
	}
	_, err := w.b.Accept(w.now, l)
	require.Equal(t, ErrWouldBlock, err)
	w.quiesce()
}

func TestBindRules(t *testing.T) { // as Linux's bind and listen
	w := newWorld(t)
	l := w.listen(w.b, 1)
	bind := func(reuse bool) (Handle, error) {
		s := w.open(w.b, Stream)
		require.NoError(t, w.b.SetOptions(w.now, s, Options{ReuseAddr: reuse, Linger: -1}))
		return s, w.b.Bind(w.now, s, netip.AddrPortFrom(anyAddress, 80))
	}
	_, err := bind(true)
	require.Equal(t, ErrAddrInUse, err, "somebody listens")
	w.dial(w.a, addrB)
	s, err := w.b.Accept(w.now, l)
	require.NoError(t, err)
	require.NoError(t, w.b.Close(w.now, l))
	_, err = bind(true)
	require.Equal(t, ErrAddrInUse, err, "the old connection does not allow it")
	o, err := w.b.Options(s)
	require.NoError(t, err)
	o.ReuseAddr = true
	require.NoError(t, w.b.SetOptions(w.now, s, o))
	_, err = bind(false)
	require.Equal(t, ErrAddrInUse, err)
	again, err := bind(true)
	require.NoError(t, err, "both allow it")
	require.NoError(t, w.b.Listen(w.now, again, 1))
	w.quiesce()
}

func TestTimeWaitReuse(t *testing.T) { // RFC 6191, attack 45
	w := newWorld(t)
	l := w.listen(w.b, 5)
	connect := func() Handle {
		c := w.open(w.a, Stream)
		require.NoError(t, w.a.SetOptions(w.now, c, Options{ReuseAddr: true, Linger: -1}))
		require.NoError(t, w.a.Bind(w.now, c, netip.AddrPortFrom(addrA, 1234)))
		require.Equal(t, ErrInProgress, w.a.Connect(w.now, c, netip.AddrPortFrom(addrB, 80)))
		w.flush()
		require.Equal(t, tcp.StateEstablished, w.state(w.a, c))
		return c
	}
	for range 3 {
		c := connect()
		s, err := w.b.Accept(w.now, l)
		require.NoError(t, err)
		require.NoError(t, w.b.Close(w.now, s)) // the server closes first: TIME-WAIT is its
		w.flush()
		require.NoError(t, w.a.Close(w.now, c))
		w.run(100 * time.Millisecond)
		require.Empty(t, w.a.Sockets(nil))
		require.Len(t, w.b.Sockets(nil), 2)
		require.Equal(t, tcp.StateTimeWait, w.b.Sockets(nil)[1].State)
	}
	w.quiesce()
}

func TestTimeWaitIsBounded(t *testing.T) { // attack 45
	w := newWorld(t, func(c *Config) { c.Memory = 256 << 10 })
	l := w.listen(w.b, 5)
	for range 700 {
		c := w.dial(w.a, addrB)
		s, err := w.b.Accept(w.now, l)
		require.NoError(t, err)
		require.NoError(t, w.a.Close(w.now, c))
		w.flush()
		require.NoError(t, w.b.Close(w.now, s))
		w.flush()
	}
	limit := w.a.timeWaitLimit()
	require.Less(t, limit, 650)
	require.Len(t, w.a.Sockets(nil), limit)
	require.EqualValues(t, 700-limit, w.a.Counters().TCP.TimeWaitOverflow)
	w.quiesce()
}

func TestLocal(t *testing.T) {
	for _, addr := range []netip.Addr{loopback, netip.MustParseAddr("127.9.9.9"), addrA} {
		w := newWorld(t)
		w.seen = func(*Host, []byte) { t.Fatal("127/8 and our own addresses never leave") }
		l := w.listen(w.a, 5)
		c := w.dial(w.a, addr)
		s, err := w.a.Accept(w.now, l)
		require.NoError(t, err)
		data, got, buf := pattern(3<<20), []byte{}, make([]byte, 1<<16)
		for sent := 0; len(got) < len(data); {
			if n, err := w.a.Send(w.now, c, data[sent:]); err == nil {
				sent += n
			}
			w.run(50 * time.Millisecond)
			for {
				n, err := w.a.Recv(w.now, s, buf, 0)
				if err != nil {
					require.Equal(t, ErrWouldBlock, err)
					break
				}
				got = append(got, buf[:n]...)
			}
		}
		require.True(t, string(data) == string(got))
		require.Zero(t, w.a.Counters().TCP.RetransSegs, "the queue to ourselves loses nothing")
		require.Equal(t, [256]uint64{}, w.a.Counters().Drop)
		u := w.bound(w.a, Datagram, anyAddress, 7)
		_, err = w.a.SendTo(w.now, u, data[:60000], netip.AddrPortFrom(addr, 7))
		require.NoError(t, err)
		w.flush()
		n, err := w.a.Recv(w.now, u, buf, 0)
		require.NoError(t, err)
		require.Equal(t, 60000, n)
		w.quiesce()
	}
}

func TestLocalRefused(t *testing.T) {
	w := newWorld(t)
	c := w.dial(w.a, loopback)
	require.Equal(t, tcp.ErrRefused, w.a.SocketError(c))
	w.quiesce()
}

func TestConnectToItself(t *testing.T) { // attack 46
	w := newWorld(t)
	s := w.bound(w.a, Stream, addrA, 80)
	require.Equal(t, ErrInProgress, w.a.Connect(w.now, s, netip.AddrPortFrom(addrA, 80)))
	w.run(time.Second)
	require.Equal(t, tcp.StateEstablished, w.state(w.a, s))
	_, err := w.a.Send(w.now, s, []byte("me"))
	require.NoError(t, err)
	w.flush()
	got, err := w.recv(w.a, s)
	require.NoError(t, err)
	require.Equal(t, "me", got)
	w.quiesce()
}

func TestAlarms(t *testing.T) {
	w := newWorld(t)
	s, u := w.open(w.a, Stream), w.open(w.a, Datagram)
	require.NoError(t, w.a.SetAlarm(s, AlarmRead, w.now.Add(time.Second)))
	require.NoError(t, w.a.SetAlarm(s, AlarmWrite, w.now.Add(2*time.Second)))
	require.NoError(t, w.a.SetAlarm(u, AlarmWrite, w.now.Add(time.Second)))
	require.NoError(t, w.a.SetAlarm(u, AlarmWrite, clock.Never))
	require.Equal(t, ErrInvalid, w.a.SetAlarm(u, Readable, clock.Never))
	require.Equal(t, w.now.Add(time.Second), w.a.Deadline())
	w.run(1500 * time.Millisecond)
	require.Equal(t, map[Handle]Mask{s: AlarmRead | Writable | Hangup}, events(w.a))
	w.run(time.Second)
	require.Equal(t, map[Handle]Mask{s: AlarmWrite | Writable | Hangup}, events(w.a))
	require.Equal(t, clock.Never, w.a.Deadline())
	w.quiesce()
}

func TestStaleHandles(t *testing.T) {
	w := newWorld(t)
	s := w.open(w.a, Datagram)
	require.NoError(t, w.a.Close(w.now, s))
	next := w.open(w.a, Stream)
	require.Equal(t, s.Index(), next.Index(), "the entry is used again")
	require.NotEqual(t, s, next)
	_, err := w.a.Poll(s)
	require.Equal(t, ErrBadHandle, err)
	for _, err := range []error{
		w.a.Bind(w.now, s, netip.AddrPort{}), w.a.Listen(w.now, s, 1), w.a.Connect(w.now, s, netip.AddrPort{}),
		w.a.Shutdown(w.now, s, ShutRead), w.a.Close(w.now, s), w.a.Abort(w.now, s), w.a.SocketError(s),
		w.a.SetAlarm(s, AlarmRead, 1), w.a.SetOptions(w.now, s, Options{}), w.a.Close(w.now, 0), w.a.Close(w.now, 1<<40),
	} {
		require.Equal(t, ErrBadHandle, err)
	}
	w.quiesce()
	_, err = w.a.Open(w.now, Stream)
	require.Equal(t, ErrClosed, err)
	require.Equal(t, ErrClosed, w.a.Close(w.now, next))
}

func TestLingerGone(t *testing.T) {
	w := newWorld(t)
	c, s := w.pair()
	require.NoError(t, w.a.SetOptions(w.now, c, Options{LingerOn: true, Linger: time.Minute}))
	_, err := w.a.Send(w.now, c, []byte("last words"))
	require.NoError(t, err)
	lost := true
	w.lose = func(*Host, []byte) bool { return lost }
	require.NoError(t, w.a.Close(w.now, c))
	w.run(5 * time.Second)
	require.Zero(t, events(w.a)[c])
	lost = false
	w.run(20 * time.Second)
	require.Equal(t, Gone, events(w.a)[c])
	got, err := w.recv(w.b, s)
	require.NoError(t, err)
	require.Equal(t, "last words", got)
	w.quiesce()
}

func TestEphemeralPorts(t *testing.T) { // RFC 6056, attack 29
	w := newWorld(t, func(c *Config) { c.Memory = 256 << 20 })
	seen := map[uint16]bool{}
	prev, steps := 0, map[int]int{}
	for range 2000 {
		s := w.open(w.a, Stream)
		require.Equal(t, ErrInProgress, w.a.Connect(w.now, s, netip.AddrPortFrom(addrB, 80)))
		a, err := w.a.LocalAddr(s)
		require.NoError(t, err)
		p := int(a.Port())
		require.False(t, seen[a.Port()], "unique for the peer")
		require.True(t, p >= firstEphemeral && p < firstEphemeral+numEphemeral)
		seen[a.Port()] = true
		steps[p-prev]++
		prev = p
	}
	require.Less(t, steps[1], 100, "not predictable from the last")
	w.quiesce()
}

func TestPortsRunOut(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Memory = 256 << 20 })
	for range numEphemeral {
		require.NoError(t, w.a.Bind(w.now, w.open(w.a, Datagram), netip.AddrPortFrom(addrA, 0)))
	}
	require.Equal(t, ErrAddrInUse, w.a.Bind(w.now, w.open(w.a, Datagram), netip.AddrPortFrom(addrA, 0)))
	w.quiesce()
}

func TestUnreachableToTCP(t *testing.T) { // RFC 5927, attack 13
	w := newWorld(t)
	c := w.open(w.a, Stream)
	require.Equal(t, ErrInProgress, w.a.Connect(w.now, c, netip.AddrPortFrom(addrB, 80)))
	var syn []byte
	w.seen = func(from *Host, p []byte) { syn = append([]byte{}, p...) }
	w.lose = func(*Host, []byte) bool { return true }
	w.flush()
	forged := append([]byte{}, syn...)
	forged[24] ^= 0x10 // the sequence number
	answers(w.a, w.now, rawICMP(addrB, addrA, wire.ICMP{Type: 3, Code: 3}, forged[:28]))
	require.Equal(t, tcp.StateSynSent, w.state(w.a, c))
	require.EqualValues(t, 1, w.a.Counters().Drop[trace.DropICMP])
	answers(w.a, w.now, rawICMP(addrB, addrA, wire.ICMP{Type: 3, Code: 3}, syn[:28]))
	require.Equal(t, tcp.ErrPortUnreachable, w.a.SocketError(c))
	w.quiesce()
}

func TestPathMTUOfTCP(t *testing.T) {
	w := newWorld(t)
	c, s := w.pair()
	const narrow = 1000
	w.lose = func(from *Host, p []byte) bool {
		if from == w.a && len(p) > narrow {
			quote := append([]byte{}, p[:28]...)
			w.a.Input(w.now, packet(rawICMP(netip.MustParseAddr("192.0.2.9"), addrA, wire.ICMP{Type: 3, Code: 4, Rest: narrow}, quote)))
			return true
		}
		return false
	}
	w.pump(c, s, pattern(100000), nil)
	w.quiesce()
}

func TestTCPToBroadcast(t *testing.T) { // RFC 9293 MUST-57
	w := newWorld(t)
	w.listen(w.a, 1)
	p := rawTCP(addrB, netip.MustParseAddr("192.0.2.255"), wire.TCP{SrcPort: 5, DstPort: 80, Flags: wire.SYN}, nil)
	require.Empty(t, answers(w.a, w.now, p))
	require.EqualValues(t, 1, w.a.Counters().Drop[trace.DropMartian])
	s := w.open(w.a, Stream)
	require.Equal(t, ErrNoRoute, w.a.Connect(w.now, s, netip.MustParseAddrPort("192.0.2.255:80")))
}
