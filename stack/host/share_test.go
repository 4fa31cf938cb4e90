package host

import (
	"encoding/binary"
	"net/netip"
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// packetOf is an IP packet with the first bytes of a transport header.
func packetOf(proto uint8, src, dst string, text ...uint16) []byte {
	ip := wire.IPv4{TTL: 64, Protocol: proto, Src: netip.MustParseAddr(src), Dst: netip.MustParseAddr(dst)}
	b := make([]byte, 20+max(8, 2*len(text)))
	at := ip.Encode(b, len(b)-20)
	for i, v := range text {
		binary.BigEndian.PutUint16(b[at+2*i:], v)
	}
	return b
}

func errorAbout(quote []byte) []byte {
	b := packetOf(wire.ProtoICMP, "198.51.100.1", "192.0.2.2", uint16(wire.ICMPUnreachable)<<8)
	return append(b, quote...)
}

// Who owns what: all that belongs together has one owner.
func TestOwners(t *testing.T) {
	const self = 6
	s := NewSteer([32]byte{7}, 5)
	owner := func(b []byte) int { return s.Owner(b, self) }
	const us, them = "192.0.2.2", "192.0.2.1"
	fragment := func(b []byte, off uint16, id uint16) []byte {
		binary.BigEndian.PutUint16(b[4:], id)
		binary.BigEndian.PutUint16(b[6:], off)
		return b
	}
	for p := uint16(1); p < 200; p++ {
		in, out := packetOf(6, them, us, 80, p), packetOf(6, us, them, p, 80)
		require.Equal(t, owner(in), owner(out), "a four-tuple is the same from both ends")
		require.Equal(t, owner(out), owner(errorAbout(out)), "an ICMP error about a segment")
		require.Equal(t, s.Port(p), owner(packetOf(17, them, us, 80, p)), "UDP by local port")
		require.Equal(t, s.Port(p), owner(errorAbout(packetOf(17, us, them, p, 80))), "an ICMP error about a datagram")
		require.Equal(t, s.Port(p), owner(packetOf(1, them, us, 0, 0, p)), "an echo reply by its ID")
		require.Equal(t, s.Port(p), owner(errorAbout(packetOf(1, us, them, 8<<8, 0, p))), "an ICMP error about an echo")
		first := fragment(packetOf(17, them, us, 80, p), 0x2000, p)
		later := fragment(packetOf(17, them, us, 7, 7), 0x0010, p)
		require.Equal(t, owner(first), owner(later), "the fragments of a datagram")
	}
	for _, row := range []struct {
		rule string
		b    []byte
	}{
		{"an echo request is answered by whoever sees it", packetOf(1, them, us, 8<<8)},
		{"empty", nil},
		{"IPv6", append([]byte{0x60}, make([]byte, 60)...)},
		{"a header that does not fit", []byte{0x4F, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}},
		{"no ports", packetOf(6, them, us)[:22]},
		{"another protocol", packetOf(99, them, us, 1, 2)},
		{"an ICMP error without a quote", errorAbout(nil)},
		{"an ICMP error with a short one", errorAbout(packetOf(6, us, them, 1, 2)[:27])},
	} {
		require.Equal(t, self, owner(row.b), row.rule)
	}
}

// Flows spread over the owners, and by a key.
func TestOwnersAreEven(t *testing.T) {
	for _, n := range []int{2, 3, 8, MaxShares} {
		s, other := NewSteer([32]byte{1}, n), NewSteer([32]byte{2}, n)
		const flows = 20000
		count := make([]int, n)
		same := 0
		for p := range uint16(flows) {
			b := packetOf(6, "192.0.2.1", "192.0.2.2", 80, p)
			k := s.Owner(b, 0)
			count[k]++
			if k == other.Owner(b, 0) {
				same++
			}
		}
		for _, c := range count {
			require.InDelta(t, flows/n, c, 6*float64(flows)/float64(n)/10+60)
		}
		require.InDelta(t, flows/n, same, float64(flows)/float64(n)/4+60, "another seed, another choice")
	}
}

func FuzzOwner(f *testing.F) {
	s := NewSteer([32]byte{1}, 7)
	f.Add(packetOf(6, "192.0.2.1", "192.0.2.2", 80, 1))
	f.Add(errorAbout(packetOf(17, "192.0.2.1", "192.0.2.2", 80, 1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		require.Less(t, s.Owner(b, 3), 7)
		require.Equal(t, s.Owner(b, 3), s.Owner(b, 3))
	})
}

// The zero Steer and a Host alone know no others.
func TestAloneOwnsAll(t *testing.T) {
	b := packetOf(6, "192.0.2.1", "192.0.2.2", 80, 1)
	require.Equal(t, 3, (&Steer{}).Owner(b, 3))
	one := NewSteer([32]byte{1}, 1)
	require.Equal(t, 3, one.Owner(b, 3))
}

// Every counter of another Host is added.
func TestCountersAdd(t *testing.T) {
	var a, b, want Counters
	n := uint64(0)
	var fill func(v, w reflect.Value)
	fill = func(v, w reflect.Value) {
		switch v.Kind() {
		case reflect.Struct:
			for i := range v.NumField() {
				fill(v.Field(i), w.Field(i))
			}
		case reflect.Array:
			for i := range v.Len() {
				fill(v.Index(i), w.Index(i))
			}
		default:
			n++
			v.SetUint(n)
			w.SetUint(2 * n)
		}
	}
	fill(reflect.ValueOf(&a).Elem(), reflect.ValueOf(&want).Elem())
	b = a
	a.Add(&b)
	require.Equal(t, want, a)
}

// Hosts that are one never give two packets the same identification, as long
// as one of them would not (RFC 6864 4.3).
func TestSharesOfIdentifications(t *testing.T) {
	for _, count := range []int{1, 2, 3, 8} {
		seen := map[uint16]bool{}
		total := 0
		for i := range count {
			h, err := New(Config{Seed: [32]byte{1}, Share: NewSteer([32]byte{1}, count).Share(i)}, link.Features{MTU: 1500})
			require.NoError(t, err)
			for range 65536 / int(h.idStep) {
				seen[h.nextID(loopback, everybody, 17)] = true
				total++
			}
		}
		require.Len(t, seen, total)
	}
}

// A handle of one Host is none of another's.
func TestHandlesOfShares(t *testing.T) {
	var hs []*Host
	var ids []Handle
	for i := range 3 {
		h, err := New(Config{Seed: [32]byte{1}, Share: NewSteer([32]byte{1}, 3).Share(i)}, link.Features{MTU: 1500})
		require.NoError(t, err)
		s, err := h.Open(1, Datagram)
		require.NoError(t, err)
		require.Zero(t, s.Index())
		hs, ids = append(hs, h), append(ids, s)
	}
	for i, h := range hs {
		for j, s := range ids {
			_, err := h.Options(s)
			require.Equal(t, i == j, err == nil)
		}
	}
}

func TestShareIsInRange(t *testing.T) {
	of := func(index, count int) Share { return NewSteer([32]byte{1}, count).Share(index) }
	for _, row := range []struct {
		share Share
		ok    bool
	}{
		{Share{}, true}, {of(0, 1), true}, {of(1, 2), true}, {of(MaxShares-1, MaxShares), true},
		{of(1, 0), false}, {of(1, 1), false}, {of(-1, 2), false}, {of(2, 2), false}, {of(0, MaxShares+1), false},
		{Share{Index: 1, Count: 2}, false},
	} {
		_, err := New(Config{Seed: [32]byte{1}, Share: row.share}, link.Features{MTU: 1500})
		require.Equal(t, row.ok, err == nil, row.share)
	}
}

// With a forwarder what is for nobody here goes by its sender, and so do errors about
// what was sent in others' names; what is for us, and all of TCP, as ever.
func TestOwnersBeyond(t *testing.T) {
	const us, them, beyond = "192.0.2.2", "192.0.2.1", "198.51.100.7"
	const self = 6
	h := newHost(t, 7, us+"/24", featuresOf(1500), func(c *Config) { c.Share = NewSteer(c.Seed, 5).Share(0) })
	plain := h.Steer()
	for _, k := range []Kind{Datagram, Echo, Stream} {
		s, err := h.Open(1, k)
		require.NoError(t, err)
		require.NoError(t, h.Forward(1, s, 0, 0))
	}
	s := h.Steer()
	owner := func(b []byte) int { return s.Owner(b, self) }
	var udp, echo [5]int
	for p := uint16(1); p < 200; p++ {
		want := owner(packetOf(17, them, beyond, p, 1))
		udp[want]++
		for q := range uint16(20) {
			require.Equal(t, want, owner(packetOf(17, them, beyond, p, q)), "whatever the port")
			require.Equal(t, want, owner(packetOf(17, them, "203.0.113.9", p, q)), "and the address")
			require.Equal(t, want, owner(errorAbout(packetOf(17, beyond, them, q, p))), "an ICMP error about an answer")
		}
		ping := owner(packetOf(1, them, beyond, 8<<8, 0, p))
		echo[ping]++
		require.Equal(t, ping, owner(packetOf(1, them, "203.0.113.9", 8<<8, 0, p, 7)))
		require.Equal(t, ping, owner(errorAbout(packetOf(1, beyond, them, 0, 0, p))))
		for _, b := range [][]byte{
			packetOf(17, them, us, 80, p), packetOf(17, them, "192.0.2.255", 80, p), packetOf(17, them, "255.255.255.255", 80, p),
			packetOf(17, them, "224.0.0.1", 80, p), packetOf(17, us, "127.0.0.1", 80, p),
			packetOf(1, them, us, 0, 0, p), packetOf(1, them, us, 8<<8, 0, p), packetOf(1, them, beyond, 0, 0, p),
			errorAbout(packetOf(17, us, them, p, 80)), errorAbout(packetOf(1, us, them, 8<<8, 0, p)),
			packetOf(6, them, beyond, 80, p), errorAbout(packetOf(6, beyond, them, p, 80)),
		} {
			require.Equal(t, plain.Owner(b, self), owner(b), "%x", b)
		}
		at := func(a string, p uint16) netip.AddrPort { return netip.AddrPortFrom(netip.MustParseAddr(a), p) }
		require.Equal(t, owner(packetOf(6, them, beyond, 80, p)), s.Flow(at(beyond, p), at(them, 80)))
	}
	for k := range udp {
		require.NotZero(t, udp[k])
		require.NotZero(t, echo[k])
	}
	require.NoError(t, h.SetAddresses([]netip.Prefix{netip.MustParsePrefix(beyond + "/24")}, nil))
	s = h.Steer()
	require.Equal(t, s.Port(53), owner(packetOf(17, them, beyond, 9, 53)), "an address that is ours now")
}
