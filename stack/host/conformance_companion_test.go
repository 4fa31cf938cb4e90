package host

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// Tests of the companion rules that are the host's: testdata/conformance.md, part C.

// RFC 5927 4.1 and 5.2: an ICMP error quotes a sequence number that is in
// flight, and is soft for a synchronized connection.
func TestReqC_ICMPBlind(t *testing.T) {
	w := newWorld(t)
	c, s := w.pair()
	w.lose = func(from *Host, _ []byte) bool { return from == w.a }
	quote := w.quoteOf(w.a, func() {
		_, err := w.a.Send(w.now, c, pattern(100))
		require.NoError(t, err)
	})
	seq := binary.BigEndian.Uint32(quote[24:])
	for by, credible := range map[int]bool{-1: false, 0: true, 99: true, 100: false, 1 << 30: false} {
		binary.BigEndian.PutUint32(quote[24:], seq+uint32(by))
		before := w.a.Counters().Drop[trace.DropICMP]
		answers(w.a, w.now, rawICMP(addrB, addrA, wire.ICMP{Type: wire.ICMPUnreachable, Code: wire.UnreachPort}, quote))
		require.Equal(t, credible, before == w.a.Counters().Drop[trace.DropICMP], "%d", by)
	}
	require.Equal(t, tcp.StateEstablished, w.state(w.a, c))
	w.lose = nil
	w.run(5 * time.Second)
	got, err := w.recv(w.b, s)
	require.NoError(t, err)
	require.Len(t, got, 100)
}

// RFC 1191 3: a report lowers the path MTU and never raises it; below 552 it
// is 552 without DF.
func TestReqC_PMTU(t *testing.T) {
	w := newWorld(t)
	w.bound(w.a, Datagram, addrA, 5)
	quote := rawUDP(addrA, addrB, 5, 9, pattern(1472))
	for _, c := range []struct {
		says, mtu int
		locked    bool
	}{{1400, 1400, false}, {1450, 1400, false}, {1399, 1399, false}, {600, 600, false}, {300, 552, true}, {1400, 552, true}} {
		answers(w.a, w.now, tooBig(c.says, quote))
		mtu, locked := w.a.pathMTU(addrB, datagramPaths)
		require.Equal(t, c.mtu, mtu)
		require.Equal(t, c.locked, locked)
	}
}

// RFC 6056 3.3.1: the ports that the host picks are spread over their whole
// range, and one tells nothing of the next.
func TestReqC_PortRandom(t *testing.T) {
	w := newWorld(t)
	require.GreaterOrEqual(t, numEphemeral, 16384)
	for _, k := range []Kind{Stream, Datagram} {
		var quarters [4]int
		near, last := 0, 0
		for range 2000 {
			s := w.bound(w.a, k, anyAddress, 0)
			p := int(port(t, w.a, s))
			require.GreaterOrEqual(t, p, firstEphemeral)
			require.Less(t, p, firstEphemeral+numEphemeral)
			quarters[(p-firstEphemeral)*4/numEphemeral]++
			if d := p - last; d > -100 && d < 100 {
				near++
			}
			last = p
			require.NoError(t, w.a.Close(w.now, s))
		}
		for _, n := range quarters {
			require.InDelta(t, 500, n, 100)
		}
		require.Less(t, near, 50)
	}
	other := newHost(t, 9, "192.0.2.1/24", featuresOf(1500))
	s, o := w.bound(w.a, Datagram, anyAddress, 0), w.bound(other, Datagram, anyAddress, 0)
	require.NotEqual(t, port(t, w.a, s), port(t, other, o), "another seed")
}

// RFC 6864 4: an atomic datagram's identification is 0; that of others does
// not come again while a copy may be on its way.
func TestReqC_IPID(t *testing.T) {
	w := newWorld(t)
	s := w.open(w.a, Datagram)
	seen := map[uint16]bool{}
	w.seen = func(from *Host, p []byte) {
		if from != w.a {
			return
		}
		frag := binary.BigEndian.Uint16(p[6:])
		id := binary.BigEndian.Uint16(p[4:])
		switch {
		case frag == 0x4000:
			require.Zero(t, id)
		case frag == 0x2000: // a first fragment
			require.False(t, seen[id])
			seen[id] = true
		}
	}
	for range 3000 {
		for _, n := range []int{100, 2000} {
			_, err := w.a.SendTo(w.now, s, pattern(n), netip.AddrPortFrom(addrB, 9))
			require.NoError(t, err)
		}
		w.flush()
	}
	require.Len(t, seen, 3000)
}

// The idea of RFC 5722: a datagram whose fragments overlap is dropped whole.
// Every pair of pieces of a datagram of 8 blocks, each block given once besides.
func TestReqC_FragOverlap(t *testing.T) {
	whole := rawUDP(addrB, addrA, 7, 9, pattern(56))[20:]
	w := newWorld(t)
	s := w.bound(w.a, Datagram, anyAddress, 9)
	for n := range 1 << 12 {
		a, b := uint8(n&7), uint8(n>>3&7) // the first piece is blocks a..a+la
		la, lb := uint8(n>>6&7)%(8-a)+1, uint8(n>>9&7)%(8-b)+1
		one, two := (1<<la-1)<<a, (1<<lb-1)<<b
		if one == 0xFF || two == 0xFF {
			continue // no fragment at all
		}
		give := func(from, blocks int) {
			end := (from + blocks) * 8
			answers(w.a, w.now, fragment(addrB, addrA, 17, uint16(n), from*8, whole[from*8:end], end < 64))
		}
		give(int(a), int(la))
		give(int(b), int(lb))
		for rest := ^(one | two) & 0xFF; rest != 0; rest &= rest - 1 {
			give(bits.TrailingZeros(uint(rest)), 1)
		}
		_, err := w.recv(w.a, s)
		require.Equal(t, one&two == 0 || one == two, err == nil, "%08b %08b", one, two)
		w.now = w.now.Add(2 * reassemblyTime)
		w.a.Expire(w.now)
	}
	w.quiesce()
}

func TestReqC_FragTooBig(t *testing.T) { // RFC 791 3.1: a total length has 16 bits
	w := newWorld(t)
	for _, c := range []struct {
		off, n, options int
		ok              bool
	}{{65512, 3, 0, true}, {65512, 4, 0, false}, {65528, 1, 0, false}, {65472, 3, 40, true}, {65472, 4, 40, false}} {
		ip := wire.IPv4{Src: addrB, Dst: addrA, Protocol: 17, ID: 1, FragOff: uint16(c.off), Options: make([]byte, c.options)}
		require.Empty(t, answers(w.a, w.now, raw(ip, pattern(c.n))))
		require.Equal(t, c.ok, w.a.frags.n == 1, "%+v", c)
		w.now = w.now.Add(2 * reassemblyTime)
		w.a.Expire(w.now)
	}
}

func TestReqC_UDPLength(t *testing.T) { // RFC 768, RFC 8085 3.4
	w := newWorld(t)
	s := w.bound(w.a, Datagram, anyAddress, 9)
	for length := range 32 {
		p := rawUDP(addrB, addrA, 7, 9, pattern(10))
		binary.BigEndian.PutUint16(p[24:], uint16(length))
		p[26], p[27] = 0, 0
		require.Empty(t, answers(w.a, w.now, p))
		got, err := w.recv(w.a, s)
		if length < 8 || length > 18 {
			require.Equal(t, ErrWouldBlock, err)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, string(pattern(10)[:length-8]), got)
	}
}
