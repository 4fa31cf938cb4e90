package stdnet_test

import (
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/stdnet"
	"github.com/sockeye-net/sockeye/tun"
	"github.com/sockeye-net/sockeye/tun/setup"
	"github.com/sockeye-net/sockeye/tun/tuntest"
)

// net/http's server on our listener, over a real TUN, against programs that nobody
// here wrote: curl and h2load, HTTP/1.1, HTTP/2 and TLS, a thousand connections at once.
func TestHTTPServerOverTUN(t *testing.T) {
	for _, name := range []string{"curl", "h2load"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip(name + " is not installed")
		}
	}
	ns := tuntest.NewNS(t)
	dev := tuntest.OpenUp(t, ns, func() (*tun.Device, error) { return tun.Open(tun.Config{}) })
	require.NoError(t, ns.Do(func() error { return setup.SetTxQueueLen(dev.Name(), 10000) }))
	s, err := stack.New(stack.Config{Link: dev, Prefixes: []netip.Prefix{tuntest.Ours}})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	n := stdnet.New(s)
	body := strings.Repeat("Sockeye ", 1000)
	certificate := httptest.NewTLSServer(nil)
	defer certificate.Close()
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body)
			_, _ = io.WriteString(w, body)
		}),
		TLSConfig: &tls.Config{Certificates: certificate.TLS.Certificates, NextProtos: []string{"h2", "http/1.1"}},
	}
	plain, err := n.Listen("tcp", ":80")
	require.NoError(t, err)
	secure, err := n.Listen("tcp", ":443")
	require.NoError(t, err)
	served := make(chan struct{}, 2)
	go func() { _ = server.Serve(plain); served <- struct{}{} }()
	go func() { _ = server.ServeTLS(secure, "", ""); served <- struct{}{} }()
	defer func() {
		_ = server.Close()
		<-served
		<-served
	}()
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(args[0], args[1:]...)
		var out strings.Builder
		cmd.Stdout, cmd.Stderr = &out, &out
		require.NoError(t, ns.Start(cmd))
		timer := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
		defer timer.Stop()
		require.NoError(t, cmd.Wait(), "%s: %s", args, out.String())
		return out.String()
	}
	ours := tuntest.Ours.Addr().String()
	require.Equal(t, body+"1.1", run("curl", "-sS", "-w", "%{http_version}", "http://"+ours+"/"))
	require.Equal(t, body+"2", run("curl", "-sSk", "-w", "%{http_version}", "https://"+ours+"/"))
	done := regexp.MustCompile(`(\d+) succeeded, (\d+) failed, (\d+) errored`)
	for name, args := range map[string][]string{
		"HTTP/1.1, 1,000 connections":    {"h2load", "--h1", "-n", "3000", "-c", "1000", "http://" + ours + "/"},
		"HTTP/2 and TLS, 50 connections": {"h2load", "-n", "3000", "-c", "50", "-m", "10", "https://" + ours + "/"},
	} {
		out := run(args...)
		m := done.FindStringSubmatch(out)
		require.NotNil(t, m, "%s: %s", name, out)
		require.Equal(t, []string{"3000", "0", "0"}, m[1:], name)
	}
	require.Eventually(t, func() bool { return s.Counters().TCP.CurrEstab == 0 }, time.Minute, 10*time.Millisecond)
}
