package wire

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDecodeUDP(t *testing.T) {
	for _, row := range []struct {
		name string
		b    []byte
		want string
		err  error
	}{
		{"whole", []byte{0, 53, 4, 0, 0, 10, 1, 2, 'h', 'i'}, "hi", nil},
		{"empty datagram", []byte{0, 53, 4, 0, 0, 8, 1, 2}, "", nil},
		{"cut to its length (RFC 768)", []byte{0, 53, 4, 0, 0, 9, 1, 2, 'h', 'i'}, "h", nil},
		{"length past the packet", []byte{0, 53, 4, 0, 0, 11, 1, 2, 'h', 'i'}, "", ErrShort},
		{"length below the header", []byte{0, 53, 4, 0, 0, 7, 1, 2, 'h', 'i'}, "", ErrHeader},
		{"length 0 is IPv6's (RFC 2675 4)", []byte{0, 53, 4, 0, 0, 0, 1, 2, 'h', 'i'}, "", ErrHeader},
		{"shorter than a header", []byte{0, 53, 4, 0, 0, 7, 1}, "", ErrShort},
	} {
		h, payload, err := DecodeUDP(row.b)
		require.Equal(t, row.err, err, row.name)
		require.Equal(t, row.want, string(payload), row.name)
		if err == nil {
			require.Equal(t, UDP{SrcPort: 53, DstPort: 1024, Length: uint16(row.b[5]), Checksum: 0x0102}, h, row.name)
		}
	}
}

func TestICMPRoundTrip(t *testing.T) {
	h := ICMP{Type: ICMPEcho, Code: 3, Rest: 0x12345678}
	body := []byte("an odd body")
	for cut := range len(body) + 1 {
		b := make([]byte, ICMPHeaderLen, 64)
		require.Equal(t, ICMPHeaderLen, h.Encode(b, [2][]byte{body[:cut], body[cut:]}))
		b = append(b, body...)
		require.Zero(t, slowChecksum(b), "cut at %d", cut)
		got, rest, err := DecodeICMP(b)
		require.NoError(t, err)
		require.Equal(t, h, got)
		require.Equal(t, body, rest)
		b[9] ^= 1
		_, _, err = DecodeICMP(b)
		require.Equal(t, ErrChecksum, err)
	}
	_, _, err := DecodeICMP(make([]byte, 7))
	require.Equal(t, ErrShort, err)
}

func TestErrorTexts(t *testing.T) {
	seen := map[string]bool{}
	for e := Error(0); e <= ErrChecksum; e++ {
		require.NotEmpty(t, e.Error())
		require.False(t, seen[e.Error()], e.Error())
		seen[e.Error()] = true
	}
}

func FuzzDecodeUDP(f *testing.F) {
	f.Add([]byte{0, 53, 4, 0, 0, 10, 1, 2, 'h', 'i'})
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = TransportChecksumOK(addrA, addrB, ProtoUDP, b)
		h, payload, err := DecodeUDP(b)
		if err != nil {
			return
		}
		again := make([]byte, UDPHeaderLen)
		h.Encode(again)
		require.True(t, bytes.Equal(b[:h.Length], append(again, payload...)))
	})
}

func FuzzDecodeICMP(f *testing.F) {
	f.Add([]byte{8, 0, 0, 0, 0, 1, 0, 2, 'x'})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) >= ICMPHeaderLen {
			b[2], b[3] = 0, 0
			binary.BigEndian.PutUint16(b[2:], Fold(Sum(0, b)))
		}
		h, body, err := DecodeICMP(b)
		if err != nil {
			require.Equal(t, ErrShort, err)
			return
		}
		again := make([]byte, ICMPHeaderLen)
		h.Encode(again, [2][]byte{body, nil})
		require.True(t, bytes.Equal(b, append(again, body...)))
	})
}
