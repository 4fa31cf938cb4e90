package host

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/wire"
)

func TestDatagramPeer(t *testing.T) {
	w := newWorld(t)
	s := w.open(w.a, Datagram)
	a, err := w.a.LocalAddr(s)
	require.NoError(t, err)
	require.Equal(t, "0.0.0.0:0", a.String())
	_, err = w.a.RemoteAddr(s)
	require.Equal(t, ErrNotConnected, err)
	require.Equal(t, ErrInvalid, w.a.Connect(w.now, s, netip.MustParseAddrPort("[::1]:5")))
	require.Equal(t, ErrNoRoute, w.a.Connect(w.now, s, netip.MustParseAddrPort("203.0.113.1:5")))
	require.NoError(t, w.a.Connect(w.now, s, netip.AddrPortFrom(addrB, 5)))
	a, err = w.a.LocalAddr(s)
	require.NoError(t, err)
	require.Equal(t, addrA, a.Addr(), "connecting fixes the source")
	a, err = w.a.RemoteAddr(s)
	require.NoError(t, err)
	require.Equal(t, netip.AddrPortFrom(addrB, 5), a)

	answers(w.a, w.now, rawUDP(netip.MustParseAddr("192.0.2.9"), addrA, 5, port(t, w.a, s), []byte("stranger")))
	_, err = w.recv(w.a, s)
	require.Equal(t, ErrWouldBlock, err, "only the peer is heard")

	require.NoError(t, w.a.Shutdown(w.now, s, ShutRead))
	n, err := w.recv(w.a, s)
	require.NoError(t, err)
	require.Empty(t, n)
	require.NoError(t, w.a.Shutdown(w.now, s, ShutWrite))
	_, err = w.a.Send(w.now, s, nil)
	require.Equal(t, ErrPipe, err)
	m, err := w.a.Poll(s)
	require.NoError(t, err)
	require.Equal(t, Readable|Writable|HangupRead|Hangup, m)

	require.NoError(t, w.a.Connect(w.now, s, netip.AddrPort{}), "dissolves")
	_, err = w.a.RemoteAddr(s)
	require.Equal(t, ErrNotConnected, err)
	w.quiesce()
}

func port(t *testing.T, h *Host, s Handle) uint16 {
	a, err := h.LocalAddr(s)
	require.NoError(t, err)
	return a.Port()
}

func TestEchoError(t *testing.T) {
	w := newWorld(t)
	s := w.bound(w.a, Echo, addrA, 77)
	require.NoError(t, w.a.Connect(w.now, s, netip.AddrPortFrom(addrB, 0)))
	var sent []byte
	w.seen = func(_ *Host, p []byte) { sent = append([]byte{}, p...) }
	w.lose = func(*Host, []byte) bool { return true }
	_, err := w.a.Send(w.now, s, []byte{8, 0, 0, 0, 0, 0, 0, 1})
	require.NoError(t, err)
	w.flush()
	answers(w.a, w.now, rawICMP(addrB, addrA, wire.ICMP{Type: 3, Code: 13}, sent))
	_, err = w.recv(w.a, s)
	require.Equal(t, tcp.ErrHostUnreachable, err)
	other := append([]byte{}, sent...)
	other[24] ^= 1 // another ID
	answers(w.a, w.now, rawICMP(addrB, addrA, wire.ICMP{Type: 3, Code: 13}, other))
	require.NoError(t, w.a.SocketError(s))
	w.quiesce()
}

func TestStreamCallsOutOfPlace(t *testing.T) { // what Linux answers
	w := newWorld(t)
	s, u := w.open(w.a, Stream), w.open(w.a, Datagram)
	peer := netip.AddrPortFrom(addrB, 80)
	_, err := w.a.Send(w.now, s, []byte("x"))
	require.Equal(t, ErrPipe, err)
	_, err = w.a.Recv(w.now, s, nil, 0)
	require.Equal(t, ErrNotConnected, err)
	require.Equal(t, ErrNotConnected, w.a.Shutdown(w.now, w.open(w.a, Stream), ShutRead))
	require.Equal(t, ErrInvalid, w.a.Shutdown(w.now, s, 0))
	_, err = w.a.Accept(w.now, s)
	require.Equal(t, ErrInvalid, err)
	require.Equal(t, ErrInvalid, w.a.Connect(w.now, s, netip.AddrPortFrom(addrB, 0)))
	require.Equal(t, ErrNoRoute, w.a.Connect(w.now, s, netip.MustParseAddrPort("203.0.113.1:80")))
	require.Equal(t, ErrInProgress, w.a.Connect(w.now, s, peer))
	require.Equal(t, ErrAlready, w.a.Connect(w.now, s, peer))
	require.Equal(t, ErrInvalid, w.a.Listen(w.now, s, 1))
	require.Equal(t, ErrInvalid, w.a.Bind(w.now, s, netip.AddrPortFrom(addrA, 1)))
	_, err = w.a.Send(w.now, s, []byte("x"))
	require.Equal(t, ErrWouldBlock, err)
	_, err = w.a.Recv(w.now, s, nil, 0)
	require.Equal(t, ErrWouldBlock, err)

	require.Equal(t, ErrNotSupported, w.a.Listen(w.now, u, 1))
	_, err = w.a.Accept(w.now, u)
	require.Equal(t, ErrNotSupported, err)
	_, err = w.a.Info(w.now, u)
	require.Equal(t, ErrNotSupported, err)
	_, err = w.a.SendSpan(w.now, u, 1)
	require.Equal(t, ErrNotSupported, err)
	require.Equal(t, ErrNotSupported, w.a.SetOptions(w.now, u, Options{TCP: tcp.Options{NoDelay: true}}))
	_, err = w.a.Open(w.now, 9)
	require.Equal(t, ErrInvalid, err)

	l := w.bound(w.a, Stream, addrA, 81)
	require.NoError(t, w.a.Listen(w.now, l, 1))
	require.NoError(t, w.a.Listen(w.now, l, 2), "again: another backlog")
	require.Equal(t, ErrIsConnected, w.a.Connect(w.now, l, peer))
	_, err = w.a.Recv(w.now, l, nil, 0)
	require.Equal(t, ErrNotConnected, err)
	require.NoError(t, w.a.Shutdown(w.now, l, ShutRead), "takes listening back")
	require.Equal(t, tcp.StateClosed, w.state(w.a, l))
	require.NoError(t, w.a.Listen(w.now, l, 1))
	wide := w.bound(w.a, Stream, anyAddress, 82)
	require.NoError(t, w.a.Listen(w.now, wide, 1))
	free := w.open(w.a, Stream)
	require.NoError(t, w.a.Listen(w.now, free, 1), "unbound: it picks a port")
	require.NotZero(t, port(t, w.a, free))
	w.quiesce()
}

func TestListenerByAddress(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.b.SetAddresses([]netip.Prefix{netip.MustParsePrefix("192.0.2.2/24"), netip.MustParsePrefix("192.0.2.3/24")}, nil))
	one, other := w.bound(w.b, Stream, addrB, 80), w.bound(w.b, Stream, netip.MustParseAddr("192.0.2.3"), 80)
	require.NoError(t, w.b.Listen(w.now, one, 5))
	require.NoError(t, w.b.Listen(w.now, other, 5))
	w.dial(w.a, netip.MustParseAddr("192.0.2.3"))
	_, err := w.b.Accept(w.now, one)
	require.Equal(t, ErrWouldBlock, err)
	s, err := w.b.Accept(w.now, other)
	require.NoError(t, err)
	a, err := w.b.LocalAddr(s)
	require.NoError(t, err)
	require.Equal(t, "192.0.2.3:80", a.String())
	require.Len(t, w.b.Prefixes(), 2)
	require.Empty(t, w.b.Routes())
	src, via, err := w.b.Source(addrA)
	require.NoError(t, err)
	require.Equal(t, []netip.Addr{addrB, addrA}, []netip.Addr{src, via})
	w.quiesce()
}
