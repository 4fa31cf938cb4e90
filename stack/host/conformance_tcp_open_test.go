package host

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// RFC 9293 sections 3.9.1.1, 3.9.1.9 and 3.9.2: OPEN, and TCP upon IP.

// reusing returns a stream bound to port 80 beside others.
func (w *world) reusing(h *Host) Handle {
	w.t.Helper()
	s := w.open(h, Stream)
	require.NoError(w.t, h.SetOptions(w.now, s, Options{ReuseAddr: true}))
	require.NoError(w.t, h.Bind(w.now, s, netip.AddrPortFrom(anyAddress, 80)))
	return s
}

// says sends what on c and expects it at s.
func (w *world) says(from *Host, c Handle, to *Host, s Handle, what string) {
	w.t.Helper()
	_, err := from.Send(w.now, c, []byte(what))
	require.NoError(w.t, err)
	w.flush()
	got, err := w.recv(to, s)
	require.NoError(w.t, err)
	require.Equal(w.t, what, got)
}

func TestReq9293_M41_ListenIsolated(t *testing.T) {
	w := newWorld(t)
	l := w.reusing(w.b)
	require.NoError(t, w.b.Listen(w.now, l, 5))
	c := w.dial(w.a, addrB)
	s, err := w.b.Accept(w.now, l)
	require.NoError(t, err)
	require.NoError(t, w.b.Close(w.now, l))
	l = w.reusing(w.b)
	require.NoError(t, w.b.Listen(w.now, l, 5)) // a new passive OPEN of the same port
	w.says(w.a, c, w.b, s, "as before")
	w.says(w.b, s, w.a, c, "both ways")
	d := w.dial(w.a, addrB)
	e, err := w.b.Accept(w.now, l)
	require.NoError(t, err)
	w.says(w.a, d, w.b, e, "and it works")
	_, err = w.recv(w.b, s)
	require.Equal(t, ErrWouldBlock, err)
}

func TestReq9293_M42_ListenWhileSynSent(t *testing.T) {
	w := newWorld(t)
	x := w.reusing(w.b)
	w.lose = func(from *Host, _ []byte) bool { return from == w.b }
	require.Equal(t, ErrInProgress, w.b.Connect(w.now, x, netip.AddrPortFrom(addrA, 9)))
	w.flush()
	require.Equal(t, tcp.StateSynSent, w.state(w.b, x))
	l := w.reusing(w.b)
	require.NoError(t, w.b.Listen(w.now, l, 5))
	require.Equal(t, tcp.StateSynSent, w.state(w.b, x))
	w.lose = nil
	c := w.dial(w.a, addrB)
	require.Equal(t, tcp.StateEstablished, w.state(w.a, c))
	w.run(2 * time.Second) // the first attempt goes on, and is refused
	require.Equal(t, tcp.ErrRefused, w.b.SocketError(x))
}

// twoHomed gives host a another address, on its own network.
func twoHomed(w *world) netip.Addr {
	other := ip("198.51.100.1")
	require.NoError(w.t, w.a.SetAddresses([]netip.Prefix{netip.MustParsePrefix("192.0.2.1/24"), netip.PrefixFrom(other, 24)}, nil))
	return other
}

// sources returns the source addresses of what a sends from now on.
func sources(w *world) map[netip.Addr]int {
	m := map[netip.Addr]int{}
	w.seen = func(from *Host, p []byte) {
		if from == w.a {
			m[netip.AddrFrom4([4]byte(p[12:16]))]++
		}
	}
	return m
}

func TestReq9293_M43_LocalAddr(t *testing.T) {
	w := newWorld(t)
	other := twoHomed(w)
	require.NoError(t, w.b.SetAddresses([]netip.Prefix{netip.MustParsePrefix("192.0.2.2/24")}, []Route{{Prefix: netip.MustParsePrefix("198.51.100.0/24")}}))
	w.listen(w.b, 5)
	from := sources(w)
	c := w.bound(w.a, Stream, other, 0)
	require.Equal(t, ErrInProgress, w.a.Connect(w.now, c, netip.AddrPortFrom(addrB, 80)))
	w.flush()
	require.Equal(t, tcp.StateEstablished, w.state(w.a, c))
	require.Equal(t, map[netip.Addr]int{other: 2}, from)

	l := w.bound(w.a, Stream, other, 80) // a passive OPEN with an address
	require.NoError(t, w.a.Listen(w.now, l, 5))
	refused := w.dial(w.b, addrA)
	require.Equal(t, tcp.ErrRefused, w.b.SocketError(refused))
	require.Equal(t, tcp.StateEstablished, w.state(w.b, w.dial(w.b, other)))
	bad := w.open(w.a, Stream)
	require.Equal(t, ErrAddrNotAvail, w.a.Bind(w.now, bad, netip.AddrPortFrom(addrB, 0)), "not ours")
}

func TestReq9293_M44_SourceSelection(t *testing.T) {
	w := newWorld(t)
	other := twoHomed(w)
	for to, want := range map[netip.Addr]netip.Addr{addrB: addrA, ip("198.51.100.7"): other} {
		src, _, err := w.a.Source(to)
		require.NoError(t, err)
		require.Equal(t, want, src)
		c := w.open(w.a, Stream)
		require.Equal(t, ErrInProgress, w.a.Connect(w.now, c, netip.AddrPortFrom(to, 80)))
		local, err := w.a.LocalAddr(c)
		require.NoError(t, err)
		require.Equal(t, want, local.Addr(), "before the first SYN")
		from := sources(w)
		w.flush()
		require.Equal(t, map[netip.Addr]int{want: 1}, from)
	}
	c := w.open(w.a, Stream)
	require.Equal(t, ErrNoRoute, w.a.Connect(w.now, c, netip.AddrPortFrom(ip("203.0.113.1"), 80)))
}

func TestReq9293_M45_SourceStable(t *testing.T) {
	w := newWorld(t)
	c, _ := w.pair()
	from := sources(w)
	require.NoError(t, w.a.SetAddresses([]netip.Prefix{netip.MustParsePrefix("192.0.2.77/24"), netip.MustParsePrefix("192.0.2.1/24")}, nil))
	src, _, err := w.a.Source(addrB)
	require.NoError(t, err)
	require.Equal(t, ip("192.0.2.77"), src, "a new connection would leave from here")
	lost := 2
	w.lose = func(*Host, []byte) bool { lost--; return lost >= 0 }
	_, err = w.a.Send(w.now, c, []byte("x"))
	require.NoError(t, err)
	w.run(5 * time.Second)
	require.NoError(t, w.a.Shutdown(w.now, c, ShutWrite))
	w.flush()
	require.Len(t, from, 1, "data, repetitions and FIN")
	require.GreaterOrEqual(t, from[addrA], 3)
}

func TestReq9293_M46_OpenBadRemote(t *testing.T) {
	w := newWorld(t)
	for _, to := range []string{"255.255.255.255", "192.0.2.255", "192.0.2.0", "224.0.0.1", "239.1.2.3", "255.0.0.1"} {
		s := w.open(w.a, Stream)
		require.NoError(t, w.a.SetOptions(w.now, s, Options{Broadcast: true}))
		err := w.a.Connect(w.now, s, netip.AddrPortFrom(ip(to), 80))
		require.Error(t, err, to)
		require.NotEqual(t, ErrInProgress, err, to)
		require.Zero(t, w.a.Transmit(w.now, w.out[:]), to)
	}
}

func TestReq9293_M63_SYNBadSource(t *testing.T) {
	w := newWorld(t)
	w.listen(w.a, 5)
	for _, src := range []string{"255.255.255.255", "192.0.2.255", "192.0.2.0", "224.0.0.1", "239.255.255.255", "240.0.0.1", "0.0.0.0", "127.0.0.1", "192.0.2.1"} {
		for _, port := range []uint16{80, 81} {
			s := crafted{src: ip(src), dst: addrA, sport: 7, dport: port, flags: wire.SYN, seq: 1}
			used := w.a.budget.Used()
			require.Empty(t, answers(w.a, w.now, s.packet()), src)
			require.Equal(t, used, w.a.budget.Used(), "%s: nothing is kept", src)
			require.Empty(t, events(w.a))
		}
	}
	good := crafted{src: addrB, dst: addrA, sport: 7, dport: 80, flags: wire.SYN, seq: 1}
	require.Len(t, answers(w.a, w.now, good.packet()), 1)
}

func TestReq9293_M57_SYNToBroadcast(t *testing.T) {
	w := newWorld(t)
	w.listen(w.a, 5)
	for _, dst := range []string{"255.255.255.255", "192.0.2.255", "192.0.2.0", "224.0.0.1", "239.1.2.3"} {
		for _, port := range []uint16{80, 81} { // open or closed
			for _, f := range []wire.Flags{wire.SYN, wire.ACK, wire.FIN} {
				s := crafted{src: addrB, dst: ip(dst), sport: 7, dport: port, flags: f, seq: 1, ack: 9}
				require.Empty(t, answers(w.a, w.now, s.packet()), "%s %v", dst, f)
			}
		}
	}
	require.Zero(t, w.a.Counters().TCP.OutRsts)
}

// lastTCP returns what was last sent by h, whole.
func lastTCP(w *world, h *Host) *[]byte {
	last := new([]byte)
	w.seen = func(from *Host, p []byte) {
		if from == h {
			*last = append((*last)[:0], p...)
		}
	}
	return last
}

func TestReq9293_M48_DSCP(t *testing.T) {
	w := newWorld(t)
	l := w.listen(w.b, 5)
	require.NoError(t, w.b.SetOptions(w.now, l, Options{TOS: 0x28}))
	tos := map[*Host]map[byte]int{w.a: {}, w.b: {}}
	w.seen = func(from *Host, p []byte) { tos[from][p[1]]++ }
	c := w.open(w.a, Stream)
	require.NoError(t, w.a.SetOptions(w.now, c, Options{TOS: 0xb8}))
	require.Equal(t, ErrInProgress, w.a.Connect(w.now, c, netip.AddrPortFrom(addrB, 80)))
	w.flush()
	s, err := w.b.Accept(w.now, l)
	require.NoError(t, err)
	w.pump(c, s, pattern(20000), pattern(20000))
	require.Len(t, tos[w.a], 1, "every segment from the SYN on")
	require.NotZero(t, tos[w.a][0xb8])
	require.Len(t, tos[w.b], 1, "from the SYN-ACK on, by the listener's")
	require.NotZero(t, tos[w.b][0x28])
}

func TestReq9293_S21_DSCPChange(t *testing.T) {
	w := newWorld(t)
	c, s := w.pair()
	last := lastTCP(w, w.a)
	for _, dscp := range []uint8{46, 0, 10} {
		o, err := w.a.Options(c)
		require.NoError(t, err)
		o.TOS = dscp << 2
		require.NoError(t, w.a.SetOptions(w.now, c, o))
		w.says(w.a, c, w.b, s, "x")
		require.Equal(t, dscp<<2, (*last)[1])
	}
}

func TestReq9293_S22_DSCPUnchanged(t *testing.T) {
	w := newWorld(t)
	c, s := w.pair()
	last := lastTCP(w, w.a)
	for tos := range 256 {
		require.NoError(t, w.a.SetOptions(w.now, c, Options{TOS: uint8(tos), TCP: tcp.Options{NoDelay: true}}))
		w.says(w.a, c, w.b, s, "x")
		require.Equal(t, uint8(tos)&^3, (*last)[1], "the two bits of ECN are not its")
	}
}

func TestReq9293_M49_TTL(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.TTL = 33 })
	c, s := w.pair()
	last := lastTCP(w, w.a)
	for _, ttl := range []uint8{0, 1, 17, 255} {
		require.NoError(t, w.a.SetOptions(w.now, c, Options{TTL: ttl}))
		w.says(w.a, c, w.b, s, "x")
		if ttl == 0 {
			ttl = 33 // the host's
		}
		require.Equal(t, ttl, (*last)[8])
	}
	d := w.open(w.a, Stream)
	require.NoError(t, w.a.SetOptions(w.now, d, Options{TTL: 5}))
	require.Equal(t, ErrInProgress, w.a.Connect(w.now, d, netip.AddrPortFrom(addrB, 80)))
	w.flush()
	require.Equal(t, uint8(5), (*last)[8], "the SYN too")
}

// withIPOptions makes a connection whose segments carry IP options, and holds
// that they do no harm and are not answered in kind.
func withIPOptions(t *testing.T, o []byte) {
	t.Helper()
	w := newWorld(t)
	x := &stranger{w: w, l: w.listen(w.a, 5)}
	x.crafted = crafted{src: addrB, dst: addrA, sport: 7, dport: 80, seq: 100, ipOptions: o}
	got := x.send(wire.SYN, nil)
	require.Len(t, got, 1)
	require.Equal(t, byte(0x45), got[0][0], "no options are sent")
	seg, _, err := wire.DecodeTCP(got[0][20:])
	require.NoError(t, err)
	x.seq, x.ack = 101, seg.Seq.Add(1)
	x.finish().send(wire.ACK|wire.PSH, []byte("x"))
	text, err := w.recv(w.a, x.s)
	require.NoError(t, err)
	require.Equal(t, "x", text)
}

func TestReq9293_M50_IgnoreIPOptions(t *testing.T) {
	for _, o := range [][]byte{{1, 1, 1, 1}, {0, 0, 0, 0}, {148, 4, 0, 0}, {130, 4, 1, 2}, {222, 6, 1, 2, 3, 4, 1, 0}, {25, 8, 1, 2, 3, 4, 5, 6}} {
		withIPOptions(t, o)
	}
}

func TestReq9293_O10_IPTimestamp(t *testing.T) {
	withIPOptions(t, []byte{68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0})
}

func TestReq9293_O11_RecordRoute(t *testing.T) {
	withIPOptions(t, []byte{7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0})
}

// routed are a loose and a strict source route through 192.0.2.9, at their end.
var routed = [][]byte{{131, 7, 8, 192, 0, 2, 9, 0}, {137, 7, 8, 192, 0, 2, 9, 0}}

// No call takes a source route, so the first SYN has none.
func TestReq9293_M51_SourceRouteOpen(t *testing.T) {
	w := newWorld(t)
	w.seen = func(_ *Host, p []byte) { require.Equal(t, byte(0x45), p[0]) }
	c, s := w.pair()
	w.says(w.a, c, w.b, s, "x")
}

// A source-routed segment of a connection is dropped, and turns no answer.
func TestReq9293_M52_SourceRoutePrecedence(t *testing.T) {
	for _, o := range routed {
		w := newWorld(t)
		x := w.stranger(nil).finish()
		events(w.a)
		x.ipOptions, x.flags, x.data = o, wire.ACK|wire.PSH, []byte("x")
		w.silent(w.a, x.packet(), trace.DropSourceRoute)
		x.ipOptions = nil
		x.send(wire.ACK|wire.PSH, []byte("y"))
		got, err := w.recv(w.a, x.s)
		require.NoError(t, err)
		require.Equal(t, "y", got)
	}
}

// A SYN that came along a source route is dropped: there is no return route to save.
func TestReq9293_M53_ReturnRoute(t *testing.T) {
	for _, o := range routed {
		w := newWorld(t)
		w.listen(w.a, 5)
		s := crafted{src: addrB, dst: addrA, sport: 7, dport: 80, flags: wire.SYN, seq: 1, ipOptions: o}
		w.silent(w.a, s.packet(), trace.DropSourceRoute)
	}
}

// Neither route is used: that of a later SYN counts as little as the first one's.
func TestReq9293_S24_LaterRoute(t *testing.T) {
	w := newWorld(t)
	x := w.stranger(nil)
	events(w.a)
	for _, o := range routed {
		x.ipOptions, x.flags = o, wire.ACK
		w.silent(w.a, x.packet(), trace.DropSourceRoute)
	}
	x.ipOptions = nil
	x.finish()
	_, err := w.a.Send(w.now, x.s, []byte("x"))
	require.NoError(t, err)
	require.Equal(t, 1, w.a.Transmit(w.now, w.out[:]))
	require.Equal(t, byte(0x45), w.out[0].Head[0])
}

// Segments are atomic datagrams: their identification is always 0 (RFC 6864 4.1).
func TestReq9293_O04_SameIPID(t *testing.T) {
	w := newWorld(t)
	c, _ := w.pair()
	var sent [][]byte
	w.seen = func(from *Host, p []byte) {
		if from == w.a {
			sent = append(sent, append([]byte{}, p...))
		}
	}
	w.lose = func(*Host, []byte) bool { return true }
	_, err := w.a.Send(w.now, c, []byte("again"))
	require.NoError(t, err)
	w.run(5 * time.Second)
	require.GreaterOrEqual(t, len(sent), 3)
	for _, p := range sent {
		require.Equal(t, uint32(0x4000), binary.BigEndian.Uint32(p[4:]), "ID 0, DF")
	}
}
