package host

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

func TestTapSeesEverything(t *testing.T) {
	tap := link.NewTap(1 << 20)
	w := newWorld(t)
	w.a = newHost(t, 1, "192.0.2.1/24", link.Features{MTU: 1500, ChecksumOffload: true}, func(c *Config) { c.Tap = tap })
	w.listen(w.a, 5)
	w.listen(w.b, 5)
	w.dial(w.a, addrB)
	w.dial(w.a, loopback)
	u := w.open(w.a, Datagram)
	for _, to := range []netip.Addr{addrB, addrA} {
		_, err := w.a.SendTo(w.now, u, []byte("x"), netip.AddrPortFrom(to, 9))
		require.NoError(t, err)
	}
	w.flush()
	records, dropped := tap.Take()
	require.Zero(t, dropped)
	seen := map[link.Direction]map[uint8]int{link.In: {}, link.Out: {}, link.Local: {}}
	for _, r := range records {
		ip, payload, err := wire.DecodeIPv4(r.Data)
		require.NoError(t, err)
		require.True(t, wire.TransportChecksumOK(ip.Src, ip.Dst, ip.Protocol, payload), "complete checksums")
		require.Equal(t, r.Dir == link.In, r.Why == trace.None)
		seen[r.Dir][ip.Protocol]++
	}
	require.Equal(t, map[link.Direction]map[uint8]int{
		link.In:    {wire.ProtoTCP: 1, wire.ProtoICMP: 1},
		link.Out:   {wire.ProtoTCP: 2, wire.ProtoUDP: 1},
		link.Local: {wire.ProtoTCP: 3, wire.ProtoUDP: 1, wire.ProtoICMP: 1},
	}, seen)
	w.quiesce()
}

func TestTrace(t *testing.T) {
	log := trace.NewLog(100)
	w := newWorld(t)
	w.a = newHost(t, 1, "192.0.2.1/24", link.Features{MTU: 1500}, func(c *Config) { c.Trace = log })
	answers(w.a, w.now, rawUDP(addrB, addrA, 1, 9, []byte("abc")))
	answers(w.a, w.now, rawICMP(addrB, addrA, wire.ICMP{Type: 8}, []byte("abc")))
	evs, _ := log.Take(nil)
	type what struct {
		kind trace.Kind
		why  trace.Reason
	}
	var got []what
	for _, e := range evs {
		require.Equal(t, w.now, e.At)
		got = append(got, what{e.Kind, e.Reason})
	}
	require.Equal(t, []what{
		{trace.Dropped, trace.DropUDPNoPort}, {trace.Sent, trace.SendUnreachable},
		{trace.Received, trace.None}, {trace.Sent, trace.SendEchoReply},
	}, got)
}

func TestLoopbackStaysInside(t *testing.T) { // RFC 1122 3.2.1.3(g)
	w := newWorld(t)
	l := w.listen(w.a, 5)
	c := w.bound(w.a, Stream, loopback, 0)
	require.Equal(t, ErrInProgress, w.a.Connect(w.now, c, netip.AddrPortFrom(addrA, 80)))
	w.flush()
	_, err := w.a.Accept(w.now, l)
	require.NoError(t, err)
	_, err = w.a.Send(w.now, c, []byte("x"))
	require.NoError(t, err)
	require.NoError(t, w.a.SetAddresses([]netip.Prefix{netip.MustParsePrefix("10.0.0.1/8"), netip.MustParsePrefix("192.0.2.77/24")}, nil))
	w.seen = func(_ *Host, p []byte) { t.Fatalf("left the host: % x", p) }
	w.run(10 * time.Second)
	require.NotZero(t, w.a.Counters().Drop[trace.DropNotOurs])
}

func TestErrorTexts(t *testing.T) {
	seen := map[string]bool{}
	for e := ErrSeed; e < numErrors; e++ {
		require.Greater(t, len(e.Error()), len("host: "))
		require.False(t, seen[e.Error()], e.Error())
		seen[e.Error()] = true
	}
	require.Equal(t, "host: unknown error", Error(0).Error())
	require.Equal(t, "host: unknown error", numErrors.Error())
	_, err := New(Config{}, link.Features{})
	require.Equal(t, ErrSeed, err)
}

// A handshake with ourselves needs nothing of the link: it finishes while the
// link is full and Transmit is only called with no room.
func TestHandshakeWithOurselvesNeedsNoRoom(t *testing.T) {
	w := newWorld(t)
	l := w.listen(w.a, 5)
	c := w.bound(w.a, Stream, netip.Addr{}, 0)
	require.Equal(t, ErrInProgress, w.a.Connect(w.now, c, netip.AddrPortFrom(addrA, 80)))
	require.Zero(t, w.a.Transmit(w.now, nil))
	_, err := w.a.Accept(w.now, l)
	require.NoError(t, err)
	require.NoError(t, w.a.SocketError(c))
	m, err := w.a.Poll(c)
	require.NoError(t, err)
	require.NotZero(t, m&Writable)
}
