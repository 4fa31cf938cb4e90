package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

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
