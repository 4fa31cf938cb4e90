package host

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A part is a fragment of one UDP datagram of 24 bytes, header included.
type part struct {
	off, n int
	more   bool
}

func TestReassembly(t *testing.T) {
	whole := rawUDP(addrB, addrA, 7, 9, pattern(16))[20:]
	cases := []struct {
		rule  string
		parts []part
		ok    bool
	}{
		{"in order (RFC 1122 3.3.2)", []part{{0, 8, true}, {8, 8, true}, {16, 8, false}}, true},
		{"backwards", []part{{16, 8, false}, {8, 8, true}, {0, 8, true}}, true},
		{"middle last", []part{{0, 8, true}, {16, 8, false}, {8, 8, true}}, true},
		{"an exact duplicate is ignored (RFC 5722 3)", []part{{0, 8, true}, {0, 8, true}, {8, 16, false}}, true},
		{"an overlap kills the datagram (RFC 5722 3)", []part{{0, 16, true}, {8, 16, false}}, false},
		{"an overlap from the front kills too", []part{{8, 16, false}, {0, 16, true}}, false},
		{"and what comes after it is swallowed", []part{{0, 16, true}, {8, 8, true}, {16, 8, false}}, false},
		{"two different ends", []part{{16, 8, false}, {8, 8, false}, {0, 8, true}}, false},
		{"a piece behind the end", []part{{8, 8, false}, {16, 8, true}, {0, 8, true}}, false},
		{"an empty fragment is odd (attack 8)", []part{{0, 0, true}}, false},
		{"more fragments, length not a multiple of 8", []part{{0, 9, true}, {16, 8, false}}, false},
		{"a hole", []part{{0, 8, true}, {16, 8, false}}, false},
	}
	for _, c := range cases {
		t.Run(c.rule, func(t *testing.T) {
			w := newWorld(t)
			s := w.bound(w.a, Datagram, anyAddress, 9)
			for _, p := range c.parts {
				answers(w.a, w.now, raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: 17, ID: 5, MF: p.more, FragOff: uint16(p.off)}, whole[p.off:p.off+p.n]))
			}
			got, err := w.recv(w.a, s)
			if c.ok {
				require.NoError(t, err)
				require.Equal(t, string(pattern(16)), got)
				require.EqualValues(t, 1, w.a.Counters().IP.ReasmOKs)
			} else {
				require.Equal(t, ErrWouldBlock, err)
			}
			w.a.Expire(w.now.Add(reassemblyTime))
			require.Zero(t, w.a.frags.held)
			w.quiesce()
		})
	}
}

func TestPingOfDeath(t *testing.T) { // attack 6
	w := newWorld(t)
	answers(w.a, w.now, raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: 1, FragOff: 65528}, pattern(100)))
	require.EqualValues(t, 1, w.a.Counters().Drop[trace.DropFragment])
	require.Zero(t, w.a.frags.n)
}

func TestReassemblyTimeout(t *testing.T) { // RFC 1122 3.3.2
	for _, off := range []uint16{0, 8} {
		w := newWorld(t)
		first := raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: 17, ID: 5, MF: true, FragOff: off}, pattern(64))
		require.Empty(t, answers(w.a, w.now, first))
		var got []byte
		w.seen = func(from *Host, p []byte) { got = append([]byte{}, p...) }
		w.run(59 * time.Second)
		require.NotZero(t, w.a.frags.held)
		require.Nil(t, got)
		w.run(2 * time.Second)
		require.Zero(t, w.a.frags.held)
		require.EqualValues(t, 1, w.a.Counters().IP.ReasmTimeout)
		if off != 0 {
			require.Nil(t, got, "silence where the first fragment is missing")
			continue
		}
		_, payload, err := wire.DecodeIPv4(got)
		require.NoError(t, err)
		m, quote, err := wire.DecodeICMP(payload)
		require.NoError(t, err)
		require.Equal(t, wire.ICMP{Type: wire.ICMPTimeExceeded, Code: 1}, m)
		require.Equal(t, first[:28], quote)
	}
}

func TestFragmentFlood(t *testing.T) { // attack 7
	w := newWorld(t)
	s := w.open(w.b, Echo)
	id := 0
	flood := func() {
		for range 2000 {
			id++
			src := netip.AddrFrom4([4]byte{198, 51, byte(id >> 8), byte(id%200 + 1)})
			w.a.Input(w.now, packet(raw(wire.IPv4{Src: src, Dst: addrA, Protocol: 17, ID: uint16(id), MF: true, FragOff: 8 * uint16(id%5)}, pattern(1480))))
		}
	}
	flood()
	require.LessOrEqual(t, w.a.frags.n, maxPartials)
	require.LessOrEqual(t, w.a.frags.held, w.a.frags.limit)
	for range 5 {
		_, err := w.b.SendTo(w.now, s, append([]byte{8, 0, 0, 0, 0, 0, 0, 0}, pattern(4000)...), netip.AddrPortFrom(addrA, 0))
		require.NoError(t, err)
		w.flush()
		got, err := w.recv(w.b, s)
		require.NoError(t, err, "an honest ping of 4000 bytes passes")
		require.Len(t, got, 4008)
		flood()
	}
	w.quiesce()
}

func TestFragmentPieces(t *testing.T) { // attack 7: bounded work per piece
	w := newWorld(t)
	for off := 65000; off > 0; off -= 16 {
		w.a.Input(w.now, packet(raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: 17, ID: 1, MF: true, FragOff: uint16(off)}, pattern(8))))
	}
	require.Equal(t, maxPieces, w.a.frags.oldest.pieces)
	w.quiesce()
}

func TestFragmentMemory(t *testing.T) { // attack 7: byte caps, in all and per source
	w := newWorld(t)
	fill := func(src netip.Addr, id int) {
		for off := range 40 {
			w.a.Input(w.now, packet(raw(wire.IPv4{Src: src, Dst: addrA, Protocol: 17, ID: uint16(id), MF: true, FragOff: uint16(off) * 1480}, pattern(1480))))
		}
	}
	for id := range 60 {
		fill(addrB, id)
		require.LessOrEqual(t, w.a.frags.sourceHeld(number(addrB)), w.a.frags.limit/sourceShare+2<<10)
	}
	for id := range 200 {
		fill(netip.AddrFrom4([4]byte{198, 51, 100, byte(id + 1)}), id)
		require.LessOrEqual(t, w.a.frags.held, w.a.frags.limit+2<<10)
	}
	require.Greater(t, w.a.frags.held, w.a.frags.limit/2)
	w.quiesce()
}
