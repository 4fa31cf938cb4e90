package main

import (
	"bytes"
	"compress/gzip"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A mirror is a server that shows what it was asked, as the kernel of the world has it.
type mirror struct {
	mu  sync.Mutex
	log []string
}

// note keeps a request in a form in which two clients can be compared.
func (m *mirror) note(r *nethttp.Request) {
	body, _ := io.ReadAll(r.Body)
	var fields []string
	for name, values := range r.Header {
		if name == "Proxy-Connection" {
			continue // curl's, which nobody should send (RFC 9112 C.2.2)
		}
		if name == "User-Agent" && (strings.HasPrefix(values[0], "curl/") || values[0] == "sockeye") {
			values = []string{"its own"}
		}
		fields = append(fields, name+"="+strings.Join(values, ","))
	}
	slices.Sort(fields)
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(body) > 1<<16 {
		body = []byte(sum(body))
	}
	m.log = append(m.log, fmt.Sprintf("%s %s %s %s %q %v", r.Method, r.RequestURI, r.Proto, r.Host, body, fields))
}

func (m *mirror) told() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := strings.Join(m.log, "\n")
	m.log = nil
	return s
}

// asked says whether it was asked so often since it told.
func (m *mirror) asked(times int) func() bool {
	return func() bool {
		m.mu.Lock()
		defer m.mu.Unlock()
		return len(m.log) >= times
	}
}

func (m *mirror) ServeHTTP(w nethttp.ResponseWriter, r *nethttp.Request) {
	m.note(r)
	w.Header()["Date"] = nil
	switch path := r.URL.Path; {
	case path == "/gzip" && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip"):
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		io.WriteString(z, "it was zipped")
		z.Close()
	case path == "/login":
		w.Header().Add("Set-Cookie", "session=7; Path=/")
		w.Header().Set("Location", "/home")
		w.WriteHeader(303)
	case path == "/loop":
		w.Header().Set("Location", "/loop")
		w.WriteHeader(302)
	case path == "/307":
		w.Header().Set("Location", "/home")
		w.WriteHeader(307)
	case path == "/ftp":
		w.Header().Set("Location", "ftp://192.0.2.1/")
		w.WriteHeader(302)
	case path == "/404":
		nethttp.NotFound(w, r)
	case path == "/file":
		w.Header().Set("ETag", `"one"`)
		nethttp.ServeContent(w, r, "", time.Unix(1e9, 0), strings.NewReader(strings.Repeat("0123456789", 10)))
	case path == "/secret":
		if u, p, ok := r.BasicAuth(); !ok || u != "joe" || p != "a:b" {
			w.WriteHeader(401)
			return
		}
		io.WriteString(w, "come in")
	case path == "/cut":
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, "short")
		w.(nethttp.Flusher).Flush()
		panic(nethttp.ErrAbortHandler)
	case path == "/empty":
		c, _, err := w.(nethttp.Hijacker).Hijack()
		if err == nil {
			c.Close()
		}
	default:
		w.Header().Set("Content-Type", "text/plain")
		fmt.Fprintf(w, "%s %s\n", r.Method, path)
	}
}

// serveMirror runs the mirror at port 80, and at 443 with TLS; ca is a file with the certificate.
func (w *world) serveMirror() (m *mirror, ca string) {
	m = &mirror{}
	at := func(port string) *httptest.Server {
		var l net.Listener
		w.do(func() (err error) {
			l, err = net.Listen("tcp4", kernelIP+":"+port)
			return err
		})
		s := httptest.NewUnstartedServer(m)
		s.Listener.Close()
		s.Listener = l
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		w.t.Cleanup(s.Close)
		return s
	}
	at("80").Start()
	tls := at("443")
	tls.EnableHTTP2 = true
	tls.StartTLS()
	ca = filepath.Join(w.dir, "ca.pem")
	require.NoError(w.t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: tls.Certificate().Raw}), 0o644))
	return m, ca
}

// What curl does with a flag get does too: what the server is asked, what is printed, what is written, and how it ends.
func TestGetAsCurl(t *testing.T) {
	w := newWorld(t)
	m, ca := w.serveMirror()
	post := filepath.Join(w.dir, "post")
	require.NoError(t, os.WriteFile(post, []byte("two\r\nlines\n"), 0o644))
	format := filepath.Join(w.dir, "format")
	require.NoError(t, os.WriteFile(format, []byte("%{http_code}\\n%{method}\n"), 0o644))
	long := filepath.Join(w.dir, "long")
	require.NoError(t, os.WriteFile(long, bytes.Repeat([]byte("x"), mib+1), 0o644))
	heads := filepath.Join(w.dir, "heads")
	require.NoError(t, os.WriteFile(heads, []byte("X-One: 1\r\nX-Two: 2\n"), 0o644))
	const at = "http://" + kernelIP
	for _, row := range []struct {
		name string
		args []string // CA and DIR are filled in
		code int
	}{
		{"plain", []string{at + "/x?y=z#f"}, 0},
		{"dots in the path", []string{"-w", "%{url_effective}\n", at + "/a/./b/../../../c/..?d/../e"}, 0},
		{"-X", []string{"-X", "PURGE", at + "/x"}, 0},
		{"all eight: OPTIONS", []string{"-X", "OPTIONS", at + "/x"}, 0},
		{"all eight: TRACE", []string{"-X", "TRACE", at + "/x"}, 0},
		{"all eight: DELETE", []string{"-X", "DELETE", at + "/x"}, 0},
		{"all eight: PUT", []string{"-X", "PUT", "-d", "a", at + "/x"}, 0},
		{"-H", []string{"-H", "Accept: text/html", "-H", "X-A: b", at + "/"}, 0},
		{"-H Host", []string{"-H", "Host: other.test", at + "/"}, 0},
		{"-H without", []string{"-H", "Accept:", "-H", "User-Agent:", at + "/"}, 0},
		{"-H without a type", []string{"-H", "content-type:", "-d", "a", at + "/"}, 0},
		{"-H empty", []string{"-H", "X-Empty;", at + "/"}, 0},
		{"-H @FILE", []string{"-H", "@" + heads, at + "/"}, 0},
		{"-H Connection: close", []string{"-H", "Connection: close", "-i", at + "/"}, 0},
		{"-H Transfer-Encoding: chunked", []string{"-H", "Transfer-Encoding: chunked", "-d", "abc", at + "/"}, 0},
		{"-H Expect", []string{"-H", "Expect: 100-continue", "-d", "abc", at + "/"}, 0},
		{"-A with nothing", []string{"-A", "", at + "/"}, 0},
		{"-A with nothing, h2", []string{"-k", "-A", "", "-H", "Accept:", "https://" + kernelIP + "/"}, 0},
		{"-b with nothing keeps cookies", []string{"-L", "-b", "", at + "/login"}, 0},
		{"-d", []string{"-d", "a=b", "-d", "c=d", at + "/form"}, 0},
		{"-d, long: the server is asked first", []string{"--data-binary", "@" + long, at + "/form"}, 0},
		{"-d, long, and it is not asked", []string{"-H", "Expect:", "--data-binary", "@" + long, at + "/form"}, 0},
		{"-d, not so long", []string{"--data-raw", strings.Repeat("x", 60_000), at + "/form"}, 0},
		{"-d @FILE", []string{"-d", "@" + post, at + "/form"}, 0},
		{"--data-raw @", []string{"--data-raw", "@x", at + "/form"}, 0},
		{"--data-binary @FILE", []string{"--data-binary", "@" + post, at + "/form"}, 0},
		{"-d with a type of its own", []string{"-d", "{}", "-H", "Content-Type: application/json", at + "/form"}, 0},
		{"-I", []string{"-I", at + "/x"}, 0},
		{"-i", []string{"-i", at + "/x"}, 0},
		{"-u", []string{"-u", "joe:a:b", at + "/secret"}, 0},
		{"user in the URL", []string{"http://joe:a%3Ab@" + kernelIP + "/secret"}, 0},
		{"-A -e", []string{"-A", "me/1", "-e", "http://from.test/", at + "/x"}, 0},
		{"-e ;auto", []string{"-L", "-e", ";auto", at + "/login?x#y"}, 0},
		{"-e URL;auto", []string{"-L", "-e", "http://from.test/;auto", "http://joe:pw@" + kernelIP + "/login"}, 0},
		{"-e URL", []string{"-L", "-e", "http://from.test/", at + "/login"}, 0},
		{"-b", []string{"-b", "a=1; b=2", at + "/x"}, 0},
		{"-L without cookies", []string{"-L", at + "/login"}, 0},
		{"-L with cookies", []string{"-L", "-c", "DIR/jar", at + "/login"}, 0},
		{"-b FILE", []string{"-b", "DIR/jar", at + "/home"}, 0},
		{"-L -i", []string{"-L", "-i", at + "/login"}, 0},
		{"no -L", []string{at + "/login"}, 0},
		{"-L of a POST", []string{"-L", "-d", "a=b", at + "/login"}, 0},
		{"-L of a POST, 307", []string{"-L", "-d", "a=b", at + "/307"}, 0},
		{"--http1.0", []string{"--http1.0", at + "/x"}, 0},
		{"--compressed", []string{"--compressed", "-H", "Accept-Encoding: gzip", at + "/gzip"}, 0},
		{"-f (22)", []string{"-f", at + "/404"}, 22},
		{"a 404 is a page", []string{at + "/404"}, 0},
		{"-w", []string{"-w", `%{http_code} %{size_download} %{content_type} %{num_redirects} %{url_effective} %{http_version} %{remote_ip}:%{remote_port} 100%%\n`, at + "/x"}, 0},
		{"-w, what is rare", []string{"-w", `%{method} %{num_headers} %{size_upload} %{size_request} %{urlnum} %{exitcode} [%{errormsg}] %{referer} %{http_connect}\n`, "-d", "abc", "-e", "http://r/", "-A", "me", at + "/x"}, 0},
		{"-w of headers", []string{"-w", `%header{content-TYPE} [%header{nothing}] %{header_json}\n`, at + "/x"}, 0},
		{"-w of a file", []string{"-w", "%{filename_effective} %{stderr}%{stdout}!\n", "-o", "DIR/page", at + "/x"}, 0},
		{"-w in a file", []string{"-w", "@" + format, at + "/x"}, 0},
		{"-w with -L", []string{"-L", "-w", `%{http_code} %{num_redirects} %{url_effective}\n`, at + "/login"}, 0},
		{"-w of a redirect", []string{"-w", `%{redirect_url} %{num_connects} %{size_header} %{response_code}` + "\\r\\t\\n", "--resolve", "x.test:80:" + kernelIP, at + "/login"}, 0},
		{"-w without a response", []string{"-w", `%{http_code} %{size_download} %{num_redirects} %{url_effective} %{size_header} %{http_version}\n`, "http://" + kernelIP + ":81/"}, 7},
		{"-o", []string{"-o", "DIR/page", at + "/file"}, 0},
		{"-C -: all there", []string{"-C", "-", "-o", "DIR/page", at + "/file"}, 0},
		{"-C N", []string{"-C", "95", at + "/file"}, 0},
		{"-C N of a server without ranges (33)", []string{"-C", "2", at + "/x"}, 33},
		{"--resolve", []string{"--resolve", "name.test:80:" + kernelIP, "http://name.test/x"}, 0},
		{"--resolve of another port (6)", []string{"--resolve", "none.test:81:" + kernelIP, "http://none.test/"}, 6},
		{"--resolve of any host", []string{"--resolve", "*:80:" + kernelIP, "http://name.test/x"}, 0},
		{"--resolve: the last one counts", []string{"--resolve", "name.test:80:192.0.2.77", "--resolve", "+name.test:80:" + kernelIP, "http://name.test/x"}, 0},
		{"no such name (6)", []string{"http://none.test/"}, 6},
		{"refused (7)", []string{"http://" + kernelIP + ":81/"}, 7},
		{"cut (18)", []string{at + "/cut"}, 18},
		{"empty (52)", []string{at + "/empty"}, 52},
		{"-x", []string{"-x", kernelIP + ":80", "http://other.test:8080/x"}, 0},
		{"--cacert, h2", []string{"--cacert", "CA", "--resolve", "example.com:443:" + kernelIP, "-w", `%{http_version}\n`, "https://example.com/x"}, 0},
		{"--http1.1", []string{"--http1.1", "--cacert", "CA", "--resolve", "example.com:443:" + kernelIP, "-w", `%{http_version}\n`, "https://example.com/x"}, 0},
		{"a certificate that is not known (60)", []string{"--resolve", "example.com:443:" + kernelIP, "https://example.com/x"}, 60},
		{"-k", []string{"-k", "https://" + kernelIP + "/x"}, 0},
		{"TLS to a port without (35)", []string{"https://" + kernelIP + ":80/x"}, 35},
		{"--cacert that is none (77)", []string{"--cacert", post, "https://" + kernelIP + "/x"}, 77},
	} {
		t.Run(row.name, func(t *testing.T) {
			if slices.Contains(row.args, "http://none.test/") {
				row.args = append(row.args, "--connect-timeout", "5")
			}
			for i := range row.args {
				if row.args[i] == "CA" {
					row.args[i] = ca
				}
			}
			requireAskedAsCurl(t, w, row.args, row.code, m.told)
		})
	}
}

// What only we do, or do otherwise than curl.
func TestGetBesideCurl(t *testing.T) {
	w := newWorld(t)
	m, _ := w.serveMirror()
	const at = "http://" + kernelIP
	get := func(args ...string) *process { return w.run(sockeye(on(append([]string{"get"}, args...)...)...)) }

	t.Run("ten redirects and no more (47)", func(t *testing.T) {
		p := get("-L", at+"/loop")
		require.Equal(t, 47, p.code)
		require.Equal(t, 11, strings.Count(m.told(), "/loop"))
	})
	t.Run("a redirect to ftp (1), which curl follows", func(t *testing.T) {
		p := get("-L", at+"/ftp")
		require.Equal(t, 1, p.code)
		requireOneLine(t, p)
	})
	t.Run("-O", func(t *testing.T) {
		cmd := sockeye(on("get", "-O", at+"/dir/a%20file")...)
		cmd.Dir = t.TempDir()
		p := w.run(cmd)
		require.Zero(t, p.code, p.stderr())
		b, err := os.ReadFile(filepath.Join(cmd.Dir, "a file"))
		require.NoError(t, err)
		require.Equal(t, "GET /dir/a file\n", string(b))
		for _, bad := range []string{"/", "/..%2fx", "/.."} {
			p = get("-O", at+bad)
			require.Equal(t, curlWrite, p.code, bad)
		}
	})
	t.Run("-C - goes on where a file ends", func(t *testing.T) {
		name := filepath.Join(t.TempDir(), "part")
		require.NoError(t, os.WriteFile(name, []byte("the first 20 bytes.."), 0o644))
		p := get("-C", "-", "-o", name, at+"/file")
		require.Zero(t, p.code, p.stderr())
		b, err := os.ReadFile(name)
		require.NoError(t, err)
		require.Equal(t, "the first 20 bytes.."+strings.Repeat("0123456789", 8), string(b))
	})
	t.Run("-s says nothing, -sS does", func(t *testing.T) {
		p := get("-s", "http://"+kernelIP+":81/")
		require.Equal(t, 7, p.code)
		require.Empty(t, p.stderr())
		p = get("-sS", "http://"+kernelIP+":81/")
		require.Equal(t, 7, p.code)
		require.NotEmpty(t, p.stderr())
	})
	t.Run("--every prints what has changed", func(t *testing.T) {
		m.told()
		p := w.start(sockeye(on("get", "--every", "20ms", at+"/file")...))
		w.eventually("it is asked again", m.asked(4))
		require.NoError(t, p.cmd.Process.Signal(os.Interrupt))
		p.wait(t)
		require.Equal(t, 130, p.code)
		require.Equal(t, strings.Repeat("0123456789", 10), p.stdout(), "once: it has not changed")
		require.Contains(t, m.told(), `If-None-Match="one"`)
	})
	t.Run("the journey of a page over TLS", func(t *testing.T) {
		p := get("-v", "-k", "https://"+kernelIP+"/x")
		require.Zero(t, p.code, p.stderr())
		require.Equal(t, "GET /x\n", p.stdout())
		require.Contains(t, p.stderr(), ":status: 200")
	})
}
