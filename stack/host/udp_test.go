package host

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

func TestUDPEcho(t *testing.T) {
	for _, size := range []int{0, 1, 1472, 1473, 4000, 65507} {
		w := newWorld(t)
		srv := w.bound(w.b, Datagram, anyAddress, 7)
		cl := w.open(w.a, Datagram)
		require.NoError(t, w.a.Connect(w.now, cl, netip.AddrPortFrom(addrB, 7)))
		data := pattern(size)
		n, err := w.a.Send(w.now, cl, data)
		require.NoError(t, err)
		require.Equal(t, size, n)
		w.flush()
		require.Equal(t, Readable|Writable, events(w.b)[srv])
		buf := make([]byte, 65536)
		_, whole, from, err := w.b.RecvFrom(w.now, srv, buf, Peek)
		require.NoError(t, err)
		require.Equal(t, size, whole)
		n, _, _, err = w.b.RecvFrom(w.now, srv, buf, 0)
		require.NoError(t, err)
		require.Equal(t, addrA, from.Addr())
		require.Equal(t, data, append([]byte{}, buf[:n]...))
		_, err = w.b.SendTo(w.now, srv, buf[:n], from)
		require.NoError(t, err)
		w.flush()
		got, err := w.recv(w.a, cl)
		require.NoError(t, err)
		require.Equal(t, string(data), got)
		_, err = w.recv(w.a, cl)
		require.Equal(t, ErrWouldBlock, err)
		w.quiesce()
	}
}

func TestUDPPortUnreachable(t *testing.T) {
	w := newWorld(t)
	s := w.open(w.a, Datagram)
	require.NoError(t, w.a.Connect(w.now, s, netip.AddrPortFrom(addrB, 9)))
	_, err := w.a.Send(w.now, s, []byte("x"))
	require.NoError(t, err)
	w.flush()
	require.Equal(t, Failed|Writable, events(w.a)[s])
	_, err = w.recv(w.a, s)
	require.Equal(t, tcp.ErrPortUnreachable, err)
	_, err = w.recv(w.a, s)
	require.Equal(t, ErrWouldBlock, err, "an error is told once")
	require.EqualValues(t, 1, w.b.Counters().UDP.NoPorts)
	require.EqualValues(t, 1, w.b.Counters().ICMP.OutDestUnreachs)
	require.EqualValues(t, 1, w.a.Counters().ICMP.InDestUnreachs)
	w.quiesce()
}

func TestUDPSelection(t *testing.T) {
	w := newWorld(t)
	wild := w.bound(w.b, Datagram, anyAddress, 7)
	require.NoError(t, w.b.SetOptions(w.now, wild, Options{ReuseAddr: true}))
	open := func(connect bool) Handle {
		s := w.open(w.b, Datagram)
		require.NoError(t, w.b.SetOptions(w.now, s, Options{ReuseAddr: true}))
		require.NoError(t, w.b.Bind(w.now, s, netip.AddrPortFrom(addrB, 7)))
		if connect {
			require.NoError(t, w.b.Connect(w.now, s, netip.AddrPortFrom(addrA, 5)))
		}
		return s
	}
	exact, connected := open(false), open(true)
	c5, c6 := w.bound(w.a, Datagram, anyAddress, 5), w.bound(w.a, Datagram, anyAddress, 6)
	for _, c := range []Handle{c5, c6} {
		_, err := w.a.SendTo(w.now, c, []byte{1}, netip.AddrPortFrom(addrB, 7))
		require.NoError(t, err)
	}
	w.flush()
	_, err := w.recv(w.b, wild)
	require.Equal(t, ErrWouldBlock, err, "the most exact socket wins")
	_, err = w.recv(w.b, exact)
	require.NoError(t, err)
	_, err = w.recv(w.b, connected)
	require.NoError(t, err)
}

func TestUDPCalls(t *testing.T) {
	w := newWorld(t)
	s := w.open(w.a, Datagram)
	_, err := w.a.Send(w.now, s, nil)
	require.Equal(t, ErrDestAddrRequired, err)
	_, err = w.a.SendTo(w.now, s, nil, netip.AddrPortFrom(addrB, 0))
	require.Equal(t, ErrInvalid, err)
	_, err = w.a.SendTo(w.now, s, make([]byte, 65508), netip.AddrPortFrom(addrB, 9))
	require.Equal(t, ErrMsgSize, err)
	_, err = w.a.SendTo(w.now, s, nil, netip.MustParseAddrPort("203.0.113.1:9"))
	require.Equal(t, ErrNoRoute, err)
	_, err = w.a.SendTo(w.now, s, nil, netip.MustParseAddrPort("192.0.2.255:9"))
	require.Equal(t, ErrAccess, err)
	o, err := w.a.Options(s)
	require.NoError(t, err)
	o.Broadcast = true
	require.NoError(t, w.a.SetOptions(w.now, s, o))
	_, err = w.a.SendTo(w.now, s, nil, netip.MustParseAddrPort("192.0.2.255:9"))
	require.NoError(t, err)
	require.Equal(t, ErrNotConnected, w.a.Shutdown(w.now, s, ShutRead))
	require.Equal(t, ErrInvalid, w.a.Bind(w.now, s, netip.AddrPortFrom(addrA, 9)), "bound by sending")
	other := w.bound(w.a, Datagram, addrA, 9)
	third := w.open(w.a, Datagram)
	require.Equal(t, ErrAddrInUse, w.a.Bind(w.now, third, netip.AddrPortFrom(anyAddress, 9)))
	require.Equal(t, ErrAddrNotAvail, w.a.Bind(w.now, third, netip.AddrPortFrom(addrB, 9)))
	require.NoError(t, w.a.Close(w.now, other))
	require.Equal(t, ErrBadHandle, w.a.Close(w.now, other))
	require.NoError(t, w.a.Bind(w.now, third, netip.AddrPortFrom(anyAddress, 9)))
	w.quiesce()
}

func TestUDPQueueLimit(t *testing.T) {
	w := newWorld(t)
	srv := w.bound(w.b, Datagram, anyAddress, 7)
	for range 1000 {
		w.b.Input(w.now, packet(rawUDP(addrA, addrB, 1, 7, []byte("x"))))
	}
	taken := int(w.b.Counters().UDP.InDatagrams)
	require.Equal(t, defaultBuffer/256, taken)
	require.EqualValues(t, 1000-taken, w.b.Counters().Drop[trace.DropUDPFull])
	require.NoError(t, w.b.Close(w.now, srv))
	w.quiesce()
}

func TestUDPSendLimit(t *testing.T) {
	w := newWorld(t)
	s := w.open(w.a, Datagram)
	to := netip.AddrPortFrom(addrB, 9)
	n := 0
	for err := error(nil); err == nil; n++ {
		require.Less(t, n, 2000)
		_, err = w.a.SendTo(w.now, s, make([]byte, 1000), to)
	}
	m, err := w.a.Poll(s)
	require.NoError(t, err)
	require.Zero(t, m&Writable)
	events(w.a)
	w.flush()
	require.Equal(t, Writable, events(w.a)[s])
	w.quiesce()
}

func TestUDPHostQueueFull(t *testing.T) {
	w := newWorld(t)
	noisy, quiet := w.bound(w.a, Datagram, loopback, 1), w.bound(w.a, Datagram, loopback, 2)
	to := netip.AddrPortFrom(loopback, 2)
	for range maxLoopPackets {
		_, err := w.a.SendTo(w.now, noisy, []byte("x"), to)
		require.NoError(t, err)
	}
	_, err := w.a.SendTo(w.now, quiet, []byte("x"), to)
	require.Equal(t, ErrWouldBlock, err)
	m, err := w.a.Poll(quiet)
	require.NoError(t, err)
	require.Zero(t, m&Writable)
	w.flush()
	require.Equal(t, Readable|Writable, events(w.a)[quiet])
	w.quiesce()
}

func TestBatchIsShared(t *testing.T) {
	w := newWorld(t)
	c, _ := w.pair()
	u := w.open(w.a, Datagram)
	for range 40 {
		_, err := w.a.SendTo(w.now, u, nil, netip.AddrPortFrom(addrB, 9))
		require.NoError(t, err)
	}
	_, err := w.a.Send(w.now, c, pattern(10000))
	require.NoError(t, err)
	kinds := map[byte]int{}
	for range 8 { // room for one packet at a time
		require.Equal(t, 1, w.a.Transmit(w.now, w.out[:1]))
		kinds[w.out[0].Head[9]]++
	}
	require.Equal(t, map[byte]int{wire.ProtoUDP: 4, wire.ProtoTCP: 4}, kinds)
	require.Greater(t, w.a.Transmit(w.now, w.out[:]), 36, "and no place stays empty")
}

func TestUDPChecksumZeroIsSentAsOnes(t *testing.T) { // RFC 768
	w := newWorld(t)
	s := w.bound(w.a, Datagram, addrA, 1)
	found := false
	w.seen = func(from *Host, p []byte) {
		if from == w.b {
			return // port unreachable
		}
		u, _, err := wire.DecodeUDP(p[20:])
		require.NoError(t, err)
		require.NotZero(t, u.Checksum)
		found = found || u.Checksum == 0xFFFF
	}
	for i := 0; i < 65536 && !found; i++ {
		_, err := w.a.SendTo(w.now, s, []byte{byte(i >> 8), byte(i)}, netip.AddrPortFrom(addrB, 9))
		require.NoError(t, err)
		if i%64 == 63 {
			w.flush()
		}
	}
	require.True(t, found)
}
