package wire

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// follower is a segment with text, and with what change makes of its headers.
func follower(seq Seq, text string, change func(ip *IPv4, h *TCP)) []byte {
	ip := IPv4{DF: true, TTL: 64, Protocol: ProtoTCP, Src: netip.AddrFrom4([4]byte{192, 0, 2, 1}), Dst: netip.AddrFrom4([4]byte{192, 0, 2, 2})}
	h := TCP{SrcPort: 1, DstPort: 2, Seq: seq, Ack: 77, Flags: ACK, Window: 500, Options: TCPOptions{HasTimestamps: true, TSVal: 5, TSEcr: 6}}
	if change != nil {
		change(&ip, &h)
	}
	b := make([]byte, ip.HeaderLen()+h.HeaderLen()+len(text))
	at := ip.Encode(b, h.HeaderLen()+len(text))
	copy(b[at+h.Encode(b[at:]):], text)
	SetTransportChecksum(b, [2][]byte{})
	return b
}

func TestLeadAndWhatFollows(t *testing.T) {
	first := Seq(0xFFFFFFFE) // numbers wrap
	for _, row := range []struct {
		what      string
		packet    []byte
		n         int
		push, yes bool
	}{
		{"the next bytes", follower(first.Add(4), "more", nil), 4, false, true},
		{"fewer of them", follower(first.Add(4), "mor", nil), 3, false, true},
		{"pushed", follower(first.Add(4), "more", func(_ *IPv4, h *TCP) { h.Flags |= PSH }), 4, true, true},
		{"another ID and TTL", follower(first.Add(4), "more", func(ip *IPv4, _ *TCP) { ip.ID, ip.TTL = 7, 3 }), 4, false, true},
		{"padding", append(follower(first.Add(4), "more", nil), 0, 0), 4, false, true},
		{"more of them", follower(first.Add(4), "more.", nil), 0, false, false},
		{"none", follower(first.Add(4), "", nil), 0, false, false},
		{"a hole", follower(first.Add(5), "more", nil), 0, false, false},
		{"the same again", follower(first, "more", nil), 0, false, false},
		{"another ACK", follower(first.Add(4), "more", func(_ *IPv4, h *TCP) { h.Ack++ }), 0, false, false},
		{"another window", follower(first.Add(4), "more", func(_ *IPv4, h *TCP) { h.Window++ }), 0, false, false},
		{"another timestamp", follower(first.Add(4), "more", func(_ *IPv4, h *TCP) { h.Options.TSVal++ }), 0, false, false},
		{"other options", follower(first.Add(4), "more", func(_ *IPv4, h *TCP) { h.Options = TCPOptions{} }), 0, false, false},
		{"another port", follower(first.Add(4), "more", func(_ *IPv4, h *TCP) { h.SrcPort++ }), 0, false, false},
		{"FIN", follower(first.Add(4), "more", func(_ *IPv4, h *TCP) { h.Flags |= FIN }), 0, false, false},
		{"no ACK", follower(first.Add(4), "more", func(_ *IPv4, h *TCP) { h.Flags = 0 }), 0, false, false},
		{"another source", follower(first.Add(4), "more", func(ip *IPv4, _ *TCP) { ip.Src = ip.Src.Next() }), 0, false, false},
		{"another protocol", follower(first.Add(4), "more", func(ip *IPv4, _ *TCP) { ip.Protocol = ProtoUDP }), 0, false, false},
		{"a mark (RFC 3168 5)", follower(first.Add(4), "more", func(ip *IPv4, _ *TCP) { ip.TOS = 3 }), 0, false, false},
		{"a fragment", follower(first.Add(4), "more", func(ip *IPv4, _ *TCP) { ip.MF = true }), 0, false, false},
		{"a bad header checksum", func() []byte { b := follower(first.Add(4), "more", nil); b[8]++; return b }(), 0, false, false},
		{"cut short", follower(first.Add(4), "more", nil)[:55], 0, false, false},
		{"nothing", nil, 0, false, false},
	} {
		var l Lead
		require.True(t, l.Set(follower(first, "text", nil)))
		require.Equal(t, 4, l.Size())
		n, push, ok := l.Follows(row.packet)
		require.Equal(t, row.yes, ok, row.what)
		require.Equal(t, row.n, n, row.what)
		require.Equal(t, row.push, push, row.what)
		if !ok {
			continue
		}
		payload := row.packet[l.HeaderLen():][:n]
		require.Zero(t, Fold(Sum(l.SumHeader(row.packet, n), payload)), row.what)
		_, _, ok = l.Follows(follower(first.Add(8), "more", nil))
		require.Equal(t, row.n == 4 && !row.push, ok, "%s: it is the last", row.what)
	}
}

func TestLeadIsPlain(t *testing.T) {
	for what, change := range map[string]func(ip *IPv4, h *TCP){
		"PSH":        func(_ *IPv4, h *TCP) { h.Flags |= PSH },
		"URG":        func(_ *IPv4, h *TCP) { h.Flags |= URG },
		"CWR":        func(_ *IPv4, h *TCP) { h.Flags |= CWR },
		"a mark":     func(ip *IPv4, _ *TCP) { ip.TOS = 3 },
		"a fragment": func(ip *IPv4, _ *TCP) { ip.FragOff = 8 },
		"IP options": func(ip *IPv4, _ *TCP) { ip.Options = []byte{1, 1, 1, 1} },
		"UDP":        func(ip *IPv4, _ *TCP) { ip.Protocol = ProtoUDP },
	} {
		var l Lead
		require.False(t, l.Set(follower(1, "text", change)), what)
	}
	var l Lead
	require.False(t, l.Set(follower(1, "", nil)), "no payload")
	require.True(t, l.Set(follower(1, "text", nil)))
	b := follower(1, "text", nil)
	for n := range b {
		require.False(t, l.Set(b[:n]))
		require.NotPanics(t, func() { new(Lead).Set(b[n:]) })
	}
	binary.BigEndian.PutUint16(b[2:], 30)
	require.False(t, l.Set(b), "shorter than its headers")
}

func TestSumCopyPair(t *testing.T) {
	src := make([]byte, 300)
	for i := range src {
		src[i] = byte(i * 37)
	}
	for n := range 200 {
		for _, at := range []int{0, 1, 2, 63, 64, 65, 150, n} {
			at = min(at, n)
			dst := make([]byte, 400)
			got := SumCopyPair(9, [2][]byte{dst[:at], dst[200:][:n-at]}, src[:n])
			require.Equal(t, Fold(Sum(9, src[:n])), Fold(got), "%d cut at %d", n, at)
			require.Equal(t, src[:n], append(dst[:at:at], dst[200:][:n-at]...))
		}
	}
	dst := make([]byte, 10)
	require.Equal(t, Fold(Sum(0, src[:8])), Fold(SumCopyPair(0, [2][]byte{dst[:3], dst[5:]}, src)), "what does not fit is left off")
}
