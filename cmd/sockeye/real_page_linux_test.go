package main

import (
	"fmt"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// fish makes a site of a page, a style sheet and nine pictures, one of which is missing.
func (w *world) fish() string {
	w.t.Helper()
	root := w.t.TempDir()
	page := "<!doctype html><link rel=stylesheet href=/river.css><h1>Fish</h1>"
	for i := range 10 {
		page += fmt.Sprintf("<img src=/fish%d.png>", i)
		if i != 9 {
			w.file(filepath.Join(root, fmt.Sprintf("fish%d.png", i)), 20000*(i+1))
		}
	}
	require.NoError(w.t, os.WriteFile(filepath.Join(root, "index.html"), []byte(page), 0o644))
	require.NoError(w.t, os.WriteFile(filepath.Join(root, "river.css"), []byte("h1{color:red}"), 0o644))
	w.nginx(root, "types { text/html html; text/css css; image/png png; }")
	return page
}

func TestGetPage(t *testing.T) {
	w := newWorld(t)
	page := w.fish()
	p := w.run(sockeye(on("get", "--page", "http://"+kernelIP+"/")...))
	require.Zero(t, p.code, p.stderr())
	text := p.stdout()
	require.NotContains(t, text, page, "the waterfall comes instead")
	for _, want := range []string{"192.0.2.1/ ", "/river.css ", "/fish0.png ", "/fish8.png ", "12 requests over "} {
		require.Contains(t, text, want)
	}
	require.Regexp(t, `(?m)^   /fish9.png +404 `, text)
	require.Regexp(t, `(?m)^   /fish8.png +200 +180,000 +#\d +\|[ cnt.=]{32}\|$`, text)
	var n int
	_, err := fmt.Sscanf(text[strings.Index(text, "requests over ")+len("requests over "):], "%d", &n)
	require.NoError(t, err)
	require.LessOrEqual(t, n, 6, "kept connections, six at most")
	t.Run("into a file, told, and as a page", func(t *testing.T) {
		dir := t.TempDir()
		file, html := filepath.Join(dir, "page"), filepath.Join(dir, "j.html")
		p := w.run(sockeye(on("get", "--page", "-v", "-o", file, "--html", html, "http://"+kernelIP+"/")...))
		require.Zero(t, p.code, p.stderr())
		require.Contains(t, p.stderr(), "THE PAGE AND WHAT BELONGS TO IT")
		require.Contains(t, p.stderr(), "12 requests over ")
		got, err := os.ReadFile(file)
		require.NoError(t, err)
		require.Equal(t, page, string(got))
		told, err := os.ReadFile(html)
		require.NoError(t, err)
		require.Equal(t, 12, strings.Count(string(told), `"proto":"HTTP/1.1"`))
	})
}

// Over TLS the parts of a page share its connection, each says which page it belongs to, and the waterfall shows when
// the name, the connection and TLS were there.
func TestGetPageOverTLS(t *testing.T) {
	w := newWorld(t)
	var l net.Listener
	w.do(func() (err error) {
		l, err = net.Listen("tcp4", kernelIP+":443")
		return err
	})
	var mu sync.Mutex
	asked := map[string]string{}
	s := httptest.NewUnstartedServer(nethttp.HandlerFunc(func(rw nethttp.ResponseWriter, r *nethttp.Request) {
		mu.Lock()
		asked[r.URL.Path] = r.Header.Get("Referer") + " " + r.Proto
		mu.Unlock()
		if r.URL.Path == "/dir/" {
			rw.Header().Set("Content-Type", "text/html")
			fmt.Fprint(rw, "<img src=a.png><link rel=stylesheet href=../b.css><img src=https://joe:pw@example.com/c.png>")
		}
	}))
	s.Listener.Close()
	s.Listener, s.EnableHTTP2 = l, true
	s.StartTLS()
	t.Cleanup(s.Close)
	html := filepath.Join(w.dir, "page.html")
	p := w.run(sockeye(on("get", "--page", "-k", "--lang", "en", "--html", html, "--resolve", "example.com:443:"+kernelIP, "https://example.com/dir/?q#f")...))
	require.Zero(t, p.code, p.stderr())
	require.Regexp(t, `(?m)^   /dir/\?q .* 200 .* #1 +\|n*c+t+\.*=*`, p.stdout())
	require.Contains(t, p.stdout(), "4 requests over 1 connection,")
	const from = "https://example.com/dir/?q HTTP/2.0"
	require.Equal(t, map[string]string{"/dir/": " HTTP/2.0", "/dir/a.png": from, "/b.css": from, "/c.png": from}, asked)
	requirePage(t, html)
}
