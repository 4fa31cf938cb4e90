package wire

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

func ipv4Packet(options []byte, payload string) []byte {
	h := IPv4{TOS: 2, ID: 77, DF: true, TTL: 64, Protocol: ProtoUDP, Src: addrA, Dst: addrB, Options: options}
	b := make([]byte, h.HeaderLen()+len(payload))
	copy(b[h.Encode(b, len(payload)):], payload)
	return b
}

// resum completes the header checksum after a test changed the header.
func resum(b []byte) []byte {
	ihl := min(int(b[0]&0xF)*4, len(b))
	b[10], b[11] = 0, 0
	binary.BigEndian.PutUint16(b[10:], Fold(Sum(0, b[:ihl])))
	return b
}

func TestIPv4KnownBytes(t *testing.T) {
	// The header of an echo request of 84 bytes, in the layout of RFC 791 3.1.
	b := []byte{0x45, 0x00, 0x00, 0x54, 0x1c, 0x46, 0x40, 0x00, 0x40, 0x01, 0x9a, 0x5f, 0xc0, 0x00, 0x02, 0x01, 0xc0, 0x00, 0x02, 0x02}
	h := IPv4{ID: 0x1c46, DF: true, TTL: 64, Protocol: ProtoICMP, Src: addrA, Dst: addrB}
	got := make([]byte, 20)
	require.Equal(t, 20, h.Encode(got, 64))
	require.Equal(t, b, got)
	back, payload, err := DecodeIPv4(append(got, make([]byte, 64)...))
	require.NoError(t, err)
	require.Equal(t, h, back)
	require.Len(t, payload, 64)
}

func TestDecodeIPv4(t *testing.T) {
	change := func(at int, to byte) func([]byte) []byte {
		return func(b []byte) []byte { b[at] = to; return resum(b) }
	}
	for _, row := range []struct {
		name  string
		spoil func(b []byte) []byte
		want  error
	}{
		{"whole", func(b []byte) []byte { return b }, nil},
		{"nothing", func([]byte) []byte { return nil }, ErrShort},
		{"one byte below a header", func(b []byte) []byte { return b[:19] }, ErrShort},
		{"version 6 (RFC 1122 3.2.1.1)", change(0, 0x65), ErrVersion},
		{"version 6 and short", func([]byte) []byte { return []byte{0x60} }, ErrVersion},
		{"header length below 5 (RFC 791 3.1)", change(0, 0x44), ErrHeader},
		{"header length 0 (RFC 791 3.1)", change(0, 0x40), ErrHeader},
		{"header length past the packet", func(b []byte) []byte { b[0] = 0x4F; return b }, ErrShort},
		{"wrong checksum (RFC 1122 3.2.1.2)", func(b []byte) []byte { b[10] ^= 1; return b }, ErrChecksum},
		{"total length below the header", change(3, 19), ErrHeader},
		{"total length past the packet", change(3, 29), ErrShort},
		{"total length just the header", change(3, 20), nil},
	} {
		b := row.spoil(ipv4Packet(nil, "payload!"))
		h, payload, err := DecodeIPv4(b)
		require.Equal(t, row.want, err, "%s: %x", row.name, b)
		if err != nil {
			require.Zero(t, h, row.name)
			require.Nil(t, payload, row.name)
		}
	}
}

func TestDecodeIPv4CutsToTotalLength(t *testing.T) {
	b := append(ipv4Packet(nil, "payload!"), "padding of a link"...)
	_, payload, err := DecodeIPv4(b)
	require.NoError(t, err)
	require.Equal(t, "payload!", string(payload))
}

func TestIPv4Options(t *testing.T) {
	for _, row := range []struct {
		name    string
		options []byte
		want    error
		routed  bool
	}{
		{"router alert (RFC 2113)", []byte{148, 4, 0, 0}, nil, false},
		{"unknown option is ignored (RFC 1122 3.2.1.8)", []byte{0x5E, 3, 1, 0}, nil, false},
		{"no-ops, unaligned, end of list", []byte{1, 7, 3, 4, 1, 0, 0, 0}, nil, false},
		{"what follows the end of list is not read", []byte{0, 131, 0, 99}, nil, false},
		{"loose source route (RFC 791 3.1)", []byte{131, 3, 4, 0}, nil, true},
		{"strict source route behind others", []byte{1, 1, 137, 7, 4, 192, 0, 2, 9, 0, 0, 0}, nil, true},
		{"length 0", []byte{7, 0, 0, 0}, ErrOptions, false},
		{"length 1", []byte{7, 1, 0, 0}, ErrOptions, false},
		{"length past the end", []byte{1, 7, 4, 0}, ErrOptions, false},
		{"kind without a length at the end", []byte{1, 1, 1, 7}, ErrOptions, false},
		{"forty bytes", append([]byte{7, 40}, make([]byte, 38)...), nil, false},
	} {
		b := ipv4Packet(row.options, "x")
		h, payload, err := DecodeIPv4(b)
		require.Equal(t, row.want, err, row.name)
		if err != nil {
			continue
		}
		require.Equal(t, row.options, h.Options, row.name)
		require.Equal(t, "x", string(payload), row.name)
		require.Equal(t, row.routed, h.SourceRouted(), row.name)
	}
}

func TestIPv4BadOption(t *testing.T) { // RFC 792: the pointer of a Parameter Problem
	for _, row := range []struct {
		name    string
		options []byte
		want    int
	}{
		{"none", nil, 0},
		{"good ones", []byte{1, 7, 3, 4}, 0},
		{"length 1", []byte{7, 1, 0, 0}, 21},
		{"length past the end, behind two no-ops", []byte{1, 1, 7, 4}, 23},
		{"kind without a length", []byte{1, 1, 1, 7}, 23},
	} {
		h := IPv4{Options: row.options}
		require.Equal(t, row.want, h.BadOption(), row.name)
	}
}

func TestIPv4EncodePadsOptionsWithZero(t *testing.T) { // RFC 791 3.1, Padding
	h := IPv4{Src: addrA, Dst: addrB, Options: []byte{148, 4, 0, 0, 1}}
	b := bytes.Repeat([]byte{0xAA}, 32)
	require.Equal(t, 28, h.Encode(b, 0))
	require.Equal(t, []byte{148, 4, 0, 0, 1, 0, 0, 0, 0xAA}, b[20:29])
	h.Options = make([]byte, 41)
	require.Equal(t, 20, h.HeaderLen(), "more than fits is left off")
}

func TestIPv4Fragment(t *testing.T) {
	h := IPv4{MF: true, FragOff: 65528, Src: addrA, Dst: addrB}
	b := make([]byte, 20)
	h.Encode(b, 0)
	require.Equal(t, []byte{0x3F, 0xFF}, b[6:8])
	got, _, err := DecodeIPv4(b)
	require.NoError(t, err)
	require.Equal(t, h, got)
}

func TestDecodeIPv4Quote(t *testing.T) {
	for _, row := range []struct {
		name  string
		quote []byte
		want  string
		err   error
	}{
		{"whole", ipv4Packet(nil, "12345678"), "12345678", nil},
		{"cut to 8 bytes (RFC 792)", ipv4Packet(nil, "12345678 and more")[:28], "12345678", nil},
		{"TTL changed, checksum stale", func() []byte { b := ipv4Packet(nil, "12345678"); b[8] = 1; return b }(), "12345678", nil},
		{"padded to 128 bytes (RFC 4884 4)", append(ipv4Packet(nil, "12345678"), make([]byte, 100)...), "12345678", nil},
		{"total length below the header", func() []byte { b := ipv4Packet(nil, "12345678"); b[3] = 8; return b }(), "12345678", nil},
		{"options", ipv4Packet([]byte{7, 0, 0, 0}, "12345678"), "12345678", nil},
		{"header only", ipv4Packet(nil, "12345678")[:20], "", nil},
		{"cut inside the header", ipv4Packet(nil, "12345678")[:19], "", ErrShort},
		{"cut inside the options", ipv4Packet([]byte{1, 1, 1, 1}, "")[:23], "", ErrShort},
		{"version", []byte{0x65}, "", ErrVersion},
	} {
		h, payload, err := DecodeIPv4Quote(row.quote)
		require.Equal(t, row.err, err, row.name)
		require.Equal(t, row.want, string(payload), row.name)
		if err == nil {
			require.Equal(t, addrB, h.Dst, row.name)
		}
	}
}

func FuzzDecodeIPv4(f *testing.F) {
	f.Add(ipv4Packet(nil, "payload"))
	f.Add(ipv4Packet([]byte{131, 7, 4, 192, 0, 2, 9, 0}, "payload"))
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _, _ = DecodeIPv4Quote(b)
		if len(b) >= 20 {
			resum(b)
		}
		h, payload, err := DecodeIPv4(b)
		if err != nil {
			require.Nil(t, payload)
			return
		}
		_ = h.SourceRouted()
		again := make([]byte, h.HeaderLen()+len(payload))
		n := h.Encode(again, len(payload))
		copy(again[n:], payload)
		h2, payload2, err := DecodeIPv4(again)
		require.NoError(t, err)
		require.Equal(t, h, h2)
		require.True(t, bytes.Equal(payload, payload2))
	})
}
