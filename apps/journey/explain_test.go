package journey

import (
	"bytes"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/capture"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A sniffer writes what passes between two hosts into a pcap, as tcpdump does.
type sniffer struct {
	t    *testing.T
	file bytes.Buffer
	w    *pcapgo.Writer
	at   time.Time
	head []byte
	snap int // bytes of a frame that are kept; 0: all
}

func newSniffer(t *testing.T, kind layers.LinkType) *sniffer {
	s := &sniffer{t: t, at: time.Unix(1e9, 0)}
	s.w = pcapgo.NewWriter(&s.file)
	require.NoError(t, s.w.WriteFileHeader(65536, kind))
	switch kind {
	case layers.LinkTypeEthernet:
		s.head = append(make([]byte, 12), 8, 0)
	case layers.LinkTypeLinuxSLL:
		s.head = append(make([]byte, 14), 8, 0)
	}
	return s
}

// seg writes a segment; up says that the client sent it. Numbers count from the first.
func (s *sniffer) seg(after time.Duration, up bool, flags wire.Flags, seq, ack, n int, window uint16) {
	s.at = s.at.Add(after)
	t := wire.TCP{SrcPort: 40000, DstPort: 80, Seq: wire.Seq(5000).Add(seq), Ack: wire.Seq(9000).Add(ack), Flags: flags, Window: window}
	h := wire.IPv4{TTL: 64, Protocol: wire.ProtoTCP, Src: netip.MustParseAddr("10.0.0.1"), Dst: netip.MustParseAddr("10.0.0.2")}
	if !up {
		t.SrcPort, t.DstPort, h.Src, h.Dst = t.DstPort, t.SrcPort, h.Dst, h.Src
		t.Seq, t.Ack = wire.Seq(9000).Add(seq), wire.Seq(5000).Add(ack)
	}
	if flags&wire.SYN != 0 {
		t.Options = wire.TCPOptions{HasMSS: true, MSS: 1000}
	}
	if flags&wire.ACK == 0 {
		t.Ack = 0
	}
	b := make([]byte, 20+t.HeaderLen()+n)
	h.Encode(b, t.HeaderLen()+n)
	t.Encode(b[20:])
	frame := append(bytes.Clone(s.head), b...)
	if s.head != nil && len(frame) < 60 { // Ethernet's padding
		frame = append(frame, make([]byte, 60-len(frame))...)
	}
	kept := frame
	if s.snap > 0 {
		kept = frame[:min(len(frame), s.snap)]
	}
	require.NoError(s.t, s.w.WritePacket(gopacket.CaptureInfo{Timestamp: s.at, CaptureLength: len(kept), Length: len(frame)}, kept))
}

// conversation is one with everything that can be inferred.
func (s *sniffer) conversation() {
	const ms, a = time.Millisecond, wire.ACK
	s.seg(0, true, wire.SYN, 0, 0, 0, 4000)
	s.seg(ms, false, wire.SYN|a, 0, 1, 0, 5000)
	s.seg(ms, true, a, 1, 1, 0, 4000)
	s.seg(ms, true, a|wire.PSH, 1, 1, 100, 4000)
	s.seg(50*ms, false, a, 1, 101, 0, 5000) // delayed
	s.seg(ms, false, a, 1, 101, 1000, 5000) // this one is lost behind the sniffer
	s.seg(0, false, a, 1001, 101, 1000, 5000)
	s.seg(0, false, a, 2001, 101, 1000, 5000)
	s.seg(0, false, a, 3001, 101, 1000, 5000)
	s.seg(ms, true, a, 101, 1, 0, 4000)
	s.seg(0, true, a, 101, 1, 0, 4000)
	s.seg(0, true, a, 101, 1, 0, 4000)
	s.seg(ms, false, a, 1, 101, 1000, 5000) // fast retransmit
	s.seg(ms, true, a, 101, 4001, 0, 0)     // no room
	s.seg(300*ms, false, a, 4001, 101, 1, 5000)
	s.seg(ms, true, a, 101, 4001, 0, 0)
	s.seg(ms, true, a, 101, 4001, 0, 4000) // window update
	s.seg(ms, false, a|wire.PSH, 4001, 101, 500, 5000)
	s.seg(300*ms, false, a|wire.PSH, 4001, 101, 500, 5000) // time-out
	s.seg(ms, true, a, 101, 4501, 0, 4000)
	s.seg(10000*ms, true, a, 100, 4501, 0, 4000) // keep-alive
	s.seg(ms, false, a, 4501, 101, 0, 5000)
	s.seg(ms, true, a|wire.FIN, 101, 4501, 0, 4000)
	s.seg(ms, false, a|wire.FIN, 4501, 102, 0, 5000)
	s.seg(ms, true, a, 102, 4502, 0, 4000)
}

// explained is what is told of a capture.
func explained(t *testing.T, file []byte, lang string) string {
	t.Helper()
	var out bytes.Buffer
	require.NoError(t, New(Options{Out: &out, Us: "our side", Lang: lang}).Explain(capture.NewReader(bytes.NewReader(file))))
	return out.String()
}

// unwrapped is a ladder whose reasons are each in one line.
func unwrapped(text string) string {
	return strings.ReplaceAll(text, "\n"+strings.Repeat(" ", timeColumn+2)+"|"+strings.Repeat(" ", inside)+"|  ", " ")
}

// Anybody's capture is told, whatever its link: each reason is seen, and marked as inferred.
func TestExplainAnybodys(t *testing.T) {
	var first string
	for _, kind := range []layers.LinkType{layers.LinkTypeEthernet, layers.LinkTypeLinuxSLL, layers.LinkTypeRaw} {
		s := newSniffer(t, kind)
		s.conversation()
		text := explained(t, s.file.Bytes(), "")
		if first == "" {
			first = text
			golden(t, "explain.txt", text)
			golden(t, "explain.ko.txt", explained(t, s.file.Bytes(), "ko"))
		}
		require.Equal(t, first, text, kind)
	}
	for _, why := range []string{"inferred: opens", "inferred: delayed acknowledgment", "inferred: duplicate ACK", "inferred: fast retransmit: third duplicate ACK",
		"inferred: acknowledgment; no room left", "inferred: zero-window probe", "inferred: window update", "inferred: retransmission timeout", "inferred: keep-alive probe", "inferred: data; it fills the window"} {
		require.Contains(t, unwrapped(first), why)
	}
}

// Our own capture carries its reasons and states, and they are no guesses.
func TestExplainOurs(t *testing.T) {
	s := newScene()
	var file bytes.Buffer
	w, err := capture.NewWriter(&file, capture.Options{Wall: time.Unix(1e9, 0)})
	require.NoError(t, err)
	put := func(dir link.Direction, why trace.Reason, flags wire.Flags, seq, ack int, o wire.TCPOptions, state string) {
		s.after(time.Millisecond)
		s.seg(dir, why, flags, seq, ack, "", o)
		it := s.waiting[len(s.waiting)-1]
		s.waiting = nil
		r := link.Record{At: it.at, Dir: dir, Why: why, Data: s.last, Length: len(s.last)}
		require.NoError(t, w.WriteRecord(&r, state))
	}
	put(link.Out, trace.SendSYN, wire.SYN, 0, 0, synOptions, "SYN-SENT")
	put(link.In, trace.None, wire.SYN|wire.ACK, 0, 1, synOptions, "ESTABLISHED, cwnd 14480, srtt 1ms")
	put(link.Out, trace.SendACK, wire.ACK, 1, 1, stamps, "ESTABLISHED, cwnd 14480, srtt 1ms")
	put(link.Out, trace.SendFIN, wire.FIN|wire.ACK, 1, 1, stamps, "FIN-WAIT-1, cwnd 14480")
	text := unwrapped(explained(t, file.Bytes(), ""))
	for _, want := range []string{">|  active open", "--|  inferred: answer to SYN", "(SYN-SENT)", "(ESTABLISHED)", ">|  acknowledges the SYN", "(FIN-WAIT-1)", "no more to send"} {
		require.Contains(t, text, want)
	}
	require.Equal(t, 1, strings.Count(text, "inferred"), "only the peer's")
}

// Of a capture of which only heads were kept the lengths are still right.
func TestExplainHeadsOnly(t *testing.T) {
	whole, heads := newSniffer(t, layers.LinkTypeEthernet), newSniffer(t, layers.LinkTypeEthernet)
	heads.snap = 14 + 20 + 24
	whole.conversation()
	heads.conversation()
	require.Less(t, heads.file.Len(), whole.file.Len()/2)
	require.Equal(t, explained(t, whole.file.Bytes(), ""), explained(t, heads.file.Bytes(), ""))
}

func TestExplainNothing(t *testing.T) {
	s := newSniffer(t, layers.LinkTypeEthernet)
	require.ErrorIs(t, New(Options{Out: &s.file}).Explain(capture.NewReader(bytes.NewReader(s.file.Bytes()))), ErrNothing)
	require.ErrorIs(t, New(Options{Out: &s.file}).Explain(capture.NewReader(strings.NewReader("hello, this is text"))), capture.ErrFormat)
}

// Whatever a file says, nothing breaks.
func FuzzExplain(f *testing.F) {
	t := &testing.T{}
	for _, kind := range []layers.LinkType{layers.LinkTypeEthernet, layers.LinkTypeRaw} {
		s := newSniffer(t, kind)
		s.conversation()
		f.Add(s.file.Bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		j := New(Options{Out: io.Discard, Page: true})
		_ = j.Explain(capture.NewReader(bytes.NewReader(b))) // an error is as good
		require.NoError(t, j.WritePage(io.Discard))
	})
}

// What is left out of a file is said, and so is why there is nothing to tell.
func TestExplainSaysWhatIsLeftOut(t *testing.T) {
	s := newSniffer(t, layers.LinkTypeEthernet)
	s.conversation()
	frame := func(s *sniffer, kind uint16, b ...byte) {
		b = append(append(make([]byte, 12), byte(kind>>8), byte(kind)), b...)
		require.NoError(t, s.w.WritePacket(gopacket.CaptureInfo{Timestamp: s.at, CaptureLength: len(b), Length: len(b)}, b))
	}
	frame(s, 0x86DD, 0x60, 0, 0, 0)
	frame(s, 0x86DD, 0x60, 0, 0, 0)
	frame(s, 0x0806, 0, 1)
	text := unwrapped(explained(t, s.file.Bytes(), "en"))
	require.Contains(t, text, "Left out: 2 packets of IPv6, since this stack speaks IPv4.")
	require.Contains(t, text, "Left out: 1 packet of no IP.")

	why := func(file []byte) error {
		return New(Options{Out: io.Discard}).Explain(capture.NewReader(bytes.NewReader(file)))
	}
	only := newSniffer(t, layers.LinkTypeEthernet)
	frame(only, 0x86DD, 0x60, 0, 0, 0)
	require.ErrorIs(t, why(only.file.Bytes()), ErrNothing)
	require.ErrorContains(t, why(only.file.Bytes()), "but IPv6")
	air := newSniffer(t, layers.LinkTypeIEEE802_11)
	frame(air, 0x0800, 0x45, 0, 0, 0)
	require.ErrorContains(t, why(air.file.Bytes()), "type 105")
	whole := s.file.Bytes()
	require.ErrorContains(t, why(whole[:len(whole)-3]), "malformed pcap: cut short")
	require.ErrorContains(t, why(whole[:5]), "too short")
	require.ErrorContains(t, why([]byte("hello, this is text")), "neither pcap nor pcapng")
	require.ErrorContains(t, why([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x00")), "gzip")
}
