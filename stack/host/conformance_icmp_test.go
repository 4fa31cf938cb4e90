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

// Tests of RFC 1122 section 3.2.2, one for each row of
// testdata/conformance.md, part B.

// icmpError decodes the only packet in got as an ICMP error.
func icmpError(t *testing.T, got [][]byte) (m wire.ICMP, quote []byte) {
	t.Helper()
	require.Len(t, got, 1)
	ip, payload, err := wire.DecodeIPv4(got[0])
	require.NoError(t, err)
	require.EqualValues(t, wire.ProtoICMP, ip.Protocol)
	m, quote, err = wire.DecodeICMP(payload)
	require.NoError(t, err)
	return m, quote
}

func TestReq1122_ICMPUnknownType(t *testing.T) {
	w := newWorld(t)
	known := map[int]bool{0: true, 3: true, 4: true, 5: true, 8: true, 11: true, 12: true}
	for typ := range 256 {
		if !known[typ] {
			w.silent(w.a, rawICMP(addrB, addrA, wire.ICMP{Type: wire.ICMPType(typ)}, pattern(40)), trace.DropICMP)
		}
	}
}

func TestReq1122_ICMPQuoteLonger(t *testing.T) {
	w := newWorld(t)
	for size, want := range map[int]int{0: 28, 100: 128, 520: 548, 521: 548, 1400: 548} { // 576 bytes in all (RFC 1812 4.3.2.3)
		p := rawUDP(addrB, addrA, 7, 9, pattern(size))
		_, quote := icmpError(t, answers(w.a, w.now, p))
		require.Len(t, quote, want)
		w.now = w.now.Add(time.Second)
	}
	u := w.bound(w.a, Datagram, addrA, 5)
	require.NoError(t, w.a.Connect(w.now, u, netip.AddrPortFrom(addrB, 9)))
	m := wire.ICMP{Type: wire.ICMPUnreachable, Code: wire.UnreachPort}
	answers(w.a, w.now, rawICMP(addrB, addrA, m, rawUDP(addrA, addrB, 5, 9, pattern(500))))
	require.Equal(t, tcp.ErrPortUnreachable, w.a.SocketError(u), "and longer ones are understood")
}

func TestReq1122_ICMPQuoteExact(t *testing.T) {
	w := newWorld(t)
	p := raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: 17, TTL: 3, TOS: 0x21, ID: 0xABCD, Options: []byte{7, 7, 4, 0, 0, 0, 0, 0}}, rawUDP(addrB, addrA, 7, 9, pattern(100))[20:])
	_, quote := icmpError(t, answers(w.a, w.now, p))
	require.Equal(t, p, quote)
}

func TestReq1122_ICMPDemuxTransport(t *testing.T) {
	w := newWorld(t)
	u, e := w.bound(w.a, Datagram, addrA, 500), w.bound(w.a, Echo, addrA, 500)
	s := w.bound(w.a, Stream, addrA, 500)
	for _, h := range []Handle{u, e} {
		require.NoError(t, w.a.Connect(w.now, h, netip.AddrPortFrom(addrB, 600)))
	}
	w.lose = func(*Host, []byte) bool { return true }
	require.Equal(t, ErrInProgress, w.a.Connect(w.now, s, netip.AddrPortFrom(addrB, 600)))
	sent := map[byte][]byte{}
	w.seen = func(_ *Host, p []byte) { sent[p[9]] = append([]byte{}, p...) }
	_, err := w.a.Send(w.now, u, nil)
	require.NoError(t, err)
	_, err = w.a.Send(w.now, e, make8(8))
	require.NoError(t, err)
	w.flush()
	for _, c := range []struct {
		protocol byte
		to       Handle
	}{{wire.ProtoUDP, u}, {wire.ProtoICMP, e}, {wire.ProtoTCP, s}} {
		m := wire.ICMP{Type: wire.ICMPUnreachable, Code: wire.UnreachProtocol}
		require.Empty(t, answers(w.a, w.now, rawICMP(addrB, addrA, m, sent[c.protocol])))
		for _, h := range []Handle{u, e, s} {
			want := error(nil)
			if h == c.to {
				want = tcp.ErrProtoUnreachable
			}
			require.Equal(t, want, w.a.SocketError(h))
		}
	}
}

func TestReq1122_ICMPTOSZero(t *testing.T) {
	w := newWorld(t)
	for _, protocol := range []uint8{17, 99} {
		p := raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: protocol, TOS: 0xB8}, rawUDP(addrB, addrA, 7, 9, nil)[20:])
		got := answers(w.a, w.now, p)
		require.Len(t, got, 1)
		require.Zero(t, got[0][1])
	}
}

func TestReq1122_NoErrorOnError(t *testing.T) {
	w := newWorld(t)
	for _, typ := range []wire.ICMPType{3, 4, 5, 11, 12} {
		p := rawICMP(addrB, addrA, wire.ICMP{Type: typ, Code: 3}, rawUDP(addrA, addrB, 5, 9, nil))
		require.Empty(t, answers(w.a, w.now, p))
		// Nor where its header is at fault, or its pieces never come.
		bad := raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: 1, Options: []byte{7, 1, 0, 0}}, p[20:])
		require.Empty(t, answers(w.a, w.now, bad))
		require.Empty(t, answers(w.a, w.now, fragment(addrB, addrA, 1, uint16(typ), 0, p[20:28], true)))
	}
	w.a.Expire(w.now.Add(2 * reassemblyTime))
	require.EqualValues(t, 5, w.a.Counters().IP.ReasmTimeout)
	require.Empty(t, answers(w.a, w.now, nil))
}

func TestReq1122_NoErrorOnBroadcast(t *testing.T) {
	w := newWorld(t)
	for _, dst := range []string{"192.0.2.255", "192.0.2.0", "255.255.255.255", "224.0.0.1"} {
		require.Empty(t, answers(w.a, w.now, rawUDP(addrB, ip(dst), 7, 9, nil)))
		require.Empty(t, answers(w.a, w.now, raw(wire.IPv4{Src: addrB, Dst: ip(dst), Protocol: 99}, nil)))
		require.Empty(t, answers(w.a, w.now, raw(wire.IPv4{Src: addrB, Dst: ip(dst), Protocol: 17, Options: []byte{7, 1, 0, 0}}, nil)))
		require.Empty(t, answers(w.a, w.now, fragment(addrB, ip(dst), 17, 1, 0, pattern(8), true)))
	}
	w.a.Expire(w.now.Add(2 * reassemblyTime))
	require.Empty(t, answers(w.a, w.now, nil))
}

func TestReq1122_NoErrorOnFragment(t *testing.T) {
	w := newWorld(t)
	require.Empty(t, answers(w.a, w.now, fragment(addrB, addrA, 99, 1, 8, pattern(8), false)))
	bad := raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: 17, FragOff: 8, Options: []byte{7, 1, 0, 0}}, pattern(8))
	require.Empty(t, answers(w.a, w.now, bad))
	w.a.Expire(w.now.Add(2 * reassemblyTime))
	require.Empty(t, answers(w.a, w.now, nil))
}

func TestReq1122_NoErrorToNonUnique(t *testing.T) {
	w := newWorld(t)
	for _, src := range []string{"0.0.0.0", "127.0.0.1", "192.0.2.255", "192.0.2.0", "224.0.0.1", "240.0.0.1", "255.255.255.255"} {
		require.Empty(t, answers(w.a, w.now, rawUDP(ip(src), addrA, 7, 9, nil)))
		require.Empty(t, answers(w.a, w.now, raw(wire.IPv4{Src: ip(src), Dst: addrA, Protocol: 99, Options: []byte{7, 1, 0, 0}}, nil)))
		in := datagram{ip: wire.IPv4{Src: ip(src), Dst: addrA, Protocol: 99}}
		require.Equal(t, src == "127.0.0.1", w.a.mayAnswer(&in), "where one came so far") // loopback is unique within the host
	}
}

func TestReq1122_ICMPErrorsReturned(t *testing.T) {
	w := newWorld(t)
	m, _ := icmpError(t, answers(w.a, w.now, rawUDP(addrB, addrA, 7, 9, nil)))
	require.Equal(t, wire.ICMP{Type: wire.ICMPUnreachable, Code: wire.UnreachPort}, m)
	m, _ = icmpError(t, answers(w.a, w.now, raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: 99}, nil)))
	require.Equal(t, wire.ICMP{Type: wire.ICMPUnreachable, Code: wire.UnreachProtocol}, m)
	m, _ = icmpError(t, answers(w.a, w.now, raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: 17, Options: []byte{7, 1, 0, 0}}, nil)))
	require.Equal(t, wire.ICMPParamProblem, m.Type)
	answers(w.a, w.now, fragment(addrB, addrA, 17, 1, 0, pattern(8), true))
	w.a.Expire(w.now.Add(2 * reassemblyTime))
	m, _ = icmpError(t, answers(w.a, w.now, nil))
	require.Equal(t, wire.ICMP{Type: wire.ICMPTimeExceeded, Code: 1}, m)
}

func TestReq1122_UnreachableGenerated(t *testing.T) {
	w := newWorld(t)
	for protocol := range 256 {
		if protocol == 1 || protocol == 6 || protocol == 17 {
			continue
		}
		m, _ := icmpError(t, answers(w.a, w.now, raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: uint8(protocol)}, nil)))
		require.Equal(t, wire.ICMP{Type: wire.ICMPUnreachable, Code: wire.UnreachProtocol}, m)
		w.now = w.now.Add(time.Second)
	}
	m, _ := icmpError(t, answers(w.a, w.now, rawUDP(addrB, addrA, 7, 9, nil)))
	require.Equal(t, wire.ICMP{Type: wire.ICMPUnreachable, Code: wire.UnreachPort}, m)
}

// connecting returns a stream that waits for an answer, and its SYN.
func (w *world) connecting() (Handle, []byte) {
	w.lose = func(*Host, []byte) bool { return true }
	var s Handle
	quote := w.quoteOf(w.a, func() {
		s = w.open(w.a, Stream)
		require.Equal(w.t, ErrInProgress, w.a.Connect(w.now, s, netip.AddrPortFrom(addrB, 80)))
	})
	return s, quote
}

// fateAfter returns how an attempt to connect ends that hears of m.
func fateAfter(t *testing.T, m wire.ICMP) error {
	w := newWorld(t)
	s, quote := w.connecting()
	require.Empty(t, answers(w.a, w.now, rawICMP(addrB, addrA, m, quote)))
	require.Zero(t, w.a.Counters().Drop[trace.DropICMP])
	w.run(time.Hour)
	return w.a.SocketError(s)
}

func TestReq1122_UnreachablePassedUp(t *testing.T) {
	require.Equal(t, tcp.ErrTimeout, fateAfter(t, wire.ICMP{Type: wire.ICMPUnreachable, Code: wire.UnreachFragNeeded, Rest: 1400}))
	for code, want := range map[uint8]error{0: tcp.ErrNetUnreachable, 1: tcp.ErrHostUnreachable, 2: tcp.ErrProtoUnreachable,
		3: tcp.ErrPortUnreachable, 5: tcp.ErrHostUnreachable, 13: tcp.ErrHostUnreachable} {
		require.Equal(t, want, fateAfter(t, wire.ICMP{Type: wire.ICMPUnreachable, Code: code}), "code %d", code)
	}
}

func TestReq1122_UnreachableIsHint(t *testing.T) {
	for _, code := range []uint8{0, 1, 5} {
		w := newWorld(t)
		w.listen(w.b, 5)
		s, quote := w.connecting()
		u := w.bound(w.a, Datagram, addrA, 5)
		require.NoError(t, w.a.Connect(w.now, u, netip.AddrPortFrom(addrB, 9)))
		m := wire.ICMP{Type: wire.ICMPUnreachable, Code: code}
		answers(w.a, w.now, rawICMP(addrB, addrA, m, quote))
		answers(w.a, w.now, rawICMP(addrB, addrA, m, rawUDP(addrA, addrB, 5, 9, nil)))
		require.NoError(t, w.a.SocketError(u))
		w.lose = nil
		w.run(5 * time.Second)
		require.Equal(t, tcp.StateEstablished, w.state(w.a, s))
	}
}

func TestReq1122_NoRedirectSent(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.a.SetAddresses(w.a.Prefixes(), []Route{{netip.MustParsePrefix("0.0.0.0/0"), addrB}}))
	w.silent(w.a, rawUDP(addrB, ip("203.0.113.9"), 7, 9, nil), trace.DropNotOurs) // a router would say that B knows better
}

func TestReq1122_RedirectPolicy(t *testing.T) {
	w := newWorld(t)
	routes := []Route{{netip.MustParsePrefix("0.0.0.0/0"), addrB}}
	require.NoError(t, w.a.SetAddresses(w.a.Prefixes(), routes))
	w.bound(w.a, Datagram, addrA, 5)
	m := wire.ICMP{Type: wire.ICMPRedirect, Code: 1, Rest: number(ip("192.0.2.9"))}
	w.silent(w.a, rawICMP(addrB, addrA, m, rawUDP(addrA, ip("203.0.113.9"), 5, 9, nil)), trace.DropICMP)
	require.Equal(t, routes, w.a.Routes())
	require.EqualValues(t, 1, w.a.Counters().ICMP.InRedirects)
}

func TestReq1122_RedirectIllegal(t *testing.T) {
	w := newWorld(t)
	for _, gateway := range []string{"203.0.113.66", "127.0.0.1", "192.0.2.255", "0.0.0.0"} {
		m := wire.ICMP{Type: wire.ICMPRedirect, Code: 1, Rest: number(ip(gateway))}
		w.silent(w.a, rawICMP(ip("192.0.2.66"), addrA, m, rawUDP(addrA, addrB, 5, 9, nil)), trace.DropICMP)
	}
}

func TestReq1122_NoQuenchSent(t *testing.T) { // RFC 6633 4
	w := newWorld(t)
	w.bound(w.a, Datagram, anyAddress, 9)
	for range 2000 {
		require.Empty(t, answers(w.a, w.now, rawUDP(addrB, addrA, 7, 9, pattern(100))))
	}
	require.NotZero(t, w.a.Counters().Drop[trace.DropUDPFull])
}

func TestReq1122_TimeExceededUp(t *testing.T) {
	for code := range uint8(2) {
		require.Equal(t, tcp.ErrHostUnreachable, fateAfter(t, wire.ICMP{Type: wire.ICMPTimeExceeded, Code: code}))
	}
}

func TestReq1122_ParamProblemSent(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		options []byte
		pointer uint32
	}{{[]byte{7, 1, 0, 0}, 21}, {[]byte{1, 1, 7, 9}, 23}, {[]byte{1, 1, 1, 7}, 23}} {
		p := raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: 17, Options: c.options}, rawUDP(addrB, addrA, 7, 9, nil)[20:])
		m, quote := icmpError(t, answers(w.a, w.now, p))
		require.Equal(t, wire.ICMP{Type: wire.ICMPParamProblem, Rest: c.pointer << 24}, m)
		require.Equal(t, p, quote)
	}
	require.EqualValues(t, 3, w.a.Counters().ICMP.OutParmProbs)
	require.EqualValues(t, 3, w.a.Counters().Drop[trace.DropIPHeader])
}

func TestReq1122_ParamProblemUp(t *testing.T) {
	require.Equal(t, tcp.ErrProtocol, fateAfter(t, wire.ICMP{Type: wire.ICMPParamProblem, Rest: 20 << 24}))
}

func TestReq1122_EchoServer(t *testing.T) {
	w := newWorld(t)
	m, body := icmpError(t, answers(w.a, w.now, rawICMP(addrB, addrA, wire.ICMP{Type: wire.ICMPEcho, Rest: 0xABCD1234}, pattern(56))))
	require.Equal(t, wire.ICMP{Type: wire.ICMPEchoReply, Rest: 0xABCD1234}, m)
	require.Equal(t, pattern(56), body)
}

func TestReq1122_EchoClient(t *testing.T) {
	w := newWorld(t)
	s := w.bound(w.a, Echo, anyAddress, 77)
	_, err := w.a.SendTo(w.now, s, append(make8(8), "x"...), netip.AddrPortFrom(addrB, 0))
	require.NoError(t, err)
	n := w.a.Transmit(w.now, w.out[:])
	require.Equal(t, 1, n)
	m, body, err := wire.DecodeICMP(w.out[0].Head[20:])
	require.NoError(t, err)
	require.Equal(t, wire.ICMP{Type: wire.ICMPEcho, Rest: 77 << 16}, m)
	require.Equal(t, "x", string(body))
}

func TestReq1122_EchoBroadcastDropped(t *testing.T) {
	w := newWorld(t)
	for _, dst := range []string{"192.0.2.255", "192.0.2.0", "255.255.255.255"} {
		w.silent(w.a, rawICMP(addrB, ip(dst), wireEcho, nil), trace.DropICMP)
	}
}

func TestReq1122_EchoMulticastDropped(t *testing.T) {
	w := newWorld(t)
	for _, dst := range []string{"224.0.0.1", "239.255.255.250"} {
		w.silent(w.a, rawICMP(addrB, ip(dst), wireEcho, nil), trace.DropNotOurs)
	}
}

func TestReq1122_EchoReplySource(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.a.SetAddresses([]netip.Prefix{netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("192.0.2.3/24"), netip.MustParsePrefix("10.0.0.1/8")}, nil))
	for _, dst := range []string{"192.0.2.1", "192.0.2.3", "10.0.0.1"} {
		got := answers(w.a, w.now, rawICMP(addrB, ip(dst), wireEcho, nil))
		require.Len(t, got, 1)
		require.Equal(t, ip(dst).AsSlice(), got[0][12:16])
		require.Equal(t, addrB.AsSlice(), got[0][16:20])
	}
}

func TestReq1122_EchoDataWhole(t *testing.T) {
	w := newWorld(t)
	s := w.bound(w.b, Echo, addrB, 7)
	for _, n := range []int{0, 1, 1472, 1473, 20000, 65507} {
		_, err := w.b.SendTo(w.now, s, append(make8(8), pattern(n)...), netip.AddrPortFrom(addrA, 0))
		require.NoError(t, err)
		w.flush()
		got, err := w.recv(w.b, s)
		require.NoError(t, err)
		require.True(t, got[8:] == string(pattern(n)), "%d bytes", n)
	}
}

func TestReq1122_EchoReplyUp(t *testing.T) {
	w := newWorld(t)
	mine, other := w.bound(w.a, Echo, anyAddress, 7), w.bound(w.a, Echo, anyAddress, 8)
	reply := rawICMP(addrB, addrA, wire.ICMP{Type: wire.ICMPEchoReply, Rest: 7<<16 | 3}, []byte("x"))
	require.Empty(t, answers(w.a, w.now, reply))
	got, err := w.recv(w.a, mine)
	require.NoError(t, err)
	require.Equal(t, string(reply[20:]), got)
	_, err = w.recv(w.a, other)
	require.Equal(t, ErrWouldBlock, err)
}

func TestReq1122_EchoSourceRoute(t *testing.T) {
	w := newWorld(t)
	w.silent(w.a, sourceRouted(1, rawICMP(addrB, addrA, wireEcho, nil)[20:]), trace.DropSourceRoute)
}

func TestReq1122_EchoReflectOptions(t *testing.T) {
	w := newWorld(t)
	for _, o := range [][]byte{{7, 7, 4, 0, 0, 0, 0, 0}, {68, 8, 5, 0, 0, 0, 0, 0}} {
		p := raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: 1, Options: o}, rawICMP(addrB, addrA, wireEcho, nil)[20:])
		got := answers(w.a, w.now, p)
		require.Len(t, got, 1)
		require.EqualValues(t, 0x45, got[0][0], "answered without them")
	}
}

func TestReq1122_NoInfoReply(t *testing.T) {
	w := newWorld(t)
	for _, typ := range []wire.ICMPType{15, 16} {
		w.silent(w.a, rawICMP(addrB, addrA, wire.ICMP{Type: typ}, nil), trace.DropICMP)
	}
}

func TestReq1122_ICMPTimestampPolicy(t *testing.T) {
	w := newWorld(t)
	for _, typ := range []wire.ICMPType{13, 14} {
		w.silent(w.a, rawICMP(addrB, addrA, wire.ICMP{Type: typ}, make([]byte, 12)), trace.DropICMP)
	}
}

func TestReq1122_NoMaskReply(t *testing.T) {
	w := newWorld(t)
	for _, typ := range []wire.ICMPType{17, 18} {
		w.silent(w.a, rawICMP(addrB, addrA, wire.ICMP{Type: typ}, make([]byte, 4)), trace.DropICMP)
	}
}
