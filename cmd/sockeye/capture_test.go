package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/capture"
)

// program finds a program, or skips the test.
func programPath(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

// capturedPackets reads a capture with our own reader.
func capturedPackets(t *testing.T, path string) int {
	t.Helper()
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	r := capture.NewReader(f)
	for n := 0; ; n++ {
		_, err := r.Next()
		if errors.Is(err, io.EOF) {
			return n
		}
		require.NoError(t, err)
	}
}

// requireCapture makes tshark read a capture: no malformed packet, no bad checksum.
func requireCapture(t *testing.T, path string) {
	t.Helper()
	require.Positive(t, capturedPackets(t, path))
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Log("tshark is not installed: the capture was read by our own reader only")
		return
	}
	cmd := exec.Command(tshark, "-n", "-r", path,
		"-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE",
		"-o", "tcp.desegment_tcp_streams:FALSE", // long bodies are slow to put together
		"-Y", `_ws.malformed || ip.checksum.status == "Bad" || udp.checksum.status == "Bad" || icmp.checksum.status == "Bad" || `+
			// Linux writes a TCP checksum of 0 as 0xffff, as for UDP, where it computes it in software.
			`(tcp.checksum.status == "Bad" && !(ip.src == 192.0.2.1 && tcp.checksum == 0xffff))`,
		"-T", "fields", "-e", "frame.number", "-e", "frame.protocols", "-e", "ip.checksum.status", "-e", "tcp.checksum.status",
		"-e", "udp.checksum.status", "-e", "icmp.checksum.status", "-e", "_ws.malformed", "-e", "_ws.expert.message")
	out, err := cmd.Output()
	require.NoError(t, err)
	require.Empty(t, string(out), "tshark finds fault with %s", path)
}

// requirePage checks that a page is one file.
func requirePage(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	page := string(b)
	require.NotRegexp(t, `(?i)<(script|img|link|iframe)[^>]*\s(src|href)=`, page, "it needs nothing else")
	require.Contains(t, page, "default-src 'none'")
	_, data, ok := strings.Cut(page, `id="data">`)
	require.True(t, ok)
	data, _, _ = strings.Cut(data, "</script>")
	require.True(t, json.Valid([]byte(data)))
}

// unwrapped is a ladder whose reasons are each in one line.
func unwrapped(text string) string {
	return strings.ReplaceAll(text, "\n"+strings.Repeat(" ", 14)+"|"+strings.Repeat(" ", 41)+"|  ", " ")
}
