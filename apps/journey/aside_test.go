package journey

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/sockeye-net/sockeye/apps/dns"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/socket"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A loss from the sender's side: the arrow that does not arrive, duplicates with what they have, the window, and in the
// end a window of zero.
func TestLossIsSeen(t *testing.T) {
	for lang, name := range map[string]string{"en": "loss.txt", "ko": "loss.ko.txt"} {
		s := newScene()
		s.o.Lang = lang
		sent := 0
		s.o.Lost = func(*link.Record) bool { sent++; return sent == 4 } // SYN, ACK, data, data
		s.handshake()
		data := strings.Repeat("x", 1000)
		for i := range 4 {
			s.seg(link.Out, trace.SendData, wire.ACK, 1+1000*i, 1, data, stamps)
		}
		s.Events([]trace.Event{{At: s.now, Conn: s.conn, Kind: trace.Sent, Cwnd: 14480}})
		for i := range 4 { // the first of them says something new: it acknowledges
			s.after(time.Millisecond)
			s.window = uint16(1000 + i) // the window moves, as Linux's does: with SACK they are duplicates all the same
			o := stamps
			o.NumSACK, o.SACK[0] = 1, wire.SACKBlock{Left: s.isn[0].Add(2001), Right: s.isn[0].Add(3001 + 500*i)}
			s.seg(link.In, trace.None, wire.ACK, 1, 1001, "", o)
		}
		s.Events([]trace.Event{{At: s.now, Conn: s.conn, Kind: trace.CwndChanged, Reason: trace.CwndFastRecovery, Cwnd: 7000},
			{At: s.now, Conn: s.conn, Kind: trace.CwndChanged, Reason: trace.CwndACK, Cwnd: 7100}})
		s.seg(link.Out, trace.SendFast, wire.ACK, 1001, 1, data, stamps)
		s.after(time.Millisecond)
		s.window = 0
		s.seg(link.In, trace.None, wire.ACK, 1, 4001, "", stamps)
		s.after(200 * time.Millisecond)
		s.window = 1000
		s.seg(link.Out, trace.SendProbe, wire.ACK, 4001, 1, "x", stamps)
		s.after(time.Millisecond)
		s.window = 0
		s.seg(link.In, trace.None, wire.ACK, 1, 4001, "", stamps)
		s.after(time.Second)
		s.window = 1000
		s.seg(link.In, trace.None, wire.ACK, 1, 4001, "", stamps)
		s.seg(link.Out, trace.SendRefused, wire.ACK, 4001, 1, "x", stamps)
		s.after(time.Millisecond)
		o := stamps
		o.NumSACK, o.SACK[0], o.SACK[1] = 2, wire.SACKBlock{Left: s.isn[0].Add(4001), Right: s.isn[0].Add(4002)}, wire.SACKBlock{Left: s.isn[0].Add(5001), Right: s.isn[0].Add(6001)}
		s.seg(link.In, trace.None, wire.ACK, 1, 4002, "", o) // both came
		s.Mark(s.now, "the reader goes on:", "with\x1b[2J this "+strings.Repeat("long ", 20))
		s.End()
		golden(t, name, s.text.String())
	}
}

// What a program tells of its own stands in columns.
func TestTable(t *testing.T) {
	s := newScene()
	s.Table([][]string{{"what", "how many", "where"}, {"salmon", "1200", "192.0.2.1:80"}, {"곰", "3", ""}})
	s.Fact("cwnd", "ten segments")
	s.Blank()
	require.Equal(t, strings.Join([]string{
		"   what    how many  where",
		"   salmon      1200  192.0.2.1:80",
		"   곰             3",
		"",
		"   cwnd           ten segments",
		"", ""}, "\n"), s.text.String())
}

// Traffic and Open know what was told; a ladder may be kept short.
func TestTrafficAndBrevity(t *testing.T) {
	s := newScene()
	s.handshake()
	before := s.Traffic()
	require.Equal(t, [2]int64{2, 1}, before.Packets)
	require.Equal(t, 1, s.Open())
	s.Brief(10)
	for i := range 40 {
		s.seg(link.In, trace.None, wire.ACK, 1+100*i, 1, strings.Repeat("x", 100), stamps)
		s.after(time.Microsecond)
	}
	s.seg(link.In, trace.None, wire.RST, 4001, 1, "", wire.TCPOptions{})
	more := s.Traffic().Sub(before)
	require.Equal(t, Traffic{Packets: [2]int64{0, 41}, Bytes: [2]int64{0, 40*(20+32+100) + 40}}, more)
	require.Zero(t, s.Open())
	require.Contains(t, s.text.String(), "... 28 more lines, ")
}

// Where a ladder's middle is left out its end says whose packets these are.
func TestTheEndOfALadderHasItsSides(t *testing.T) {
	s := newScene()
	s.Brief(10)
	s.handshake()
	for i := range 20 {
		s.seg(link.In, trace.None, wire.ACK, 1+100*i, 1, strings.Repeat("x", 100), stamps)
	}
	s.onto("192.0.2.2:40001", "192.0.2.1:30000", 8, 4)
	s.seg(link.Out, trace.SendSYN, wire.SYN, 0, 0, "", wire.TCPOptions{})
	s.End()
	text := s.text.String()
	require.Equal(t, 1, strings.Count(text, "192.0.2.2:40000  "), text)
	_, end, ok := strings.Cut(text, "more lines, ")
	require.True(t, ok)
	require.Regexp(t, `(?s)ack 1  len 100 --\|.*192\.0\.2\.2:40001 +192\.0\.2\.1:30000\n.*SYN  seq 0 -+>\|  active open\n$`, end)
}

// An address that is long stands on a line of its own.
func TestLongAddressesHaveALine(t *testing.T) {
	s := newScene()
	s.onto("192.168.100.102:40001", "203.0.113.253:30000", 8, 4)
	s.o.Lang = "ko"
	s.seg(link.Out, trace.SendSYN, wire.SYN, 0, 0, "", wire.TCPOptions{})
	s.did(socket.Call{Name: "connect", FD: 3, Addr: netip.MustParseAddrPort("203.0.113.253:30000")})
	s.End()
	require.Contains(t, s.text.String(), "connect(3, 203.0.113.253:30000) = 0\n              상대가 보는 주소 192.168.100.102:40001\n")
}

// A server that refers says who knows, and nothing else that it does not know.
func TestReferral(t *testing.T) {
	ns := dns.Record{Name: "test.", Type: dns.TypeNS, Class: 1, TTL: 60, Data: &dnsmessage.NSResource{NS: dnsmessage.MustNewName("ns.test.")}}
	glue := dns.Record{Name: "ns.test.", Type: dns.TypeA, Class: 1, TTL: 60, Data: &dnsmessage.AResource{A: [4]byte{192, 0, 2, 53}}}
	for _, row := range []struct {
		rule  string
		m     dns.Message
		wants []string
	}{
		{"NS and glue (RFC 1034 4.3.2 3b)", dns.Message{Authorities: []dns.Record{ns}, Additionals: []dns.Record{glue}},
			[]string{"referral not known here, but who does: ns.test. keeps test.", "glue ns.test. is at 192.0.2.53;", "authoritative no (flag AA is not set): it has only handed the name on."}},
		{"NS alone", dns.Message{Authorities: []dns.Record{ns}}, []string{"referral not known here, but who does: ns.test. keeps test. from "}},
		{"an authority's nothing is none", dns.Message{AA: true, Authorities: []dns.Record{ns}}, []string{"answer none: NOERROR", "authoritative yes"}},
		{"a failure is none", dns.Message{RCode: dnsmessage.RCodeServerFailure, Authorities: []dns.Record{ns}}, []string{"answer none: SERVFAIL"}},
	} {
		t.Run(row.rule, func(t *testing.T) {
			s := newScene()
			s.Exchange(&dns.Exchange{Message: &row.m})
			for _, want := range row.wants {
				require.Contains(t, s.told(), want)
			}
		})
	}
}

// No two phases of the waterfall have one colour.
func TestPhasesDiffer(t *testing.T) {
	_, phases, ok := strings.Cut(pageJS, "const PHASES = ")
	require.True(t, ok)
	phases, _, _ = strings.Cut(phases, "\n")
	seen := map[string]bool{}
	for _, c := range regexp.MustCompile(`#[0-9a-f]{6}`).FindAllString(phases, -1) {
		require.False(t, seen[c], c)
		seen[c] = true
	}
	require.Len(t, seen, 5)
}
