//go:build linux

package http

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// echo answers with what the request was.
func echo(w nethttp.ResponseWriter, r *nethttp.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(400)
		return
	}
	fmt.Fprintf(w, "%s %s %s %d %v %q", r.Method, r.URL, r.Proto, r.ContentLength, r.TransferEncoding, body)
}

func TestMethodsAndBodies(t *testing.T) {
	url := site(t, echo)
	for _, row := range []struct {
		r    Request
		want string
	}{
		{Request{Method: "GET"}, `GET / HTTP/1.1 0 [] ""`},
		{Request{Method: "POST", Body: strings.NewReader("a=b"), Length: 3}, `POST / HTTP/1.1 3 [] "a=b"`},
		{Request{Method: "POST"}, `POST / HTTP/1.1 0 [] ""`},
		{Request{Method: "PUT", Body: strings.NewReader("a long tale"), Length: -1}, `PUT / HTTP/1.1 -1 [chunked] "a long tale"`},
		{Request{Method: "PUT", Body: strings.NewReader("longer than said"), Length: 6}, `PUT / HTTP/1.1 6 [] "longer"`},
		{Request{Method: "DELETE"}, `DELETE / HTTP/1.1 0 [] ""`},
		{Request{Method: "OPTIONS"}, `OPTIONS / HTTP/1.1 0 [] ""`},
		{Request{Method: "TRACE"}, `TRACE / HTTP/1.1 0 [] ""`},
		{Request{Method: "PATCH", Body: strings.NewReader(""), Length: 0}, `PATCH / HTTP/1.1 0 [] ""`},
		{Request{Method: "GET", Old: true}, `GET / HTTP/1.0 0 [] ""`},
		{Request{Method: "POST", Old: true, Body: strings.NewReader("old"), Length: 3}, `POST / HTTP/1.0 3 [] "old"`},
	} {
		t.Run(row.r.method(), func(t *testing.T) {
			c, _ := client(t)
			row.r.URL = url
			resp, body, err := fetch(c, &row.r)
			require.NoError(t, err)
			require.Equal(t, 200, resp.Code)
			require.Equal(t, row.want, body)
		})
	}
}

func TestLargeUpload(t *testing.T) {
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<18)
	url := site(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		got, err := io.ReadAll(r.Body)
		fmt.Fprint(w, err == nil && bytes.Equal(got, big))
	})
	c, seen := client(t)
	for _, length := range []int64{int64(len(big)), -1} {
		_, body, err := fetch(c, &Request{Method: "PUT", URL: url, Body: bytes.NewReader(big), Length: length})
		require.NoError(t, err)
		require.Equal(t, "true", body)
	}
	require.Contains(t, seen.String(), "request sent, body sent, head received")
}

func TestUploadThatCannotBeRead(t *testing.T) {
	url := site(t, echo)
	for name, body := range map[string]io.Reader{"shorter than said": strings.NewReader("ab"), "broken": iotest.ErrReader(errors.New("disk"))} {
		t.Run(name, func(t *testing.T) {
			c, _ := client(t)
			_, err := c.Do(&Request{Method: "PUT", URL: url, Body: body, Length: 3})
			require.ErrorIs(t, err, BadUpload)
		})
	}
}

// A body goes when the server says 100, or nothing for a second; a final response says that it must not.
func TestExpectContinue_RFC9110_10_1_1(t *testing.T) {
	t.Run("100", func(t *testing.T) {
		c, _ := client(t)
		_, body, err := fetch(c, &Request{Method: "POST", URL: site(t, echo), Body: strings.NewReader("x"), Length: 1, Expect: true})
		require.NoError(t, err)
		require.Equal(t, `POST / HTTP/1.1 1 [] "x"`, body)
	})
	t.Run("a final response", func(t *testing.T) {
		url := speak(t, func(c net.Conn, _ int) {
			io.WriteString(c, "HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno")
			rest, err := io.ReadAll(c)
			if err != nil || len(rest) > 0 {
				panic("the body came all the same")
			}
		})
		c, seen := client(t)
		resp, body, err := fetch(c, &Request{Method: "POST", URL: url, Body: strings.NewReader("x"), Length: 1, Expect: true})
		require.NoError(t, err)
		require.Equal(t, "413 no", fmt.Sprint(resp.Code, " ", body))
		require.NotContains(t, seen.String(), "body sent")
		require.NotContains(t, seen.String(), "kept alive", "the server still waits for a body there")
	})
	t.Run("another protocol, which nobody asked for (RFC 9110 15.2.2)", func(t *testing.T) {
		url := speak(t, func(c net.Conn, _ int) {
			io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\n\r\n")
			if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
				panic("the body came all the same")
			}
		})
		c, _ := client(t)
		_, _, err := fetch(c, &Request{Method: "POST", URL: url, Body: strings.NewReader("x"), Length: 1, Expect: true})
		require.ErrorIs(t, err, WeirdReply)
	})
	t.Run("silence", func(t *testing.T) {
		url := speak(t, func(c net.Conn, _ int) {
			b := make([]byte, 1)
			if _, err := io.ReadFull(c, b); err == nil && b[0] == 'x' {
				io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			}
		})
		c, _ := client(t)
		resp, _, err := fetch(c, &Request{Method: "POST", URL: url, Body: strings.NewReader("x"), Length: 1, Expect: true})
		require.NoError(t, err)
		require.Equal(t, 200, resp.Code)
	})
}

// A server that refuses an upload halfway and closes is heard (RFC 9112 9.5).
func TestRefusedHalfway(t *testing.T) {
	url := speak(t, func(c net.Conn, _ int) {
		io.WriteString(c, "HTTP/1.1 403 No\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno")
		c.(*net.TCPConn).CloseWrite()
		io.CopyN(io.Discard, c, 8<<20)
	})
	c, _ := client(t)
	resp, body, err := fetch(c, &Request{Method: "PUT", URL: url, Body: bytes.NewReader(make([]byte, 8<<20)), Length: 8 << 20})
	require.NoError(t, err)
	require.Equal(t, "403 no", fmt.Sprint(resp.Code, " ", body))
}

// Only what is idempotent goes again when an idle connection turns out to be stale (RFC 9110 9.2.2).
func TestStaleAndIdempotent(t *testing.T) {
	for method, again := range map[string]bool{"GET": true, "PUT": true, "DELETE": true, "POST": false, "PATCH": false} {
		t.Run(method, func(t *testing.T) {
			var served atomic.Int32
			url := speak(t, func(c net.Conn, _ int) {
				served.Add(1)
				io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
				request(c) // the next one is read and not answered
			})
			c, _ := client(t)
			_, _, err := fetch(c, &Request{URL: url})
			require.NoError(t, err)
			_, _, err = fetch(c, &Request{Method: method, URL: url})
			if again {
				require.NoError(t, err)
				require.Equal(t, int32(2), served.Load())
			} else {
				require.ErrorIs(t, err, EmptyReply)
				require.Equal(t, int32(1), served.Load())
			}
		})
	}
}

func TestPerHost(t *testing.T) {
	var now, most atomic.Int32
	var mu sync.Mutex
	url := site(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		n := now.Add(1)
		mu.Lock()
		most.Store(max(most.Load(), n))
		mu.Unlock()
		io.WriteString(w, strings.Repeat("x", 1<<16))
		now.Add(-1)
	})
	c, _ := client(t)
	c.PerHost = 3
	var wg sync.WaitGroup
	for range 24 {
		wg.Go(func() {
			_, body, err := fetch(c, &Request{URL: url})
			if err != nil || len(body) != 1<<16 {
				t.Error(err, len(body))
			}
		})
	}
	wg.Wait()
	require.LessOrEqual(t, most.Load(), int32(3))

	t.Run("who waits too long is told", func(t *testing.T) {
		held := make([]*Response, 3)
		for i := range held {
			var err error
			held[i], err = c.Get(url)
			require.NoError(t, err)
		}
		_, err := c.Do(&Request{URL: url, Deadline: time.Now().Add(20 * time.Millisecond)})
		require.ErrorIs(t, err, Timeout)
		for _, r := range held {
			require.NoError(t, r.Body.Close())
		}
		_, _, err = fetch(c, &Request{URL: url})
		require.NoError(t, err)
	})
}

func TestPipeline_RFC9112_9_3_2(t *testing.T) {
	var conns atomic.Int32
	server := func(c net.Conn, answers int) {
		conns.Add(1)
		r := bufio.NewReader(c)
		for range answers {
			q, err := nethttp.ReadRequest(r)
			if err != nil {
				return
			}
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(q.URL.Path), q.URL.Path)
		}
	}
	for _, row := range []struct {
		name           string
		answers, conns int
	}{{"all on one connection", 100, 1}, {"the server closes after four: the rest one by one", 4, 3}} {
		t.Run(row.name, func(t *testing.T) {
			conns.Store(0)
			l, err := net.Listen("tcp4", "127.0.0.1:0")
			require.NoError(t, err)
			var wg sync.WaitGroup
			wg.Go(func() {
				for {
					nc, err := l.Accept()
					if err != nil {
						return
					}
					wg.Go(func() { defer nc.Close(); server(nc, row.answers) })
				}
			})
			t.Cleanup(func() { l.Close(); wg.Wait() })
			c, _ := client(t)
			var rs []*Request
			var want, got []string
			for i := range 10 {
				want = append(want, fmt.Sprintf("/%d", i))
				rs = append(rs, &Request{URL: "http://" + l.Addr().String() + want[i]})
			}
			err = c.Pipeline(rs, func(i int, resp *Response, err error) {
				if err != nil {
					got = append(got, err.Error())
					return
				}
				if i == 3 {
					got = append(got, want[3]) // not read: Pipeline does
					resp.Body.Close()
					return
				}
				body, _ := io.ReadAll(resp.Body)
				got = append(got, string(body))
			})
			require.NoError(t, err)
			require.Equal(t, want, got)
			require.Equal(t, int32(row.conns), conns.Load())
			require.NoError(t, c.Close())
		})
	}
	c, _ := client(t)
	require.ErrorIs(t, c.Pipeline([]*Request{{Method: "POST", URL: "http://h/"}}, nil), BadRequest)
	require.ErrorIs(t, c.Pipeline([]*Request{{URL: "http://h/"}, {URL: "http://i/"}}, nil), BadRequest)
}

func zipped(t *testing.T, p []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, err := z.Write(p)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.Bytes()
}

func TestAttack_71_GzipBombs(t *testing.T) {
	text := []byte(strings.Repeat("the quick brown fox ", 5000))
	whole := zipped(t, text)
	for _, row := range []struct {
		name, coding string
		sent         []byte
		want         string
		err          error
	}{
		{"gzip", "gzip", whole, string(text), nil},
		{"x-gzip", "X-GZIP", whole, string(text), nil},
		{"none", "", text, string(text), nil},
		{"nothing was sent", "gzip", nil, "", nil},
		{"zeros within the first MiB", "gzip", zipped(t, make([]byte, 1<<20)), strings.Repeat("\x00", 1<<20), nil},
		{"a bomb", "gzip", zipped(t, make([]byte, 16<<20)), "", BadCoding},
		{"truncated", "gzip", whole[:len(whole)/2], "", Partial},
		{"no checksum", "gzip", whole[:len(whole)-8], "", Partial},
		{"a wrong checksum", "gzip", append(append([]byte{}, whole[:len(whole)-8]...), "12345678"...), "", BadCoding},
		{"not gzip", "gzip", text, "", BadCoding},
		{"a coding nobody offered", "br", whole, "", BadCoding},
		{"twice", "gzip, gzip", whole, "", BadCoding},
		{"two fields are a list (RFC 9110 5.2)", "gzip and br", whole, "", BadCoding},
	} {
		t.Run(row.name, func(t *testing.T) {
			url := site(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
				if row.coding != "" {
					w.Header()["Content-Encoding"] = strings.Split(row.coding, " and ")
				}
				w.Header().Set("Content-Type", "text/plain")
				w.Write(row.sent)
			})
			c, _ := client(t)
			resp, err := c.Do(&Request{URL: url, Fields: []Field{AcceptGzip}})
			require.NoError(t, err)
			defer resp.Body.Close()
			var got []byte
			r, err := resp.Decoded(gunzip)
			if err == nil {
				got, err = io.ReadAll(r)
			}
			if row.err != nil {
				require.ErrorIs(t, err, row.err)
				require.Less(t, len(got), 8<<20, "no more than a bounded part came out")
				return
			}
			require.NoError(t, err)
			require.Equal(t, row.want, string(got))
		})
	}
}

func TestRanges_RFC9110_14(t *testing.T) {
	content := bytes.Repeat([]byte("0123456789"), 10)
	url := site(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		w.Header().Set("ETag", `"one"`)
		nethttp.ServeContent(w, r, "x.txt", time.Unix(1e9, 0), bytes.NewReader(content))
	})
	c, _ := client(t)
	resp, body, err := fetch(c, &Request{URL: url, Fields: []Field{RangeFrom(95)}})
	require.NoError(t, err)
	require.Equal(t, 206, resp.Code)
	got, ok := ParseContentRange(resp.Fields)
	require.True(t, ok)
	require.Equal(t, ContentRange{95, 99, 100}, got)
	require.Equal(t, "56789", body)
	resp, _, err = fetch(c, &Request{URL: url, Fields: []Field{RangeFrom(100)}})
	require.NoError(t, err)
	require.Equal(t, 416, resp.Code)
	got, ok = ParseContentRange(resp.Fields)
	require.True(t, ok)
	require.Equal(t, ContentRange{-1, -1, 100}, got)
	// Conditional requests (RFC 9110 13).
	for name, code := range map[string]Field{"not modified, by ETag": {"If-None-Match", `"one"`},
		"not modified, by date": {"If-Modified-Since", time.Unix(1e9, 0).UTC().Format(nethttp.TimeFormat)}} {
		resp, body, err = fetch(c, &Request{URL: url, Fields: []Field{code}})
		require.NoError(t, err, name)
		require.Equal(t, 304, resp.Code, name)
		require.Empty(t, body, name)
	}
	for _, bad := range []string{"", "bytes", "bytes 1-2", "bytes 2-1/3", "bytes 1-3/3", "bytes */*", "bytes -1-2/3", "items 1-2/3", "bytes 1-/3"} {
		_, ok := ParseContentRange([]Field{{"Content-Range", bad}})
		require.False(t, ok, bad)
	}
	got, ok = ParseContentRange([]Field{{"Content-Range", "bytes 1-2/*"}})
	require.True(t, ok)
	require.Equal(t, ContentRange{1, 2, -1}, got)
}

// secure makes TLS over the kernel's sockets.
func secure(roots *x509.CertPool) func(Peer, time.Time) (Stream, error) {
	return func(to Peer, until time.Time) (Stream, error) {
		dup, err := unix.Dup(to.FD)
		if err != nil {
			return nil, err
		}
		f := os.NewFile(uintptr(dup), to.Host)
		nc, err := net.FileConn(f)
		f.Close()
		if err != nil {
			return nil, err
		}
		s := tls.Client(vouched{nc}, &tls.Config{ServerName: to.Host, RootCAs: roots})
		_ = s.SetDeadline(until)
		if err := s.Handshake(); err != nil {
			nc.Close()
			return nil, err
		}
		return timed{s}, s.SetDeadline(time.Time{})
	}
}

// timed is TLS with time-outs.
type timed struct{ *tls.Conn }

func (s timed) SetReadTimeout(d time.Duration) error {
	return s.SetReadDeadline(time.Now().Add(orElse(d, time.Hour)))
}
func (s timed) SetWriteTimeout(d time.Duration) error {
	return s.SetWriteDeadline(time.Now().Add(orElse(d, time.Hour)))
}

// vouched tells the end of a connection from the end that TLS says.
type vouched struct{ net.Conn }

func (v vouched) Read(p []byte) (int, error) {
	n, err := v.Conn.Read(p)
	if err == io.EOF {
		err = ErrTruncated
	}
	return n, err
}

// tlsSite is a server with TLS, and who believes its certificate.
func tlsSite(t *testing.T, h nethttp.HandlerFunc) (url string, roots *x509.CertPool) {
	s := httptest.NewTLSServer(h)
	t.Cleanup(s.Close)
	roots = x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return strings.Replace(s.URL, "127.0.0.1", "example.com", 1), roots
}

func TestHTTPS(t *testing.T) {
	url, roots := tlsSite(t, echo)
	c, seen := client(t)
	c.Secure = TLS(secure(roots))
	for i := range 3 {
		resp, body, err := fetch(c, &Request{Method: "PUT", URL: url, Body: strings.NewReader("x"), Length: 1})
		require.NoError(t, err)
		require.Equal(t, `PUT / HTTP/1.1 1 [] "x"`, body)
		require.Equal(t, i > 0, resp.Reused)
		require.Equal(t, uint16(tls.VersionTLS13), resp.Stream.(timed).ConnectionState().Version)
	}
	require.Contains(t, seen.String(), "connected, secured, request sent")

	c.Secure = TLS(secure(x509.NewCertPool()))
	require.NoError(t, c.Close())
	_, err := c.Get(url)
	require.ErrorIs(t, err, TLSFailed)
	var unknown x509.UnknownAuthorityError
	require.ErrorAs(t, err, &unknown)
}

// cutOrClosed: a body that only the connection's end ends is whole where TLS was closed, and not where it was cut
// (RFC 9112 9.8).
func cutOrClosed(t *testing.T, cut bool) {
	var raw net.Conn
	s := httptest.NewUnstartedServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		c, _, err := w.(nethttp.Hijacker).Hijack()
		if err != nil {
			panic(err)
		}
		io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\nthe beginning")
		if cut {
			raw.Close()
		}
		c.Close()
	}))
	s.Config.ConnState = func(c net.Conn, st nethttp.ConnState) {
		if st == nethttp.StateNew {
			raw = c.(*tls.Conn).NetConn()
		}
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	c, _ := client(t)
	c.Secure = TLS(secure(roots))
	resp, err := c.Get(strings.Replace(s.URL, "127.0.0.1", "example.com", 1))
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	require.Equal(t, "the beginning", string(body))
	if cut {
		require.ErrorIs(t, err, Partial)
	} else {
		require.NoError(t, err)
	}
}

// proxy is one that tunnels and forwards, for who knows the password.
func proxy(t *testing.T) (addr string, asked func() []string) {
	var mu sync.Mutex
	var requests []string
	var tunnels sync.WaitGroup
	s := httptest.NewServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		mu.Lock()
		requests = append(requests, r.Method+" "+r.RequestURI)
		mu.Unlock()
		switch {
		case r.Header.Get("Proxy-Authorization") != "Basic secret":
			w.WriteHeader(407)
		case r.Method != "CONNECT":
			fmt.Fprintf(w, "proxied %s for %s", r.URL, r.Host)
		default:
			_, port, _ := net.SplitHostPort(r.Host)
			to, err := net.Dial("tcp", "127.0.0.1:"+port)
			if err != nil {
				w.WriteHeader(502)
				return
			}
			c, _, err := w.(nethttp.Hijacker).Hijack()
			if err != nil {
				panic(err)
			}
			io.WriteString(c, "HTTP/1.1 200 Connected\r\n\r\n")
			mu.Lock()
			defer mu.Unlock()
			tunnels.Go(func() { io.Copy(to, c); to.Close() })
			tunnels.Go(func() { io.Copy(c, to); c.Close() })
		}
	}))
	t.Cleanup(func() {
		s.Close()
		mu.Lock()
		defer mu.Unlock()
		tunnels.Wait()
	})
	return strings.TrimPrefix(s.URL, "http://"), func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(requests)
	}
}

func TestProxy(t *testing.T) {
	url, roots := tlsSite(t, echo)
	addr, asked := proxy(t)
	c, seen := client(t)
	c.Secure, c.Proxy, c.ProxyAuth = TLS(secure(roots)), addr, "Basic secret"
	_, body, err := fetch(c, &Request{URL: "http://other.test:81/x?y"})
	require.NoError(t, err)
	require.Equal(t, "proxied http://other.test:81/x?y for other.test:81", body)
	_, body, err = fetch(c, &Request{URL: url + "/z"})
	require.NoError(t, err)
	require.Equal(t, `GET /z HTTP/1.1 0 [] ""`, body)
	require.Equal(t, []string{"GET http://other.test:81/x?y", "CONNECT " + strings.TrimPrefix(url, "https://")}, asked())
	require.Contains(t, seen.String(), "connected, tunnelled, secured, request sent")

	wrong, _ := client(t)
	wrong.Secure, wrong.Proxy = c.Secure, addr
	_, err = wrong.Get(url)
	require.ErrorIs(t, err, RecvFailed)
	require.ErrorContains(t, err, "407")
	resp, _, err := fetch(wrong, &Request{URL: "http://other.test/"})
	require.NoError(t, err)
	require.Equal(t, 407, resp.Code)
	wrong.Proxy = "no such proxy"
	_, err = wrong.Get(url)
	require.ErrorIs(t, err, BadRequest)
	wrong.Proxy, wrong.Resolve = "proxy.test:80", nil
	_, err = wrong.Get("http://other.test/")
	require.ErrorIs(t, err, UnresolvedProxy)
}
