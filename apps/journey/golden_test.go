package journey

import (
	"bytes"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/sockeye-net/sockeye/apps/dns"
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/socket"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	compare(t, name, got)
	require.True(t, utf8.ValidString(got))
	for _, l := range strings.Split(got, "\n") {
		require.LessOrEqual(t, width(l), columns, "%q", l)
	}
}

// compare holds a text against its golden file.
func compare(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

// A scene is a journey whose every packet, event and call the test makes up.
type scene struct {
	*Journey
	text   bytes.Buffer
	now    clock.Instant
	local  netip.AddrPort
	peer   netip.AddrPort
	conn   uint64
	isn    [2]wire.Seq // ours, the peer's
	window uint16      // of each segment
	last   []byte      // the packet that was made last
	fd     int         // of the connection
}

func newScene() *scene {
	s := &scene{now: 1, conn: 7, fd: 3, window: 1000, isn: [2]wire.Seq{1000, 0xFFFFFFF0},
		local: netip.MustParseAddrPort("192.0.2.2:40000"), peer: netip.MustParseAddrPort("192.0.2.1:80")}
	s.Journey = New(Options{Out: &s.text, Us: "sockeye", Peer: "the kernel"})
	return s
}

func (s *scene) after(d time.Duration) { s.now = s.now.Add(d) }

// packet gives the journey an IP packet.
func (s *scene) packet(dir link.Direction, why trace.Reason, protocol uint8, transport []byte) {
	h := wire.IPv4{TTL: 64, Protocol: protocol, Src: s.local.Addr(), Dst: s.peer.Addr()}
	if dir == link.In {
		h.Src, h.Dst = h.Dst, h.Src
	}
	b := make([]byte, 20, 20+len(transport))
	h.Encode(b, len(transport))
	b = append(b, transport...)
	s.last = b
	r := link.Record{At: s.now, Dir: dir, Why: why, Data: b, Length: len(b)}
	if dir == link.Out && protocol == wire.ProtoTCP {
		r.Conn = s.conn
	}
	s.Packets([]link.Record{r})
}

// seg gives it a segment; numbers count from the first.
func (s *scene) seg(dir link.Direction, why trace.Reason, flags wire.Flags, seq, ack int, data string, o wire.TCPOptions) {
	t := wire.TCP{SrcPort: s.local.Port(), DstPort: s.peer.Port(), Seq: s.isn[0].Add(seq), Ack: s.isn[1].Add(ack), Flags: flags, Window: s.window, Options: o}
	if dir == link.In {
		t.SrcPort, t.DstPort = t.DstPort, t.SrcPort
		t.Seq, t.Ack = s.isn[1].Add(seq), s.isn[0].Add(ack)
	}
	b := make([]byte, t.HeaderLen())
	t.Encode(b)
	s.packet(dir, why, wire.ProtoTCP, append(b, data...))
}

func (s *scene) state(st ...tcp.State) {
	for _, st := range st {
		s.Events([]trace.Event{{At: s.now, Conn: s.conn, Kind: trace.StateChanged, State: uint8(st)}})
	}
}

// did tells a call that ends a little later than what it did.
func (s *scene) did(c socket.Call) {
	s.after(5 * time.Microsecond)
	s.Call(s.now, c)
	s.after(2 * time.Microsecond)
}

var (
	synOptions = wire.TCPOptions{HasMSS: true, MSS: 1460, HasWindowScale: true, WindowScale: 7, SACKPermitted: true, HasTimestamps: true}
	stamps     = wire.TCPOptions{HasTimestamps: true}
)

func (s *scene) udp(dir link.Direction, payload []byte) {
	h := wire.UDP{SrcPort: 50000, DstPort: 53, Length: uint16(8 + len(payload))}
	if dir == link.In {
		h.SrcPort, h.DstPort = 53, 50000
	}
	b := make([]byte, 8)
	h.Encode(b)
	why := trace.SendUDP
	if dir == link.In {
		why = trace.None
	}
	s.packet(dir, why, wire.ProtoUDP, append(b, payload...))
}

// handshake opens the connection.
func (s *scene) handshake() {
	s.did(socket.Call{Name: "socket", FD: -1, Len: socket.SOCK_STREAM, Result: s.fd})
	s.after(10 * time.Microsecond)
	s.state(tcp.StateSynSent)
	s.seg(link.Out, trace.SendSYN, wire.SYN, 0, -int(s.isn[1]), "", synOptions)
	s.after(90 * time.Microsecond)
	s.seg(link.In, trace.None, wire.SYN|wire.ACK, 0, 1, "", synOptions)
	s.state(tcp.StateEstablished)
	s.seg(link.Out, trace.SendACK, wire.ACK, 1, 1, "", stamps)
	s.after(5 * time.Microsecond)
	s.did(socket.Call{Name: "connect", FD: s.fd, Addr: s.peer})
}

const (
	request  = "GET / HTTP/1.1\r\nHost: www.sockeye.test\r\n\r\n"
	response = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n"
	body     = "salmon"
)

func (s *scene) exchange() {
	s.seg(link.Out, trace.SendData, wire.PSH|wire.ACK, 1, 1, request, stamps)
	s.did(socket.Call{Name: "send", FD: 3, Len: len(request), Result: len(request)})
	s.after(300 * time.Microsecond)
	s.seg(link.In, trace.None, wire.PSH|wire.ACK, 1, 1+len(request), response+body, stamps)
	s.seg(link.Out, trace.SendACK, wire.ACK, 1+len(request), 1+len(response+body), "", stamps)
	s.after(5 * time.Microsecond)
	s.did(socket.Call{Name: "recv", FD: 3, Len: 4096, Result: len(response + body)})
}

var way = Way{Us: netip.MustParsePrefix("192.0.2.2/26"), Peer: netip.MustParseAddr("192.0.2.1"), Via: netip.MustParseAddr("192.0.2.1"), Device: "sockeye0"}

// A whole journey, kept alive and closed by us; ACK and FIN in one.
func TestWholeJourney(t *testing.T) {
	golden(t, "whole.txt", wholeJourney("en")) // what came after the end is not in it
	golden(t, "whole.ko.txt", wholeJourney("ko"))
}

func wholeJourney(lang string) string {
	s := newScene()
	s.o.Lang = lang
	s.Say("A fetch.")
	s.URL("http://www.sockeye.test/?q=salmon#top")
	s.Question("www.sockeye.test", dns.TypeA, []netip.AddrPort{netip.MustParseAddrPort("192.0.2.1:53")})
	s.did(socket.Call{Name: "socket", FD: -1, Len: socket.SOCK_DGRAM, Result: 3})
	s.udp(link.Out, make([]byte, 34))
	s.after(200 * time.Microsecond)
	s.udp(link.In, make([]byte, 50))
	s.did(socket.Call{Name: "recv", FD: 3, Len: 512, Result: 50})
	s.did(socket.Call{Name: "close", FD: 3})
	s.Exchange(&dns.Exchange{Server: netip.MustParseAddrPort("192.0.2.1:53"), Local: netip.MustParseAddrPort("192.0.2.2:50000"),
		Query: make([]byte, 34), Raw: make([]byte, 50), RoundTrip: 200 * time.Microsecond,
		Message: &dns.Message{ID: 0xBEEF, AA: true, Questions: []dns.Question{{Name: "wWw.sockeye.test.", Type: dns.TypeA, Class: 1}},
			Answers: []dns.Record{{Name: "wWw.sockeye.test.", Type: dns.TypeA, Class: 1, TTL: 60, Data: &dnsmessage.AResource{A: [4]byte{192, 0, 2, 1}}}}}})
	s.Connection(way)
	s.handshake()
	s.Agreed()
	s.Talk()
	s.exchange()
	s.Messages([]byte(request), []byte(response), []byte(body), int64(len(body)))
	s.Bytes(int64(len(request)), 0, int64(len(response)), int64(len(body)))
	s.Heading("The close")
	n, m := 1+len(request), 1+len(response+body)
	s.state(tcp.StateFinWait1)
	s.seg(link.Out, trace.SendFIN, wire.FIN|wire.ACK, n, m, "", stamps)
	s.did(socket.Call{Name: "close", FD: 3})
	s.after(80 * time.Microsecond)
	s.seg(link.In, trace.None, wire.FIN|wire.ACK, m, n+1, "", stamps)
	s.state(tcp.StateFinWait2, tcp.StateTimeWait)
	s.seg(link.Out, trace.SendACK, wire.ACK, n+1, m+1, "", stamps)
	s.Closed(30 * time.Second)
	s.End()
	s.did(socket.Call{Name: "close", FD: 3})
	s.seg(link.In, trace.None, wire.RST, 1, 1, "", wire.TCPOptions{})
	s.End()
	return s.text.String()
}

// The server closes first, its FIN on the last data; our ACK and FIN in one;
// the data comes twice, and the SYN was lost once.
func TestServerFirst(t *testing.T) {
	s := newScene()
	s.seg(link.Out, trace.SendSYN, wire.SYN, 0, -int(s.isn[1]), "", synOptions)
	s.after(time.Second)
	s.handshake()
	s.seg(link.Out, trace.SendData, wire.PSH|wire.ACK, 1, 1, request, stamps)
	s.after(300 * time.Microsecond)
	n, m := 1+len(request), 1+len(response+body)
	s.seg(link.In, trace.None, wire.PSH|wire.ACK, 1, n, response, stamps)
	s.seg(link.In, trace.None, wire.PSH|wire.ACK, 1, n, response, stamps)
	s.after(20 * time.Microsecond)
	s.seg(link.In, trace.None, wire.FIN|wire.PSH|wire.ACK, m-len(body), n, body, stamps)
	s.state(tcp.StateCloseWait)
	s.did(socket.Call{Name: "recv", FD: 3, Len: 4096, Result: 0})
	s.state(tcp.StateLastAck)
	s.seg(link.Out, trace.SendFIN, wire.FIN|wire.ACK, n, m+1, "", stamps)
	s.after(60 * time.Microsecond)
	s.seg(link.In, trace.None, wire.ACK, m+1, n+1, "", stamps)
	s.state(tcp.StateClosed)
	s.Closed(30 * time.Second)
	golden(t, "serverfirst.txt", s.text.String())
}

// A connection that is refused.
func TestRefused(t *testing.T) {
	s := newScene()
	s.state(tcp.StateSynSent)
	s.seg(link.Out, trace.SendSYN, wire.SYN, 0, -int(s.isn[1]), "", synOptions)
	s.after(100 * time.Microsecond)
	s.seg(link.In, trace.None, wire.RST|wire.ACK, 0, 1, "", wire.TCPOptions{})
	s.state(tcp.StateClosed)
	s.did(socket.Call{Name: "connect", FD: 3, Addr: s.peer, Result: -1, Err: syscall.ECONNREFUSED})
	s.Closed(30 * time.Second)
	golden(t, "refused.txt", s.text.String())
}

// Two segments of one batch, the same time: each change of state stands behind its own.
func TestStatesFollowTheirSegments(t *testing.T) {
	s := newScene()
	s.handshake()
	s.state(tcp.StateFinWait1)
	s.seg(link.Out, trace.SendFIN, wire.FIN|wire.ACK, 1, 1, "", stamps)
	s.after(50 * time.Microsecond)
	received := func(flags wire.Flags, st tcp.State) []trace.Event {
		return []trace.Event{
			{At: s.now, Conn: s.conn, Kind: trace.Received, Flags: uint8(flags), Seq: uint32(s.isn[1].Add(1)), Ack: uint32(s.isn[0].Add(2))},
			{At: s.now, Conn: s.conn, Kind: trace.StateChanged, State: uint8(st)},
		}
	}
	s.Events(append(received(wire.ACK, tcp.StateFinWait2), received(wire.FIN|wire.ACK, tcp.StateTimeWait)...))
	s.seg(link.In, trace.None, wire.ACK, 1, 2, "", stamps)
	s.seg(link.In, trace.None, wire.FIN|wire.ACK, 1, 2, "", stamps)
	s.seg(link.Out, trace.SendACK, wire.ACK, 2, 2, "", stamps)
	s.Closed(30 * time.Second)
	golden(t, "batch.txt", s.text.String())
}

// The middle of a long ladder is counted, not told; -v of ping and serve tells all.
func TestLongLadder(t *testing.T) {
	for _, all := range []bool{false, true} {
		s := newScene()
		s.o.All = all
		s.handshake()
		for i := range 1000 {
			s.seg(link.In, trace.None, wire.ACK, 1+1000*i, 1, strings.Repeat("x", 1000), stamps)
			s.after(time.Microsecond)
		}
		s.End()
		lines := strings.Count(s.text.String(), "\n")
		if all {
			require.Greater(t, lines, 1000)
			continue
		}
		require.Equal(t, maxLines+1+tailLines, lines)
		require.Regexp(t, `\.\.\. 93\d more lines, 9\d\d,000 bytes of data \.\.\.`, s.text.String())
		require.Contains(t, s.text.String(), "seq 999001  ack 1  len 1000")
	}
}

// What comes from the network cannot drive a terminal, and breaks no line.
func TestNothingUnescaped(t *testing.T) {
	s := newScene()
	evil := "HTTP/1.1 200 \x1b[2J\x07\xff\u202e\r\nX: \x1b]0;x\x07\r\n\r\n"
	s.URL("http://a/\x1b[31m" + strings.Repeat("y", 300))
	s.Question("\x1b[1m.test", dns.TypeA, nil)
	s.handshake()
	s.seg(link.In, trace.None, wire.ACK, 1, 1, evil, stamps)
	s.Messages([]byte(evil), []byte(evil), []byte(evil+strings.Repeat("z", 500)), 10000)
	s.End()
	for _, l := range strings.Split(s.text.String(), "\n") {
		require.LessOrEqual(t, len(l), columns, "%q", l)
		for _, r := range l {
			require.True(t, r >= ' ' && r < 0x7f, "%q", l)
		}
	}
}
