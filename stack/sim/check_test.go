package sim

import (
	"bytes"
	"io"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// segment returns a TCP packet from the client (or to it) with its checksums.
func segment(fromClient bool, h wire.TCP, payload int) []byte {
	ip := wire.IPv4{TTL: 64, Protocol: wire.ProtoTCP, DF: true,
		Src: netip.MustParseAddr("192.0.2.2"), Dst: netip.MustParseAddr("192.0.2.1")}
	h.SrcPort, h.DstPort = 80, 4000
	if fromClient {
		ip.Src, ip.Dst = ip.Dst, ip.Src
		h.SrcPort, h.DstPort = 4000, 80
	}
	n := h.HeaderLen() + payload
	b := make([]byte, 20+n)
	at := ip.Encode(b, n)
	h.Encode(b[at:])
	wire.SetTransportChecksum(b, [2][]byte{})
	return b
}

// The checker finds what a host must not send after this handshake: client ISN
// 100, MSS 1000; server ISN 500, MSS 500, window 2000 bytes, scale 2.
func TestCheckerFindsBreaches(t *testing.T) {
	ack := func(seq, ack uint32, win uint16) wire.TCP {
		return wire.TCP{Seq: wire.Seq(seq), Ack: wire.Seq(ack), Flags: wire.ACK, Window: win}
	}
	timestamps := wire.TCPOptions{HasTimestamps: true}
	stamped := func(h wire.TCP) wire.TCP { h.Options = timestamps; return h }
	damaged := func(b []byte, at int) []byte { b[at] ^= 1; return b }
	for _, c := range []struct {
		name string
		b    []byte
		want string // "": allowed
	}{
		{"a full segment", segment(true, ack(101, 501, 100), 500), ""},
		{"larger than the peer's MSS", segment(true, ack(101, 501, 100), 501), "MSS"},
		{"larger than it with its options (RFC 6691)", segment(true, stamped(ack(101, 501, 100)), 489), "MSS"},
		{"as large with its options", segment(true, stamped(ack(101, 501, 100)), 488), ""},
		{"each end has its own MSS", segment(false, ack(501, 101, 500), 1000), ""},
		{"up to the window's edge", segment(true, ack(1601, 501, 100), 500), ""},
		{"a probe beyond it", segment(true, ack(2101, 501, 100), 1), ""},
		{"data beyond it", segment(true, ack(2101, 501, 100), 2), "beyond the peer's window"},
		{"the FIN beyond it", segment(true, wire.TCP{Seq: 2101, Ack: 501, Flags: wire.ACK | wire.FIN, Window: 100}, 0), ""},
		{"a byte and the FIN beyond it", segment(true, wire.TCP{Seq: 2101, Ack: 501, Flags: wire.ACK | wire.FIN, Window: 100}, 1),
			"beyond the peer's window"},
		{"a window that grows", segment(false, ack(501, 101, 600), 0), ""},
		{"a window that shrinks (SHLD-14)", segment(false, ack(501, 101, 499), 0), "shrank"},
		{"a window that shrinks as the data arrives", segment(false, ack(501, 301, 450), 0), ""},
		{"a bad IP checksum", damaged(segment(true, ack(101, 501, 100), 10), 8), "does not decode"},
		{"a bad TCP checksum", damaged(segment(true, ack(101, 501, 100), 10), 45), "checksum"},
		{"a reset out of the blue", segment(false, wire.TCP{Seq: 7, Flags: wire.RST}, 0), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var k checker
			scale := wire.TCPOptions{HasMSS: true, MSS: 1000, HasWindowScale: true, WindowScale: 2}
			require.NoError(t, k.sent(segment(true, wire.TCP{Seq: 100, Flags: wire.SYN, Window: 4000, Options: scale}, 0)))
			scale.MSS = 500
			require.NoError(t, k.sent(segment(false,
				wire.TCP{Seq: 500, Ack: 101, Flags: wire.SYN | wire.ACK, Window: 2000, Options: scale}, 0)))
			require.NoError(t, k.sent(segment(false, ack(501, 101, 500), 0)), "2000 bytes, scaled")
			err := k.sent(c.b)
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
		})
	}
}

func TestWorldEndsAtTheFirstBreach(t *testing.T) {
	p := newPair(t, Config{Seed: 1}, link.Faults{}, link.Features{})
	p.World.send(p.client, &link.Packet{Head: make([]byte, 1501)})
	err := p.Run(ms)
	require.ErrorContains(t, err, "host client: a packet of 1501 bytes")
	require.Equal(t, err, p.Run(ms))
}

func TestWorldThatStandsStill(t *testing.T) {
	w := New(Config{})
	var again func()
	again = func() { w.After(0, again) }
	again()
	require.ErrorIs(t, w.Run(ms), ErrStuck)
}

func TestWorldOrderOfEvents(t *testing.T) {
	w := New(Config{})
	var got []int
	for i, d := range []int{3, 1, 2, 1, 3, 1} {
		w.After(time.Duration(d)*ms, func() { got = append(got, i) })
	}
	require.NoError(t, w.Run(2*ms))
	require.Equal(t, []int{1, 3, 5, 2}, got, "by time, then as they were entered")
	require.Equal(t, 2*ms, w.Now().Sub(1))
	require.NoError(t, w.Run(ms))
	require.Equal(t, []int{1, 3, 5, 2, 0, 4}, got)
}

func TestBytesDependOnTheSeedAlone(t *testing.T) {
	whole := make([]byte, 1000)
	_, _ = io.ReadFull(NewBytes(5), whole)
	pieces := NewBytes(5)
	var got []byte
	for n := 1; len(got) < 1000; n = n%17 + 1 {
		b := make([]byte, min(n, 1000-len(got)))
		_, _ = pieces.Read(b)
		got = append(got, b...)
	}
	require.Equal(t, whole, got)
	other := make([]byte, 1000)
	_, _ = io.ReadFull(NewBytes(6), other)
	require.False(t, bytes.Equal(whole, other))
	require.Equal(t, []byte{0xe6, 0xcc, 0x9c, 0x84}, whole[:4]) // the same on every machine
}
