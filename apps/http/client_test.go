//go:build linux

package http

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/apps/internal/kernel"
	"github.com/stretchr/testify/require"
)

// client fetches over the kernel's sockets; at the end no descriptor may be left.
func client(t *testing.T) (*Client, *steps) {
	api, seen := &kernel.API{}, &steps{}
	c := &Client{API: api, Observe: seen.add, Resolve: func(string, time.Time) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}}
	t.Cleanup(func() {
		require.NoError(t, c.Close())
		require.Zero(t, api.Open(), "descriptors left open")
	})
	return c, seen
}

// steps are what a client told.
type steps struct {
	mu  sync.Mutex
	all []Step
}

func (s *steps) add(st Step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, st)
}

func (s *steps) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for _, st := range s.all {
		out = append(out, st.Kind.String())
	}
	return strings.Join(out, ", ")
}

func site(t *testing.T, h nethttp.HandlerFunc) string {
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

// speak is a server that reads a request and answers as a test says, once per connection.
func speak(t *testing.T, f func(c net.Conn, nth int)) string {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				if request(c) {
					f(c, n)
				}
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return "http://" + l.Addr().String() + "/"
}

// request reads a request up to its empty line.
func request(c net.Conn) bool {
	var got []byte
	b := make([]byte, 1)
	for !bytes.HasSuffix(got, []byte("\r\n\r\n")) {
		if _, err := c.Read(b); err != nil {
			return false
		}
		got = append(got, b...)
	}
	return true
}

// fetch reads a response to its end.
func fetch(c *Client, r *Request) (*Response, string, error) {
	resp, err := c.Do(r)
	if err != nil {
		return nil, "", err
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	return resp, string(body), err
}

func TestAgainstNetHTTP(t *testing.T) {
	big := bytes.Repeat([]byte("0123456789abcdef"), 1<<18) // 4 MiB
	url := site(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		switch r.URL.Path {
		case "/echo":
			fmt.Fprintf(w, "%s %s %s", r.Host, r.UserAgent(), r.URL.RawQuery)
		case "/empty":
		case "/big":
			w.Header().Set("Content-Length", fmt.Sprint(len(big)))
			w.Write(big)
		case "/chunked":
			w.Header().Set("Trailer", "Sum")
			for part := big; len(part) > 0; part = part[1<<16:] {
				w.Write(part[:1<<16])
				w.(nethttp.Flusher).Flush()
			}
			w.Header().Set("Sum", "42")
		case "/204":
			w.WriteHeader(204)
		case "/304":
			w.WriteHeader(304)
		case "/302":
			nethttp.Redirect(w, r, "/echo", nethttp.StatusFound)
		case "/early":
			w.WriteHeader(103)
			io.WriteString(w, "late")
		default:
			nethttp.NotFound(w, r)
		}
	})
	c, _ := client(t)
	for _, row := range []struct {
		method, path string
		code         int
		body         string
	}{
		{"GET", "/echo?a=b", 200, strings.TrimPrefix(url, "http://") + " sockeye a=b"},
		{"GET", "/empty", 200, ""},
		{"GET", "/big", 200, string(big)},
		{"GET", "/chunked", 200, string(big)},
		{"GET", "/204", 204, ""},
		{"GET", "/304", 304, ""},
		{"GET", "/302", 302, "<a href=\"/echo\">Found</a>.\n\n"},
		{"GET", "/early", 200, "late"},
		{"GET", "/none", 404, "404 page not found\n"},
		{"HEAD", "/big", 200, ""},
		{"HEAD", "/none", 404, ""},
	} {
		for _, once := range []bool{false, true} {
			t.Run(fmt.Sprint(row.method, " ", row.path, " close:", once), func(t *testing.T) {
				resp, body, err := fetch(c, &Request{Method: row.method, URL: url + row.path, Close: once, Deadline: time.Now().Add(30 * time.Second)})
				require.NoError(t, err)
				require.Equal(t, row.code, resp.Code)
				require.Equal(t, sha256.Sum256([]byte(row.body)), sha256.Sum256([]byte(body)))
				require.True(t, bytes.HasPrefix(resp.Raw, []byte(resp.StatusLine+"\r\n")))
				if row.path == "/chunked" {
					require.Equal(t, "42", Get(resp.Body.Trailer(), "Sum"))
				}
				if row.path == "/big" {
					require.EqualValues(t, len(big), resp.ContentLength)
				}
			})
		}
	}
}

func TestStepsKeptAlive(t *testing.T) {
	url := site(t, func(w nethttp.ResponseWriter, r *nethttp.Request) { io.WriteString(w, "hello") })
	c, seen := client(t)
	first, _, err := fetch(c, &Request{URL: url})
	require.NoError(t, err)
	require.False(t, first.Reused)
	second, _, err := fetch(c, &Request{URL: url})
	require.NoError(t, err)
	require.True(t, second.Reused)
	require.Equal(t, first.Local, second.Local)
	require.NoError(t, c.Close())
	require.Equal(t, "resolved, connecting, connected, request sent, head received, body ended, kept alive, "+
		"reused, request sent, head received, body ended, kept alive, closed", seen.String(), "ours is the first FIN")
}

func TestStepsServerClosesFirst(t *testing.T) {
	url := site(t, func(w nethttp.ResponseWriter, r *nethttp.Request) { io.WriteString(w, "hello") })
	c, seen := client(t)
	_, body, err := fetch(c, &Request{URL: url, Close: true})
	require.NoError(t, err)
	require.Equal(t, "hello", body)
	require.Equal(t, "resolved, connecting, connected, request sent, head received, body ended, peer closed, closed", seen.String())
}

// A server that closed an idle connection costs a second connection, not an error (RFC 9112 9.5).
func TestStaleConnection(t *testing.T) {
	hello := ok + "Content-Length: 5\r\n\r\nhello"
	t.Run("seen before sending", func(t *testing.T) {
		closed := make(chan bool, 2)
		url := speak(t, func(c net.Conn, _ int) { io.WriteString(c, hello); c.Close(); closed <- true })
		c, _ := client(t)
		for range 2 {
			_, body, err := fetch(c, &Request{URL: url})
			require.NoError(t, err)
			require.Equal(t, "hello", body)
			<-closed
		}
	})
	t.Run("seen after sending", func(t *testing.T) {
		url := speak(t, func(c net.Conn, nth int) {
			io.WriteString(c, hello)
			request(c) // the second request gets no answer on the first connection
		})
		c, seen := client(t)
		for range 2 {
			_, body, err := fetch(c, &Request{URL: url})
			require.NoError(t, err)
			require.Equal(t, "hello", body)
		}
		require.Contains(t, seen.String(), "reused, request sent, peer closed, closed, resolved")
	})
}

// What a server sends too much is never taken for the next response.
func TestAttack_68_LeftoverBytes(t *testing.T) {
	hello := ok + "Content-Length: 5\r\n\r\nhello"
	t.Run("with the response", func(t *testing.T) {
		url := speak(t, func(c net.Conn, nth int) {
			if nth == 0 {
				io.WriteString(c, hello+ok+"Content-Length: 4\r\n\r\nevil") // in one segment
			} else {
				io.WriteString(c, hello)
			}
			request(c)
		})
		c, _ := client(t)
		for range 2 {
			resp, body, err := fetch(c, &Request{URL: url})
			require.NoError(t, err)
			require.Equal(t, "hello", body)
			require.False(t, resp.Reused)
		}
	})
	t.Run("while idle", func(t *testing.T) {
		more, sent := make(chan bool), make(chan bool)
		url := speak(t, func(c net.Conn, nth int) {
			io.WriteString(c, hello)
			if nth == 0 {
				<-more
				io.WriteString(c, "x")
				sent <- true
			}
			request(c)
		})
		c, _ := client(t)
		_, _, err := fetch(c, &Request{URL: url})
		require.NoError(t, err)
		more <- true
		<-sent
		resp, body, err := fetch(c, &Request{URL: url})
		require.NoError(t, err)
		require.Equal(t, "hello", body)
		require.False(t, resp.Reused)
	})
	t.Run("a body not read to its end", func(t *testing.T) {
		url := speak(t, func(c net.Conn, _ int) { io.WriteString(c, hello); request(c) })
		c, _ := client(t)
		resp, err := c.Get(url)
		require.NoError(t, err)
		_, err = resp.Body.Read(make([]byte, 2))
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		again, _, err := fetch(c, &Request{URL: url})
		require.NoError(t, err)
		require.False(t, again.Reused)
	})
}

// A server that drips: each of the three bounds ends it.
func TestAttack_70_SlowServers(t *testing.T) {
	drip := func(start string, every time.Duration) func(c net.Conn, _ int) {
		return func(c net.Conn, _ int) {
			io.WriteString(c, start)
			gone := make(chan bool)
			go func() { io.Copy(io.Discard, c); close(gone) }()
			tick := time.NewTicker(every)
			defer tick.Stop()
			for {
				select {
				case <-gone:
					return
				case <-tick.C:
					if _, err := io.WriteString(c, "x"); err != nil {
						return
					}
				}
			}
		}
	}
	for _, row := range []struct {
		name  string
		start string
		every time.Duration
		set   func(c *Client, r *Request)
	}{
		{"header time-out", "HTTP/1.1 200 ", time.Millisecond, func(c *Client, r *Request) { c.HeaderTimeout = 50 * time.Millisecond }},
		{"idle time-out", ok + "Content-Length: 9\r\n\r\n", time.Hour, func(c *Client, r *Request) { c.IdleTimeout = 50 * time.Millisecond }},
		{"deadline in the head", "HTTP/1.1 200 ", time.Millisecond, func(c *Client, r *Request) { r.Deadline = time.Now().Add(50 * time.Millisecond) }},
		{"deadline in the body", ok + "\r\n", time.Millisecond, func(c *Client, r *Request) { r.Deadline = time.Now().Add(50 * time.Millisecond) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			c, _ := client(t)
			r := &Request{URL: speak(t, drip(row.start, row.every))}
			row.set(c, r)
			_, _, err := fetch(c, r)
			require.ErrorIs(t, err, Timeout)
			require.NotErrorIs(t, err, Partial)
		})
	}
}

func TestAttack_74_TruncatedOnTheWire(t *testing.T) {
	for _, row := range []struct {
		name string
		send string
		kind Kind
	}{
		{"Content-Length", ok + "Content-Length: 9\r\n\r\nhello", Partial},
		{"chunked", ok + "Transfer-Encoding: chunked\r\n\r\n9\r\nhello", Partial},
		{"the head", ok + "Content-Len", RecvFailed},
		{"everything", "", EmptyReply},
	} {
		t.Run(row.name, func(t *testing.T) {
			c, _ := client(t)
			_, _, err := fetch(c, &Request{URL: speak(t, func(c net.Conn, _ int) { io.WriteString(c, row.send) })})
			require.ErrorIs(t, err, row.kind)
			require.ErrorContains(t, err, "127.0.0.1:")
		})
	}
	t.Run("a reset in a body to the end", func(t *testing.T) {
		read := make(chan bool)
		url := speak(t, func(c net.Conn, _ int) {
			io.WriteString(c, ok+"\r\nhello")
			<-read
			c.(*net.TCPConn).SetLinger(0)
		})
		c, _ := client(t)
		resp, err := c.Get(url)
		require.NoError(t, err)
		_, err = io.ReadFull(resp.Body, make([]byte, 5))
		require.NoError(t, err)
		read <- true
		_, err = io.ReadAll(resp.Body)
		require.ErrorIs(t, err, RecvFailed)
		require.NoError(t, resp.Body.Close())
	})
}

func TestAddressesInTurn(t *testing.T) {
	url := site(t, func(w nethttp.ResponseWriter, r *nethttp.Request) { io.WriteString(w, r.Host) })
	port := url[strings.LastIndex(url, ":"):]
	c, seen := client(t)
	c.Resolve = func(host string, _ time.Time) ([]netip.Addr, error) {
		require.Equal(t, "many.test", host)
		return []netip.Addr{netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.1")}, nil
	}
	_, body, err := fetch(c, &Request{URL: "http://many.test" + port + "/"})
	require.NoError(t, err)
	require.Equal(t, "many.test"+port, body)
	require.Contains(t, seen.String(), "connecting, connect failed, closed, connecting, connected")
}

func TestKinds(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	nobody := "http://" + l.Addr().String() + "/"
	l.Close()
	c, _ := client(t)
	_, err = c.Get(nobody)
	require.ErrorIs(t, err, NotConnected)
	require.ErrorContains(t, err, "nobody listens there")

	c.Resolve = func(string, time.Time) ([]netip.Addr, error) { return nil, io.ErrNoProgress }
	_, err = c.Get("http://no.test/")
	require.ErrorIs(t, err, Unresolved)
	require.ErrorIs(t, err, io.ErrNoProgress)

	_, err = c.Get("http://[::1]/")
	require.ErrorIs(t, err, Unresolved)

	c.Resolve = nil
	_, err = c.Get("http://no.test/")
	require.ErrorIs(t, err, Unresolved)

	_, err = c.Do(&Request{URL: nobody, Deadline: time.Now().Add(-time.Second)})
	require.ErrorIs(t, err, Timeout)

	for _, r := range []Request{
		{Method: "CONNECT"}, {Method: "A B"}, {Method: "TRACE", Body: strings.NewReader("x"), Length: 1},
		{Method: "PUT", Old: true, Body: strings.NewReader("x"), Length: -1},
	} {
		r.URL = nobody
		_, err = c.Do(&r)
		require.ErrorIs(t, err, BadRequest)
	}
	_, err = c.Get("https://no.test/")
	require.ErrorIs(t, err, UnsupportedScheme)
}

// Many fetches at once share a client, and each gets its own bytes.
func TestConcurrent(t *testing.T) {
	url := site(t, func(w nethttp.ResponseWriter, r *nethttp.Request) {
		io.WriteString(w, strings.Repeat(r.URL.RawQuery, 1000))
	})
	c, _ := client(t)
	var wg sync.WaitGroup
	errs := make([]error, 32)
	for i := range errs {
		wg.Go(func() {
			q := fmt.Sprintf("n%d", i)
			_, body, err := fetch(c, &Request{URL: url + "/?" + q})
			if err == nil && body != strings.Repeat(q, 1000) {
				err = fmt.Errorf("body of %s is %.20q", q, body)
			}
			errs[i] = err
		})
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(t, err)
	}
}
