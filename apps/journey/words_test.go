package journey

import (
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/sockeye-net/sockeye/apps/dns"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/socket"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// told is what a scene has said, in one line.
func (s *scene) told() string { return strings.Join(strings.Fields(s.text.String()), " ") }

func TestWhoAnswers(t *testing.T) {
	for _, row := range []struct {
		rule string
		code dns.RCode
		aa   bool
		want string
	}{
		{"an authority", dnsmessage.RCodeSuccess, true, "authoritative yes (flag AA)"},
		{"an authority's No", dnsmessage.RCodeNameError, true, "authoritative yes (flag AA)"},
		{"a resolver", dnsmessage.RCodeSuccess, false, "authoritative no (flag AA is not set): the server asked others"},
		{"REFUSED asked nobody", dnsmessage.RCodeRefused, false, "authoritative no: the server refuses; it does not serve that name"},
		{"SERVFAIL says nothing of the name", dnsmessage.RCodeServerFailure, false, "authoritative no: the server says that it failed"},
	} {
		t.Run(row.rule, func(t *testing.T) {
			s := newScene()
			s.Exchange(&dns.Exchange{Server: netip.MustParseAddrPort("192.0.2.1:53"), Message: &dns.Message{RCode: row.code, AA: row.aa}})
			require.Contains(t, s.told(), row.want)
		})
	}
}

// The page's share of what was sent is never called nothing.
func TestShareOfThePage(t *testing.T) {
	for _, row := range []struct {
		body int
		want string
	}{{1, "less than 1 % of it is the page"}, {40, "50 % of it is the page"}, {400, "90 % of it is the page"}} {
		t.Run(fmt.Sprint(row.body), func(t *testing.T) {
			s := newScene()
			s.seg(link.In, trace.None, wire.ACK, 1, 1, strings.Repeat("x", row.body), wire.TCPOptions{})
			if row.body == 1 {
				s.seg(link.In, trace.None, wire.ACK, 2, 1, strings.Repeat("h", 200), wire.TCPOptions{})
			}
			s.Bytes(0, 0, 0, int64(row.body))
			require.Contains(t, s.told(), row.want)
		})
	}
}

// What comes between two parts of the story does not run into the next heading.
func TestHeadingsStandApart(t *testing.T) {
	s := newScene()
	s.Heading("One")
	s.udp(link.Out, []byte("x"))
	s.Heading("Two")
	require.Regexp(t, `^1  ONE -+\n\n(.+\n){3}\n2  TWO -+\n\n$`, s.text.String())
}

// Every packet is an arrow, those that the stack drops included, and is counted.
func TestSumCountsTheArrows(t *testing.T) {
	s := newScene()
	s.seg(link.Out, trace.None, wire.SYN, 0, 0, "", wire.TCPOptions{})
	s.seg(link.In, trace.None, wire.RST|wire.ACK, 0, 1, "", wire.TCPOptions{})
	solicitation := make([]byte, 48)
	solicitation[0] = 0x60
	s.Packets([]link.Record{{At: s.now, Dir: link.In, Data: solicitation, Length: len(solicitation)}})
	for range 100 { // more than a ladder prints
		s.udp(link.Out, []byte("x"))
	}
	s.Sum(func(ours, theirs int) string { return fmt.Sprintf("%d and %d", ours, theirs) })
	require.Contains(t, s.told(), "IPv6, which we do not speak --|")
	require.Contains(t, s.told(), "101 and 2")
}

// An ACK that went because of the peer's FIN says so, although the ACK of data was owed as well; one with data is data.
func TestAcknowledgesTheFIN(t *testing.T) {
	for _, row := range []struct {
		name string
		why  trace.Reason
		data string
		want string
	}{
		{"owed at once", trace.SendACK, "", "acknowledges the FIN"},
		{"what was delayed goes with it", trace.SendDelACK, "", "acknowledges the FIN"},
		{"the window opens with it", trace.SendWindow, "", "acknowledges the FIN"},
		{"data carries it", trace.SendData, "x", "new data"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newScene()
			s.handshake()
			s.seg(link.In, trace.None, wire.PSH|wire.FIN|wire.ACK, 1, 1, "last", stamps)
			s.seg(link.Out, row.why, wire.ACK, 1, 6, row.data, stamps)
			s.End()
			require.Regexp(t, `ACK seq 1 ack 6 .*\| `+row.want+`$`, s.told())
		})
	}
}

// The time left is set anew before each call, in both directions: each option is told once for a descriptor, and when it fails.
func TestOptionsAreToldOnce(t *testing.T) {
	s := newScene()
	set := func(fd, option int, err error) { s.did(socket.Call{Name: "setsockopt", FD: fd, Len: option, Err: err}) }
	for range 3 {
		set(3, socket.SO_SNDTIMEO, nil)
		set(3, socket.SO_RCVTIMEO, nil)
	}
	set(4, socket.SO_RCVTIMEO, nil)
	set(3, socket.SO_RCVTIMEO, syscall.EBADF)
	s.did(socket.Call{Name: "close", FD: 3})
	set(3, socket.SO_RCVTIMEO, nil)
	set(4, socket.SO_RCVTIMEO, nil)
	s.End()
	var told []string
	for line := range strings.Lines(s.text.String()) {
		_, call, _ := strings.Cut(line, "ms  ")
		told = append(told, strings.TrimSpace(call))
	}
	require.Equal(t, []string{"setsockopt(3, SO_SNDTIMEO) = 0", "setsockopt(3, SO_RCVTIMEO) = 0", "setsockopt(4, SO_RCVTIMEO) = 0",
		"setsockopt(3, SO_RCVTIMEO) = -1 bad file descriptor", "close(3) = 0", "setsockopt(3, SO_RCVTIMEO) = 0"}, told)
}

// A side's name begins a sentence, in any script.
func TestUpper(t *testing.T) {
	for in, want := range map[string]string{"the peer": "The peer", "다른 호스트": "다른 호스트", "éa": "Éa", "X": "X"} {
		require.Equal(t, want, upper(in))
	}
}

func TestLastPart(t *testing.T) {
	for in, want := range map[string]string{
		"http://a.test": "a.test/", "http://a.test/": "a.test/", "http://a.test/b/c.png#d": "/c.png", "http://a.test/b/": "/b/", "http://a.test/b/?q": "/b/?q",
		"http://a.test/?u=http://b.test/c": "a.test/?u=http://b.test/c", "http://a.test/b?c/d": "/b?c/d", "urn:x": "urn:x",
	} {
		require.Equal(t, want, lastPart(in), in)
	}
}
