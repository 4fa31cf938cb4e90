package link

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// tcpPacket returns a TCP packet with n payload bytes, an IP header that is
// complete and a transport checksum that is not.
func tcpPacket(n int, f wire.Flags) []byte {
	ip := wire.IPv4{
		ID: 0xFFFF, DF: true, TTL: 64, Protocol: wire.ProtoTCP,
		Src: netip.MustParseAddr("192.0.2.1"), Dst: netip.MustParseAddr("192.0.2.2"),
	}
	tcp := wire.TCP{SrcPort: 80, DstPort: 40000, Seq: 0xFFFFFF00, Ack: 7, Flags: wire.ACK | f, Window: 1000}
	b := make([]byte, 40+n)
	at := ip.Encode(b, tcp.HeaderLen()+n)
	at += tcp.Encode(b[at:])
	for i := range b[at:] {
		b[at+i] = byte(i * 7)
	}
	return b
}

func transportOK(t *testing.T, b []byte) bool {
	t.Helper()
	h, payload, err := wire.DecodeIPv4(b)
	require.NoError(t, err)
	return wire.TransportChecksumOK(h.Src, h.Dst, h.Protocol, payload)
}

func TestTapCompletesChecksums(t *testing.T) {
	whole := tcpPacket(1001, wire.PSH)
	split := Packet{Head: whole[:40], Body: [2][]byte{whole[40:501], whole[501:]}, CsumDone: true}
	tap := NewTap(1 << 20)
	tap.Put(5, Out, trace.SendData, 9, &split)
	split.CsumDone = false
	tap.Put(6, In, trace.None, 0, &split)

	got, dropped := tap.Take()
	require.Zero(t, dropped)
	require.Len(t, got, 2)
	require.True(t, transportOK(t, got[0].Data), "the device would have filled it")
	require.Equal(t, whole, got[1].Data, "as it was seen")
	got[0].Data = nil
	require.Equal(t, Record{At: 5, Dir: Out, Why: trace.SendData, Conn: 9, Length: 1041}, got[0])
}

func TestTapIsBounded(t *testing.T) {
	tap := NewTap(3 * (100 + recordCost))
	put := func(n int) {
		for i := range n {
			p := packet(100, byte(i))
			tap.Put(clock.Instant(i+1), In, trace.None, 0, &p)
		}
	}
	put(5)
	first, dropped := tap.Take()
	require.Len(t, first, 3)
	require.EqualValues(t, 2, dropped)
	put(2)
	second, dropped := tap.Take()
	require.Len(t, second, 2)
	require.Zero(t, dropped)
	require.Equal(t, bytes.Repeat([]byte{2}, 100), first[2].Data, "what Take gave is the taker's")
	third, _ := tap.Take()
	require.Empty(t, third)
}

func TestSegments(t *testing.T) {
	const gso = 100
	data := tcpPacket(2*gso+50, wire.FIN|wire.PSH|wire.CWR)
	r := Record{Data: data, Length: len(data), GSO: gso}
	var got [][]byte
	for seg := range r.Segments {
		got = append(got, bytes.Clone(seg))
	}
	require.Len(t, got, 3)
	var stream []byte
	for i, seg := range got {
		require.True(t, transportOK(t, seg))
		ip, rest, err := wire.DecodeIPv4(seg)
		require.NoError(t, err)
		require.Equal(t, uint16(0xFFFF+i), ip.ID, "counted up, modulo 2^16")
		tcp, payload, err := wire.DecodeTCP(rest)
		require.NoError(t, err)
		require.Equal(t, wire.Seq(0xFFFFFF00).Add(i*gso), tcp.Seq)
		want := [...]wire.Flags{wire.ACK | wire.CWR, wire.ACK, wire.ACK | wire.FIN | wire.PSH}
		require.Equal(t, want[i], tcp.Flags, "segment %d", i)
		stream = append(stream, payload...)
	}
	require.Equal(t, data[40:], stream)

	for range r.Segments {
		break // an early end is no error
	}
}

func TestSegmentsLeavesOthersAlone(t *testing.T) {
	data := tcpPacket(300, 0)
	for _, c := range []struct {
		name string
		r    Record
	}{
		{"not a super-segment", Record{Data: data, Length: 340}},
		{"one segment only", Record{Data: data, Length: 340, GSO: 300}},
		{"cut short by the capture", Record{Data: data, Length: 1000, GSO: 100}},
		{"not TCP", Record{Data: make([]byte, 400), Length: 400, GSO: 100}},
		{"headers that do not fit", Record{Data: []byte{0x4F, 1, 2, 3}, Length: 4, GSO: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got [][]byte
			for seg := range c.r.Segments {
				got = append(got, seg)
			}
			require.Equal(t, [][]byte{c.r.Data}, got)
		})
	}
	for range (&Record{}).Segments {
		t.Fatal("an empty record stands for no packet")
	}
}

func FuzzSegments(f *testing.F) {
	f.Add(tcpPacket(300, wire.FIN), 100)
	f.Add(tcpPacket(0, 0), 1)
	udp := tcpPacket(300, 0)
	udp[9] = wire.ProtoUDP
	f.Add(udp, 100)
	f.Fuzz(func(t *testing.T, b []byte, gso int) {
		if len(b) > 65535 {
			return
		}
		r := Record{Data: b, Length: len(b), GSO: gso}
		headers, ok := superHeaders(b)
		total := 0
		for seg := range r.Segments {
			if total += len(seg); len(seg) < len(b) {
				require.True(t, ok)
				require.LessOrEqual(t, len(seg), headers+gso)
				require.Equal(t, len(seg), int(binary.BigEndian.Uint16(seg[2:])))
				total -= headers
			}
		}
		if total < len(b) {
			require.Equal(t, len(b)-headers, total, "every payload byte once")
		}
	})
}
