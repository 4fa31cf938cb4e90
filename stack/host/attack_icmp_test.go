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

// bytesOf adds up lengths.
func bytesOf(ps [][]byte) (n int) {
	for _, p := range ps {
		n += len(p)
	}
	return n
}

func TestAttack_11_BroadcastsAndErrors(t *testing.T) {
	bcast := netip.MustParseAddr("192.0.2.255")
	udp := func(src netip.Addr) []byte { return rawUDP(src, addrA, 5, 9, pattern(20)) }
	icmp := func(typ wire.ICMPType) []byte {
		return rawICMP(addrB, addrA, wire.ICMP{Type: typ, Code: 3}, rawUDP(addrA, addrB, 5, 9, nil))
	}
	for rule, p := range map[string][]byte{
		"echo to the directed broadcast (smurf)":         rawICMP(addrB, bcast, wireEcho, pattern(56)),
		"echo to the limited broadcast":                  rawICMP(addrB, everybody, wireEcho, pattern(56)),
		"echo to the old-style broadcast":                rawICMP(addrB, netip.MustParseAddr("192.0.2.0"), wireEcho, nil),
		"echo to a multicast group":                      rawICMP(addrB, netip.MustParseAddr("224.0.0.1"), wireEcho, nil),
		"UDP to a closed port of a broadcast (fraggle)":  rawUDP(addrB, bcast, 5, 9, nil),
		"TCP SYN to a broadcast":                         rawSYN(addrB, bcast, 1000, 80),
		"an unknown protocol to a broadcast":             raw(wire.IPv4{Src: addrB, Dst: bcast, Protocol: 200}, nil),
		"an error about an error: unreachable":           icmp(wire.ICMPUnreachable),
		"an error about an error: time exceeded":         icmp(wire.ICMPTimeExceeded),
		"an error about an error: parameter problem":     icmp(wire.ICMPParamProblem),
		"an error about an error: source quench":         icmp(wire.ICMPSourceQuench),
		"an error about an error: redirect":              icmp(wire.ICMPRedirect),
		"an echo reply that nobody waits for":            icmp(wire.ICMPEchoReply),
		"a later fragment of a protocol we do not speak": fragment(addrB, addrA, 200, 1, 8, pattern(8), false),
		"from 0.0.0.0":     udp(anyAddress),
		"from loopback":    udp(loopback),
		"from a broadcast": udp(bcast),
		"from a group":     udp(netip.MustParseAddr("239.1.1.1")),
		"from class E":     udp(netip.MustParseAddr("240.0.0.1")),
		"an error about an error with bad options": raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: 1, Options: []byte{7, 1, 0, 0}}, icmp(wire.ICMPUnreachable)[20:]),
	} {
		t.Run(rule, func(t *testing.T) {
			w := newWorld(t)
			w.listen(w.a, 5)
			require.Empty(t, answers(w.a, w.now, p))
			w.a.Expire(w.now.Add(time.Hour))
			require.Empty(t, answers(w.a, w.now.Add(time.Hour), nil), "nor later")
			w.quiesce()
		})
	}
	w := newWorld(t)
	require.Len(t, answers(w.a, w.now, udp(addrB)), 1, "the control: this one is answered")
	require.Len(t, answers(w.a, w.now, rawICMP(addrB, addrA, wireEcho, nil)), 1)
}

// rawSYN builds a segment that wants to connect.
func rawSYN(src, dst netip.Addr, sport, dport uint16) []byte {
	return rawTCP(src, dst, wire.TCP{SrcPort: sport, DstPort: dport, Seq: 100, Flags: wire.SYN, Window: 1000}, nil)
}

func TestAttack_12_Redirect(t *testing.T) {
	w := newWorld(t)
	routes := []Route{{netip.MustParsePrefix("0.0.0.0/0"), addrB}}
	require.NoError(t, w.a.SetAddresses(w.a.Prefixes(), routes))
	c, s := w.pair()
	evil := uint32(192)<<24 | 2<<8 | 66
	var segment []byte
	w.seen = func(from *Host, p []byte) {
		if from == w.a && p[9] == wire.ProtoTCP {
			segment = append([]byte{}, p...)
		}
	}
	_, err := w.a.Send(w.now, c, []byte("x"))
	require.NoError(t, err)
	w.flush()
	for code := range uint8(4) {
		require.Empty(t, answers(w.a, w.now, rawICMP(addrB, addrA, wire.ICMP{Type: wire.ICMPRedirect, Code: code, Rest: evil}, segment[:28])))
	}
	require.EqualValues(t, 4, w.a.Counters().ICMP.InRedirects)
	require.EqualValues(t, 4, w.a.Counters().Drop[trace.DropICMP])
	require.Equal(t, routes, w.a.Routes())
	_, via, err := w.a.Source(netip.MustParseAddr("203.0.113.5"))
	require.NoError(t, err)
	require.Equal(t, addrB, via)
	_, err = w.recv(w.b, s)
	require.NoError(t, err)
	w.pump(c, s, pattern(10000), nil)
	w.quiesce()
}

// quoteOf returns the first 28 bytes of the next TCP packet that h sends in f.
func (w *world) quoteOf(h *Host, f func()) []byte {
	w.t.Helper()
	var quote []byte
	w.seen = func(from *Host, p []byte) {
		if from == h && p[9] == wire.ProtoTCP && quote == nil {
			quote = append([]byte{}, p[:28]...)
		}
	}
	f()
	w.flush()
	w.seen = nil
	require.NotNil(w.t, quote)
	return quote
}

func TestAttack_13_BlindHardErrors(t *testing.T) {
	shift := func(quote []byte, by int) []byte {
		q := append([]byte{}, quote...)
		binary.BigEndian.PutUint32(q[24:], binary.BigEndian.Uint32(q[24:])+uint32(by))
		return q
	}
	hard := func(w *world, code uint8, quote []byte) {
		require.Empty(w.t, answers(w.a, w.now, rawICMP(addrB, addrA, wire.ICMP{Type: wire.ICMPUnreachable, Code: code}, quote)))
	}
	deaf := func(w *world) (Handle, []byte) {
		w.lose = func(*Host, []byte) bool { return true }
		var c Handle
		quote := w.quoteOf(w.a, func() {
			c = w.open(w.a, Stream)
			require.Equal(w.t, ErrInProgress, w.a.Connect(w.now, c, netip.AddrPortFrom(addrB, 80)))
		})
		return c, quote
	}
	t.Run("SYN-SENT: a guessed sequence number is ignored (RFC 5927 4.1)", func(t *testing.T) {
		w := newWorld(t)
		c, quote := deaf(w)
		for _, by := range []int{-1, 1, 1000, -1 << 31} {
			for code := range uint8(16) {
				hard(w, code, shift(quote, by))
			}
		}
		require.Equal(t, tcp.StateSynSent, w.state(w.a, c))
		require.NoError(t, w.a.SocketError(c))
		w.lose = nil
		w.listen(w.b, 5)
		w.run(2 * time.Second)
		require.Equal(t, tcp.StateEstablished, w.state(w.a, c), "the honest handshake goes on")
		w.quiesce()
	})
	t.Run("SYN-SENT: the right one ends the attempt (RFC 1122 4.2.3.9)", func(t *testing.T) {
		w := newWorld(t)
		c, quote := deaf(w)
		hard(w, wire.UnreachPort, quote)
		require.Equal(t, tcp.StateClosed, w.state(w.a, c))
		require.Equal(t, tcp.ErrPortUnreachable, w.a.SocketError(c))
		w.quiesce()
	})
	t.Run("ESTABLISHED: hard errors are soft (RFC 5927 5.2)", func(t *testing.T) {
		w := newWorld(t)
		c, s := w.pair()
		w.lose = func(from *Host, p []byte) bool { return from == w.a } // data in flight
		quote := w.quoteOf(w.a, func() {
			_, err := w.a.Send(w.now, c, pattern(1000))
			require.NoError(t, err)
		})
		for _, by := range []int{-1 << 20, -1, 0, 500, 1 << 20} {
			for code := range uint8(16) {
				if code != wire.UnreachFragNeeded {
					hard(w, code, shift(quote, by))
				}
			}
		}
		require.Equal(t, tcp.StateEstablished, w.state(w.a, c))
		require.NoError(t, w.a.SocketError(c))
		w.lose = nil
		w.run(2 * time.Second)
		got, err := w.recv(w.b, s)
		require.NoError(t, err)
		require.Equal(t, string(pattern(1000)), got)
		w.quiesce()
	})
	t.Run("a handshake of a listener ends by the right one only", func(t *testing.T) {
		w := newWorld(t)
		l := w.listen(w.a, 5)
		synack := answers(w.a, w.now, rawSYN(addrB, addrA, 1000, 80))
		require.Len(t, synack, 1)
		hard(w, wire.UnreachPort, shift(synack[0][:28], 1))
		seg, _, err := wire.DecodeTCP(synack[0][20:])
		require.NoError(t, err)
		ack := wire.TCP{SrcPort: 1000, DstPort: 80, Seq: 101, Ack: seg.Seq.Add(1), Flags: wire.ACK, Window: 1000}
		answers(w.a, w.now, rawTCP(addrB, addrA, ack, nil))
		_, err = w.a.Accept(w.now, l)
		require.NoError(t, err)
		w.quiesce()
	})
}

func TestAttack_14_PathMTUPoisoning(t *testing.T) {
	inFlight := func(w *world) (Handle, Handle, []byte) {
		c, s := w.pair()
		w.lose = func(from *Host, p []byte) bool { return from == w.a }
		quote := w.quoteOf(w.a, func() {
			_, err := w.a.Send(w.now, c, pattern(100000))
			require.NoError(w.t, err)
		})
		w.lose = nil
		return c, s, quote
	}
	for _, c := range []struct {
		rule   string
		claim  int
		forge  func(quote []byte)
		mtu    int
		locked bool
	}{
		{"a sequence number that is not in flight (RFC 5927 4.1)", 600, func(q []byte) { q[24] ^= 0x80 }, 1500, false},
		{"one just before what is in flight", 600, func(q []byte) { binary.BigEndian.PutUint32(q[24:], binary.BigEndian.Uint32(q[24:])-1) }, 1500, false},
		{"another port", 600, func(q []byte) { q[21]++ }, 1500, false},
		{"another peer", 600, func(q []byte) { q[19]++ }, 1500, false},
		{"a source that is not ours", 600, func(q []byte) { q[15]++ }, 1500, false},
		{"65535 raises nothing (RFC 1191 3)", 65535, nil, 1500, false},
		{"nor does the packet's own size", 1500, nil, 1500, false},
		{"1", 1, nil, 552, true},
		{"68: 552 and without DF", 68, nil, 552, true},
		{"551", 551, nil, 552, true},
		{"552", 552, nil, 552, false},
		{"0: the next plateau (RFC 1191 7.1)", 0, nil, 1492, false},
	} {
		t.Run(c.rule, func(t *testing.T) {
			w := newWorld(t)
			conn, s, quote := inFlight(w)
			if c.forge != nil {
				c.forge(quote)
			}
			w.a.Input(w.now, packet(tooBig(c.claim, quote)))
			if c.mtu < 1499 {
				w.a.Input(w.now, packet(tooBig(1499, quote))) // nor is a lower one raised again
			}
			mtu, locked := w.a.pathMTU(addrB, streamPaths)
			require.Equal(t, c.mtu, mtu)
			require.Equal(t, c.locked, locked)
			w.seen = func(from *Host, p []byte) {
				if from == w.a {
					require.LessOrEqual(t, len(p), c.mtu)
					require.Equal(t, !c.locked, p[6]&0x40 != 0, "DF")
				}
			}
			got := ""
			for len(got) < 100000 {
				w.run(100 * time.Millisecond)
				require.Less(t, w.now.Sub(start), time.Minute)
				if b, err := w.recv(w.b, s); err == nil {
					got += b
				}
			}
			require.True(t, string(pattern(100000)) == got, "the transfer goes on")
			w.pump(conn, s, nil, pattern(10000))
			w.seen = nil
			w.run(pmtuLife)
			w.a.Expire(w.now)
			mtu, locked = w.a.pathMTU(addrB, streamPaths)
			require.Equal(t, 1500, mtu, "forgotten after ten minutes")
			require.False(t, locked)
			w.quiesce()
		})
	}
}

func TestAttack_14_PathMTUOfManyDestinations(t *testing.T) {
	w := newWorld(t)
	c, s := w.pair()
	w.bound(w.a, Datagram, addrA, 53)
	for i := range 100000 {
		dst := netip.AddrFrom4([4]byte{198, byte(i >> 16), byte(i >> 8), byte(i)})
		quote := raw(wire.IPv4{Src: addrA, Dst: dst, Protocol: 17}, []byte{0, 53, 0, 9, 5, 0, 0, 0})
		quote[2], quote[3] = 5, 220
		w.a.Input(w.now, packet(tooBig(68, quote)))
	}
	live := 0
	for _, set := range w.a.paths[datagramPaths].sets {
		for _, e := range set {
			if e.until > w.now {
				live++
			}
		}
	}
	require.Equal(t, pmtuSets*pmtuWays, live, "as many as there is room for, no more")
	largest := 0
	w.seen = func(from *Host, p []byte) {
		if from == w.a {
			largest = max(largest, len(p))
		}
	}
	w.pump(c, s, pattern(100000), nil)
	require.Equal(t, 1500, largest, "the honest connection is as fast as before")
	w.quiesce()
}

func TestAttack_15_ShortICMP(t *testing.T) {
	w := newWorld(t)
	u := w.bound(w.a, Datagram, addrA, 5)
	require.NoError(t, w.a.Connect(w.now, u, netip.AddrPortFrom(addrB, 9)))
	sent := rawUDP(addrA, addrB, 5, 9, pattern(20))
	n := 0
	drop := func(p []byte) {
		require.Empty(t, answers(w.a, w.now, p))
		n++
		require.EqualValues(t, n, w.a.Counters().Drop[trace.DropICMP])
		require.NoError(t, w.a.SocketError(u))
	}
	whole := rawICMP(addrB, addrA, wire.ICMP{Type: wire.ICMPUnreachable, Code: wire.UnreachPort}, sent)[20:]
	for size := range 8 {
		b := append([]byte{}, whole[:size]...)
		if size >= 4 { // with a checksum that is right for what there is
			b[2], b[3] = 0, 0
			binary.BigEndian.PutUint16(b[2:], wire.Fold(wire.Sum(0, b)))
		}
		drop(append(raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: 1}, b), whole[size:]...))
	}
	for _, typ := range []wire.ICMPType{wire.ICMPUnreachable, wire.ICMPTimeExceeded, wire.ICMPParamProblem} {
		for size := range 28 {
			drop(rawICMP(addrB, addrA, wire.ICMP{Type: typ, Code: wire.UnreachPort}, sent[:size]))
		}
	}
	options := raw(wire.IPv4{Src: addrA, Dst: addrB, Protocol: 17, Options: make([]byte, 40)}, sent[20:28])
	drop(rawICMP(addrB, addrA, wire.ICMP{Type: wire.ICMPUnreachable, Code: wire.UnreachPort}, options[:67]))
	answers(w.a, w.now, rawICMP(addrB, addrA, wire.ICMP{Type: wire.ICMPUnreachable, Code: wire.UnreachPort}, options))
	require.Equal(t, tcp.ErrPortUnreachable, w.a.SocketError(u), "the control: 68 bytes with 40 of options are enough")
	answers(w.a, w.now, rawICMP(addrB, addrA, wire.ICMP{Type: wire.ICMPUnreachable, Code: wire.UnreachPort}, sent[:28]))
	require.Equal(t, tcp.ErrPortUnreachable, w.a.SocketError(u))
}

func TestAttack_16_AnswerFloods(t *testing.T) {
	for rule, p := range map[string][]byte{
		"UDP to closed ports":  rawUDP(addrB, addrA, 5, 9, nil),
		"large UDP datagrams":  rawUDP(addrB, addrA, 5, 9, pattern(1400)),
		"unknown protocols":    raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: 99}, nil),
		"bad IP options":       resum(raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: 17, Options: []byte{7, 1, 0, 0}}, nil)),
		"echo requests":        rawICMP(addrB, addrA, wireEcho, pattern(56)),
		"SYNs to closed ports": rawSYN(addrB, addrA, 1000, 81),
	} {
		t.Run(rule, func(t *testing.T) {
			w := newWorld(t)
			in, out, n := 0, 0, 0
			for range 100 { // 100,000 packets in a second
				for range 1000 {
					got := answers(w.a, w.now, p)
					in, out, n = in+len(p), out+bytesOf(got), n+len(got)
				}
				w.now = w.now.Add(10 * time.Millisecond)
			}
			require.LessOrEqual(t, out, in)
			require.NotZero(t, n)
			if p[9] != wire.ProtoTCP && p[20%len(p)] != 8 {
				require.InDelta(t, 1000, n, 150, "errors in a second")
			}
			require.LessOrEqual(t, w.a.budget.Used(), 4096)
			w.now = w.now.Add(time.Second)
			require.Len(t, answers(w.a, w.now, rawUDP(addrB, addrA, 5, 10, nil)), 1, "and afterwards an honest mistake is told")
			w.quiesce()
		})
	}
}

// Nobody can count from our answers how many others got: how many leave at
// once is random with every one of them (CVE-2020-25705).
func TestAttack_16_RateIsNoSideChannel(t *testing.T) {
	h := newHost(t, 1, "192.0.2.1/24", link.Features{MTU: 1500})
	now := start
	seen := map[int]int{}
	for range 200 {
		n := 0
		for range 200 {
			n += len(answers(h, now, rawUDP(addrB, addrA, 5, 9, nil)))
		}
		seen[n]++
		now = now.Add(time.Second)
	}
	for n, times := range seen {
		require.InDelta(t, bucketDepth, n, 25)
		require.Less(t, times, 50, "%d at once", n)
	}
	require.Greater(t, len(seen), 15)
}

func TestAttack_17_Tunnels(t *testing.T) {
	inner := map[uint8][]byte{
		4:  rawUDP(addrB, addrA, 7, 9, []byte("inside")),
		41: append([]byte{0x60, 0, 0, 0, 0, 0, 17, 64}, make([]byte, 32)...),
		47: append([]byte{0, 0, 8, 0}, rawUDP(addrB, addrA, 7, 9, []byte("inside"))...),
	}
	for protocol, b := range inner {
		w := newWorld(t)
		s := w.bound(w.a, Datagram, anyAddress, 9)
		p := raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: protocol}, b)
		got := answers(w.a, w.now, p)
		require.Len(t, got, 1)
		m, quote, err := wire.DecodeICMP(got[0][20:])
		require.NoError(t, err)
		require.Equal(t, wire.ICMP{Type: wire.ICMPUnreachable, Code: wire.UnreachProtocol}, m)
		require.Equal(t, p, quote)
		_, err = w.recv(w.a, s)
		require.Equal(t, ErrWouldBlock, err, "nothing inside is delivered")
		require.Empty(t, events(w.a))
		require.EqualValues(t, 1, w.a.Counters().Drop[trace.DropProtocol])
		require.EqualValues(t, 1, w.a.Counters().IP.InUnknownProtos)
	}
}

// A flood from outside does not take the errors that sockets of ours tell each other (as Linux).
func TestAttack_16_LocalErrorsAreNotLimited(t *testing.T) {
	w := newWorld(t)
	for range 1000 {
		answers(w.a, w.now, rawUDP(addrB, addrA, 5, 9, nil))
	}
	s := w.open(w.a, Datagram)
	require.NoError(t, w.a.Connect(w.now, s, netip.AddrPortFrom(loopback, 9)))
	for range 100 {
		_, err := w.a.Send(w.now, s, nil)
		require.NoError(t, err)
		w.flush()
		require.Equal(t, tcp.ErrPortUnreachable, w.a.SocketError(s))
	}
	w.quiesce()
}
