package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/tun/setup"
)

// The chapters of the demo and what each has to say; in their order.
var demoSays = []string{
	"1  THE URL", "scheme         http", "host           www.sockeye.test", "port           80", "path           /",
	"2  THE NAME", "socket(AF_INET, SOCK_DGRAM) = 3", "DNS question", "DNS answer", "IN  A  192.0.2.1", "over UDP", "authoritative  yes",
	"3  THE CONNECTION", "192.0.2.2/24", "255.255.255.0", "network        192.0.2.0", "host part      0.0.0.2", "192.0.2.255", "on-link", "no MAC layer", "no ARP",
	"socket(AF_INET, SOCK_STREAM) = 3", "-- SYN  seq 0 -", "(SYN-SENT)", "SYN ACK  seq 0  ack 1 --|", "(ESTABLISHED)", "-- ACK  seq 1  ack 1 -",
	"connect(3, 192.0.2.1:80) = 0   the peer sees 192.0.2.2:", "MSS ", "window scale", "SACK", "timestamps",
	"4  THE CALLS", "GET / HTTP/1.1", "HTTP/1.1 200 OK", "recv(3, buf, ", "> GET / HTTP/1.1", "< HTTP/1.1 200 OK", "< Content-Length: ",
	"5  THE BYTES", "HTTP body", "HTTP head", "TCP options", "TCP headers", "IPv4 headers", "in all so far",
	"6  THE CLOSE: KEPT ALIVE", "(FIN-WAIT-1)", "(TIME-WAIT)", "who first      We did", "FIN-WAIT-1 -> FIN-WAIT-2 -> TIME-WAIT", "CLOSE-WAIT -> LAST-ACK -> CLOSED", "2 MSL = 60 s",
	"7  ONCE MORE, WITH CONNECTION: CLOSE", "(CLOSE-WAIT)", "(LAST-ACK)", "(CLOSED)", "who first      The ", "CLOSE-WAIT -> LAST-ACK -> CLOSED", "That was all",
}

func requireChapters(t *testing.T, text string) {
	t.Helper()
	rest := text
	for _, want := range demoSays {
		_, after, ok := strings.Cut(rest, want)
		require.True(t, ok, "%q is missing, or not in its place, in:\n%s", want, text)
		rest = after
	}
	// A call that returns late stands behind packets that it caused.
	_, chapter, _ := strings.Cut(text, "4  THE CALLS")
	require.Contains(t, chapter, "send(3, buf, ")
	require.Contains(t, chapter, "close(3) = 0")
	require.NotContains(t, text, "\x1b", "colour without a terminal")
	for _, l := range strings.Split(text, "\n") {
		require.LessOrEqual(t, len(l), 80, "%q", l)
	}
}

func TestDemoPipe(t *testing.T) {
	pcap := filepath.Join(t.TempDir(), "demo.pcapng")
	out, errs, code := try("demo", "--link", "pipe", "--pcap", pcap)
	require.Zero(t, code, errs)
	require.Empty(t, errs)
	requireChapters(t, out)
	first, _, _ := strings.Cut(out, "1  THE URL")
	require.Contains(t, first, "No TUN and no kernel")
	require.Contains(t, first, "go build -o sockeye ./cmd/sockeye && sudo ./sockeye demo\n")
	requireCapture(t, pcap)
}

// Each address and each packet that is told is also in the capture, and the
// reverse: the arrows are as many as the packets.
func TestDemoTellsEveryPacket(t *testing.T) {
	pcap := filepath.Join(t.TempDir(), "demo.pcapng")
	out, errs, code := try("demo", "--link", "pipe", "--pcap", pcap)
	require.Zero(t, code, errs)
	arrows := len(regexp.MustCompile(`(?m)ms  \|(--|<-).*\|`).FindAllString(out, -1))
	packets := capturedPackets(t, pcap)
	require.Equal(t, packets, arrows)
	require.Greater(t, packets, 15)
	requireSum(t, out)
	require.Contains(t, out, "They are in")
}

// requireSum checks that the numbers in the demo's last words are those of its arrows.
func requireSum(t *testing.T, out string) {
	t.Helper()
	ours := len(regexp.MustCompile(`(?m)ms  \|--.*\|`).FindAllString(out, -1))
	theirs := len(regexp.MustCompile(`(?m)ms  \|<-.*\|`).FindAllString(out, -1))
	require.Regexp(t, fmt.Sprintf(`ms: %d packets\s+from\s+us\s+and\s+%d\s+to\s+us`, ours, theirs), out)
}

func TestDemoMends(t *testing.T) {
	for _, r := range []struct {
		name string
		why  error
		want string
	}{
		{"no reason: it was asked for", nil, "sudo ./sockeye demo"},
		{"an ordinary user", setup.ErrNoUserNS, "sudo ./sockeye demo"},
		{"AppArmor", setup.ErrAppArmor, "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0"},
		{"root without capabilities", fmt.Errorf("no namespace: %w", setup.ErrNoCaps), "docker run --cap-add NET_ADMIN --cap-add SYS_ADMIN \\\n"},
		{"not Linux", setup.ErrNotSupported, "on Linux"},
	} {
		t.Run(r.name, func(t *testing.T) { require.Contains(t, mend(r.why, ""), r.want) })
	}
	require.NotContains(t, mend(setup.ErrNoCaps, ""), "sudo", "we are root")
}

func TestDemoCannotWrite(t *testing.T) {
	rows := []struct{ name, file string }{{"no such directory", filepath.Join(t.TempDir(), "no", "such", "dir")}}
	if _, err := os.Stat("/dev/full"); err == nil {
		rows = append(rows, struct{ name, file string }{"no room", "/dev/full"})
	}
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			out, errs, code := try("demo", "--link", "pipe", "--pcap", r.file)
			require.NotZero(t, code)
			require.Contains(t, errs, "cannot write the capture")
			require.Equal(t, 1, strings.Count(errs, "\n"))
			require.NotContains(t, out, "They are in", "they are not")
		})
	}
}
