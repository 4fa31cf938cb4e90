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
