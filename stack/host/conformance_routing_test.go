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

// Tests of RFC 1122 sections 3.3 and 3.4, one for each row of
// testdata/conformance.md, part B.

func prefixes(ps ...string) (all []netip.Prefix) {
	for _, p := range ps {
		all = append(all, netip.MustParsePrefix(p))
	}
	return all
}

func TestReq1122_RouteByMask(t *testing.T) {
	a, err := newAddresses(prefixes("192.0.2.1/25"), []Route{{netip.MustParsePrefix("0.0.0.0/0"), ip("192.0.2.126")}})
	require.NoError(t, err)
	for dst, want := range map[string]string{"192.0.2.5": "192.0.2.5", "192.0.2.125": "192.0.2.125", "192.0.2.128": "192.0.2.126", "192.0.3.1": "192.0.2.126"} {
		_, via, err := a.route(ip(dst))
		require.NoError(t, err)
		require.Equal(t, want, via.String(), dst)
	}
}

func TestReq1122_DefaultRoute(t *testing.T) {
	w := newWorld(t)
	s := w.open(w.a, Datagram)
	to := netip.AddrPortFrom(ip("203.0.113.9"), 9)
	_, err := w.a.SendTo(w.now, s, nil, to)
	require.Equal(t, ErrNoRoute, err)
	require.EqualValues(t, 1, w.a.Counters().IP.OutNoRoutes)
	require.NoError(t, w.a.SetAddresses(w.a.Prefixes(), []Route{
		{netip.MustParsePrefix("0.0.0.0/0"), addrB}, {netip.MustParsePrefix("203.0.113.0/24"), ip("192.0.2.9")}}))
	_, err = w.a.SendTo(w.now, s, nil, to)
	require.NoError(t, err)
	for dst, want := range map[string]string{"203.0.113.9": "192.0.2.9", "8.8.8.8": "192.0.2.2"} {
		_, via, err := w.a.Source(ip(dst))
		require.NoError(t, err)
		require.Equal(t, want, via.String(), "the better route before the default")
	}
}

func TestReq1122_NoGatewayPing(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.a.SetAddresses(w.a.Prefixes(), []Route{{netip.MustParsePrefix("0.0.0.0/0"), addrB}}))
	c, s := w.pair()
	w.pump(c, s, pattern(1000), nil)
	w.run(time.Minute)
	w.seen = func(_ *Host, p []byte) { t.Fatalf("an idle host sent % x", p) }
	w.run(24 * time.Hour)
}

func TestReq1122_ManualConfig(t *testing.T) {
	w := newWorld(t)
	routes := []Route{{netip.MustParsePrefix("0.0.0.0/0"), ip("10.9.9.9")}}
	require.NoError(t, w.a.SetAddresses(prefixes("10.0.0.1/8", "172.16.0.1/30"), routes))
	require.Equal(t, prefixes("10.0.0.1/8", "172.16.0.1/30"), w.a.Prefixes())
	require.Equal(t, routes, w.a.Routes())
	require.Len(t, answers(w.a, w.now, rawICMP(ip("10.2.3.4"), ip("10.0.0.1"), wireEcho, nil)), 1)
	w.silent(w.a, rawICMP(addrB, addrA, wireEcho, nil), trace.DropNotOurs)
	require.Equal(t, ErrRoute, w.a.SetAddresses(w.a.Prefixes(), []Route{{netip.MustParsePrefix("0.0.0.0/0"), addrB}}))
	require.Equal(t, routes, w.a.Routes(), "nothing changed")
}

// pieces sends a datagram with size bytes of IP payload to a in fragments.
func (w *world) pieces(size, step int) []byte {
	whole := rawUDP(addrB, addrA, 7, 9, pattern(size-8))[20:]
	for off := 0; off < size; off += step {
		end := min(off+step, size)
		require.Empty(w.t, answers(w.a, w.now, fragment(addrB, addrA, 17, uint16(size), off, whole[off:end], end < size)))
	}
	return whole[8:]
}

func TestReq1122_Reassemble576(t *testing.T) {
	for _, step := range []int{8, 48, 256, 552} { // 48: a link of 68 bytes
		w := newWorld(t, func(c *Config) { c.Memory = 256 << 10 })
		s := w.bound(w.a, Datagram, anyAddress, 9)
		data := w.pieces(556, step)
		got, err := w.recv(w.a, s)
		require.NoError(t, err)
		require.Equal(t, string(data), got)
	}
}

func TestReq1122_EMTURConfigurable(t *testing.T) { // unlimited: whatever IP can carry
	for _, step := range []int{552, 1480, 8192, 32768} {
		w := newWorld(t)
		s := w.bound(w.a, Datagram, anyAddress, 9)
		data := w.pieces(65515, step)
		got, err := w.recv(w.a, s)
		require.NoError(t, err)
		require.True(t, string(data) == got)
	}
}

func TestReq1122_EMTURAtLeastMTU(t *testing.T) {
	for _, mtu := range []int{576, 1500, 9000, 65535} {
		w := newWorld(t)
		w.a.SetFeatures(w.now, featuresOf(mtu))
		s := w.bound(w.a, Datagram, anyAddress, 9)
		data := w.pieces(mtu-20, 552)
		got, err := w.recv(w.a, s)
		require.NoError(t, err)
		require.True(t, string(data) == got)
	}
}

// mssOf returns the MSS option of the SYN that a host with this MTU sends.
func mssOf(t *testing.T, mtu int) int {
	w := newWorld(t)
	w.a.SetFeatures(w.now, featuresOf(mtu))
	var syn []byte
	w.seen = func(from *Host, p []byte) {
		if from == w.a && syn == nil {
			syn = append([]byte{}, p...)
		}
	}
	w.dial(w.a, addrB)
	seg, _, err := wire.DecodeTCP(syn[20:])
	require.NoError(t, err)
	return int(seg.Options.MSS)
}

func TestReq1122_MMSRKnown(t *testing.T) {
	for _, mtu := range []int{576, 1500, 9000} {
		require.Equal(t, mtu-40, mssOf(t, mtu), "TCP offers what the interface takes")
	}
}

func TestReq1122_ReassemblyTimeout(t *testing.T) {
	w := newWorld(t)
	for id := range 40 {
		answers(w.a, w.now, fragment(addrB, addrA, 17, uint16(id), 8, pattern(800), true))
	}
	require.Equal(t, 40, w.a.frags.n)
	require.NotZero(t, w.a.budget.Used())
	require.Equal(t, w.now.Add(reassemblyTime), w.a.Deadline())
	w.run(2 * reassemblyTime)
	require.Zero(t, w.a.frags.n)
	require.Zero(t, w.a.budget.Used())
	require.EqualValues(t, 40, w.a.Counters().IP.ReasmTimeout)
}

func TestReq1122_ReassemblyFixedTimeout(t *testing.T) {
	for _, ttl := range []uint8{1, 64, 255} { // which say nothing of it
		w := newWorld(t)
		answers(w.a, w.now, raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: 17, TTL: ttl, MF: true}, pattern(8)))
		w.run(30 * time.Second)
		answers(w.a, w.now, raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: 17, TTL: ttl, MF: true, FragOff: 16}, pattern(8)))
		w.run(29 * time.Second)
		require.Equal(t, 1, w.a.frags.n)
		w.run(2 * time.Second)
		require.Zero(t, w.a.frags.n, "60 s from the first piece on")
	}
}

func TestReq1122_ReassemblyTimeExceeded(t *testing.T) {
	w := newWorld(t)
	first := fragment(addrB, addrA, 17, 5, 0, rawUDP(addrB, addrA, 7, 9, pattern(72))[20:100], true)
	answers(w.a, w.now, fragment(addrB, addrA, 17, 5, 80, pattern(80), true))
	answers(w.a, w.now, first)
	answers(w.a, w.now, fragment(addrB, addrA, 17, 6, 80, pattern(80), true)) // no first one: silence
	w.a.Expire(w.now.Add(reassemblyTime))
	m, quote := icmpError(t, answers(w.a, w.now, nil))
	require.Equal(t, wire.ICMP{Type: wire.ICMPTimeExceeded, Code: 1}, m)
	require.Equal(t, first[:28], quote)
	require.EqualValues(t, 1, w.a.Counters().ICMP.OutTimeExcds)
}

func TestReq1122_MMSSKnown(t *testing.T) {
	w := newWorld(t)
	w.a.SetFeatures(w.now, featuresOf(1000))
	c, s := w.pair()
	largest := 0
	w.seen = func(from *Host, p []byte) {
		if from == w.a {
			largest = max(largest, len(p))
		}
	}
	w.pump(c, s, pattern(50000), nil)
	require.Equal(t, 1000, largest)
	i, err := w.a.Info(w.now, c)
	require.NoError(t, err)
	require.Equal(t, 1000, i.PMTU)
}

func TestReq1122_LocalFragmentation(t *testing.T) {
	w := newWorld(t)
	w.a.SetFeatures(w.now, featuresOf(576))
	srv, s := w.bound(w.b, Datagram, anyAddress, 9), w.open(w.a, Datagram)
	n := 0
	w.seen = func(_ *Host, p []byte) {
		n++
		require.LessOrEqual(t, len(p), 576)
		require.Equal(t, n < 10, binary.BigEndian.Uint16(p[6:])&0x2000 != 0, "MF")
		require.Equal(t, (n-1)*552/8, int(binary.BigEndian.Uint16(p[6:])&0x1FFF))
	}
	_, err := w.a.SendTo(w.now, s, pattern(5500-8), netip.AddrPortFrom(addrB, 9))
	require.NoError(t, err)
	w.flush()
	require.Equal(t, 10, n)
	got, err := w.recv(w.b, srv)
	require.NoError(t, err)
	require.Equal(t, string(pattern(5492)), got)
}

// Where the path MTU is not known, DF is set and routers tell it (RFC 1191 3).
func TestReq1122_OffNet576OrPMTU(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.a.SetAddresses(w.a.Prefixes(), []Route{{netip.MustParsePrefix("0.0.0.0/0"), addrB}}))
	u := w.open(w.a, Datagram)
	to := netip.AddrPortFrom(ip("203.0.113.9"), 9)
	sent := func() (all [][]byte) {
		_, err := w.a.SendTo(w.now, u, pattern(1400), to)
		require.NoError(t, err)
		for i := range w.out[:w.a.Transmit(w.now, w.out[:])] {
			all = append(all, w.out[i].AppendTo(nil))
		}
		return all
	}
	first := sent()
	require.Len(t, first, 1)
	require.NotZero(t, first[0][6]&0x40, "DF")
	answers(w.a, w.now, tooBig(600, first[0]))
	for _, p := range sent() {
		require.LessOrEqual(t, len(p), 600)
	}
	mtu, _ := w.a.pathMTU(addrB, datagramPaths)
	require.Equal(t, 1500, mtu, "of that destination only")
}

func TestReq1122_ReplyFromSpecificDest(t *testing.T) {
	w := newWorld(t)
	second := ip("192.0.2.3")
	require.NoError(t, w.a.SetAddresses(prefixes("192.0.2.1/24", "192.0.2.3/24"), nil))
	w.listen(w.a, 5)
	for _, p := range [][]byte{rawICMP(addrB, second, wireEcho, nil), rawUDP(addrB, second, 7, 9, nil),
		rawSYN(addrB, second, 1000, 80), rawSYN(addrB, second, 1000, 81)} {
		got := answers(w.a, w.now, p)
		require.Len(t, got, 1)
		require.Equal(t, second.AsSlice(), got[0][12:16])
	}
	// A datagram socket learns the address, and may answer from it.
	s := w.bound(w.a, Datagram, anyAddress, 9)
	answers(w.a, w.now, rawUDP(addrB, second, 7, 9, nil))
	_, m, err := w.a.RecvMsg(w.now, s, nil, 0)
	require.NoError(t, err)
	require.Equal(t, second, m.To)
}

func TestReq1122_AppChoosesSource(t *testing.T) {
	for _, k := range []Kind{Stream, Datagram, Echo} {
		w := newWorld(t)
		require.NoError(t, w.a.SetAddresses(prefixes("192.0.2.1/24", "192.0.2.3/24"), nil))
		s := w.bound(w.a, k, ip("192.0.2.3"), 0)
		var src []byte
		w.seen = func(from *Host, p []byte) {
			if from == w.a {
				src = append(src[:0], p[12:16]...)
			}
		}
		if k == Stream {
			require.Equal(t, ErrInProgress, w.a.Connect(w.now, s, netip.AddrPortFrom(addrB, 80)))
		} else {
			_, err := w.a.SendTo(w.now, s, make8(8), netip.AddrPortFrom(addrB, 80))
			require.NoError(t, err)
		}
		w.flush()
		require.Equal(t, ip("192.0.2.3").AsSlice(), src)
	}
}

func TestReq1122_SourceRouteUnreach5(t *testing.T) { // dropped in silence instead (RFC 7126 4.3)
	w := newWorld(t)
	transit := raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: 17, Options: []byte{131, 7, 4, 203, 0, 113, 1, 0}}, pattern(8))
	w.silent(w.a, transit, trace.DropSourceRoute)
}

func TestReq1122_BroadcastForms(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.a.SetAddresses(prefixes("192.0.2.1/24", "10.1.2.3/20", "172.16.0.1/31"), nil))
	s := w.bound(w.a, Datagram, anyAddress, 9)
	for _, dst := range []string{"255.255.255.255", "192.0.2.255", "192.0.2.0", "10.1.15.255", "10.1.0.0"} {
		require.Empty(t, answers(w.a, w.now, rawUDP(addrB, ip(dst), 7, 9, []byte("x"))))
		require.True(t, w.heard(s), dst)
		events(w.a)
		w.silent(w.a, rawUDP(ip(dst), addrA, 7, 9, nil), trace.DropMartian)
		c := w.open(w.a, Stream)
		require.Error(t, w.a.Connect(w.now, c, netip.AddrPortFrom(ip(dst), 80)))
		_, err := w.a.SendTo(w.now, s, nil, netip.AddrPortFrom(ip(dst), 9))
		require.Equal(t, ErrAccess, err)
	}
	w.silent(w.a, rawUDP(addrB, ip("172.16.0.0"), 7, 9, nil), trace.DropNotOurs) // a /31 has none (RFC 3021)
}

func TestReq1122_LimitedBroadcast(t *testing.T) {
	w := newWorld(t)
	s, r := w.bound(w.a, Datagram, anyAddress, 9), w.bound(w.b, Datagram, anyAddress, 9)
	require.NoError(t, w.a.SetOptions(w.now, s, Options{Broadcast: true}))
	_, err := w.a.SendTo(w.now, s, []byte("x"), netip.AddrPortFrom(everybody, 9))
	require.NoError(t, err)
	w.flush()
	_, m, err := w.b.RecvMsg(w.now, r, make([]byte, 9), 0)
	require.NoError(t, err)
	require.Equal(t, addrA, m.From.Addr())
	require.Equal(t, everybody, m.To)
}

func TestReq1122_Multicast(t *testing.T) { // not offered: no group is ever ours
	w := newWorld(t)
	s := w.open(w.a, Datagram)
	require.Equal(t, ErrAddrNotAvail, w.a.Bind(w.now, s, netip.AddrPortFrom(ip("224.0.0.251"), 5353)))
	w.bound(w.a, Datagram, anyAddress, 5353)
	w.silent(w.a, rawUDP(addrB, ip("224.0.0.251"), 5353, 5353, nil), trace.DropNotOurs)
	c := w.open(w.a, Stream)
	require.Error(t, w.a.Connect(w.now, c, netip.AddrPortFrom(ip("224.0.0.251"), 80)))
}

// What IP offers, a socket of each kind reaches: source and destination, TOS,
// TTL, the path MTU, errors, and where a packet was sent to.
func TestReq1122_IPInterfaceComplete(t *testing.T) {
	for _, k := range []Kind{Stream, Datagram, Echo} {
		p := sentWith(t, k, Options{TOS: 0x10, TTL: 9})
		h, _, err := wire.DecodeIPv4(p)
		require.NoError(t, err)
		require.Equal(t, []any{addrA, addrB, uint8(0x10), uint8(9), true}, []any{h.Src, h.Dst, h.TOS, h.TTL, h.DF})
	}
	w := newWorld(t)
	u := w.bound(w.a, Datagram, addrA, 5)
	require.NoError(t, w.a.Connect(w.now, u, netip.AddrPortFrom(addrB, 9)))
	_, err := w.a.Send(w.now, u, nil)
	require.NoError(t, err)
	w.flush()
	require.Equal(t, tcp.ErrPortUnreachable, w.a.SocketError(u))
}
