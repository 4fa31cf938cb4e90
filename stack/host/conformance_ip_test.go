package host

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// Tests of RFC 1122 section 3.1 and 3.2.1, one for each row of
// testdata/conformance.md, part B.

func ip(s string) netip.Addr { return netip.MustParseAddr(s) }

// heard reports whether a datagram with the payload "x" reached s, and takes it.
func (w *world) heard(s Handle) bool {
	got, err := w.recv(w.a, s)
	return err == nil && got == "x"
}

func TestReq1122_IPAndICMPPresent(t *testing.T) {
	w := newWorld(t)
	s := w.bound(w.a, Datagram, anyAddress, 9)
	require.Empty(t, answers(w.a, w.now, rawUDP(addrB, addrA, 7, 9, []byte("x"))))
	require.True(t, w.heard(s))
	got := answers(w.a, w.now, rawICMP(addrB, addrA, wireEcho, nil))
	require.Len(t, got, 1)
	m, _, err := wire.DecodeICMP(got[0][20:])
	require.NoError(t, err)
	require.Equal(t, wire.ICMPEchoReply, m.Type)
}

func TestReq1122_NoForwarding(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.a.SetAddresses([]netip.Prefix{netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("10.0.0.1/8")}, nil))
	for _, dst := range []string{"10.0.0.9", "192.0.2.77", "203.0.113.1", "8.8.8.8"} {
		w.silent(w.a, rawUDP(addrB, ip(dst), 7, 9, nil), trace.DropNotOurs)
	}
}

func TestReq1122_DiscardLogged(t *testing.T) {
	log := trace.NewLog(10)
	w := newWorld(t, func(c *Config) { c.Trace = log })
	answers(w.a, w.now, rawUDP(addrB, ip("192.0.2.77"), 7, 9, nil))
	evs, _ := log.Take(nil)
	require.Len(t, evs, 1)
	require.Equal(t, trace.Event{At: w.now, Kind: trace.Dropped, Reason: trace.DropNotOurs}, evs[0])
}

func TestReq1122_DiscardCounted(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		answers(w.a, w.now, rawUDP(addrB, ip("192.0.2.77"), 7, 9, nil))
	}
	answers(w.a, w.now, []byte{0x45})
	c := w.a.Counters()
	require.EqualValues(t, 3, c.Drop[trace.DropNotOurs])
	require.EqualValues(t, 3, c.IP.InAddrErrors)
	require.EqualValues(t, 1, c.Drop[trace.DropShort])
	require.EqualValues(t, 1, c.IP.InHdrErrors)
	require.EqualValues(t, 4, c.IP.InReceives)
}

func TestReq1122_VersionNot4(t *testing.T) {
	w := newWorld(t)
	for v := range byte(16) {
		if v != 4 {
			b := rawUDP(addrB, addrA, 7, 9, nil)
			b[0] = v<<4 | 5
			w.silent(w.a, resum(b), trace.DropVersion)
		}
	}
}

func TestReq1122_IPChecksumBad(t *testing.T) {
	w := newWorld(t)
	b := rawUDP(addrB, addrA, 7, 9, nil)
	for bit := range 16 {
		b[10+bit/8] ^= 1 << (bit % 8)
		w.silent(w.a, b, trace.DropIPChecksum)
		b[10+bit/8] ^= 1 << (bit % 8)
	}
	require.Len(t, answers(w.a, w.now, b), 1, "the control")
}

func TestReq1122_SubnetMask(t *testing.T) {
	own := ip("172.20.130.77")
	for bits := range 33 {
		p := netip.PrefixFrom(own, bits)
		a, err := newAddresses([]netip.Prefix{p}, nil)
		require.NoError(t, err, p)
		for i := range 32 { // an address that differs from ours in bit i first
			other := number(own) ^ 1<<(31-i)
			_, _, err := a.route(netip.AddrFrom4([4]byte{byte(other >> 24), byte(other >> 16), byte(other >> 8), byte(other)}))
			require.Equal(t, i >= bits, err == nil, "%s and bit %d", p, i)
		}
	}
}

func TestReq1122_SourceIsOurs(t *testing.T) {
	w := newWorld(t)
	s := w.open(w.a, Datagram)
	require.Equal(t, ErrAddrNotAvail, w.a.Bind(w.now, s, netip.AddrPortFrom(ip("192.0.2.9"), 7)))
	w.seen = func(from *Host, p []byte) {
		require.Equal(t, map[*Host]netip.Addr{w.a: addrA, w.b: addrB}[from], netip.AddrFrom4([4]byte(p[12:16])))
	}
	c, r := w.pair()
	w.pump(c, r, pattern(10000), pattern(10000))
	_, err := w.a.SendTo(w.now, s, nil, netip.AddrPortFrom(addrB, 9))
	require.NoError(t, err)
	w.flush()
	require.NotZero(t, w.a.Counters().ICMP.InDestUnreachs)
}

func TestReq1122_SourceNotBroadcast(t *testing.T) {
	w := newWorld(t)
	for _, a := range []string{"192.0.2.255", "192.0.2.0", "255.255.255.255", "224.0.0.1"} {
		for _, k := range []Kind{Stream, Echo} {
			require.Equal(t, ErrAddrNotAvail, w.a.Bind(w.now, w.open(w.a, k), netip.AddrPortFrom(ip(a), 7)))
		}
		_, err := newAddresses([]netip.Prefix{netip.PrefixFrom(ip(a), 24)}, nil)
		require.Equal(t, ErrPrefix, err)
	}
	s := w.bound(w.a, Datagram, ip("192.0.2.255"), 7) // to listen there
	got := map[netip.Addr]bool{}
	w.seen = func(from *Host, p []byte) { got[netip.AddrFrom4([4]byte(p[12:16]))] = true }
	_, err := w.a.SendTo(w.now, s, nil, netip.AddrPortFrom(addrB, 9))
	require.NoError(t, err)
	w.flush()
	require.Equal(t, map[netip.Addr]bool{addrA: true, addrB: true}, got)
}

func TestReq1122_NotForUs(t *testing.T) {
	w := newWorld(t)
	w.bound(w.a, Datagram, anyAddress, 9)
	w.silent(w.a, rawUDP(addrB, ip("192.0.2.3"), 7, 9, nil), trace.DropNotOurs)
	w.silent(w.a, rawICMP(addrB, ip("192.0.2.3"), wireEcho, nil), trace.DropNotOurs)
	w.silent(w.a, rawSYN(addrB, ip("192.0.2.3"), 1000, 80), trace.DropNotOurs)
}

func TestReq1122_BadSourceDropped(t *testing.T) {
	w := newWorld(t)
	w.bound(w.a, Datagram, anyAddress, 9)
	for _, src := range []string{"192.0.2.255", "255.255.255.255", "224.0.0.9", "127.0.0.1", "0.0.0.0", "241.1.1.1"} {
		w.silent(w.a, rawUDP(ip(src), addrA, 7, 9, nil), trace.DropMartian)
	}
}

func TestReq1122_LoopbackNeverOut(t *testing.T) {
	w := newWorld(t)
	routes := []Route{{netip.MustParsePrefix("0.0.0.0/0"), addrB}, {netip.MustParsePrefix("127.0.0.0/8"), addrB}}
	require.NoError(t, w.a.SetAddresses(w.a.Prefixes(), routes))
	w.seen = func(_ *Host, p []byte) { t.Fatalf("left the host: % x", p) }
	for _, dst := range []string{"127.0.0.1", "127.1.2.3", "127.255.255.255"} {
		s := w.bound(w.a, Datagram, anyAddress, 9)
		_, err := w.a.SendTo(w.now, s, []byte("x"), netip.AddrPortFrom(ip(dst), 9))
		require.NoError(t, err)
		w.flush()
		require.True(t, w.heard(s), dst)
		require.NoError(t, w.a.Close(w.now, s))
	}
	s := w.bound(w.a, Datagram, loopback, 9)
	_, err := w.a.SendTo(w.now, s, []byte("x"), netip.AddrPortFrom(addrB, 9))
	require.Equal(t, ErrInvalid, err)
	c := w.bound(w.a, Stream, loopback, 0)
	require.Equal(t, ErrInvalid, w.a.Connect(w.now, c, netip.AddrPortFrom(addrB, 9)))
	w.run(time.Minute)
}

func TestReq1122_ReassemblySupported(t *testing.T) {
	w := newWorld(t)
	s := w.bound(w.a, Datagram, anyAddress, 9)
	whole := rawUDP(addrB, addrA, 7, 9, pattern(5000))[20:]
	for off := 0; off < len(whole); off += 800 {
		end := min(off+800, len(whole))
		answers(w.a, w.now, fragment(addrB, addrA, 17, 3, off, whole[off:end], end < len(whole)))
	}
	got, err := w.recv(w.a, s)
	require.NoError(t, err)
	require.Equal(t, string(pattern(5000)), got)
}

// A segment sent again is an atomic datagram, whose identification means
// nothing and is 0 (RFC 6864 4.1); so the copy has the same.
func TestReq1122_SameIdentification(t *testing.T) {
	w := newWorld(t)
	c, _ := w.pair()
	var sent []string
	w.seen = func(_ *Host, p []byte) { sent = append(sent, string(p[4:8])) }
	w.lose = func(*Host, []byte) bool { return true }
	_, err := w.a.Send(w.now, c, []byte("x"))
	require.NoError(t, err)
	w.run(5 * time.Second)
	require.Greater(t, len(sent), 2)
	for _, id := range sent {
		require.Equal(t, "\x00\x00\x40\x00", id)
	}
}

// sentWith returns the first packet of protocol that a socket of each kind of a sends under o.
func sentWith(t *testing.T, k Kind, o Options) []byte {
	w := newWorld(t)
	s := w.open(w.a, k)
	require.NoError(t, w.a.SetOptions(w.now, s, o))
	var got []byte
	w.seen = func(from *Host, p []byte) {
		if from == w.a && got == nil {
			got = append([]byte{}, p...)
		}
	}
	switch k {
	case Stream:
		require.Equal(t, ErrInProgress, w.a.Connect(w.now, s, netip.AddrPortFrom(addrB, 80)))
	default:
		_, err := w.a.SendTo(w.now, s, make8(8), netip.AddrPortFrom(addrB, 80))
		require.NoError(t, err)
	}
	w.flush()
	return got
}

func TestReq1122_TOSSettable(t *testing.T) {
	for _, k := range []Kind{Stream, Datagram, Echo} {
		require.EqualValues(t, 0, sentWith(t, k, Options{})[1])
		require.EqualValues(t, 0xB8, sentWith(t, k, Options{TOS: 0xB8})[1])
	}
}

func TestReq1122_TOSPassedUp(t *testing.T) {
	w := newWorld(t)
	s := w.bound(w.a, Datagram, anyAddress, 9)
	answers(w.a, w.now, raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: 17, TOS: 0xB8, TTL: 33}, rawUDP(addrB, addrA, 7, 9, []byte("x"))[20:]))
	n, m, err := w.a.RecvMsg(w.now, s, make([]byte, 9), 0)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, Meta{Size: 1, From: netip.AddrPortFrom(addrB, 7), To: addrA, TTL: 33, TOS: 0xB8, At: m.At}, m)
}

func TestReq1122_TTLNeverZero(t *testing.T) {
	for _, k := range []Kind{Stream, Datagram, Echo} {
		require.EqualValues(t, 64, sentWith(t, k, Options{TTL: 0})[8])
	}
	h := newHost(t, 1, "192.0.2.1/24", featuresOf(1500), func(c *Config) { c.TTL = 0 })
	for _, p := range [][]byte{rawICMP(addrB, addrA, wireEcho, nil), rawUDP(addrB, addrA, 7, 9, nil), rawSYN(addrB, addrA, 7, 9)} {
		p[8] = 0 // nor does that of a request spread
		got := answers(h, start, resum(p))
		require.Len(t, got, 1)
		require.EqualValues(t, 64, got[0][8])
	}
}

func TestReq1122_TTL1Accepted(t *testing.T) {
	w := newWorld(t)
	s := w.bound(w.a, Datagram, anyAddress, 9)
	for ttl := range byte(2) {
		b := rawUDP(addrB, addrA, 7, 9, []byte("x"))
		b[8] = ttl
		require.Empty(t, answers(w.a, w.now, resum(b)))
		require.True(t, w.heard(s))
	}
}

func TestReq1122_TTLSettable(t *testing.T) {
	for _, k := range []Kind{Stream, Datagram, Echo} {
		require.EqualValues(t, 3, sentWith(t, k, Options{TTL: 3})[8])
	}
	h := newHost(t, 1, "192.0.2.1/24", featuresOf(1500), func(c *Config) { c.TTL = 99 })
	require.EqualValues(t, 99, answers(h, start, rawICMP(addrB, addrA, wireEcho, nil))[0][8])
}

func TestReq1122_IPOptionsUnknown(t *testing.T) {
	w := newWorld(t)
	s := w.bound(w.a, Datagram, anyAddress, 9)
	for _, kind := range []byte{2, 30, 94, 130, 148, 205, 255} {
		p := raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: 17, Options: []byte{kind, 6, 1, 2, 3, 4, 1, 1}}, rawUDP(addrB, addrA, 7, 9, []byte("x"))[20:])
		require.Empty(t, answers(w.a, w.now, p))
		require.True(t, w.heard(s))
	}
}

func TestReq1122_StreamIDIgnored(t *testing.T) {
	w := newWorld(t)
	s := w.bound(w.a, Datagram, anyAddress, 9)
	p := raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: 17, Options: []byte{136, 4, 0, 7}}, rawUDP(addrB, addrA, 7, 9, []byte("x"))[20:])
	require.Empty(t, answers(w.a, w.now, p))
	require.True(t, w.heard(s))
}

// sourceRouted builds a packet that came by a source route that has ended here.
func sourceRouted(protocol uint8, body []byte) []byte {
	return raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: protocol, Options: []byte{131, 7, 8, 203, 0, 113, 1, 0}}, body)
}

func TestReq1122_SourceRoutePolicy(t *testing.T) {
	w := newWorld(t)
	w.listen(w.a, 5)
	w.bound(w.a, Datagram, anyAddress, 9)
	events(w.a)
	w.silent(w.a, sourceRouted(17, rawUDP(addrB, addrA, 7, 9, nil)[20:]), trace.DropSourceRoute)
	w.silent(w.a, sourceRouted(6, rawSYN(addrB, addrA, 1000, 80)[20:]), trace.DropSourceRoute)
}

// No packet of ours has options at all.
func TestReq1122_OneSourceRoute(t *testing.T) {
	w := newWorld(t)
	n := 0
	w.seen = func(_ *Host, p []byte) { n++; require.EqualValues(t, 0x45, p[0]) }
	c, s := w.pair()
	w.pump(c, s, pattern(10000), pattern(10000))
	for _, k := range []Kind{Datagram, Echo} {
		_, err := w.a.SendTo(w.now, w.open(w.a, k), append(make8(8), pattern(4000)...), netip.AddrPortFrom(addrB, 9))
		require.NoError(t, err)
	}
	w.flush()
	require.Greater(t, n, 20)
}
