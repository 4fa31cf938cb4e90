package host

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// The flow table is keyed: four-tuples that collide in one host lie apart in another.
func TestAttack_48_CollidingTuples(t *testing.T) {
	w := newWorld(t)
	local := netip.AddrPortFrom(addrA, 80)
	hash := func(h *Host, i int) uint32 {
		src := netip.AddrFrom4([4]byte{198, 51, byte(i >> 16), byte(i >> 8)})
		return h.flowHash(local, netip.AddrPortFrom(src, uint16(i)|1024)) % 1024
	}
	var crafted []int // all in one bucket of a
	for i := 0; len(crafted) < 200; i++ {
		if hash(w.a, i) == 0 {
			crafted = append(crafted, i)
		}
	}
	fullest := func(h *Host, hash func(h *Host, i int) uint32) int {
		n := map[uint32]int{}
		top := 0
		for _, i := range crafted {
			b := hash(h, i)
			n[b]++
			top = max(top, n[b])
		}
		return top
	}
	require.Equal(t, 200, fullest(w.a, hash))
	require.Less(t, fullest(w.b, hash), 8, "where the key is another")

	// The same holds of fragments and of path MTUs.
	fragments := func(h *Host, i int) uint32 {
		return uint32(h.frags.key.addresses(uint32(i), 0, 0) % fragmentBuckets)
	}
	paths := func(h *Host, i int) uint32 {
		return uint32(h.paths[streamPaths].key.addresses(uint32(i), 0, 0) % pmtuSets)
	}
	for _, f := range []func(*Host, int) uint32{fragments, paths} {
		crafted = crafted[:0]
		for i := 0; len(crafted) < 200; i++ {
			if f(w.a, i) == 0 {
				crafted = append(crafted, i)
			}
		}
		require.Equal(t, 200, fullest(w.a, f))
		require.Less(t, fullest(w.b, f), 24, "where the key is another")
	}
}

// A thousand timers for the same instant cost the heap no more than others.
func TestAttack_48_CollidingTimers(t *testing.T) {
	var d deadlines
	timers := make([]timer, 1024)
	for i := range timers {
		timers[i].owner = int32(i)
		d.set(&timers[i], 7)
	}
	for i := range timers {
		require.EqualValues(t, i, d.pop(7).owner, "in the order of the sockets")
	}
	require.Nil(t, d.pop(7))
}

func TestAttack_49_UDPChecksumZero(t *testing.T) {
	w := newWorld(t)
	srv := w.bound(w.a, Datagram, anyAddress, 9)
	none := rawUDP(addrB, addrA, 7, 9, []byte("none"))
	none[26], none[27] = 0, 0
	answers(w.a, w.now, none)
	got, err := w.recv(w.a, srv)
	require.NoError(t, err)
	require.Equal(t, "none", got, "0 received: there is none (RFC 768)")

	// A payload chosen so that the sum comes to zero.
	c := w.bound(w.a, Datagram, addrA, 1)
	var sum uint16
	w.seen = func(from *Host, p []byte) {
		if from == w.a && p[9] == wire.ProtoUDP {
			sum = binary.BigEndian.Uint16(p[26:])
			require.True(t, wire.TransportChecksumOK(addrA, addrB, wire.ProtoUDP, p[20:]))
		}
	}
	send := func(v uint16) {
		_, err := w.a.SendTo(w.now, c, []byte{byte(v >> 8), byte(v)}, netip.AddrPortFrom(addrB, 9))
		require.NoError(t, err)
		w.flush()
	}
	send(0)
	send(sum)
	require.EqualValues(t, 0xFFFF, sum, "computed 0: sent as all ones (RFC 768)")
	w.quiesce()
}

func TestAttack_50_UDPLength(t *testing.T) {
	whole := rawUDP(addrB, addrA, 7, 9, []byte("secret"))
	for _, c := range []struct {
		rule   string
		length int
		cut    int // payload bytes that IP carries
		want   trace.Reason
	}{
		{"0 (a jumbogram's, which IPv4 has not)", 0, 14, trace.DropUDPHeader},
		{"below the header (RFC 768)", 7, 14, trace.DropUDPHeader},
		{"past the payload by one", 15, 14, trace.DropUDPHeader},
		{"past the payload by much", 65535, 14, trace.DropUDPHeader},
		{"a header cut short", 14, 7, trace.DropUDPHeader},
		{"no header at all", 14, 0, trace.DropUDPHeader},
	} {
		t.Run(c.rule, func(t *testing.T) {
			w := newWorld(t)
			s := w.bound(w.a, Datagram, anyAddress, 9)
			u := append([]byte{}, whole[20:20+c.cut]...)
			if len(u) >= 8 {
				binary.BigEndian.PutUint16(u[4:], uint16(c.length))
				u[6], u[7] = 0, 0
			}
			// What lies behind the packet in memory is never looked at.
			p := append(raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: 17}, u), "behind"...)
			require.Empty(t, answers(w.a, w.now, p))
			require.EqualValues(t, 1, w.a.Counters().Drop[c.want])
			require.EqualValues(t, 1, w.a.Counters().UDP.InErrors)
			_, err := w.recv(w.a, s)
			require.Equal(t, ErrWouldBlock, err)
			require.Empty(t, events(w.a))
		})
	}
	// A length below the payload is the datagram's: the rest reaches nobody.
	w := newWorld(t)
	s := w.bound(w.a, Datagram, anyAddress, 9)
	u := append([]byte{}, rawUDP(addrB, addrA, 7, 9, []byte("short"))[20:]...)
	answers(w.a, w.now, raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: 17}, append(u, "and more"...)))
	got, err := w.recv(w.a, s)
	require.NoError(t, err)
	require.Equal(t, "short", got)
}

func TestAttack_51_UDPFlood(t *testing.T) {
	w := newWorld(t)
	busy, honest := w.bound(w.a, Datagram, anyAddress, 9), w.bound(w.a, Datagram, anyAddress, 10)
	c, s := w.pair()
	events(w.a)

	bad := rawUDP(addrB, addrA, 7, 9, []byte("bad"))
	bad[27] ^= 1
	for range 1000 {
		require.Empty(t, answers(w.a, w.now, bad))
	}
	require.Empty(t, events(w.a), "a bad packet wakes no reader")
	require.EqualValues(t, 1000, w.a.Counters().Drop[trace.DropUDPChecksum])

	before := w.a.budget.Used()
	for i := range 5000 {
		answers(w.a, w.now, rawUDP(addrB, addrA, 7, 9, []byte{byte(i >> 8), byte(i)}))
	}
	require.LessOrEqual(t, w.a.budget.Used()-before, (defaultBuffer+256)*(256+parcelSize)/256, "bounded by the queue, and its parcels")
	require.Len(t, events(w.a), 1, "one news for all of them")
	taken := int(w.a.Counters().UDP.InDatagrams)
	require.EqualValues(t, 5000-taken, w.a.Counters().Drop[trace.DropUDPFull])

	answers(w.a, w.now, rawUDP(addrB, addrA, 7, 10, []byte("honest")))
	got, err := w.recv(w.a, honest)
	require.NoError(t, err)
	require.Equal(t, "honest", got, "the socket beside it is not affected")
	w.pump(c, s, pattern(300000), pattern(300000))

	for i := range taken { // the old ones are kept, the new ones dropped
		got, err := w.recv(w.a, busy)
		require.NoError(t, err)
		require.Equal(t, string([]byte{byte(i >> 8), byte(i)}), got)
	}
	require.NoError(t, w.a.Close(w.now, busy))
	w.quiesce()
}

// Many sockets whose queues are full leave room for connections.
func TestAttack_51_UDPFloodOfManySockets(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Memory = 4 << 20 })
	c, s := w.pair()
	for port := range 64 {
		w.bound(w.a, Datagram, anyAddress, uint16(1000+port))
	}
	flood := func() {
		for port := range 64 {
			for range 30 {
				w.a.Input(w.now, packet(rawUDP(addrB, addrA, 7, uint16(1000+port), pattern(1400))))
			}
		}
	}
	for range 10 {
		flood()
	}
	require.LessOrEqual(t, w.a.kept, w.a.budget.Limit()/datagramShare+2<<10)
	require.NotZero(t, w.a.Counters().Drop[trace.DropMemory])
	w.pump(c, s, pattern(1<<20), pattern(1<<20))
	require.Equal(t, tcp.StateEstablished, w.state(w.a, c))
	require.Zero(t, w.a.Counters().TCP.RetransSegs, "nothing of the stream was lost")
	w.quiesce()
	require.Zero(t, w.a.kept)
}
