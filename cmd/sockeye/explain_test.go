package main

import (
	"encoding/binary"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/capture"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// Each packet of a connection of ours has a comment: why it was sent if it is ours, and the state with the congestion window.
func TestCommentsOfOurCapture(t *testing.T) {
	pcap := filepath.Join(t.TempDir(), "demo.pcapng")
	_, errs, code := try("demo", "--link", "pipe", "--pcap", pcap)
	require.Zero(t, code, errs)
	f, err := os.Open(pcap)
	require.NoError(t, err)
	defer f.Close()
	state := regexp.MustCompile(`^(SYN-SENT|ESTABLISHED|FIN-WAIT-[12]|CLOSE-WAIT|LAST-ACK|TIME-WAIT|CLOSED)(, cwnd [1-9]\d+)?(, srtt [1-9].*)?$`)
	windows, seen := 0, map[string]bool{}
	for r := capture.NewReader(f); ; {
		p, err := r.Next()
		if err == io.EOF {
			break
		}
		require.NoError(t, err)
		if p.Datagram()[9] != 6 { // TCP
			continue
		}
		comments := p.Comments
		if p.Dir == link.Out {
			require.NotEmpty(t, comments)
			seen[comments[0]], comments = true, comments[1:]
		}
		if len(comments) > 0 { // none, where the connection has ended
			require.Regexp(t, state, comments[0])
			windows += strings.Count(comments[0], "cwnd")
		}
	}
	require.Greater(t, windows, 10)
	for _, why := range []string{"active open", "acknowledgment", "new data", "no more to send"} {
		require.True(t, seen[why], "%s: %v", why, seen)
	}
}

// What --pcap wrote is told again with as many arrows, our reasons and our states; only the peer's are inferred.
func TestExplainOfOurCapture(t *testing.T) {
	dir := t.TempDir()
	pcap, html := filepath.Join(dir, "demo.pcapng"), filepath.Join(dir, "demo.html")
	_, errs, code := try("demo", "--link", "pipe", "--pcap", pcap)
	require.Zero(t, code, errs)
	out, errs, code := try("explain", "--lang", "en", "--html", html, pcap)
	require.Zero(t, code, errs)
	arrows := regexp.MustCompile(`(?m)ms  \|(--|<-).*\|.*$`).FindAllString(out, -1)
	require.Len(t, arrows, capturedPackets(t, pcap))
	for _, a := range arrows {
		if strings.Contains(a, "|-- ") {
			require.NotContains(t, a, "inferred", "ours")
		}
	}
	for _, want := range []string{"BESIDE TCP", "DNS question", "active open", "inferred: answer to SYN", "(SYN-SENT)", "(ESTABLISHED)", "(FIN-WAIT-1)", "GET / HTTP/1.1",
		"window scale   7", "who first      We did", "who first      The peer did"} {
		require.Contains(t, unwrapped(out), want)
	}
	requirePage(t, html)
	t.Run("from standard input, in Korean", func(t *testing.T) {
		b, err := os.ReadFile(pcap)
		require.NoError(t, err)
		var out, errs strings.Builder
		require.Zero(t, run([]string{"explain", "--lang", "ko", "-"}, strings.NewReader(string(b)), &out, &errs), errs.String())
		require.Contains(t, out.String(), "추정: SYN에 응답")
	})
}

// file: is printed, the others are explained, and no device is asked for.
func TestUnfetched(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a file")
	require.NoError(t, os.WriteFile(file, []byte("salmon\n"), 0o644))
	out, errs, code := try("get", "file://"+strings.ReplaceAll(file, " ", "%20"))
	require.Zero(t, code, errs)
	require.Equal(t, "salmon\n", out)
	out, errs, code = try("get", "-v", "--lang", "en", "-o", file+".copy", "file://"+strings.ReplaceAll(file, " ", "%20"))
	require.Zero(t, code, errs)
	require.Empty(t, out)
	require.Contains(t, errs, "from a disk of this")
	copied, err := os.ReadFile(file + ".copy")
	require.NoError(t, err)
	require.Equal(t, "salmon\n", string(copied))
	when := time.Unix(1e9, 0)
	require.NoError(t, os.Chtimes(file, when, when))
	out, errs, code = try("get", "-I", "-w", `%{http_code} %{size_download} %{exitcode}`, "file://localhost"+strings.ReplaceAll(file, " ", "%20"))
	require.Zero(t, code, errs)
	require.Equal(t, "Content-Length: 7\r\nAccept-ranges: bytes\r\nLast-Modified: Sun, 09 Sep 2001 01:46:40 GMT\r\n000 0 0", out)
	for _, r := range []struct {
		url  string
		code int
		want string
	}{{"file:///no/such/file", curlReadFile, "no such file"}, {"file:///etc", curlReadFile, "is a directory"}, {"file://far.test/x", curlReadFile, "does not say how to get there"}} {
		_, errs, code := try("get", r.url)
		require.Equal(t, r.code, code, r.url)
		require.Contains(t, errs, r.want)
	}
	for url, want := range map[string]string{"mailto:a@b.test?subject=x": "MX records", "news:a.b": "the newsgroup", "urn:isbn:1": "namespace", "tel:+1": "telephone"} {
		out, errs, code := try("get", "--lang", "en", url)
		require.Zero(t, code, errs)
		require.Contains(t, unwrapped(out), want)
		require.Contains(t, out, "Nothing is sent")
	}
}

// A long ladder is told in short, and with --all whole.
func TestExplainAll(t *testing.T) {
	file := binary.LittleEndian.AppendUint32(nil, 0xa1b2c3d4) // a pcap, of bare IP packets
	for _, n := range []uint32{2 | 4<<16, 0, 0, 65535, 101} {
		file = binary.LittleEndian.AppendUint32(file, n)
	}
	for i := range 200 {
		seg := wire.TCP{SrcPort: 40000, DstPort: 80, Seq: wire.Seq(1000 * i), Ack: 1, Flags: wire.ACK, Window: 1000}
		ip := wire.IPv4{TTL: 64, Protocol: wire.ProtoTCP, Src: netip.MustParseAddr("192.0.2.2"), Dst: netip.MustParseAddr("192.0.2.1")}
		p := make([]byte, 20+seg.HeaderLen()+1000)
		ip.Encode(p, seg.HeaderLen()+1000)
		seg.Encode(p[20:])
		for _, n := range []int{0, i, len(p), len(p)} {
			file = binary.LittleEndian.AppendUint32(file, uint32(n))
		}
		file = append(file, p...)
	}
	path := filepath.Join(t.TempDir(), "long.pcap")
	require.NoError(t, os.WriteFile(path, file, 0o644))
	arrows := regexp.MustCompile(`(?m)ms  \|--.*\|`)
	short, errs, code := try("explain", path)
	require.Zero(t, code, errs)
	require.Contains(t, short, "more lines")
	require.Less(t, len(arrows.FindAllString(short, -1)), 100)
	all, errs, code := try("explain", "--all", path)
	require.Zero(t, code, errs)
	require.Len(t, arrows.FindAllString(all, -1), 200)
}
