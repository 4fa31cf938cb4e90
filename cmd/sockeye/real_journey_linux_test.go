package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The journey over TLS and HTTP/2, with a redirect before it, and its packets open to tshark.
func TestJourneyOverTLS(t *testing.T) {
	w := newWorld(t)
	_, ca := w.serveMirror()
	dir := t.TempDir()
	keys, pcap := filepath.Join(dir, "keys"), filepath.Join(dir, "j.pcapng")
	cmd := sockeye(on("get", "-v", "-L", "--cacert", ca, "--resolve", "example.com:443:"+kernelIP, "--pcap", pcap, "https://example.com/307")...)
	cmd.Env = append(cmd.Env, "SSLKEYLOGFILE="+keys)
	p := w.run(cmd)
	require.Zero(t, p.code, p.stderr())
	text := p.stderr()
	rest := text
	for _, want := range []string{
		"HTTP over TLS over TCP", "TLS ---", "SNI            example.com", "ALPN ", "the server chose h2", "TLS 1.3", "certificate 1", "believed       yes",
		"THE CALLS", "h2 > HEADERS  stream 1", "bytes before HPACK)", "h2 < HEADERS  stream 1", "> :method: GET", "< :status: 307", "redirect       307",
		"THE URL", "h2 > HEADERS  stream 3", "< :status: 200", "HTTP/2: ITS STREAMS", "THE CLOSE", "(FIN-WAIT-1)", "(TIME-WAIT)", "who first ",
	} {
		_, after, ok := strings.Cut(rest, want)
		require.True(t, ok, "%q is missing, or not in its place, in:\n%s", want, text)
		rest = after
	}
	require.NotContains(t, text, "RST", "the close is polite")
	for _, l := range strings.Split(text, "\n") {
		require.LessOrEqual(t, len(l), 104, "%q", l)
	}
	secrets, err := os.ReadFile(keys)
	require.NoError(t, err)
	require.Contains(t, string(secrets), "CLIENT_TRAFFIC_SECRET_0 ")
	tshark := programPath(t, "tshark")
	out := w.run(exec.Command(tshark, "-r", pcap, "-Y", "http2.header", "-T", "fields", "-e", "http2.header.name"))
	require.Contains(t, out.stdout(), ":method", out.stderr())
	require.Contains(t, out.stdout(), ":status")
}

// A certificate that is not believed is told with its reason.
func TestJourneyOfDistrust(t *testing.T) {
	w := newWorld(t)
	w.serveMirror()
	p := w.run(sockeye(on("get", "-v", "https://"+kernelIP+"/")...))
	require.Equal(t, 60, p.code)
	require.Contains(t, p.stderr(), "believed       no: x509:")
	require.Contains(t, p.stderr(), "certificate 1")
	require.Contains(t, p.stderr(), "SNI            none")
}

// What becomes of the method at a redirect is told where something becomes of it (RFC 9110 15.4).
func TestJourneyOfRedirectedMethods(t *testing.T) {
	w := newWorld(t)
	w.serveMirror()
	get := func(args ...string) string {
		p := w.run(sockeye(on(append([]string{"get", "-v", "-L", "--lang", "en"}, args...)...)...))
		require.Zero(t, p.code, p.stderr())
		return strings.Join(strings.Fields(p.stderr()), " ")
	}
	const at = "http://" + kernelIP
	requireTold(t, get("-d", "x=y", at+"/login"), "> POST /login", "redirect 303:", "method GET, from now on", "> GET /home")
	requireTold(t, get("-X", "DELETE", at+"/login"), "> DELETE /login", "redirect 303:", "method GET, from now on", "> GET /home")
	told := get("-d", "x=y", at+"/307")
	requireTold(t, told, "> POST /307", "redirect 307:", "> POST /home")
	require.NotContains(t, told, "from now on")
}
