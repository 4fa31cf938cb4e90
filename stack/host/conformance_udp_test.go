package host

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// Tests of RFC 1122 section 4.1, one for each row of
// testdata/conformance.md, part B.

func TestReq1122_UDPPortUnreachable(t *testing.T) {
	w := newWorld(t)
	s := w.bound(w.a, Datagram, addrA, 9)
	for _, port := range []uint16{8, 10, 65535} {
		p := rawUDP(addrB, addrA, 7, port, pattern(10))
		m, quote := icmpError(t, answers(w.a, w.now, p))
		require.Equal(t, wire.ICMP{Type: wire.ICMPUnreachable, Code: wire.UnreachPort}, m)
		require.Equal(t, p, quote)
	}
	require.EqualValues(t, 3, w.a.Counters().UDP.NoPorts)
	require.NoError(t, w.a.Close(w.now, s))
	icmpError(t, answers(w.a, w.now, rawUDP(addrB, addrA, 7, 9, nil)))
}

// UDP's options of IP: not sent, and what came with a datagram reaches nobody.
func TestReq1122_UDPIPOptions(t *testing.T) {
	w := newWorld(t)
	s := w.bound(w.a, Datagram, anyAddress, 9)
	o := []byte{7, 7, 4, 0, 0, 0, 0, 0}
	require.Empty(t, answers(w.a, w.now, raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: 17, Options: o}, rawUDP(addrB, addrA, 7, 9, []byte("x"))[20:])))
	require.True(t, w.heard(s))
	require.EqualValues(t, 0x45, sentWith(t, Datagram, Options{})[0])
}

func TestReq1122_UDPICMPErrorUp(t *testing.T) {
	w := newWorld(t)
	s := w.bound(w.a, Datagram, addrA, 5)
	require.NoError(t, w.a.Connect(w.now, s, netip.AddrPortFrom(addrB, 9)))
	quote := rawUDP(addrA, addrB, 5, 9, nil)
	for code, want := range map[uint8]error{2: tcp.ErrProtoUnreachable, 3: tcp.ErrPortUnreachable,
		6: tcp.ErrNetUnreachable, 7: tcp.ErrHostUnreachable, 13: tcp.ErrHostUnreachable} {
		require.Empty(t, answers(w.a, w.now, rawICMP(addrB, addrA, wire.ICMP{Type: wire.ICMPUnreachable, Code: code}, quote)))
		require.Equal(t, Failed|Writable, events(w.a)[s])
		_, err := w.recv(w.a, s)
		require.Equal(t, want, err)
	}
}

func TestReq1122_UDPChecksum(t *testing.T) {
	w := newWorld(t)
	s := w.bound(w.a, Datagram, anyAddress, 9)
	for n := range 60 {
		p := rawUDP(addrB, addrA, 7, 9, pattern(n))
		require.Empty(t, answers(w.a, w.now, p))
		got, err := w.recv(w.a, s)
		require.NoError(t, err)
		require.Equal(t, string(pattern(n)), got)
		_, err = w.a.SendTo(w.now, s, pattern(n), netip.AddrPortFrom(addrB, 7))
		require.NoError(t, err)
		require.Equal(t, 1, w.a.Transmit(w.now, w.out[:]))
		require.True(t, wire.TransportChecksumOK(addrA, addrB, wire.ProtoUDP, w.out[0].AppendTo(nil)[20:]))
	}
}

func TestReq1122_UDPChecksumBad(t *testing.T) {
	w := newWorld(t)
	w.bound(w.a, Datagram, anyAddress, 9)
	p := rawUDP(addrB, addrA, 7, 9, pattern(20))
	for i := 26; i < len(p); i++ {
		p[i] ^= 0x10
		w.silent(w.a, p, trace.DropUDPChecksum)
		p[i] ^= 0x10
	}
	closed := rawUDP(addrB, addrA, 7, 10, nil)
	closed[27] ^= 1
	w.silent(w.a, closed, trace.DropUDPChecksum)
}

func TestReq1122_UDPChecksumDefault(t *testing.T) {
	p := sentWith(t, Datagram, Options{})
	u, _, err := wire.DecodeUDP(p[20:])
	require.NoError(t, err)
	require.NotZero(t, u.Checksum)
	require.True(t, wire.TransportChecksumOK(addrA, addrB, wire.ProtoUDP, p[20:]))
}

func TestReq1122_UDPChecksumZero(t *testing.T) {
	w := newWorld(t)
	s := w.bound(w.a, Datagram, anyAddress, 9)
	p := rawUDP(addrB, addrA, 7, 9, []byte("x"))
	p[26], p[27] = 0, 0
	require.Empty(t, answers(w.a, w.now, p))
	require.True(t, w.heard(s), "received zero: the sender made none")
	var u wire.UDP
	send := func(v uint16) {
		_, err := w.a.SendTo(w.now, s, []byte{byte(v >> 8), byte(v)}, netip.AddrPortFrom(addrB, 9))
		require.NoError(t, err)
		require.Equal(t, 1, w.a.Transmit(w.now, w.out[:]))
		u, _, err = wire.DecodeUDP(w.out[0].AppendTo(nil)[20:])
		require.NoError(t, err)
	}
	send(0)
	send(u.Checksum) // the word that brings the sum to all ones
	require.EqualValues(t, 0xFFFF, u.Checksum)
}

func TestReq1122_UDPDestAddrUp(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.a.SetAddresses(prefixes("192.0.2.1/24", "192.0.2.3/24"), nil))
	s := w.bound(w.a, Datagram, anyAddress, 9)
	for _, dst := range []string{"192.0.2.3", "192.0.2.1", "192.0.2.255", "255.255.255.255"} {
		answers(w.a, w.now, rawUDP(addrB, ip(dst), 7, 9, nil))
		_, m, err := w.a.RecvMsg(w.now, s, nil, 0)
		require.NoError(t, err)
		require.Equal(t, ip(dst), m.To)
	}
}

func TestReq1122_UDPBindWild(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.a.SetAddresses(prefixes("192.0.2.1/24", "192.0.2.3/24"), nil))
	wild, exact := w.bound(w.a, Datagram, anyAddress, 9), w.bound(w.a, Datagram, ip("192.0.2.3"), 10)
	for _, dst := range []string{"192.0.2.1", "192.0.2.3"} {
		require.Empty(t, answers(w.a, w.now, rawUDP(addrB, ip(dst), 7, 9, []byte("x"))))
		require.True(t, w.heard(wild))
	}
	require.Empty(t, answers(w.a, w.now, rawUDP(addrB, ip("192.0.2.3"), 7, 10, []byte("x"))))
	require.True(t, w.heard(exact))
	icmpError(t, answers(w.a, w.now, rawUDP(addrB, addrA, 7, 10, []byte("x"))))
}

func TestReq1122_UDPLocalAddr(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.a.SetAddresses(prefixes("192.0.2.1/24", "10.0.0.1/8"), nil))
	s := w.open(w.a, Datagram)
	require.NoError(t, w.a.Connect(w.now, s, netip.MustParseAddrPort("10.2.3.4:9")))
	a, err := w.a.LocalAddr(s)
	require.NoError(t, err)
	require.Equal(t, ip("10.0.0.1"), a.Addr())
	require.GreaterOrEqual(t, a.Port(), uint16(firstEphemeral))
	src, _, err := w.a.Source(addrB)
	require.NoError(t, err)
	require.Equal(t, addrA, src, "and may ask before it sends")
}

func TestReq1122_UDPBadSource(t *testing.T) {
	w := newWorld(t)
	w.bound(w.a, Datagram, anyAddress, 9)
	for _, src := range []string{"255.255.255.255", "192.0.2.255", "224.0.0.1", "0.0.0.0", "127.0.0.1", "192.0.2.1"} {
		w.silent(w.a, rawUDP(ip(src), addrA, 7, 9, nil), trace.DropMartian)
	}
}

func TestReq1122_UDPGoodSource(t *testing.T) {
	w := newWorld(t)
	s := w.open(w.a, Datagram)
	for _, a := range []string{"192.0.2.9", "224.0.0.1", "10.0.0.1"} {
		require.Equal(t, ErrAddrNotAvail, w.a.Bind(w.now, s, netip.AddrPortFrom(ip(a), 9)))
	}
	for _, bind := range []netip.Addr{anyAddress, addrA, ip("192.0.2.255")} {
		s := w.bound(w.a, Datagram, bind, 9)
		_, err := w.a.SendTo(w.now, s, nil, netip.AddrPortFrom(addrB, 9))
		require.NoError(t, err)
		require.Equal(t, 1, w.a.Transmit(w.now, w.out[:]))
		require.Equal(t, addrA.AsSlice(), w.out[0].Head[12:16])
		require.NoError(t, w.a.Close(w.now, s))
	}
}

func TestReq1122_UDPPerDatagram(t *testing.T) {
	w := newWorld(t)
	s := w.open(w.a, Datagram)
	for i := range uint8(5) {
		require.NoError(t, w.a.SetOptions(w.now, s, Options{TTL: 10 + i, TOS: 4 * i}))
		_, err := w.a.SendTo(w.now, s, nil, netip.AddrPortFrom(addrB, 9))
		require.NoError(t, err)
	}
	require.Equal(t, 5, w.a.Transmit(w.now, w.out[:]))
	for i := range uint8(5) {
		require.Equal(t, 10+i, w.out[i].Head[8])
		require.Equal(t, 4*i, w.out[i].Head[1])
	}
}

func TestReq1122_UDPTOSUp(t *testing.T) {
	w := newWorld(t)
	s := w.bound(w.a, Datagram, anyAddress, 9)
	for tos := range 256 {
		p := rawUDP(addrB, addrA, 7, 9, nil)
		p[1] = byte(tos)
		answers(w.a, w.now, resum(p))
		_, m, err := w.a.RecvMsg(w.now, s, nil, 0)
		require.NoError(t, err)
		require.EqualValues(t, tos, m.TOS)
	}
}
