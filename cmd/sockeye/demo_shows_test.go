package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// What each demo has to show, in its order: chapters, packets with their reasons, results. It holds over the Pipe and
// over the TUN; what begins with ~ only over the Pipe, in a time of its own, for a machine with much to do may stop in
// between.
var showSays = map[string][]string{
	"loss": {
		"1 THE CONNECTION", "SACK yes yes", "2 A LOSS IN THE MIDDLE",
		"seq 4345 ack 1 len 1448 -----X | new data, lost", "send(3, buf, 14480) = 14480",
		"duplicate ACK; SACK 5793-", "~7241", "~duplicate ACK; SACK 5793-8689", "~duplicate ACK; SACK 5793-10137",
		"~: fast recovery)", "~seq 4345 ack 1 len 1448 ------>| fast retransmit: third duplicate ACK", "ack 14481 --| ", "~1 sent again so far",
		"3 A LOSS AT THE END", "new data, lost", "new data, lost", "~tail loss probe", "~SACK 18825-20273", "~seq 17377 ack 20 len 1448 ---->| fast retransmit",
		"4 ALL IS LOST", "new data, lost", "new data, lost", ": timeout)", "retransmission timeout, lost", "| retransmission timeout",
		"5 THE CLOSE", "(FIN-WAIT-1)", "who first We did.", "That was all",
	},
	"zero-window": {
		"2 NOBODY READS", "new data", "win 0 --| acknowledgment; no room left", "len 1 ", "zero-window probe", "win 0 --| duplicate ACK", "~zero-window probe",
		"-- the reader goes on --", "window update", "new data", "ack 24577 ", "recv(3, buf, 256) = 19", "3 THE CLOSE", "That was all",
	},
	"dns-tree": {
		"1 THE TREE", "2 FROM THE ROOT DOWN", "198.51.100.1:53", "referral not known here, but who does: ns.test. keeps test.", "glue ns.test. is at 203.0.113.1;",
		"203.0.113.1:53", "ns.sockeye.test. keeps sockeye.test.", "203.0.113.53:53", "authoritative yes (flag AA)", "found www.sockeye.test. 300 IN A 192.0.2.80", "from 203.0.113.53, which keeps the zone",
		"3 AN ALIAS: CNAME", "IN CNAME fish.river.test.", "ns.river.test. keeps river.test.", "found fish.river.test. 300 IN A 192.0.2.81",
		"4 THE SAME ONCE MORE", "from our cache, ", "5 A NAME THAT DOES NOT EXIST", "answer none: NXDOMAIN", "6 THAT NO ONCE MORE", "found nothing", "from our cache, ", "7 packets from us and 7 to us",
	},
	"tls": {
		"1 THE URL", "2 THE CONNECTION", "192.0.2.1:443", "3 TLS", "SNI www.sockeye.test:", "ALPN we offered h2, http/1.1; the server chose http/1.1", "version TLS 1.3", "cipher TLS_", "key exchange ",
		"certificate 1 of www.sockeye.test, signed by Sockeye Demo Intermediate", "certificate 2 of Sockeye Demo Intermediate, signed by Sockeye Demo Root", "believed yes: the first one is good for www.sockeye.test", "by Sockeye Demo Root, which the demo trusts.",
		"4 THE CALLS", "> GET / HTTP/1.1", "< HTTP/1.1 200 OK", "5 THE BYTES", "6 THE CLOSE", "7 THE SAME SERVER, NOT BELIEVED", "8 TLS", "believed no: x509: certificate signed by unknown authority", "That was all",
	},
	"http2": {
		"3 TLS", "the server chose h2", "4 THE CALLS", "h2 > SETTINGS", "h2 > HEADERS stream 1 ", "bytes before HPACK)", "h2 < HEADERS stream 1 ", "> :method: GET", "< :status: 200",
		"6 TWO REQUESTS AT ONCE", "h2 > HEADERS stream 3 ", "h2 > HEADERS stream 5 ", "h2 < HEADERS stream ", "h2 < HEADERS stream ", "7 HTTP/2: ITS STREAMS", "1 GET / 200", "3 GET /", "5 GET /", "HPACK.", "8 THE CLOSE", "That was all",
	},
	"polling": {
		"1 POLLING", "GET /now?after=0", "HTTP/1.1 204", "GET /now?after=0", "1 the ice breaks", "~HTTP/1.1 204", "2 the salmon come", "3 the bears come, too",
		"2 LONG POLLING", "3 STREAMING", "4 THE THREE SIDE BY SIDE", "~polling 6 ", "~long-polling 3 ", "streaming 1 ", "That was all",
	},
	"long-polling": {
		"1 LONG POLLING", "GET /wait?after=0", "1 the ice breaks", "GET /wait?after=1", "2 the salmon come", "~GET /wait?after=2", "3 the bears come, too",
		"2 POLLING", "3 STREAMING", "4 THE THREE SIDE BY SIDE", "~polling 6 ", "~long-polling 3 ", "streaming 1 ", "That was all",
	},
	"streaming": {
		"1 STREAMING", "GET /stream", "HTTP/1.1 200 OK", "1 the ice breaks", "2 the salmon come", "3 the bears come, too",
		"2 POLLING", "3 LONG POLLING", "4 THE THREE SIDE BY SIDE", "~polling 6 ", "~long-polling 3 ", "streaming 1 ", "That was all",
	},
	"websocket": {
		"1 THE URL", "2 THE CONNECTION", "3 THE UPGRADE", "> GET /river HTTP/1.1", "> Sec-Websocket-Key: ", "< HTTP/1.1 101 Switching Protocols", "< Sec-Websocket-Accept: ", "101 The server agrees.",
		"4 MESSAGES", "ws > TEXT len 21 mask ", "Where are the salmon?", "ws < TEXT len 21 Where are the salmon?", "ws < TEXT", "ws > BINARY len 4 mask ", "00 01 fe ff", "ws < BINARY len 4 00 01 fe ff",
		"5 PING AND PONG", "ws > PING", "ws < PONG", "6 THE CLOSE", "ws > CLOSE len 2 mask ", "ws < CLOSE len 2 1000", "who first The ", "CLOSE-WAIT -> LAST-ACK", "That was all",
	},
	"stomp": {
		"3 THE UPGRADE", "Sec-Websocket-Protocol: v12.stomp", "4 THE SESSION", "stomp > CONNECT", "stomp < CONNECTED", "> accept-version:1.2", "< version:1.2",
		"5 SUBSCRIBE", "stomp > SUBSCRIBE /topic/river", "stomp < MESSAGE /topic/river The ice breaks.", "stomp > SEND /topic/river The salmon come.", "stomp < MESSAGE /topic/river The salmon come.",
		"6 DISCONNECT", "stomp > DISCONNECT", "stomp < RECEIPT", "ws > CLOSE", "ws < CLOSE", "who first The ", "CLOSE-WAIT -> LAST-ACK", "That was all",
	},
	"balance": {
		"1 ONE CONNECTION", "This is server A.", "2 ROUND ROBIN", "A 192.0.2.1:8081 2 0 0 B 192.0.2.1:8082 2 0 0 C 192.0.2.1:8083 2 0 0", "3 LEAST CONNECTIONS",
		"A 192.0.2.1:8081 1 1 0 B 192.0.2.1:8082 1 1 0 C 192.0.2.1:8083 4 0 0", "5 A SERVER DIES", "192.0.2.1:8081", "SYN seq 0", "RST ACK ack 1 --| reset", "192.0.2.1:8082", "This is server B.",
		"A 192.0.2.1:8081 2 0 1 taken out", "6 IT COMES BACK", "A 192.0.2.1:8081 3 0 1 B", "Turned away because nobody answered: 0.", "That was all",
	},
}

// requireShow checks what a demo has shown: in order, within 80 columns.
func requireShow(t *testing.T, name, out string, exactly bool) {
	t.Helper()
	text := strings.Join(strings.Fields(unwrapped(out)), " ")
	rest := text
	for _, want := range showSays[name] {
		want, exact := strings.CutPrefix(want, "~")
		if exact && !exactly {
			continue
		}
		_, after, ok := strings.Cut(rest, want)
		require.True(t, ok, "%q is missing, or not in its place, in:\n%s", want, out)
		rest = after
	}
	requireColumns(t, out)
	require.NotContains(t, out, "\x1b", "colour without a terminal")
	require.True(t, utf8.ValidString(out))
}

// requireColumns checks that no line is wider than a terminal; Hangul takes two columns.
func requireColumns(t *testing.T, out string) {
	t.Helper()
	for l := range strings.SplitSeq(out, "\n") {
		wide := 0
		for _, r := range l {
			if wide++; r >= 0x1100 {
				wide++
			}
		}
		require.LessOrEqual(t, wide, 80, "%q", l)
	}
}

// Each demo over the Pipe, in a time of its own: it waits for nothing.
func TestShowsOverThePipe(t *testing.T) {
	warmSignals(t)
	for _, s := range shows() {
		if s.name == "" {
			continue
		}
		require.NotEmpty(t, showSays[s.name], "what does %s show?", s.name)
		t.Run(s.name, func(t *testing.T) {
			pcap, html := filepath.Join(t.TempDir(), "demo.pcapng"), filepath.Join(t.TempDir(), "demo.html")
			synctest.Test(t, func(t *testing.T) {
				out, errs, code := try("demo", s.name, "--link", "pipe", "--lang", "en", "--pcap", pcap, "--html", html)
				require.Zero(t, code, errs)
				require.Empty(t, errs)
				require.Contains(t, out, "&& sudo ./sockeye demo "+s.name+"\n")
				requireShow(t, s.name, out, true)
				require.Contains(t, out, "They are in")
			})
			arrows := regexp.MustCompile(`"k":"packet"`)
			page, err := os.ReadFile(html)
			require.NoError(t, err)
			require.Len(t, arrows.FindAll(page, -1), capturedPackets(t, pcap), "an arrow for each packet")
			requirePage(t, html)
		})
	}
}

// The same in Korean: as many chapters, all of them told in Korean.
func TestShowsInKorean(t *testing.T) {
	warmSignals(t)
	chapter := regexp.MustCompile(`(?m)^\d+  (.*) -+$`)
	for _, s := range shows() {
		t.Run("demo "+s.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				args := []string{"demo", "--link", "pipe", "--lang"}
				if s.name != "" {
					args = []string{"demo", s.name, "--link", "pipe", "--lang"}
				}
				en, errs, code := try(append(args, "en")...)
				require.Zero(t, code, errs)
				ko, errs, code := try(append(args, "ko")...)
				require.Zero(t, code, errs)
				requireColumns(t, ko)
				require.True(t, utf8.ValidString(ko))
				titles := chapter.FindAllStringSubmatch(ko, -1)
				require.Len(t, titles, len(chapter.FindAllString(en, -1)))
				for _, title := range titles {
					require.Regexp(t, `[가-힣]|^(TLS|URL|SUBSCRIBE, SEND, MESSAGE)$`, title[1])
				}
				require.NotRegexp(t, `%!|%[sd]`, ko)
				for p := range strings.SplitSeq(ko, "\n\n") {
					if strings.HasPrefix(p, "   ") && !strings.ContainsAny(p, "|<>") && len(p) > 200 {
						require.Regexp(t, `[가-힣]`, p)
					}
				}
			})
		})
	}
}

func TestShowNames(t *testing.T) {
	help, _, code := try("demo", "--help")
	require.Zero(t, code)
	list, _, code := try("demo", "list")
	require.Zero(t, code)
	for _, s := range shows()[1:] {
		line := fmt.Sprintf("  %-13s %s\n", s.name, s.short)
		require.Contains(t, help, line)
		require.Contains(t, list, line)
		require.NotEmpty(t, s.en)
		require.Regexp(t, `[가-힣]`, s.ko)
	}
	requireColumns(t, list)
	_, errs, code := try("demo", "losses")
	require.Equal(t, 2, code)
	require.Contains(t, errs, `there is no demo "losses": there are loss, zero-window, dns-tree, tls, http2,`)
	_, _, code = try("demo", "loss", "tls")
	require.Equal(t, 2, code)
}
