package wire

import "encoding/binary"

// A Lead is a TCP segment that others may follow: the same flow's next bytes under
// the same headers, but for sequence number, checksums, ID, TTL and, on the last, PSH.
// Whoever has decoded the lead knows all about them; their checksums are still to be verified.
type Lead struct {
	packet []byte // of the lead, borrowed
	head   int    // length of the headers, IP and TCP
	size   int    // payload bytes
	next   Seq    // sequence number of the next one
	pseudo uint64 // sum of a pseudo-header with length zero
	done   bool   // the last one has come
}

// Set makes the decoded packet the lead, and reports whether others may follow
// it: a whole IPv4 packet without options whose only flags are ACK and DF, with payload.
func (l *Lead) Set(packet []byte) bool {
	if len(packet) < minIPv4Header+minTCPHeader || packet[0] != 4<<4|minIPv4Header/4 || packet[9] != ProtoTCP ||
		fragmentField(packet)&^flagDF != 0 || Flags(packet[minIPv4Header+13]) != ACK {
		return false
	}
	const ce = 3 // a mark is for one segment (RFC 3168 5)
	total := int(binary.BigEndian.Uint16(packet[2:]))
	head := minIPv4Header + int(packet[minIPv4Header+12]>>4)*4
	if packet[1]&3 == ce || total > len(packet) || total <= head {
		return false
	}
	seq := Seq(binary.BigEndian.Uint32(packet[minIPv4Header+4:]))
	*l = Lead{packet: packet[:total], head: head, size: total - head, next: seq.Add(total - head)}
	l.pseudo = sumPseudo(packet[12:16], packet[16:20], ProtoTCP, 0)
	return true
}

// Size returns how many bytes of payload the lead has. Those that follow have as
// many, but for the last, which may have less.
func (l *Lead) Size() int { return l.size }

// HeaderLen returns the length of the headers, which all have in common.
func (l *Lead) HeaderLen() int { return l.head }

// Follows reports whether packet is the next to follow, how many bytes of payload
// it has, and whether it says PSH.
func (l *Lead) Follows(packet []byte) (n int, push, ok bool) {
	if l.done || len(packet) <= l.head || !l.sameIP(packet) {
		return 0, false, false
	}
	a, b := l.packet[minIPv4Header:l.head], packet[minIPv4Header:l.head]
	n = int(binary.BigEndian.Uint16(packet[2:])) - l.head
	flags := Flags(b[13])
	if n <= 0 || n > l.size || n > len(packet)-l.head || flags&^PSH != ACK || a[12] != b[12] ||
		Seq(binary.BigEndian.Uint32(b[4:])) != l.next ||
		binary.BigEndian.Uint32(a) != binary.BigEndian.Uint32(b) || // ports
		binary.BigEndian.Uint32(a[8:]) != binary.BigEndian.Uint32(b[8:]) || // ACK
		binary.BigEndian.Uint16(a[14:]) != binary.BigEndian.Uint16(b[14:]) || // window
		string(a[minTCPHeader:]) != string(b[minTCPHeader:]) {
		return 0, false, false
	}
	l.next = l.next.Add(n)
	l.done = n < l.size || flags&PSH != 0
	return n, flags&PSH != 0, true
}

// sameIP reports whether packet has the lead's IP header, but for length, ID and
// TTL, and a good checksum on it.
func (l *Lead) sameIP(packet []byte) bool {
	a, b := l.packet[:minIPv4Header], packet[:minIPv4Header]
	if binary.BigEndian.Uint64(a[12:]) != binary.BigEndian.Uint64(b[12:]) { // addresses
		return false
	}
	if binary.BigEndian.Uint64(a) == binary.BigEndian.Uint64(b) && binary.BigEndian.Uint32(a[8:]) == binary.BigEndian.Uint32(b[8:]) {
		return true
	}
	return a[0] == b[0] && a[1] == b[1] && fragmentField(a) == fragmentField(b) && a[9] == b[9] && Fold(Sum(0, b)) == 0
}

// SumHeader returns the sum of pseudo-header and TCP header of a packet that
// follows with n bytes of payload, where the Sum of that goes on.
func (l *Lead) SumHeader(packet []byte, n int) uint64 {
	return Sum(l.pseudo+word(uint16(l.head-minIPv4Header+n)), packet[minIPv4Header:l.head])
}
