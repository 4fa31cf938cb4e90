package wire

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// slowChecksum is RFC 1071's sum as its section 4.1 words it, two bytes at a time.
func slowChecksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i < len(b); i += 2 {
		w := uint32(b[i]) << 8
		if i+1 < len(b) {
			w |= uint32(b[i+1])
		}
		sum += w
		sum = sum>>16 + sum&0xFFFF
	}
	return ^uint16(sum)
}

func randomBytes(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func TestSumEqualsTheSlowReference(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for n := range 300 {
		random, ones := randomBytes(r, n), bytes.Repeat([]byte{0xFF}, n)
		require.Equal(t, slowChecksum(random), Fold(Sum(0, random)), "%d random bytes %x", n, random)
		require.Equal(t, slowChecksum(ones), Fold(Sum(0, ones)), "%d bytes of ones", n)
	}
	big := bytes.Repeat([]byte{0xFF}, 1<<20)
	require.Equal(t, slowChecksum(big), Fold(Sum(0, big)), "the carry goes round (RFC 1071 1)")
}

func TestSumKnownAnswers(t *testing.T) {
	for _, row := range []struct {
		name string
		b    []byte
		want uint16
	}{
		{"nothing", nil, 0xFFFF},
		{"the example of RFC 1071 3", []byte{0x00, 0x01, 0xF2, 0x03, 0xF4, 0xF5, 0xF6, 0xF7}, ^uint16(0xDDF2)},
		{"an odd last byte counts as its word's high byte (RFC 1071 4.1)", []byte{0xAB}, ^uint16(0xAB00)},
		{"ones and one carry twice", append(bytes.Repeat([]byte{0xFF}, 8), 0, 0, 0, 0, 0, 0, 0, 1), ^uint16(1)},
	} {
		require.Equal(t, row.want, Fold(Sum(0, row.b)), "%s: %x", row.name, row.b)
	}
}

// A carry that arrives when the accumulator is all ones must not get lost.
func TestSumCarriesAtTheBrim(t *testing.T) {
	ones := bytes.Repeat([]byte{0xFF}, 64)
	for n := 0; n <= 64; n++ {
		acc := Sum(^uint64(0), ones[:n])
		want := slowChecksum(append(bytes.Repeat([]byte{0xFF}, 8), ones[:n]...))
		require.Equal(t, want, Fold(acc), "%d bytes of ones onto ones", n)
	}
	require.Equal(t, uint16(0), Fold(addSums(^uint64(0), ^uint64(0))))
}

func TestSumCopy(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{0, 1, 7, 8, 63, 64, 65, 1460, 4095, 4096, 4097, 8192, 65535} {
		src := randomBytes(r, n)
		dst := make([]byte, n+3)
		require.Equal(t, Sum(77, src), SumCopy(77, dst, src), "%d bytes", n)
		require.Equal(t, src, dst[:n])
		require.Equal(t, []byte{0, 0, 0}, dst[n:], "bytes beyond the source")
	}
}

func TestSumPairAnyCut(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for _, n := range []int{1, 2, 3, 65, 150, 151} {
		b := randomBytes(r, n)
		for cut := 0; cut <= n; cut++ {
			acc := SumPair(Sum(0, []byte{1, 2}), [2][]byte{b[:cut], b[cut:]})
			require.Equal(t, slowChecksum(append([]byte{1, 2}, b...)), Fold(acc), "%x cut at %d", b, cut)
		}
	}
}

var (
	addrA = netip.MustParseAddr("192.0.2.1")
	addrB = netip.MustParseAddr("192.0.2.2")
)

// pseudo is the pseudo-header as bytes, for the slow reference.
func pseudo(src, dst netip.Addr, protocol uint8, length int) []byte {
	b := append(src.AsSlice(), dst.AsSlice()...)
	b = append(b, 0, protocol)
	return binary.BigEndian.AppendUint16(b, uint16(length))
}

func TestSumPseudo(t *testing.T) {
	for _, length := range []int{0, 8, 255, 256, 1480, 65535} {
		want := slowChecksum(pseudo(addrA, addrB, ProtoTCP, length))
		require.Equal(t, want, Fold(SumPseudo(addrA, addrB, ProtoTCP, length)), "length %d", length)
	}
	mapped := netip.AddrFrom16(addrA.As16())
	require.Equal(t, SumPseudo(addrA, addrB, 17, 9), SumPseudo(mapped, addrB, 17, 9))
	require.NotPanics(t, func() { SumPseudo(netip.Addr{}, netip.IPv6Loopback(), 17, 9) })
}

// transportPacket encodes the headers of a packet of protocol for body.
func transportPacket(protocol uint8, options []byte, bodyLen int) (head []byte, ihl int) {
	ip := IPv4{TTL: 64, DF: true, Protocol: protocol, Src: addrA, Dst: addrB, Options: options}
	head = make([]byte, 128)
	ihl = ip.HeaderLen()
	var n int
	if protocol == ProtoUDP {
		u := UDP{SrcPort: 1000, DstPort: 53, Length: uint16(UDPHeaderLen + bodyLen), Checksum: 0xDEAD}
		n = u.Encode(head[ihl:])
	} else {
		h := TCP{SrcPort: 1000, DstPort: 80, Seq: 7, Ack: 9, Flags: ACK, Window: 500, Options: TCPOptions{HasTimestamps: true}}
		n = h.Encode(head[ihl:])
	}
	ip.Encode(head, n+bodyLen)
	return head[:ihl+n], ihl
}

func TestSetTransportChecksum(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for _, protocol := range []uint8{ProtoTCP, ProtoUDP} {
		for _, options := range [][]byte{nil, {ipOptNop, ipOptNop, 148, 4, 0, 0}} {
			for _, n := range []int{0, 1, 2, 99, 1460} {
				for _, cut := range []int{0, 1, n / 2, n} {
					cut = min(cut, n)
					body := randomBytes(r, n)
					head, ihl := transportPacket(protocol, options, n)
					SetTransportChecksum(head, [2][]byte{body[:cut], body[cut:]})
					whole := append(bytes.Clone(head), body...)
					name := fmt.Sprintf("protocol %d, %d bytes cut at %d", protocol, n, cut)
					require.True(t, TransportChecksumOK(addrA, addrB, protocol, whole[ihl:]), name)
					require.Zero(t, slowChecksum(append(pseudo(addrA, addrB, protocol, len(whole)-ihl), whole[ihl:]...)), name)
					whole[len(whole)-1] ^= 4
					require.False(t, TransportChecksumOK(addrA, addrB, protocol, whole[ihl:]), "%s, a bit turned over (RFC 9293 3.1, MUST-3)", name)
				}
			}
		}
	}
}

func TestUDPChecksumZeroIsSentAsOnes(t *testing.T) { // RFC 768; RFC 1122 4.1.3.4
	head, ihl := transportPacket(ProtoUDP, nil, 2)
	SetTransportChecksum(head, [2][]byte{{0, 0}, nil})
	// A body that equals the checksum over zeros makes the sum come out as 0.
	body := bytes.Clone(head[ihl+6 : ihl+8])
	SetTransportChecksum(head, [2][]byte{body, nil})
	require.Equal(t, []byte{0xFF, 0xFF}, head[ihl+6:ihl+8])
	require.True(t, TransportChecksumOK(addrA, addrB, ProtoUDP, append(head[ihl:], body...)))
}

func TestSetTransportChecksumLeavesAlone(t *testing.T) {
	for _, row := range []struct {
		name  string
		spoil func(head []byte) []byte
	}{
		{"a first fragment", func(h []byte) []byte { h[6] |= flagMF >> 8; return h }},
		{"a later fragment", func(h []byte) []byte { h[7] = 1; return h }},
		{"another protocol", func(h []byte) []byte { h[9] = 47; return h }},
		{"a head cut inside the IP header", func(h []byte) []byte { return h[:19] }},
		{"a head cut before the checksum", func(h []byte) []byte { return h[:37] }},
		{"a header length below 5", func(h []byte) []byte { h[0] = 0x44; return h }},
		{"nothing", func([]byte) []byte { return nil }},
	} {
		head, _ := transportPacket(ProtoTCP, nil, 0)
		head = row.spoil(head)
		want := bytes.Clone(head)
		SetTransportChecksum(head, [2][]byte{{1}, {2}})
		require.Equal(t, want, head, row.name)
	}
}

func TestTransportChecksumOK(t *testing.T) {
	udp := []byte{0, 1, 0, 2, 0, 9, 0, 0, 'x'}
	sum := Fold(Sum(SumPseudo(addrA, addrB, ProtoUDP, 9), udp))
	summed := bytes.Clone(udp)
	binary.BigEndian.PutUint16(summed[6:], sum)
	for _, row := range []struct {
		name     string
		protocol uint8
		b        []byte
		want     bool
	}{
		{"UDP without checksum counts as correct (RFC 768)", ProtoUDP, udp, true},
		{"UDP with checksum", ProtoUDP, summed, true},
		{"UDP: bytes behind its length do not count", ProtoUDP, append(bytes.Clone(summed), 1, 2, 3), true},
		{"UDP shorter than its length", ProtoUDP, summed[:8], false},
		{"UDP shorter than a header", ProtoUDP, summed[:7], false},
		{"TCP shorter than a header", ProtoTCP, make([]byte, 19), false},
		{"ICMP shorter than a header", ProtoICMP, []byte{8, 0, 0xF7, 0xFF}, false},
		{"ICMP: no pseudo-header (RFC 792)", ProtoICMP, []byte{8, 0, 0xF7, 0xFF, 0, 0, 0, 0}, true},
		{"ICMP all zero is not a sum", ProtoICMP, make([]byte, 8), false},
		{"another protocol", 47, summed, false},
	} {
		require.Equal(t, row.want, TransportChecksumOK(addrA, addrB, row.protocol, row.b), row.name)
	}
}

func FuzzChecksum(f *testing.F) {
	f.Add([]byte{1, 2, 3}, 1)
	f.Add(bytes.Repeat([]byte{0xFF}, 200), 65)
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		want := slowChecksum(b)
		require.Equal(t, want, Fold(Sum(0, b)))
		dst := make([]byte, len(b))
		require.Equal(t, want, Fold(SumCopy(0, dst, b)))
		require.True(t, bytes.Equal(b, dst))
		cut = int(uint(cut) % uint(len(b)+1))
		require.Equal(t, want, Fold(SumPair(0, [2][]byte{b[:cut], b[cut:]})))
	})
}

func BenchmarkSum(b *testing.B) {
	for _, n := range []int{20, 40, 1460, 65536} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			buf := make([]byte, n)
			b.SetBytes(int64(n))
			var acc uint64
			for b.Loop() {
				acc = Sum(acc, buf)
			}
			_ = acc
		})
	}
}

func BenchmarkSumCopy(b *testing.B) {
	for _, n := range []int{1460, 65536} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			src, dst := make([]byte, n), make([]byte, n)
			b.SetBytes(int64(n))
			var acc uint64
			for b.Loop() {
				acc = SumCopy(acc, dst, src)
			}
			_ = acc
		})
	}
}

func BenchmarkSlowReference(b *testing.B) {
	buf := make([]byte, 1460)
	b.SetBytes(1460)
	for b.Loop() {
		slowChecksum(buf)
	}
}
