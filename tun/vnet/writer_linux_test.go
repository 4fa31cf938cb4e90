package vnet

import (
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/wire"
	"github.com/sockeye-net/sockeye/tun/tuntest"
)

// superSegment is 3,000 bytes in segments of 1,400.
func superSegment() link.Packet {
	ip := wire.IPv4{TTL: 64, Protocol: wire.ProtoTCP, Src: tuntest.Ours.Addr(), Dst: tuntest.Theirs.Addr(), DF: true}
	seg := wire.TCP{SrcPort: 1, DstPort: 2, Seq: 1000, Flags: wire.ACK | wire.PSH}
	b := make([]byte, 40)
	seg.Encode(b[ip.Encode(b, 3020):])
	body := make([]byte, 3000)
	return link.Packet{Head: b, Body: [2][]byte{body[:2000], body[2000:]}, GSOSize: 1400, CsumDone: true}
}

// recorded makes the writer keep what it writes, and refuse super-segments.
func recorded(w *writer) *[][]byte {
	var all [][]byte
	w.put = func(_ uintptr, iov []unix.Iovec) syscall.Errno {
		var b []byte
		for _, v := range iov {
			b = append(b, unsafe.Slice(v.Base, v.Len)...)
		}
		if b[atGSOType] != gsoNone {
			return unix.EINVAL
		}
		all = append(all, b[headerLen:])
		return 0
	}
	return &all
}

func TestRefusedSuperSegmentGoesInPieces(t *testing.T) {
	d := openUp(t, tuntest.NewNS(t), Config{})
	wrote := recorded(&d.q.wr)
	require.Equal(t, MaxMTU, d.Features().MaxGSO)
	require.NoError(t, d.WriteBatch([]link.Packet{superSegment()}))
	require.Len(t, *wrote, 3)
	for i, b := range *wrote {
		ip, text, err := wire.DecodeIPv4(b)
		require.NoError(t, err)
		require.True(t, wire.TransportChecksumOK(ip.Src, ip.Dst, wire.ProtoTCP, text))
		seg, payload, err := wire.DecodeTCP(text)
		require.NoError(t, err)
		require.Equal(t, wire.Seq(1000+1400*i), seg.Seq)
		require.Len(t, payload, []int{1400, 1400, 200}[i])
		require.Equal(t, i == 2, seg.Flags&wire.PSH != 0, "PSH is the last one's")
	}
	require.Equal(t, link.Features{MTU: 1500, ChecksumOffload: true}, d.Features(), "a step down")
	require.Contains(t, d.Granted(), "no super-segments sent")
	s := d.Stats()
	require.Zero(t, s.Dropped())
	require.NoError(t, d.WriteBatch([]link.Packet{superSegment()}), "those that are on their way go in pieces too")
	require.Len(t, *wrote, 6)
}

func TestKernelTakesSuperSegments(t *testing.T) {
	d := openUp(t, tuntest.NewNS(t), Config{})
	require.NoError(t, d.WriteBatch([]link.Packet{superSegment()}))
	require.EqualValues(t, 1, d.Stats().WrittenSuper)
	require.Equal(t, MaxMTU, d.Features().MaxGSO)

	// It belongs to no connection: the kernel answers with resets, one for the
	// whole of it. It would not have, had a checksum been wrong.
	b := tuntest.ReadOne(t, d, false)
	seg, _, err := wire.DecodeTCP(b[20:])
	require.NoError(t, err)
	require.Equal(t, wire.RST, seg.Flags&wire.RST)
}

// superDatagram is 3,000 bytes in datagrams of 1,400, its checksum left to the device.
func superDatagram() link.Packet {
	ip := wire.IPv4{TTL: 64, Protocol: wire.ProtoUDP, Src: tuntest.Ours.Addr(), Dst: tuntest.Theirs.Addr(), DF: true}
	u := wire.UDP{SrcPort: 1, DstPort: 2, Length: 3008}
	u.Checksum = ^wire.Fold(wire.SumPseudo(ip.Src, ip.Dst, wire.ProtoUDP, 3008))
	b := make([]byte, 28+3000)
	u.Encode(b[ip.Encode(b, 3008):])
	for i := range b[28:] {
		b[28+i] = byte(i / 1400)
	}
	return link.Packet{Head: b, GSOSize: 1400, CsumDone: true}
}

func TestRefusedSuperDatagramGoesInPieces(t *testing.T) {
	d := openUp(t, tuntest.NewNS(t), Config{})
	wrote := recorded(&d.q.wr)
	require.True(t, d.Features().USO)
	require.NoError(t, d.WriteBatch([]link.Packet{superDatagram()}))
	require.Len(t, *wrote, 3)
	for i, b := range *wrote {
		ip, text, err := wire.DecodeIPv4(b)
		require.NoError(t, err)
		require.True(t, wire.TransportChecksumOK(ip.Src, ip.Dst, wire.ProtoUDP, text))
		u, payload, err := wire.DecodeUDP(text)
		require.NoError(t, err)
		require.EqualValues(t, len(text), u.Length)
		require.Len(t, payload, []int{1400, 1400, 200}[i])
		require.Equal(t, byte(i), payload[0])
	}
	require.False(t, d.Features().USO, "a step down")
	require.Equal(t, MaxMTU, d.Features().MaxGSO, "TCP's are not concerned")
	require.Contains(t, d.Granted(), "TCP segmentation")
	s := d.Stats()
	require.Zero(t, s.Dropped())
}
