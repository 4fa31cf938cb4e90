package wire

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFlagsString(t *testing.T) {
	for want, f := range map[string]Flags{
		"S": SYN, "S.": SYN | ACK, "F.": FIN | ACK, "P.": PSH | ACK, "R": RST, ".": ACK,
		"FP.": FIN | PSH | ACK, "SEW": SYN | ECE | CWR, "FSRP.UEW": 0xFF, "-": 0, "P.U": PSH | ACK | URG,
	} {
		require.Equal(t, want, f.String())
	}
}

func TestTCPKnownBytes(t *testing.T) {
	h := TCP{
		SrcPort: 0xC001, DstPort: 80, Seq: 0x01020304, Ack: 0x05060708,
		Flags: ACK | PSH, Window: 502, Urgent: 9,
		Options: TCPOptions{HasTimestamps: true, TSVal: 1, TSEcr: 2},
	}
	want := []byte{
		0xC0, 0x01, 0, 80, 1, 2, 3, 4, 5, 6, 7, 8, 0x80, 0x18, 1, 0xF6, 0, 0, 0, 9,
		1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2,
	}
	b := bytes.Repeat([]byte{0xAA}, 40)
	require.Equal(t, 32, h.Encode(b))
	require.Equal(t, want, b[:32])
	require.Equal(t, byte(0xAA), b[32], "nothing behind the header is touched")
	got, payload, err := DecodeTCP(b)
	require.NoError(t, err)
	require.Equal(t, h, got)
	require.Equal(t, b[32:], payload)
}

func TestDecodeTCPLengths(t *testing.T) {
	segment := func(offset byte, n int) []byte {
		b := make([]byte, n)
		if n > 12 {
			b[12] = offset << 4
		}
		return b
	}
	for _, row := range []struct {
		name string
		b    []byte
		want error
	}{
		{"bare header", segment(5, 20), nil},
		{"nothing", nil, ErrShort},
		{"one byte below a header", segment(5, 19), ErrShort},
		{"data offset 4 (RFC 9293 3.1)", segment(4, 40), ErrHeader},
		{"data offset 0 (RFC 9293 3.1)", segment(0, 40), ErrHeader},
		{"data offset past the segment", segment(15, 59), ErrShort},
		{"data offset at the end", segment(15, 60), nil},
		{"reserved bits are ignored (RFC 9293 3.1)", func() []byte { b := segment(5, 20); b[12] |= 0xF; return b }(), nil},
	} {
		_, payload, err := DecodeTCP(row.b)
		require.Equal(t, row.want, err, row.name)
		require.Empty(t, payload, row.name)
	}
}

func TestSegLen(t *testing.T) { // RFC 9293 3.4: SYN and FIN occupy one number each
	for f, want := range map[Flags]int{0: 10, ACK: 10, SYN: 11, FIN | ACK: 11, SYN | FIN: 12, RST: 10} {
		h := TCP{Flags: f}
		require.Equal(t, want, h.SegLen(10), f.String())
	}
}

func TestSeqWraps(t *testing.T) { // RFC 9293 3.4: all arithmetic is modulo 2**32
	const top = Seq(0xFFFFFFFF)
	require.True(t, top.Less(0))
	require.False(t, Seq(0).Less(top))
	require.False(t, top.Less(top))
	require.True(t, top.LessEq(top))
	require.Equal(t, Seq(4), top.Add(5))
	require.Equal(t, top, Seq(4).Add(-5))
	require.Equal(t, 5, Seq(4).Sub(top))
	require.Equal(t, -5, top.Sub(4))
	require.Equal(t, Seq(1), MaxSeq(top, 1))
	require.Equal(t, top, MinSeq(1, top))
	require.True(t, Seq(1).InWindow(top, 3))
	require.False(t, Seq(2).InWindow(top, 3))
	require.False(t, Seq(5).InWindow(5, 0), "an empty window holds nothing")
	require.True(t, Seq(6).InWindow(5, 1<<31), "a window of 2**31 and more")
}

func TestEncodeAndDecodeDoNotAllocate(t *testing.T) {
	body := make([]byte, 100)
	b := make([]byte, 200)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		h := TCP{Flags: ACK, Options: TCPOptions{HasTimestamps: true, NumSACK: 3}}
		ip := IPv4{Protocol: ProtoTCP, Src: addrA, Dst: addrB, TTL: 64}
		n := h.HeaderLen()
		ip.Encode(b, n+len(body))
		h.Encode(b[20:])
		SetTransportChecksum(b[:20+n], [2][]byte{body[:33], body[33:]})
		copy(b[20+n:], body)
		_, payload, err := DecodeIPv4(b)
		if err != nil || !TransportChecksumOK(addrA, addrB, ProtoTCP, payload) {
			panic("own packet refused")
		}
		if _, _, err = DecodeTCP(payload); err != nil {
			panic(err)
		}
		ic := ICMP{Type: ICMPEcho}
		ic.Encode(b, [2][]byte{body, nil})
	}))
}

func FuzzDecodeTCP(f *testing.F) {
	h := TCP{Flags: SYN, Options: TCPOptions{HasMSS: true, MSS: 1460, SACKPermitted: true, HasTimestamps: true, HasWindowScale: true}}
	syn := make([]byte, h.HeaderLen())
	h.Encode(syn)
	f.Add(syn)
	h = TCP{Flags: ACK, Options: TCPOptions{NumSACK: 4}}
	ack := make([]byte, h.HeaderLen()+5)
	h.Encode(ack)
	f.Add(ack)
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = TransportChecksumOK(addrA, addrB, ProtoTCP, b)
		h, payload, err := DecodeTCP(b)
		if err != nil {
			return
		}
		n := h.HeaderLen()
		require.LessOrEqual(t, n, 60)
		again := make([]byte, n, n+len(payload))
		require.Equal(t, n, h.Encode(again))
		again = append(again, payload...)
		h2, payload2, err := DecodeTCP(again)
		require.NoError(t, err)
		require.True(t, bytes.Equal(payload, payload2))
		require.Equal(t, withoutSACKThatDoesNotFit(h), h2)
		require.Zero(t, binary.BigEndian.Uint16(again[16:]))
	})
}

// withoutSACKThatDoesNotFit drops the blocks that Encode drops: a peer that
// pads less than we do may send options which do not fit with our NOPs.
func withoutSACKThatDoesNotFit(h TCP) TCP {
	fit := h.Options.sackFit(h.Options.fixedLen())
	for i := max(fit, 0); i < len(h.Options.SACK); i++ {
		h.Options.SACK[i] = SACKBlock{}
	}
	h.Options.NumSACK = uint8(max(fit, 0))
	return h
}
