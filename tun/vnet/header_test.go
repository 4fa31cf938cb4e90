package vnet

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/link"
)

func header(flags, kind byte, rest ...uint16) []byte {
	b := make([]byte, headerLen)
	b[0], b[1] = flags, kind
	for i, v := range rest {
		binary.NativeEndian.PutUint16(b[2+2*i:], v)
	}
	return b
}

func head(proto, flags byte) []byte {
	b := make([]byte, 52)
	b[0], b[9], b[33] = 0x45, proto, flags
	return b
}

// virtio 1.2, 5.1.6.2 and 5.1.6.4.
func TestHeader(t *testing.T) {
	for _, row := range []struct {
		rule string
		p    link.Packet
		want []byte
	}{
		{"nothing to do", link.Packet{Head: head(6, 0)}, header(0, 0)},
		{"TCP's checksum field is 16 bytes after its header's begin", link.Packet{Head: head(6, 0), CsumDone: true}, header(1, 0, 0, 0, 20, 16)},
		{"UDP's is 6 bytes after", link.Packet{Head: head(17, 0), CsumDone: true}, header(1, 0, 0, 0, 20, 6)},
		{"a super-segment says its headers and its size", link.Packet{Head: head(6, 0x10), GSOSize: 1448, CsumDone: true}, header(1, 1, 52, 1448, 20, 16)},
		{"CWR goes on the first segment only (RFC 3168 6.1.2)", link.Packet{Head: head(6, 0x90), GSOSize: 1448, CsumDone: true}, header(1, 0x81, 52, 1448, 20, 16)},
		{"a super-datagram's headers are 28 bytes", link.Packet{Head: head(17, 0), GSOSize: 20, CsumDone: true}, header(1, 5, 28, 20, 20, 6)},
		{"a packet that is no IP packet has no checksum", link.Packet{Head: []byte{1}, CsumDone: true}, header(0, 0)},
	} {
		got := make([]byte, headerLen)
		got[9] = 0xFF // what was there before
		putHeader(got, &row.p)
		require.Equal(t, row.want, got, row.rule)
	}
}

func TestHeaderTaken(t *testing.T) {
	for _, row := range []struct {
		rule  string
		in    []byte
		known bool
		want  link.Packet
	}{
		{"a packet with its checksum", header(0, 0), true, link.Packet{}},
		{"one whose checksum is not made yet", header(1, 0, 0, 0, 20, 16), true, link.Packet{CsumDone: true}},
		{"one whose checksum was verified", header(2, 0), true, link.Packet{CsumDone: true}},
		{"a super-segment", header(1, 1, 52, 1448, 20, 16), true, link.Packet{CsumDone: true, GSOSize: 1448}},
		{"one with CWR", header(1, 0x81, 52, 1448, 20, 16), true, link.Packet{CsumDone: true, GSOSize: 1448}},
		{"IPv6", header(1, 4, 52, 1448, 20, 16), false, link.Packet{}},
		{"a super-datagram", header(1, 5, 28, 1448, 20, 6), true, link.Packet{CsumDone: true, GSOSize: 1448}},
		{"UDP to be fragmented", header(1, 3, 28, 1448, 20, 6), false, link.Packet{}},
	} {
		packet := []byte("packet")
		got, known := takeHeader(append(row.in, packet...))
		require.Equal(t, row.known, known, row.rule)
		if known {
			row.want.Head = packet
		}
		require.Equal(t, row.want, got, row.rule)
	}
}
