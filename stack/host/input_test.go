package host

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

func TestInputDrops(t *testing.T) {
	from := func(src, dst string) []byte {
		return rawUDP(netip.MustParseAddr(src), netip.MustParseAddr(dst), 1, 9, nil)
	}
	good := func() []byte { return from("192.0.2.9", "192.0.2.1") }
	edit := func(at int, v byte) []byte { // with the header checksum made good again
		b := good()
		b[at] = v
		b[10], b[11] = 0, 0
		sum := wire.Fold(wire.Sum(0, b[:20]))
		b[10], b[11] = byte(sum>>8), byte(sum)
		return b
	}
	flip := func(b []byte, at int) []byte { b[at] ^= 0x55; return b }
	cases := []struct {
		rule   string
		packet []byte
		why    trace.Reason
	}{
		{"empty", nil, trace.DropShort},
		{"shorter than a header (RFC 791 3.1)", good()[:19], trace.DropShort},
		{"version other than 4 is silently dropped (RFC 1122 3.2.1.1)", edit(0, 0x65), trace.DropVersion},
		{"header length below 5", edit(0, 0x44), trace.DropIPHeader},
		{"header length past the packet", edit(0, 0x4F), trace.DropShort},
		{"total length past the packet", edit(3, 200), trace.DropShort},
		{"total length below the header", edit(3, 19), trace.DropIPHeader},
		{"header checksum (RFC 1122 3.2.1.2)", flip(good(), 10), trace.DropIPChecksum},
		{"not addressed to us (RFC 1122 3.2.1.3)", from("192.0.2.9", "192.0.2.77"), trace.DropNotOurs},
		{"multicast that nobody joined", from("192.0.2.9", "224.0.0.1"), trace.DropNotOurs},
		{"destination class E", from("192.0.2.9", "240.0.0.1"), trace.DropMartian},
		{"loopback destination on a wire (RFC 1122 3.2.1.3(g))", from("192.0.2.9", "127.0.0.1"), trace.DropMartian},
		{"loopback source (RFC 1122 3.2.1.3(g))", from("127.0.0.1", "192.0.2.1"), trace.DropMartian},
		{"source 0/8", from("0.0.0.0", "192.0.2.1"), trace.DropMartian},
		{"multicast source", from("224.0.0.1", "192.0.2.1"), trace.DropMartian},
		{"class E source", from("250.0.0.1", "192.0.2.1"), trace.DropMartian},
		{"limited broadcast source", from("255.255.255.255", "192.0.2.1"), trace.DropMartian},
		{"directed broadcast source", from("192.0.2.255", "192.0.2.1"), trace.DropMartian},
		{"old-style broadcast source (RFC 1122 3.3.6)", from("192.0.2.0", "192.0.2.1"), trace.DropMartian},
		{"LAND: our own address", from("192.0.2.1", "192.0.2.1"), trace.DropMartian},
		{"UDP checksum (RFC 1122 4.1.3.4)", flip(good(), 26), trace.DropUDPChecksum},
		{"UDP length below 8", raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: 17}, []byte{0, 1, 0, 9, 0, 7, 0, 0}), trace.DropUDPHeader},
		{"UDP length past the payload", raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: 17}, []byte{0, 1, 0, 9, 0, 9, 0, 0}), trace.DropUDPHeader},
		{"ICMP shorter than 8", raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: 1}, []byte{8, 0, 0xF7, 0xFF}), trace.DropICMP},
		{"unknown ICMP type (RFC 1122 3.2.2)", rawICMP(addrB, addrA, wire.ICMP{Type: 42}, nil), trace.DropICMP},
		{"timestamp request is not answered", rawICMP(addrB, addrA, wire.ICMP{Type: 13}, make([]byte, 12)), trace.DropICMP},
		{"redirect is ignored (attack 12)", rawICMP(addrB, addrA, wire.ICMP{Type: 5}, make([]byte, 28)), trace.DropICMP},
		{"source quench (RFC 6633)", rawICMP(addrB, addrA, wire.ICMP{Type: 4}, make([]byte, 28)), trace.DropICMP},
		{"error with a short quote (attack 15)", rawICMP(addrB, addrA, wire.ICMP{Type: 3, Code: 3}, make([]byte, 27)), trace.DropICMP},
		{"echo to a broadcast (RFC 1122 3.2.2.6)", rawICMP(addrB, netip.MustParseAddr("192.0.2.255"), wire.ICMP{Type: 8}, nil), trace.DropICMP},
		{"TCP shorter than a header", raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: 6}, make([]byte, 19)), trace.DropTCPChecksum},
		{"source route (RFC 7126 4.3)", raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: 17, Options: []byte{131, 3, 4, 0}}, make([]byte, 8)), trace.DropSourceRoute},
	}
	for _, c := range cases {
		t.Run(c.rule, func(t *testing.T) {
			h := newHost(t, 1, "192.0.2.1/24", link.Features{MTU: 1500})
			require.Empty(t, answers(h, start, c.packet), "nothing may be sent")
			var want Counters
			want.Drop[c.why] = 1
			require.Equal(t, want.Drop, h.Counters().Drop)
			require.Zero(t, h.budget.Used())
		})
	}
}

func TestAccepted(t *testing.T) {
	cases := []struct {
		rule   string
		packet func() []byte
	}{
		{"limited broadcast reaches UDP (RFC 1122 3.3.6)", func() []byte { return rawUDP(addrB, everybody, 7, 9, []byte("x")) }},
		{"directed broadcast reaches UDP", func() []byte { return rawUDP(addrB, netip.MustParseAddr("192.0.2.255"), 7, 9, []byte("x")) }},
		{"old-style broadcast reaches UDP", func() []byte { return rawUDP(addrB, netip.MustParseAddr("192.0.2.0"), 7, 9, []byte("x")) }},
		{"no UDP checksum (RFC 768)", func() []byte {
			b := rawUDP(addrB, addrA, 7, 9, []byte("x"))
			b[26], b[27] = 0, 0
			return b
		}},
		{"padding behind the total length", func() []byte { return append(rawUDP(addrB, addrA, 7, 9, []byte("x")), 1, 2, 3) }},
		{"TTL 1 (RFC 1122 3.2.1.7)", func() []byte {
			b := rawUDP(addrB, addrA, 7, 9, []byte("x"))
			p := raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: 17, TTL: 1}, b[20:])
			return p
		}},
		{"unknown IP option is ignored (RFC 1122 3.2.1.8)", func() []byte {
			b := rawUDP(addrB, addrA, 7, 9, []byte("x"))
			return raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: 17, Options: []byte{200, 4, 1, 1}}, b[20:])
		}},
	}
	for _, c := range cases {
		t.Run(c.rule, func(t *testing.T) {
			w := newWorld(t)
			s := w.bound(w.a, Datagram, anyAddress, 9)
			require.Empty(t, answers(w.a, w.now, c.packet()))
			got, err := w.recv(w.a, s)
			require.NoError(t, err)
			require.Equal(t, "x", got)
			require.Equal(t, [256]uint64{}, w.a.Counters().Drop)
			w.quiesce()
		})
	}
}
