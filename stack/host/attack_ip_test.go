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

// silent gives h a packet that must have no effect: nothing sent, nothing
// told, nothing kept, one drop counted for why.
func (w *world) silent(h *Host, p []byte, why trace.Reason) {
	w.t.Helper()
	drops, used := h.Counters().Drop, h.budget.Used()
	require.Empty(w.t, answers(h, w.now, p), "% x", p)
	drops[why]++
	require.Equal(w.t, drops, h.Counters().Drop, "% x", p)
	require.Empty(w.t, events(h))
	require.Equal(w.t, used, h.budget.Used())
}

func TestAttack_01_HeaderLength(t *testing.T) {
	w := newWorld(t)
	w.bound(w.a, Datagram, anyAddress, 9)
	good := rawUDP(addrB, addrA, 7, 9, []byte("x"))
	for ihl := range byte(16) {
		b := append([]byte{}, good...)
		b[0] = 4<<4 | ihl
		switch n := int(ihl) * 4; {
		case ihl < 5:
			w.silent(w.a, b, trace.DropIPHeader)
		case n > len(b):
			w.silent(w.a, b, trace.DropShort)
		case ihl > 5: // its checksum is over more than it was made for
			w.silent(w.a, b, trace.DropIPChecksum)
		}
	}
	for n := range 20 {
		w.silent(w.a, good[:n], trace.DropShort)
	}
	w.quiesce()
}

func TestAttack_02_TotalLength(t *testing.T) {
	w := newWorld(t)
	s := w.bound(w.a, Datagram, anyAddress, 9)
	echo := rawICMP(addrB, addrA, wireEcho, []byte("inside"))
	total := func(b []byte, n int) []byte {
		b = append([]byte{}, b...)
		binary.BigEndian.PutUint16(b[2:], uint16(n))
		return resum(b)
	}
	good := rawUDP(addrB, addrA, 7, 9, []byte("inside"))
	for _, n := range []int{0, 1, 19} {
		w.silent(w.a, total(good, n), trace.DropIPHeader)
	}
	for _, n := range []int{len(good) + 1, 1500, 65535} {
		w.silent(w.a, total(good, n), trace.DropShort)
	}
	answers(w.a, w.now, append(good, "padding"...))
	got, err := w.recv(w.a, s)
	require.NoError(t, err)
	require.Equal(t, "inside", got, "padding reaches no reader")
	out := answers(w.a, w.now, append(echo, "secret"...))
	require.Len(t, out, 1)
	require.Len(t, out[0], len(echo), "nor does it go back")
	require.NotContains(t, string(out[0]), "secret")
	out = answers(w.a, w.now, append(rawUDP(addrB, addrA, 7, 10, []byte("inside")), "secret"...))
	require.Len(t, out, 1)
	require.NotContains(t, string(out[0]), "secret", "nor in the quote of an error")
	frag := append(fragment(addrB, addrA, 17, 3, 0, good[20:28], true), "secret"...)
	answers(w.a, w.now, frag)
	answers(w.a, w.now, append(fragment(addrB, addrA, 17, 3, 8, good[28:], false), "secret"...))
	got, err = w.recv(w.a, s)
	require.NoError(t, err)
	require.Equal(t, "inside", got, "nor into a datagram put together")
	w.quiesce()
}

func TestAttack_03_Options(t *testing.T) {
	w := newWorld(t)
	s := w.bound(w.a, Datagram, anyAddress, 9)
	body := rawUDP(addrB, addrA, 7, 9, []byte("x"))[20:]
	with := func(options ...byte) []byte {
		return raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: 17, Options: options}, body)[:20+(len(options)+3)&^3+len(body)]
	}
	for _, kind := range []byte{131, 137} { // loose and strict
		for _, o := range [][]byte{
			{kind, 7, 4, 203, 0, 113, 9, 0},
			{kind, 3, 4, 0},
			{kind, 7, 0, 203, 0, 113, 9, 0},   // bad pointer
			{kind, 7, 255, 203, 0, 113, 9, 0}, // past the end
			{1, 1, 1, kind, 11, 8, 203, 0, 113, 9, 192, 0, 2, 2, 0, 0},
			{kind, 3, 4, kind, 3, 4, 0, 0}, // two of them (RFC 1122 3.2.1.8(c))
			{kind, 3, 4, 7, 0, 0, 0, 0},    // and then nonsense
		} {
			why := trace.DropSourceRoute
			if len(o) == 8 && o[3] == 7 {
				why = trace.DropIPHeader
			}
			w.silent(w.a, with(o...), why)
		}
	}
	for length := range 256 { // every length for an unknown kind; none loops
		o := []byte{0x5E, byte(length), 0, 0}
		got := answers(w.a, w.now, with(o...))
		if length >= 2 && length <= 4 {
			require.Empty(t, got)
			text, err := w.recv(w.a, s)
			require.NoError(t, err, "an option that nobody knows is ignored (RFC 1122 3.2.1.8)")
			require.Equal(t, "x", text)
			continue
		}
		for _, p := range got { // some of them are told, within the rate
			ip, _, err := wire.DecodeIPv4(p)
			require.NoError(t, err)
			require.Equal(t, addrB, ip.Dst, "to the real source only")
			require.Empty(t, ip.Options)
		}
		_, err := w.recv(w.a, s)
		require.Equal(t, ErrWouldBlock, err)
	}
	for _, o := range [][]byte{{7, 39, 200}, {68, 40, 1}, {7, 40, 4}, {68, 12, 5, 0xF1}} { // pointers of Record Route, Timestamp
		o = append(o, make([]byte, 40-len(o))...)
		answers(w.a, w.now, with(o...))
		_, err := w.recv(w.a, s)
		require.NoError(t, err)
	}
	w.quiesce()
}

func TestAttack_04_Martians(t *testing.T) {
	w := newWorld(t)
	w.listen(w.a, 5)
	w.bound(w.a, Datagram, anyAddress, 9)
	events(w.a)
	kinds := []func(src, dst netip.Addr) []byte{
		func(src, dst netip.Addr) []byte { return rawUDP(src, dst, 7, 9, []byte("x")) },
		func(src, dst netip.Addr) []byte { return rawUDP(src, dst, 7, 10, []byte("x")) },
		func(src, dst netip.Addr) []byte { return rawICMP(src, dst, wireEcho, []byte("x")) },
		func(src, dst netip.Addr) []byte { return rawSYN(src, dst, 1000, 80) },
		func(src, dst netip.Addr) []byte { return rawSYN(src, dst, 1000, 81) },
		func(src, dst netip.Addr) []byte { return fragment(src, dst, 17, 1, 0, pattern(8), true) },
		func(src, dst netip.Addr) []byte { return raw(wire.IPv4{Src: src, Dst: dst, Protocol: 200}, nil) },
	}
	for _, make := range kinds {
		for _, src := range []string{"0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.254", "192.0.2.255", "192.0.2.0",
			"224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.254", "255.255.255.255", "192.0.2.1"} {
			w.silent(w.a, make(netip.MustParseAddr(src), addrA), trace.DropMartian)
		}
		for dst, why := range map[string]trace.Reason{"127.0.0.1": trace.DropMartian, "0.0.0.0": trace.DropMartian,
			"240.0.0.1": trace.DropMartian, "224.0.0.1": trace.DropNotOurs, "192.0.2.77": trace.DropNotOurs} {
			w.silent(w.a, make(addrB, netip.MustParseAddr(dst)), why)
		}
		good := make(addrB, addrA)
		for bit := range 160 { // every single bit of the header
			b := append([]byte{}, good...)
			b[bit/8] ^= 0x80 >> (bit % 8)
			drops := w.a.Counters().Drop
			require.Empty(t, answers(w.a, w.now, b))
			var n uint64
			for why, now := range w.a.Counters().Drop {
				n += now - drops[why]
			}
			require.EqualValues(t, 1, n, "bit %d", bit)
			require.Empty(t, events(w.a))
		}
	}
	w.quiesce()
}

func TestAttack_05_Teardrop(t *testing.T) {
	whole := rawUDP(addrB, addrA, 7, 9, pattern(56))[20:] // 64 bytes
	other := pattern(200)[100:]
	give := func(w *world, off, n int, more bool, from []byte) {
		require.Empty(w.t, answers(w.a, w.now, fragment(addrB, addrA, 17, 5, off, from[off:off+n], more)))
	}
	for off := 0; off < 64; off += 8 { // every overlap of [16, 40) with one more piece
		for end := off + 8; end <= 64; end += 8 {
			w := newWorld(t)
			s := w.bound(w.a, Datagram, anyAddress, 9)
			give(w, 16, 24, true, whole)
			give(w, off, end-off, end < 64, other)
			overlaps := off < 40 && end > 16
			if overlaps && end-off < 64 { // 64 would be no fragment
				require.True(t, w.a.frags.oldest.dead, "at once: [%d, %d)", off, end)
			}
			for i := 0; i < 64; i += 8 { // now everything once, piece by piece
				if overlaps || i < 16 || i >= 40 {
					give(w, i, 8, i < 56, whole)
				}
			}
			_, err := w.recv(w.a, s)
			require.Equal(t, ErrWouldBlock, err, "[%d, %d)", off, end)
			if overlaps {
				require.Zero(t, w.a.frags.held, "[%d, %d)", off, end)
			}
			w.run(2 * reassemblyTime)
			require.Zero(t, w.a.frags.n)
			for i := 0; i < 64; i += 8 { // and the identification serves again
				give(w, i, 8, i < 56, whole)
				give(w, i, 8, i < 56, whole) // exact duplicates; the last is alone
			}
			got, err := w.recv(w.a, s)
			require.NoError(t, err)
			require.Equal(t, string(pattern(56)), got)
			w.quiesce()
		}
	}
}

func TestAttack_06_PingOfDeath(t *testing.T) {
	w := newWorld(t)
	for off := 65528; off > 65535-20-1480; off -= 8 {
		w.silent(w.a, fragment(addrB, addrA, 1, 5, off, pattern(1480), false), trace.DropFragment)
	}
	require.Zero(t, w.a.frags.n)
	// A first header with options makes too long what fitted without.
	for _, options := range []int{4, 40} {
		answers(w.a, w.now, fragment(addrB, addrA, 1, 6, 65504, pattern(8), false))
		for off := 0; off < 65504; off += 1480 {
			ip := wire.IPv4{Src: addrB, Dst: addrA, Protocol: 1, ID: 6, FragOff: uint16(off), MF: true}
			if off == 0 {
				ip.Options = make([]byte, options)
			}
			require.Empty(t, answers(w.a, w.now, raw(ip, pattern(min(1480, 65504-off)))))
		}
		require.Zero(t, w.a.frags.n)
		require.Zero(t, w.a.Counters().IP.ReasmOKs)
	}
	// The largest one there is comes back whole.
	p := w.open(w.b, Echo)
	_, err := w.b.SendTo(w.now, p, append(make8(8), pattern(65507)...), netip.AddrPortFrom(addrA, 0))
	require.NoError(t, err)
	w.flush()
	got, err := w.recv(w.b, p)
	require.NoError(t, err)
	require.Len(t, got, 65515)
	w.quiesce()
}

func TestAttack_07_FragmentSmack(t *testing.T) {
	for rule, memory := range map[string]int{"64 MiB": 64 << 20, "1 MiB": 1 << 20} {
		t.Run(rule, func(t *testing.T) {
			w := newWorld(t, func(c *Config) { c.Memory = memory })
			ping := w.open(w.b, Echo)
			n := 0
			attack := func(pieces int) { // from one source and from many, sparse and dense, small and large
				for range pieces {
					n++
					src, id := netip.AddrFrom4([4]byte{198, 51, 100, 7}), n/7
					if n%2 == 0 {
						id = n / 80
						src = netip.AddrFrom4([4]byte{198, 18, byte(id >> 8), byte(id)})
					}
					size := []int{8, 1480, 8, 64}[n/2%4]
					w.a.Input(w.now, packet(fragment(src, addrA, 17, uint16(id), n%40*1488, pattern(size), true)))
					require.LessOrEqual(t, w.a.frags.n, maxPartials)
				}
				require.LessOrEqual(t, w.a.budget.Used(), w.a.frags.limit+64<<10)
			}
			attack(3000)
			w.lose = func(from *Host, p []byte) bool { // a hundred pieces between the honest ones
				if from == w.b {
					attack(100)
				}
				return false
			}
			for range 20 {
				_, err := w.b.SendTo(w.now, ping, append(make8(8), pattern(4000)...), netip.AddrPortFrom(addrA, 0))
				require.NoError(t, err)
				w.flush()
				got, err := w.recv(w.b, ping)
				require.NoError(t, err, "an honest ping of 4000 bytes passes")
				require.Len(t, got, 4008)
			}
			w.lose = nil
			w.run(2 * reassemblyTime)
			require.Zero(t, w.a.frags.n)
			require.Zero(t, w.a.frags.held)
			require.Zero(t, w.a.budget.Used(), "everything is reclaimed")
			w.quiesce()
		})
	}
}

// The work per piece is bounded: whoever asks for a place in a datagram walks
// past as many pieces as are kept, whoever asks for memory past as many datagrams.
func TestAttack_07_BoundedWork(t *testing.T) {
	w := newWorld(t)
	longest := 0
	for i := range 4000 { // backwards, so that each goes to the front; never two side by side
		off := 65000/16*16 - i%4000*16
		if off <= 0 {
			break
		}
		w.a.Input(w.now, packet(fragment(addrB, addrA, 17, 1, off, pattern(8), true)))
		steps := 0
		for p := w.a.frags.oldest.first; p != nil; p = p.next {
			steps++
		}
		longest = max(longest, steps)
	}
	require.Equal(t, maxPieces, longest)
	for i := range 70000 {
		w.a.Input(w.now, packet(fragment(addrB, addrA, 17, uint16(i), 8, pattern(8), true)))
	}
	n := 0
	for d := w.a.frags.oldest; d != nil; d = d.next {
		n++
	}
	require.Equal(t, w.a.frags.n, n)
	require.Equal(t, maxPartials/sourceShare, n)
	w.quiesce()
}

func TestAttack_08_OddFragments(t *testing.T) {
	w := newWorld(t)
	for _, p := range [][]byte{
		fragment(addrB, addrA, 6, 1, 0, nil, true),           // empty
		fragment(addrB, addrA, 6, 1, 8, nil, false),          // empty and last
		fragment(addrB, addrA, 6, 1, 0, pattern(7), true),    // not a multiple of 8
		fragment(addrB, addrA, 17, 1, 80, pattern(9), true),  // likewise
		fragment(addrB, addrA, 17, 1, 80, pattern(63), true), // likewise
	} {
		w.silent(w.a, p, trace.DropFragment)
	}
	require.Zero(t, w.a.frags.n)

	// A TCP header in two pieces (RFC 1858 3): the flags are read when it is whole.
	w.listen(w.a, 5)
	syn := rawSYN(addrB, addrA, 1000, 80)[20:]
	require.Empty(t, answers(w.a, w.now, fragment(addrB, addrA, 6, 2, 0, syn[:8], true)))
	require.Zero(t, w.a.Counters().TCP.InSegs, "not yet a segment")
	got := answers(w.a, w.now, fragment(addrB, addrA, 6, 2, 8, syn[8:], false))
	require.Len(t, got, 1)
	require.Equal(t, byte(0x12), got[0][33], "SYN-ACK")
	// Overwriting the flags with a second piece (RFC 1858 4) kills the datagram.
	require.Empty(t, answers(w.a, w.now, fragment(addrB, addrA, 6, 3, 0, syn[:16], true)))
	require.Empty(t, answers(w.a, w.now, fragment(addrB, addrA, 6, 3, 8, syn[8:], false)))
	require.EqualValues(t, 1, w.a.Counters().TCP.InSegs)
	// A datagram that ends inside its transport header is dropped when it is whole.
	require.Empty(t, answers(w.a, w.now, fragment(addrB, addrA, 6, 4, 8, syn[8:12], false)))
	require.Empty(t, answers(w.a, w.now, fragment(addrB, addrA, 6, 4, 0, syn[:8], true)))
	require.EqualValues(t, 1, w.a.Counters().TCP.InErrs)
	w.quiesce()
}

func TestAttack_09_Identifications(t *testing.T) {
	w := newWorld(t)
	c, s := w.pair()
	w.seen = func(from *Host, p []byte) {
		if p[9] != wire.ProtoICMP {
			require.Equal(t, uint32(0x4000), binary.BigEndian.Uint32(p[4:]), "atomic: ID 0, DF (RFC 6864 4.1)")
		}
	}
	w.pump(c, s, pattern(100000), pattern(100000))
	u := w.bound(w.a, Datagram, addrA, 7)
	_, err := w.a.SendTo(w.now, u, pattern(1000), netip.AddrPortFrom(addrB, 9))
	require.NoError(t, err)
	w.flush()
	require.NotEmpty(t, answers(w.a, w.now, rawSYN(addrB, addrA, 1000, 81)))

	w.seen = nil
	first := func(h *Host, dst netip.Addr) uint16 { return h.nextID(addrA, dst, 17) }
	seen := map[uint16]bool{}
	for range 65536 {
		id := first(w.a, addrB)
		require.False(t, seen[id], "no early repeat (RFC 6864 4.3)")
		seen[id] = true
	}
	// Where a destination's numbers begin is keyed: it tells nothing of another's, nor of another host's.
	near, same := 0, 0
	for i := range 1000 {
		dst := netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)})
		x, y := first(w.a, dst), first(w.a, dst.Next())
		if d := int16(x - y); d > -64 && d < 64 {
			near++
		}
		if x == first(w.b, dst) {
			same++
		}
	}
	require.Less(t, near, 20)
	require.Less(t, same, 5)
	// The fragments of one datagram share one, those of the next have another.
	ids := map[uint16]int{}
	w.seen = func(from *Host, p []byte) {
		if from == w.a && p[9] == wire.ProtoUDP {
			ids[binary.BigEndian.Uint16(p[4:])]++
		}
	}
	for range 10 {
		_, err := w.a.SendTo(w.now, u, pattern(4000), netip.AddrPortFrom(addrB, 9))
		require.NoError(t, err)
	}
	w.flush()
	require.Len(t, ids, 10)
	for id, n := range ids {
		require.Equal(t, 3, n, id)
	}
	w.quiesce()
}

func TestAttack_10_LAND(t *testing.T) {
	w := newWorld(t)
	l := w.listen(w.a, 5)
	w.listen(w.b, 5)
	states := map[tcp.State]Handle{tcp.StateListen: l}
	states[tcp.StateEstablished] = w.dial(w.a, addrB)
	states[tcp.StateFinWait2] = w.dial(w.a, addrB)
	require.NoError(t, w.a.Shutdown(w.now, states[tcp.StateFinWait2], ShutWrite))
	w.flush()
	w.lose = func(*Host, []byte) bool { return true }
	states[tcp.StateSynSent] = w.dial(w.a, addrB)
	events(w.a)
	for want, s := range states {
		require.Equal(t, want, w.state(w.a, s))
		port := port(t, w.a, s)
		for _, flags := range []wire.Flags{wire.SYN, wire.SYN | wire.ACK, wire.ACK, wire.RST, wire.FIN | wire.ACK} {
			p := rawSYN(addrA, addrA, port, port)
			p[33] = byte(flags)
			wire.SetTransportChecksum(p, [2][]byte{})
			w.silent(w.a, p, trace.DropMartian)
			q := rawSYN(addrA, addrA, 80, port)
			w.silent(w.a, q, trace.DropMartian)
		}
		require.Equal(t, want, w.state(w.a, s))
	}
	w.silent(w.a, rawUDP(addrA, addrA, 7, 7, nil), trace.DropMartian)
	w.silent(w.a, rawICMP(addrA, addrA, wireEcho, nil), trace.DropMartian)
	// From within, the same addresses are no attack.
	w.lose = nil
	c := w.open(w.a, Stream)
	require.Equal(t, ErrInProgress, w.a.Connect(w.now, c, netip.AddrPortFrom(addrA, 80)))
	w.run(time.Second)
	require.Equal(t, tcp.StateEstablished, w.state(w.a, c))
	w.quiesce()
}
