package host

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

func TestPing(t *testing.T) {
	for _, size := range []int{0, 56, 1472, 4000, 65507} {
		w := newWorld(t)
		s := w.open(w.a, Echo)
		require.NoError(t, w.a.Bind(w.now, s, netip.AddrPortFrom(anyAddress, 77)))
		msg := append([]byte{8, 0, 0, 0, 1, 2, 3, 4}, pattern(size)...)
		_, err := w.a.SendTo(w.now, s, msg, netip.AddrPortFrom(addrB, 0))
		require.NoError(t, err)
		w.flush()
		buf := make([]byte, 65536)
		n, _, from, err := w.a.RecvFrom(w.now, s, buf, 0)
		require.NoError(t, err)
		require.Equal(t, addrB, from.Addr())
		m, body, err := wire.DecodeICMP(buf[:n])
		require.NoError(t, err)
		require.Equal(t, wire.ICMP{Type: wire.ICMPEchoReply, Rest: 77<<16 | 0x0304}, m)
		require.Equal(t, msg[8:], body, "all the data comes back (RFC 1122 3.2.2.6)")
		w.quiesce()
	}
}

func TestEchoTakesRequestsOnly(t *testing.T) {
	w := newWorld(t)
	s := w.open(w.a, Echo)
	for _, p := range [][]byte{{8, 0, 0, 0}, {0, 0, 0, 0, 0, 0, 0, 0}, {8, 1, 0, 0, 0, 0, 0, 0}} {
		_, err := w.a.SendTo(w.now, s, p, netip.AddrPortFrom(addrB, 0))
		require.Equal(t, ErrInvalid, err)
	}
}

func TestEchoReplySource(t *testing.T) { // RFC 1122 3.2.2.6: the request's specific destination
	h := newHost(t, 1, "192.0.2.1/24", link.Features{MTU: 1500}, func(c *Config) {
		c.Prefixes = append(c.Prefixes, netip.MustParsePrefix("192.0.2.3/24"))
	})
	got := answers(h, start, rawICMP(addrB, netip.MustParseAddr("192.0.2.3"), wire.ICMP{Type: 8, Rest: 9}, []byte("abc")))
	require.Len(t, got, 1)
	ip, payload, err := wire.DecodeIPv4(got[0])
	require.NoError(t, err)
	require.Equal(t, "192.0.2.3", ip.Src.String())
	require.Equal(t, addrB, ip.Dst)
	_, body, err := wire.DecodeICMP(payload)
	require.NoError(t, err)
	require.Equal(t, "abc", string(body))
}

func TestErrorsSent(t *testing.T) {
	bcast := netip.MustParseAddr("192.0.2.255")
	cases := []struct {
		rule   string
		packet []byte
		code   int // of the Unreachable; -1: silence
	}{
		{"closed UDP port: port unreachable (RFC 1122 4.1.3.1)", rawUDP(addrB, addrA, 5, 9, pattern(2000)), wire.UnreachPort},
		{"unknown protocol: protocol unreachable (RFC 1122 3.2.2.1)", raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: 4}, pattern(40)), wire.UnreachProtocol},
		{"IPv6 inside is never unpacked (attack 17)", raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: 41}, pattern(40)), wire.UnreachProtocol},
		{"nothing about a broadcast (RFC 1122 3.2.2)", rawUDP(addrB, bcast, 5, 9, nil), -1},
		{"nothing about an unknown protocol to a broadcast", raw(wire.IPv4{Src: addrB, Dst: bcast, Protocol: 4}, nil), -1},
		{"nothing about a later fragment", raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: 4, FragOff: 8}, pattern(40)), -1},
	}
	for _, c := range cases {
		t.Run(c.rule, func(t *testing.T) {
			h := newHost(t, 1, "192.0.2.1/24", link.Features{MTU: 9000})
			got := answers(h, start, c.packet)
			if c.code < 0 {
				require.Empty(t, got)
				return
			}
			require.Len(t, got, 1)
			require.LessOrEqual(t, len(got[0]), 576)
			ip, payload, err := wire.DecodeIPv4(got[0])
			require.NoError(t, err)
			require.Zero(t, ip.TOS, "RFC 1122 3.2.2")
			m, quote, err := wire.DecodeICMP(payload)
			require.NoError(t, err)
			require.Equal(t, wire.ICMP{Type: wire.ICMPUnreachable, Code: uint8(c.code)}, m)
			require.Equal(t, c.packet[:len(quote)], quote, "quoted as received")
		})
	}
}

func TestErrorRate(t *testing.T) { // attack 16
	h := newHost(t, 1, "192.0.2.1/24", link.Features{MTU: 1500})
	sent := 0
	flood := func() {
		for range 200 {
			sent += len(answers(h, h.now, rawUDP(addrB, addrA, 5, 9, nil)))
		}
	}
	h.now = start
	flood()
	require.InDelta(t, bucketDepth, sent, 25)
	require.EqualValues(t, 200-sent, h.Counters().ICMP.OutRateLimitHost)
	sent, h.now = 0, start.Add(time.Second)
	flood()
	require.InDelta(t, bucketDepth, sent, 25)
}

func TestErrorsReceived(t *testing.T) {
	sent := rawUDP(addrA, addrB, 5, 9, nil)
	edit := func(at int, v byte) []byte {
		b := append([]byte{}, sent...)
		b[at] = v
		return b
	}
	cases := []struct {
		rule  string
		m     wire.ICMP
		quote []byte
		want  error
	}{
		{"port unreachable", wire.ICMP{Type: 3, Code: 3}, sent, tcp.ErrPortUnreachable},
		{"protocol unreachable", wire.ICMP{Type: 3, Code: 2}, sent, tcp.ErrProtoUnreachable},
		{"administratively prohibited", wire.ICMP{Type: 3, Code: 13}, sent, tcp.ErrHostUnreachable},
		{"host unreachable is a hint (RFC 1122 3.2.2.1)", wire.ICMP{Type: 3, Code: 1}, sent, nil},
		{"time exceeded is a hint", wire.ICMP{Type: 11}, sent, nil},
		{"not our address in the quote", wire.ICMP{Type: 3, Code: 3}, edit(15, 9), nil},
		{"not our peer in the quote", wire.ICMP{Type: 3, Code: 3}, edit(19, 9), nil},
		{"not our port in the quote", wire.ICMP{Type: 3, Code: 3}, edit(21, 9), nil},
		{"a quoted later fragment", wire.ICMP{Type: 3, Code: 3}, edit(7, 1), nil},
	}
	for _, c := range cases {
		t.Run(c.rule, func(t *testing.T) {
			w := newWorld(t)
			s := w.bound(w.a, Datagram, addrA, 5)
			require.NoError(t, w.a.Connect(w.now, s, netip.AddrPortFrom(addrB, 9)))
			require.Empty(t, answers(w.a, w.now, rawICMP(addrB, addrA, c.m, c.quote)))
			require.Equal(t, c.want, w.a.SocketError(s))
			by, why := w.a.SoftError(s)
			if c.want != nil {
				require.Equal(t, c.want, why)
			}
			require.Equal(t, why != nil, by == addrB, "who sent it")
		})
	}
}

func TestPathMTU(t *testing.T) {
	cases := []struct {
		rule   string
		says   []uint32
		mtu    int
		locked bool
	}{
		{"the router's next-hop MTU (RFC 1191 4)", []uint32{1400}, 1400, false},
		{"0: the plateau below the packet (RFC 1191 7.1)", []uint32{0}, 1492, false},
		{"twice 0: the next plateau", []uint32{0, 0}, 1006, false},
		{"never raised (RFC 1191 3)", []uint32{1400, 1450}, 1400, false},
		{"above the link: ignored", []uint32{65535}, 1500, false},
		{"68: 552, and no DF (attack 14)", []uint32{68}, 552, true},
		{"and back to DF by no message", []uint32{68, 600}, 552, true},
	}
	for _, c := range cases {
		t.Run(c.rule, func(t *testing.T) {
			w := newWorld(t)
			w.bound(w.a, Datagram, addrA, 5)
			quote := rawUDP(addrA, addrB, 5, 9, pattern(1472))[:28]
			for _, n := range c.says {
				answers(w.a, w.now, rawICMP(addrB, addrA, wire.ICMP{Type: 3, Code: 4, Rest: n}, quote))
			}
			mtu, locked := w.a.pathMTU(addrB, datagramPaths)
			require.Equal(t, c.mtu, mtu)
			require.Equal(t, c.locked, locked)
			w.a.Expire(w.now.Add(pmtuLife))
			mtu, locked = w.a.pathMTU(addrB, datagramPaths)
			require.Equal(t, 1500, mtu, "forgotten after ten minutes (RFC 1191 6.3)")
			require.False(t, locked)
		})
	}
}

func TestPathMTUFragments(t *testing.T) {
	w := newWorld(t)
	srv := w.bound(w.b, Datagram, anyAddress, 9)
	s := w.bound(w.a, Datagram, addrA, 5)
	answers(w.a, w.now, rawICMP(addrB, addrA, wire.ICMP{Type: 3, Code: 4, Rest: 1000}, rawUDP(addrA, addrB, 5, 9, pattern(1472))[:28]))
	w.seen = func(_ *Host, p []byte) {
		require.LessOrEqual(t, len(p), 1000)
		require.Zero(t, binary.BigEndian.Uint16(p[6:])&0x4000, "fragments go without DF")
	}
	_, err := w.a.SendTo(w.now, s, pattern(1472), netip.AddrPortFrom(addrB, 9))
	require.NoError(t, err)
	w.flush()
	got, err := w.recv(w.b, srv)
	require.NoError(t, err)
	require.Equal(t, string(pattern(1472)), got)
	require.EqualValues(t, 2, w.a.Counters().IP.FragCreates)
}

func TestAtomicDatagramsHaveNoID(t *testing.T) { // RFC 6864 4.1, attack 9
	w := newWorld(t)
	s := w.open(w.a, Datagram)
	w.seen = func(_ *Host, p []byte) {
		if p[9] == wire.ProtoUDP {
			require.Equal(t, uint32(0x4000), binary.BigEndian.Uint32(p[4:]), "DF, ID 0")
		}
	}
	_, err := w.a.SendTo(w.now, s, nil, netip.AddrPortFrom(addrB, 9))
	require.NoError(t, err)
	w.flush()
	require.EqualValues(t, 1, w.b.Counters().Drop[trace.DropUDPNoPort])
}
