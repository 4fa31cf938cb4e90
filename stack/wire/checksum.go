package wire

import (
	"encoding/binary"
	"math/bits"
	"net/netip"
)

// The one's-complement sum of RFC 1071 does not care in which byte order its
// words are read, as long as the result is swapped back (RFC 1071 2(B)), nor how
// wide they are (2(C)). So the accumulator adds little-endian words of 64 bits,
// which most machines load without a swap, with the carry going round; Fold
// narrows and swaps. The arithmetic is the same on every machine.
//
// An accumulator is therefore opaque: begin with 0 or SumPseudo, go on with
// Sum, SumCopy and SumPair, end with Fold.

// Sum adds b to the one's-complement sum acc. b must begin at an even offset of
// what is summed; an odd last byte counts as if a zero followed it, so only the
// last span of a message may have odd length (but see SumPair).
func Sum(acc uint64, b []byte) uint64 {
	var c uint64
	// A block's words are added to each other before they are added to acc, so
	// that the additions of one block do not wait for those of the one before.
	for len(b) >= 64 {
		x, k := bits.Add64(binary.LittleEndian.Uint64(b[0:8]), binary.LittleEndian.Uint64(b[8:16]), 0)
		x, k = bits.Add64(x, binary.LittleEndian.Uint64(b[16:24]), k)
		x, k = bits.Add64(x, binary.LittleEndian.Uint64(b[24:32]), k)
		x, k = bits.Add64(x, binary.LittleEndian.Uint64(b[32:40]), k)
		x, k = bits.Add64(x, binary.LittleEndian.Uint64(b[40:48]), k)
		x, k = bits.Add64(x, binary.LittleEndian.Uint64(b[48:56]), k)
		x, k = bits.Add64(x, binary.LittleEndian.Uint64(b[56:64]), k)
		acc, k = bits.Add64(acc, x, k)
		acc += k // cannot carry again: x is never all ones with a carry, as it began without one
		b = b[64:]
	}
	for len(b) >= 8 {
		acc, c = bits.Add64(acc, binary.LittleEndian.Uint64(b), c)
		b = b[8:]
	}
	return sumTail(acc, c, b)
}

// sumTail adds the last bytes, fewer than 8, and brings the carry home.
func sumTail(acc, c uint64, b []byte) uint64 {
	var w uint64
	if len(b) >= 4 {
		w = uint64(binary.LittleEndian.Uint32(b))
		acc, c = bits.Add64(acc, w, c)
		b = b[4:]
	}
	w = 0
	if len(b) >= 2 {
		w = uint64(binary.LittleEndian.Uint16(b))
		b = b[2:]
		if len(b) == 1 {
			w |= uint64(b[0]) << 16
		}
	} else if len(b) == 1 {
		w = uint64(b[0])
	}
	acc, c = bits.Add64(acc, w, c)
	// All ones with a carry would need all ones and a carry before it, and the
	// first word came without one: so this addition cannot carry again.
	return acc + c
}

// sumCopyBlock is how much SumCopy copies before it sums it: small enough to be
// still in the first-level cache, large enough for the copy's wide moves to pay.
const sumCopyBlock = 4096

// SumCopy copies src to dst, which must be at least as long, and adds it to acc
// while it is in the cache. Sum's rule about offsets and odd lengths holds.
func SumCopy(acc uint64, dst, src []byte) uint64 {
	for len(src) > sumCopyBlock {
		copy(dst[:sumCopyBlock], src)
		acc = Sum(acc, src[:sumCopyBlock])
		dst, src = dst[sumCopyBlock:], src[sumCopyBlock:]
	}
	copy(dst[:len(src)], src)
	return Sum(acc, src)
}

// SumCopyPair is SumCopy to two spans, the second following the first without a
// gap. What does not fit there is neither copied nor added.
func SumCopyPair(acc uint64, dst [2][]byte, src []byte) uint64 {
	n := min(len(src), len(dst[0]))
	acc = SumCopy(acc, dst[0], src[:n])
	if n == len(src) {
		return acc
	}
	rest := src[n:]
	return joinSums(acc, SumCopy(0, dst[1], rest[:min(len(rest), len(dst[1]))]), n)
}

// SumPair adds body's two spans, the second following the first without a gap,
// as a ring lends them: the first may have odd length.
func SumPair(acc uint64, body [2][]byte) uint64 {
	acc = Sum(acc, body[0])
	if len(body[1]) == 0 {
		return acc
	}
	return joinSums(acc, Sum(0, body[1]), len(body[0]))
}

// joinSums adds to acc the sum of what begins at an offset.
func joinSums(acc, second uint64, at int) uint64 {
	if at&1 != 0 {
		// At an odd offset the bytes of every word change places, and so do
		// those of the sum (RFC 1071 2(B)): a rotation by one byte.
		second = bits.RotateLeft64(second, 8)
	}
	return addSums(acc, second)
}

// addSums adds two accumulators.
func addSums(a, b uint64) uint64 {
	s, c := bits.Add64(a, b, 0)
	return s + c // cannot carry again: a+b with a carry leaves at most all ones minus 1
}

// Fold folds acc to 16 bits and returns the complement: the checksum to write
// into a header in network order. Over bytes that include a correct checksum it
// is 0. What a device wants as a partial sum of the pseudo-header is ^Fold.
func Fold(acc uint64) uint16 {
	acc = acc>>32 + acc&0xFFFFFFFF // at most 33 bits
	acc = acc>>16 + acc&0xFFFF     // at most 18 bits
	acc = acc>>16 + acc&0xFFFF     // at most 17 bits
	acc = acc>>16 + acc&0xFFFF
	return ^bits.ReverseBytes16(uint16(acc))
}

// SumPseudo returns the sum of the pseudo-header (RFC 9293 3.1, RFC 768) of a
// transport segment of length bytes, its header included. An address that is
// not IPv4 counts as 0.0.0.0.
func SumPseudo(src, dst netip.Addr, protocol uint8, length int) uint64 {
	s, d := addr4(src), addr4(dst)
	return sumPseudo(s[:], d[:], protocol, length)
}

// sumPseudo adds the pseudo-header's words; four small ones cannot carry.
func sumPseudo(src, dst []byte, protocol uint8, length int) uint64 {
	return uint64(binary.LittleEndian.Uint32(src)) +
		uint64(binary.LittleEndian.Uint32(dst)) +
		uint64(protocol)<<8 +
		uint64(bits.ReverseBytes16(uint16(length)))
}

// addr4 returns a's 4 bytes. Unlike As4 it takes any address: nothing that
// reaches the core may make it panic.
func addr4(a netip.Addr) [4]byte {
	if a.Is4() || a.Is4In6() {
		return a.As4()
	}
	return [4]byte{}
}

// SetTransportChecksum completes the checksum of the TCP or UDP packet whose
// headers are head (IP first, transport header complete, whatever its checksum
// field holds) and whose payload is body. A UDP sum of 0 becomes 0xFFFF (RFC
// 768). Other protocols, fragments and a head that is cut short stay as they are.
func SetTransportChecksum(head []byte, body [2][]byte) {
	if len(head) < minIPv4Header || fragmentField(head)&(flagMF|maskFragOff) != 0 {
		return
	}
	ihl := int(head[0]&0xF) * 4
	at, ok := checksumOffset(head[9])
	if !ok || ihl < minIPv4Header || len(head) < ihl+at+2 {
		return
	}
	transport := head[ihl:]
	transport[at], transport[at+1] = 0, 0
	length := len(transport) + len(body[0]) + len(body[1])
	acc := sumPseudo(head[12:16], head[16:20], head[9], length)
	acc = Sum(acc, transport)
	sum := Fold(SumPair(acc, body))
	if sum == 0 && head[9] == ProtoUDP {
		sum = 0xFFFF
	}
	binary.BigEndian.PutUint16(transport[at:], sum)
}

// checksumOffset says where in a transport header the checksum lies.
func checksumOffset(protocol uint8) (at int, ok bool) {
	switch protocol {
	case ProtoTCP:
		return 16, true
	case ProtoUDP:
		return 6, true
	}
	return 0, false
}

// TransportChecksumOK reports whether the TCP, UDP or ICMP message b between
// src and dst has a correct checksum. A UDP checksum of 0 counts as correct (RFC
// 768), and bytes behind the UDP length are not part of the message. A message
// shorter than its header, or of another protocol, is not correct.
func TransportChecksumOK(src, dst netip.Addr, protocol uint8, b []byte) bool {
	switch protocol {
	case ProtoICMP:
		return len(b) >= ICMPHeaderLen && Fold(Sum(0, b)) == 0
	case ProtoUDP:
		h, payload, err := DecodeUDP(b)
		if err != nil || h.Checksum == 0 {
			return err == nil
		}
		b = b[:UDPHeaderLen+len(payload)]
	case ProtoTCP:
		if len(b) < minTCPHeader {
			return false
		}
	default:
		return false
	}
	return Fold(Sum(SumPseudo(src, dst, protocol, len(b)), b)) == 0
}
