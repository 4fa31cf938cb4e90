package main

import (
	"bufio"
	"io"
	"net"
	nethttp "net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// proxy is an HTTP proxy at port 3128 that makes tunnels to the ports of the kernel's side, whatever their host; to port 9
// it refuses. It returns what it was asked.
func (w *world) proxy() func() string {
	var l net.Listener
	w.do(func() (err error) {
		l, err = net.Listen("tcp4", kernelIP+":3128")
		return err
	})
	var mu sync.Mutex
	var asked []string
	var all sync.WaitGroup
	tunnel := func(c net.Conn) {
		defer c.Close()
		in := bufio.NewReader(c)
		r, err := nethttp.ReadRequest(in)
		if err != nil {
			return
		}
		_, port, _ := net.SplitHostPort(r.Host)
		mu.Lock()
		asked = append(asked, strings.Join([]string{r.Method, r.RequestURI, r.Host, r.Header.Get("Proxy-Authorization"), r.Header.Get("Authorization")}, " "))
		mu.Unlock()
		if port == "9" {
			io.WriteString(c, "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
			return
		}
		var s net.Conn
		if w.ns.Do(func() (err error) {
			s, err = net.Dial("tcp4", net.JoinHostPort(kernelIP, port))
			return err
		}) != nil {
			return
		}
		defer s.Close()
		io.WriteString(c, "HTTP/1.1 200 Go on\r\n\r\n")
		go func() {
			io.Copy(s, in)
			s.(*net.TCPConn).CloseWrite()
		}()
		io.Copy(c, s)
	}
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { tunnel(c) })
		}
	})
	w.t.Cleanup(func() { l.Close(); all.Wait() })
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		text := strings.Join(asked, "\n")
		asked = nil
		return text
	}
}

// https goes through a proxy in a tunnel, as with curl, and the journey says so.
func TestGetThroughATunnel(t *testing.T) {
	w := newWorld(t)
	m, ca := w.serveMirror()
	asked := w.proxy()
	const at = "https://example.com"
	for name, row := range map[string]struct {
		args []string
		code int
	}{
		"h2":                {[]string{"-x", kernelIP + ":3128", "-w", `%{http_connect} %{http_version} %{num_connects}\n`, at + "/x"}, 0},
		"HTTP/1.1":          {[]string{"--http1.1", "-x", "http://" + kernelIP + ":3128/", "-w", `%{http_connect} %{http_version}\n`, at + "/x"}, 0},
		"with a password":   {[]string{"-x", "joe:a:b@" + kernelIP + ":3128", "-u", "me:too", at + "/x"}, 0},
		"redirected, kept":  {[]string{"-L", "-x", kernelIP + ":3128", "-w", `%{num_connects} %{num_redirects}\n`, at + "/307"}, 0},
		"it refuses (56)":   {[]string{"-x", kernelIP + ":3128", at + ":9/x"}, 56},
		"nobody there (7)":  {[]string{"-x", kernelIP + ":3129", at + "/x"}, 7},
		"no such proxy (5)": {[]string{"--connect-timeout", "5", "-x", "none.test:3128", at + "/x"}, 5},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"--cacert", ca}, row.args...)
			want := w.run(curl(t, append(args, "--noproxy", "")...))
			toProxy, toServer := asked(), m.told()
			require.Equal(t, row.code, want.code, want.stderr())
			got := w.run(sockeye(on(append([]string{"get"}, args...)...)...))
			require.Equal(t, row.code, got.code, got.stderr())
			require.Equal(t, want.stdout(), got.stdout())
			require.Equal(t, toProxy, asked())
			require.Equal(t, toServer, m.told())
		})
	}
	html := filepath.Join(w.dir, "page.html")
	p := w.run(sockeye(on("get", "-v", "--lang", "en", "--html", html, "--cacert", ca, "-x", "joe:hush@"+kernelIP+":3128", at+"/x")...))
	require.Zero(t, p.code, p.stderr())
	requireTold(t, p.stderr(), "THE URL", "THE CONNECTION", "The peer is the proxy 192.0.2.1:3128, not the server", "window scale", "THE TUNNEL", "| CONNECT", "example.com:443", "HTTP/1.1",
		"the proxy agrees: HTTP/1.1 200 Go on", "TLS", "SNI example.com", "the server chose h2", "THE CALLS", "> :path: /x", "THE CLOSE")
	require.NotContains(t, p.stderr(), "hush")
	requirePage(t, html)
}
