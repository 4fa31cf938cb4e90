package host

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// abroad is who a wants to reach; b is a's gateway.
var abroad = netip.MustParseAddrPort("198.51.100.7:443")

func newForwarding(t testing.TB, change ...func(*Config)) (w *world, streams, dgrams, echoes Handle) {
	w = newWorld(t, append(change, func(c *Config) {
		c.Routes = []Route{{Prefix: netip.MustParsePrefix("0.0.0.0/0"), Via: addrB}}
		c.TCP.MSL = time.Millisecond
		if c.Prefixes[0].Addr() == addrB {
			c.Routes = nil
		}
	})...)
	open := func(k Kind, limit int) Handle {
		s := w.open(w.b, k)
		require.NoError(t, w.b.Forward(w.now, s, limit, 30*time.Second))
		return s
	}
	return w, open(Stream, 8), open(Datagram, 8), open(Echo, 8)
}

// A forwarded connection, datagram and echo cost nothing once the pools are full, and
// everything comes back.
func TestForwardAllocatesNothing(t *testing.T) {
	w, streams, dgrams, echoes := newForwarding(t)
	var check Audit
	buf, m := make([]byte, 99), []byte{8, 0, 0, 0, 0, 0, 0, 1, 2, 3}
	cycle := func() {
		c, _ := w.a.Open(w.now, Stream)
		w.a.Connect(w.now, c, abroad)
		w.run(time.Millisecond)
		f, err := w.b.NextFlow(w.now, streams)
		if err != nil {
			t.Fatal(err)
		}
		s, err := w.b.Decide(w.now, streams, f, AcceptFlow)
		if err != nil {
			t.Fatal(err)
		}
		w.run(time.Millisecond)
		w.a.Close(w.now, c)
		w.run(time.Millisecond)
		w.b.Close(w.now, s)
		u, _ := w.a.Open(w.now, Datagram)
		w.a.SendTo(w.now, u, buf, abroad)
		e, _ := w.a.Open(w.now, Echo)
		w.a.SendTo(w.now, e, m, netip.AddrPortFrom(abroad.Addr(), 0))
		w.run(time.Millisecond)
		for _, k := range []Handle{dgrams, echoes} {
			got, err := w.b.AcceptSession(w.now, k)
			if err != nil {
				t.Fatal(err)
			}
			w.b.RecvMsg(w.now, got, buf, 0)
			w.b.SendFrom(w.now, got, buf, abroad)
			w.run(time.Millisecond)
			w.b.Close(w.now, got)
		}
		w.a.Close(w.now, u)
		w.a.Close(w.now, e)
		w.run(5 * time.Millisecond)
		w.a.Events()
		w.b.Events()
	}
	for range 100 {
		cycle()
	}
	require.Zero(t, testing.AllocsPerRun(50, cycle))
	require.NoError(t, check.Check(w.b))
	require.Len(t, w.b.Sockets(nil), 3, "the forwarder's own")
	for _, s := range []Handle{streams, dgrams, echoes} {
		require.NoError(t, w.b.Close(w.now, s))
	}
	w.run(time.Minute)
	require.NoError(t, check.Idle(w.b))
}

// Whatever waits when the host ends comes back too.
func TestForwardCloseAll(t *testing.T) {
	w, streams, dgrams, _ := newForwarding(t)
	for range 3 {
		c := w.open(w.a, Stream)
		require.ErrorIs(t, w.a.Connect(w.now, c, abroad), ErrInProgress)
		u := w.open(w.a, Datagram)
		_, err := w.a.SendTo(w.now, u, []byte("?"), abroad)
		require.NoError(t, err)
	}
	w.flush()
	f, err := w.b.NextFlow(w.now, streams)
	require.NoError(t, err)
	_, err = w.b.Decide(w.now, streams, f, AcceptFlow)
	require.NoError(t, err)
	_, err = w.b.AcceptSession(w.now, dgrams)
	require.NoError(t, err)
	w.a.CloseAll(w.now)
	w.b.CloseAll(w.now)
	w.run(time.Minute)
	var check Audit
	require.NoError(t, check.Idle(w.b))
}

// What a forwarding socket is not for, and what is not for it.
func TestForwardMisuse(t *testing.T) {
	w, streams, dgrams, echoes := newForwarding(t)
	b := w.b
	for _, k := range []Kind{Stream, Datagram, Echo} {
		require.ErrorIs(t, b.Forward(w.now, w.open(b, k), 0, 0), ErrAddrInUse)
	}
	require.ErrorIs(t, b.Forward(w.now, streams, 0, 0), ErrInvalid, "a second time")
	require.ErrorIs(t, b.Bind(w.now, dgrams, netip.AddrPortFrom(addrB, 53)), ErrInvalid)
	require.ErrorIs(t, b.Connect(w.now, dgrams, abroad), ErrInvalid)
	for _, s := range []Handle{streams, dgrams, echoes} {
		_, err := b.Disconnect(w.now, s)
		require.ErrorIs(t, err, ErrInvalid)
	}
	require.ErrorIs(t, b.Autobind(w.now, dgrams), ErrNotSupported)
	require.ErrorIs(t, b.MaySend(w.now, dgrams, abroad), ErrNotSupported)
	_, err := b.Send(w.now, dgrams, []byte("x"))
	require.Error(t, err)
	_, err = b.SendTo(w.now, dgrams, []byte("x"), abroad)
	require.ErrorIs(t, err, ErrNotSupported)
	_, err = b.SendFrom(w.now, dgrams, []byte("x"), abroad)
	require.ErrorIs(t, err, ErrInvalid)
	_, err = b.NextFlow(w.now, w.open(b, Stream))
	require.ErrorIs(t, err, ErrInvalid)
	_, err = b.Decide(w.now, streams, tcp.Flow{Local: abroad, Remote: netip.AddrPortFrom(addrA, 1)}, ResetFlow)
	require.ErrorIs(t, err, ErrNotConnected)
	_, err = b.Decide(w.now, streams, tcp.Flow{}, numRulings)
	require.ErrorIs(t, err, ErrInvalid)
	_, err = b.AcceptSession(w.now, w.open(b, Datagram))
	require.ErrorIs(t, err, ErrInvalid)
	require.ErrorIs(t, b.RefuseFrom(w.now, dgrams, abroad, RefusePort), ErrInvalid)
	m, err := b.Poll(echoes)
	require.NoError(t, err)
	require.Zero(t, m)

	u := w.open(w.a, Datagram)
	_, err = w.a.SendTo(w.now, u, []byte("?"), abroad)
	require.NoError(t, err)
	w.flush()
	m, err = b.Poll(dgrams)
	require.NoError(t, err)
	require.Equal(t, Readable, m)
	s, err := b.AcceptSession(w.now, dgrams)
	require.NoError(t, err)
	require.ErrorIs(t, b.RefuseFrom(w.now, s, abroad, AcceptFlow), ErrInvalid)
	require.ErrorIs(t, b.Connect(w.now, s, abroad), ErrInvalid)
	_, err = b.Disconnect(w.now, s)
	require.ErrorIs(t, err, ErrInvalid)
	_, err = b.AcceptSession(w.now, dgrams)
	require.ErrorIs(t, err, ErrWouldBlock)
	_, err = b.SendFrom(w.now, s, make([]byte, 70_000), abroad)
	require.ErrorIs(t, err, ErrMsgSize)
}

// Only unicast is forwarded, and only what comes from the link: no martians, no
// packet to itself (LAND), nothing from the host's own addresses (RFC 1812 5.3.7, RFC 1122 3.2.1.3).
func TestForwardAdmits(t *testing.T) {
	w, _, dgrams, _ := newForwarding(t)
	for _, tc := range []struct {
		name     string
		src, dst string
		why      trace.Reason
	}{
		{"to anybody", "192.0.2.1", "203.0.113.5", trace.None},
		{"from anybody", "10.1.2.3", "203.0.113.5", trace.None},
		{"multicast", "192.0.2.1", "224.0.0.9", trace.DropNotOurs},
		{"class E", "192.0.2.1", "240.0.0.1", trace.DropMartian},
		{"loopback", "192.0.2.1", "127.0.0.1", trace.DropMartian},
		{"0/8", "192.0.2.1", "0.0.0.5", trace.DropMartian},
		{"from ourselves", "192.0.2.2", "203.0.113.5", trace.DropMartian},
		{"from loopback", "127.0.0.1", "203.0.113.5", trace.DropMartian},
		{"from a broadcast", "192.0.2.255", "203.0.113.5", trace.DropMartian},
		{"to itself", "203.0.113.5", "203.0.113.5", trace.DropMartian},
	} {
		t.Run(tc.name, func(t *testing.T) {
			before := *w.b.Counters()
			w.b.Input(w.now, packet(rawUDP(netip.MustParseAddr(tc.src), netip.MustParseAddr(tc.dst), 1000, 53, []byte("x"))))
			after := *w.b.Counters()
			if tc.why != trace.None {
				require.EqualValues(t, 1, after.Drop[tc.why]-before.Drop[tc.why])
				return
			}
			require.EqualValues(t, 1, after.Forward.Sessions-before.Forward.Sessions)
			s, err := w.b.AcceptSession(w.now, dgrams)
			require.NoError(t, err)
			_, m, err := w.b.RecvMsg(w.now, s, make([]byte, 9), 0)
			require.NoError(t, err)
			require.Equal(t, tc.dst, m.To.String())
			require.EqualValues(t, 53, m.ToPort)
		})
	}
}

// The datagrams of a super-datagram come one by one; a datagram in fragments whole.
func TestForwardSuperDatagram(t *testing.T) {
	w, _, dgrams, _ := newForwarding(t)
	p := packet(rawUDP(addrA, abroad.Addr(), 1000, 53, pattern(2500)))
	p.GSOSize, p.CsumDone = 1000, true
	w.b.Input(w.now, p)
	s, err := w.b.AcceptSession(w.now, dgrams)
	require.NoError(t, err)
	for _, want := range []int{1000, 1000, 500} {
		n, err := w.b.Recv(w.now, s, make([]byte, 3000), 0)
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	whole := rawUDP(addrA, abroad.Addr(), 1000, 53, pattern(2500))
	w.b.Input(w.now, packet(fragment(addrA, abroad.Addr(), wire.ProtoUDP, 7, 0, whole[20:1500], true)))
	w.b.Input(w.now, packet(fragment(addrA, abroad.Addr(), wire.ProtoUDP, 7, 1480, whole[1500:], false)))
	n, err := w.b.Recv(w.now, s, make([]byte, 3000), 0)
	require.NoError(t, err)
	require.Equal(t, 2500, n)
}

// A path that carries less is heard of, though the packet that was too large claimed
// to come from somebody else (RFC 1191 4).
func TestForwardLearnsPathMTU(t *testing.T) {
	w, streams, _, _ := newForwarding(t)
	c := w.open(w.a, Stream)
	require.ErrorIs(t, w.a.Connect(w.now, c, abroad), ErrInProgress)
	w.flush()
	f, err := w.b.NextFlow(w.now, streams)
	require.NoError(t, err)
	s, err := w.b.Decide(w.now, streams, f, AcceptFlow)
	require.NoError(t, err)
	w.flush()
	var large []byte
	w.lose = func(from *Host, p []byte) bool {
		if from == w.b && len(p) > 1000 && large == nil {
			large = append([]byte(nil), p[:28]...)
		}
		return from == w.b && len(p) > 1000
	}
	_, err = w.b.Send(w.now, s, pattern(5000))
	require.NoError(t, err)
	w.flush()
	require.NotNil(t, large)
	w.b.Input(w.now, packet(rawICMP(addrA, abroad.Addr(), wire.ICMP{Type: wire.ICMPUnreachable, Code: wire.UnreachFragNeeded, Rest: 1000}, large)))
	w.run(time.Second)
	mtu, err := w.b.PathMTU(s)
	require.NoError(t, err)
	require.Equal(t, 1000, mtu)
	n, err := w.a.Recv(w.now, c, make([]byte, 9000), 0)
	require.NoError(t, err)
	require.Equal(t, 5000, n)
}
