package wire

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// A Template writes what Encode and SetTransportChecksum do.
func TestTemplate(t *testing.T) {
	for _, h := range []IPv4{
		{TTL: 64, Protocol: ProtoTCP, Src: netip.MustParseAddr("192.0.2.1"), Dst: netip.MustParseAddr("198.51.100.77"), DF: true},
		{TTL: 1, TOS: 0xB9, Protocol: ProtoTCP, Src: netip.MustParseAddr("255.255.255.255"), Dst: netip.MustParseAddr("255.254.253.252")},
		{Protocol: ProtoTCP, MF: true, FragOff: 8},
	} {
		var tp Template
		tp.Set(h)
		for _, n := range []int{0, 1, 20, 255, 256, 1480, 40000, 65515} {
			for _, id := range []uint16{0, 1, 255, 256, 0xFFFF} {
				var want, got [minIPv4Header]byte
				h.ID = id
				require.Equal(t, h.Encode(want[:], n), tp.Put(got[:], n, id))
				require.Equal(t, want, got, "%d bytes, ID %d", n, id)
				require.Equal(t, Fold(SumPseudo(h.Src, h.Dst, h.Protocol, n)), Fold(tp.SumPseudo(n)))
			}
		}
	}
}

// A TCPTemplate writes what Encode does, and its sum is that of the bytes.
func TestTCPTemplate(t *testing.T) {
	for _, o := range []TCPOptions{
		{},
		{HasTimestamps: true, TSVal: 0xFFFEFDFC, TSEcr: 7},
		{HasTimestamps: true, NumSACK: 3, SACK: [MaxSACKBlocks]SACKBlock{{1, 2}, {3, 4}, {0xFFFFFFF0, 5}}},
	} {
		h := TCP{SrcPort: 65535, DstPort: 80, Ack: 0xFFFFFFFF, Window: 0xFFFE, Options: o}
		var tp TCPTemplate
		tp.Set(&h)
		for _, seq := range []Seq{0, 1, 0xFFFF, 0x10000, 0xFFFFFFFF} {
			for _, f := range []Flags{ACK, ACK | PSH, ACK | FIN | CWR | ECE, 0xFF} {
				var want, got [maxTCPHeader]byte
				h.Seq, h.Flags = seq, f
				n, sum := tp.Put(got[:], 77, seq, f)
				require.Equal(t, h.Encode(want[:]), n)
				require.Equal(t, want, got)
				require.Equal(t, Fold(Sum(77, want[:n])), Fold(sum), "%x %v", uint32(seq), f)
			}
		}
	}
}
