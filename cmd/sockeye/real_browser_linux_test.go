package main

import (
	"context"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// chromium loads a page without a window and returns what became of it, and what the browser had to say.
func chromium(t *testing.T, url string) (dom, log string) {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("chromium is not installed")
	}
	ctx, stop := context.WithTimeout(context.Background(), 60*time.Second)
	defer stop()
	cmd := exec.CommandContext(ctx, path, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--enable-logging=stderr",
		"--user-data-dir="+t.TempDir(), "--dump-dom", url)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	require.NoError(t, err, errs.String())
	return string(out), errs.String()
}

// The page loads in a browser without errors and without a network, has an arrow for each packet, and a
// click on one shows its header.
func TestPageInABrowser(t *testing.T) {
	dir := t.TempDir()
	html, pcap := filepath.Join(dir, "j.html"), filepath.Join(dir, "j.pcapng")
	_, errs, code := try("demo", "--link", "pipe", "--html", html, "--pcap", pcap)
	require.Zero(t, code, errs)
	requirePage(t, html)
	dom, log := chromium(t, "file://"+html+"#packet-2")
	require.NotContains(t, log, "Uncaught")
	require.NotContains(t, log, "Refused to")
	require.Contains(t, dom, `data-ready="yes"`)
	arrows := regexp.MustCompile(`<g class="arrow (us|peer)( on)?"`).FindAllString(dom, -1)
	require.Equal(t, capturedPackets(t, pcap), len(arrows))
	_, detail, ok := strings.Cut(dom, `<aside id="detail"`)
	require.True(t, ok)
	detail, _, _ = strings.Cut(detail, "</aside>")
	for _, want := range []string{">IPv4<", ">TCP<", "sequence number", ">SYN<", ">MSS<", ">1460<", ">192.0.2.1<", "SYN-SENT"} {
		require.Contains(t, detail, want, "the third packet is a SYN")
	}
	require.GreaterOrEqual(t, strings.Count(dom, `class="plot"`), 8, "plots of two connections")
	require.Equal(t, 2, strings.Count(dom, `class="visit"`), "two requests")
}
