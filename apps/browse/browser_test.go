//go:build linux

package browse

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	nethttp "net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sockeye-net/sockeye/apps/http"
	"github.com/sockeye-net/sockeye/apps/internal/kernel"
	"github.com/sockeye-net/sockeye/apps/url"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A world is servers under names of their own and a browser that knows them.
type world struct {
	*Browser
	t     *testing.T
	roots *x509.CertPool
	mu    sync.Mutex
	log   []string
}

func newWorld(t *testing.T) *world {
	api := &kernel.API{}
	w := &world{t: t, roots: x509.NewCertPool()}
	w.Browser = New(api, func(string, time.Time) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	})
	w.Roots = w.roots
	t.Cleanup(func() {
		require.NoError(t, w.Close())
		require.Eventually(t, func() bool { return api.Open() == 0 }, 20*time.Second, time.Millisecond, "descriptors left open")
	})
	return w
}

// serve runs a server; kind is http, https or h2.
func (w *world) serve(kind, host string, h nethttp.HandlerFunc) (origin string) {
	s := httptest.NewUnstartedServer(nethttp.HandlerFunc(func(rw nethttp.ResponseWriter, r *nethttp.Request) {
		w.mu.Lock()
		w.log = append(w.log, fmt.Sprint(r.Method, " ", r.Host, r.URL, " ", r.Proto, " ", r.Header.Get("Authorization"), "|", r.Header.Get("Cookie")))
		w.mu.Unlock()
		h(rw, r)
	}))
	if kind == "http" {
		s.Start()
	} else {
		s.EnableHTTP2 = kind == "h2"
		s.StartTLS()
		w.roots.AddCert(s.Certificate())
	}
	w.t.Cleanup(s.Close)
	return strings.Replace(s.URL, "127.0.0.1", host, 1)
}

// told is what the servers heard since the last time.
func (w *world) told() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	s := strings.Join(w.log, "\n")
	w.log = nil
	return s
}

func (w *world) fetch(r *http.Request) (*Response, string, error) {
	resp, err := w.Do(r)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, string(body), err
}

func echo(w nethttp.ResponseWriter, r *nethttp.Request) {
	body, _ := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%s %s %s", r.Method, r.URL.Path, body)
}

// to answers with a redirect to a place.
func to(code int, where string) nethttp.HandlerFunc {
	return func(w nethttp.ResponseWriter, r *nethttp.Request) {
		w.Header().Set("Location", where)
		w.WriteHeader(code)
	}
}

// RFC 9110 10.1.3: who asked, without a password or a fragment, and no secure page to one that is not.
func TestReferer(t *testing.T) {
	for _, row := range []struct{ from, to, want string }{
		{"http://joe:pw@a.test/x?y#z", "http://b.test/", "http://a.test/x?y"},
		{"http://a.test/", "https://a.test/", "http://a.test/"},
		{"https://a.test/", "http://a.test/", ""},
	} {
		from, _ := url.Parse(row.from)
		to, _ := url.Parse(row.to)
		fields := refer([]http.Field{{Name: "referer", Value: "old"}, {Name: "A", Value: "b"}}, from, to)
		require.Equal(t, row.want, http.Get(fields, "Referer"), row.from)
		require.Equal(t, "b", http.Get(fields, "A"))
	}
}

// What becomes of the method and the body (RFC 9110 15.4).
func TestRedirectMethods(t *testing.T) {
	for _, row := range []struct {
		code         int
		method, want string
	}{
		{301, "GET", "GET /end "}, {302, "GET", "GET /end "}, {303, "GET", "GET /end "}, {307, "GET", "GET /end "}, {308, "GET", "GET /end "},
		{301, "POST", "GET /end "}, {302, "POST", "GET /end "}, {303, "POST", "GET /end "},
		{307, "POST", "POST /end body"}, {308, "POST", "POST /end body"},
		{301, "PUT", "PUT /end body"}, {302, "PUT", "PUT /end body"}, {303, "PUT", "GET /end "}, {308, "PUT", "PUT /end body"},
		{303, "DELETE", "GET /end "}, {302, "DELETE", "DELETE /end "},
	} {
		t.Run(fmt.Sprint(row.code, row.method), func(t *testing.T) {
			w := newWorld(t)
			site := w.serve("http", "a.test", func(rw nethttp.ResponseWriter, r *nethttp.Request) {
				if r.URL.Path == "/end" {
					echo(rw, r)
				} else {
					to(row.code, "../end#there")(rw, r)
				}
			})
			r := &http.Request{Method: row.method, URL: site + "/dir/begin#here"}
			if row.method == "POST" || row.method == "PUT" {
				r.Body, r.Length = strings.NewReader("body"), 4
			}
			resp, body, err := w.fetch(r)
			require.NoError(t, err)
			require.Equal(t, row.want, body)
			require.Len(t, resp.Via, 1)
			require.Equal(t, row.code, resp.Via[0].Code)
			require.Equal(t, "there", resp.URL.Fragment)
		})
	}
}

func TestAttack_72_Redirects(t *testing.T) {
	w := newWorld(t)
	var hops atomic.Int32
	self := w.serve("http", "a.test", func(rw nethttp.ResponseWriter, r *nethttp.Request) {
		hops.Add(1)
		to(302, r.URL.Path+"x")(rw, r)
	})
	_, _, err := w.fetch(&http.Request{URL: self + "/"})
	require.ErrorIs(t, err, http.BadRedirect)
	require.EqualValues(t, 1+mostRedirects, hops.Load())

	w.Redirects = 1000
	hops.Store(0)
	_, _, err = w.fetch(&http.Request{URL: self + "/"})
	require.ErrorIs(t, err, http.BadRedirect)
	require.EqualValues(t, 1+mostRedirects, hops.Load(), "whatever was asked for")

	w.Redirects = 0
	resp, _, err := w.fetch(&http.Request{URL: self + "/"})
	require.NoError(t, err)
	require.Equal(t, 302, resp.Code)

	w.Redirects = 5
	for _, bad := range []string{"ftp://a.test/", "file:///etc/passwd", "javascript:alert(1)", "gopher://a.test/1", "data:text/plain,x"} {
		site := w.serve("http", "b.test", to(302, bad))
		_, _, err = w.fetch(&http.Request{URL: site})
		require.ErrorIs(t, err, http.UnsupportedScheme, bad)
	}
	for _, bad := range []string{"http://a b/", "http://[::1/", "http://"} {
		site := w.serve("http", "b.test", to(302, bad))
		_, _, err = w.fetch(&http.Request{URL: site})
		require.ErrorIs(t, err, http.BadRedirect, bad)
	}
	clear := w.serve("http", "c.test", echo)
	down := w.serve("https", "example.com", to(301, clear+"/"))
	_, _, err = w.fetch(&http.Request{URL: down})
	require.ErrorIs(t, err, http.UnsupportedScheme)
	w.Downgrade = true
	_, body, err := w.fetch(&http.Request{URL: down})
	require.NoError(t, err)
	require.Equal(t, "GET / ", body)
}

// RFC 9110 15.4: bounded, to http and https only, and with nothing that authorizes elsewhere.
func TestReqC_HTTPRedirect(t *testing.T) {
	t.Run("15.4: bounded, and to what", TestAttack_72_Redirects)
	t.Run("15.4: credentials", TestAttack_73_Credentials)
	t.Run("15.4.2 to 15.4.9: method and body", TestRedirectMethods)
}

func TestAttack_73_Credentials(t *testing.T) {
	w := newWorld(t)
	other := w.serve("http", "b.test", echo)
	w.Jar.Set(parse(t, "http://a.test/"), "mine=1", time.Now())
	w.Jar.Set(parse(t, "http://b.test/"), "theirs=2", time.Now())
	first := w.serve("http", "a.test", to(302, other+"/"))
	userinfo := strings.Replace(first, "http://", "http://joe:pw@", 1)
	basic := "Basic am9lOnB3"
	_, _, err := w.fetch(&http.Request{URL: userinfo})
	require.NoError(t, err)
	require.Equal(t, "GET "+first[7:]+"/ HTTP/1.1 "+basic+"|mine=1\nGET "+other[7:]+"/ HTTP/1.1 |theirs=2", w.told())

	_, _, err = w.fetch(&http.Request{URL: first, Fields: []http.Field{{Name: "Authorization", Value: "Bearer x"}, {Name: "Cookie", Value: "hand=3"}}})
	require.NoError(t, err)
	require.Equal(t, "GET "+first[7:]+"/ HTTP/1.1 Bearer x|hand=3; mine=1\nGET "+other[7:]+"/ HTTP/1.1 |theirs=2", w.told())

	secrets := []http.Field{{Name: "proxy-authorization", Value: "Basic x"}, {Name: "X-Own", Value: "goes along"}}
	var heard atomic.Pointer[nethttp.Header]
	listener := w.serve("http", "d.test", func(_ nethttp.ResponseWriter, r *nethttp.Request) { heard.Store(&r.Header) })
	_, _, err = w.fetch(&http.Request{URL: w.serve("http", "a.test", to(302, listener+"/")), Fields: secrets})
	require.NoError(t, err)
	require.Empty(t, heard.Load().Get("Proxy-Authorization"))
	require.Equal(t, "goes along", heard.Load().Get("X-Own"))
	w.told()

	// Another port is another origin; the same one is not.
	same := w.serve("http", "a.test", func(rw nethttp.ResponseWriter, r *nethttp.Request) {
		if r.URL.Path == "/" {
			to(302, "/next")(rw, r)
		}
	})
	_, _, err = w.fetch(&http.Request{URL: same, Fields: []http.Field{{Name: "Authorization", Value: "Bearer x"}}})
	require.NoError(t, err)
	require.Equal(t, "GET "+same[7:]+"/ HTTP/1.1 Bearer x|mine=1\nGET "+same[7:]+"/next HTTP/1.1 Bearer x|mine=1", w.told())
}

func TestCookiesGoAround(t *testing.T) {
	w := newWorld(t)
	site := w.serve("http", "a.test", func(rw nethttp.ResponseWriter, r *nethttp.Request) {
		if r.URL.Path == "/login" {
			nethttp.SetCookie(rw, &nethttp.Cookie{Name: "session", Value: "7", Path: "/"})
			to(303, "/home")(rw, r)
		}
	})
	_, _, err := w.fetch(&http.Request{URL: site + "/login"})
	require.NoError(t, err)
	require.Contains(t, w.told(), "/home HTTP/1.1 |session=7")
	w.Jar = nil
	_, _, err = w.fetch(&http.Request{URL: site + "/login"})
	require.NoError(t, err)
	require.NotContains(t, w.told(), "session")
}

func TestHTTPSAndHTTP2(t *testing.T) {
	w := newWorld(t)
	var seen []tls.ConnectionState
	w.Trusted = func(s tls.ConnectionState) { seen = append(seen, s) }
	old, new2 := w.serve("https", "example.com", echo), w.serve("h2", "example.com", echo)
	for _, row := range []struct{ url, proto string }{{old, "HTTP/1.1"}, {new2, "HTTP/2.0"}} {
		for range 3 {
			resp, body, err := w.fetch(&http.Request{Method: "PUT", URL: row.url + "/x", Body: strings.NewReader("body!"), Length: 4})
			require.NoError(t, err)
			require.Equal(t, "PUT /x body", body)
			require.Equal(t, row.proto, resp.Proto)
			require.Equal(t, uint16(tls.VersionTLS13), resp.TLS.Version)
		}
	}
	require.Len(t, seen, 2, "one connection each")
	require.Equal(t, "h2", seen[1].NegotiatedProtocol)

	only1 := newWorld(t)
	only1.Roots, only1.OnlyHTTP1 = w.roots, true
	resp, _, err := only1.fetch(&http.Request{URL: new2})
	require.NoError(t, err)
	require.Equal(t, "HTTP/1.1", resp.Proto)
}

// A connection that has ended is made anew.
func TestHTTP2Again(t *testing.T) {
	w := newWorld(t)
	site := w.serve("h2", "example.com", func(rw nethttp.ResponseWriter, r *nethttp.Request) { rw.Header().Set("Connection", "close") })
	for range 3 {
		resp, _, err := w.fetch(&http.Request{URL: site})
		require.NoError(t, err)
		require.Equal(t, "HTTP/2.0", resp.Proto)
	}
}

func TestHTTP2Concurrent(t *testing.T) {
	w := newWorld(t)
	site := w.serve("h2", "example.com", echo)
	var wg sync.WaitGroup
	for i := range 32 {
		wg.Go(func() {
			_, body, err := w.fetch(&http.Request{Method: "POST", URL: fmt.Sprint(site, "/", i), Body: strings.NewReader(fmt.Sprint(i)), Length: -1})
			if err != nil || body != fmt.Sprintf("POST /%d %d", i, i) {
				t.Error(body, err)
			}
		})
	}
	wg.Wait()
}

func TestHTTP2Faults(t *testing.T) {
	w := newWorld(t)
	site := w.serve("h2", "example.com", func(rw nethttp.ResponseWriter, r *nethttp.Request) {
		switch r.URL.Path {
		case "/cut":
			rw.Header().Set("Content-Length", "10")
			io.WriteString(rw, "short")
			panic(nethttp.ErrAbortHandler)
		case "/slow":
			<-r.Context().Done()
		}
	})
	_, _, err := w.fetch(&http.Request{URL: site + "/cut"})
	require.Error(t, err)
	var e *http.Error
	require.ErrorAs(t, err, &e)
	_, _, err = w.fetch(&http.Request{URL: site + "/slow", Deadline: time.Now().Add(50 * time.Millisecond)})
	require.ErrorIs(t, err, http.Timeout)
}

func TestCertificates(t *testing.T) {
	w := newWorld(t)
	site := w.serve("https", "example.com", echo)
	stranger := strings.Replace(site, "example.com", "other.test", 1)
	_, _, err := w.fetch(&http.Request{URL: stranger})
	require.ErrorIs(t, err, http.BadCertificate)
	var name x509.HostnameError
	require.ErrorAs(t, err, &name)

	none := newWorld(t)
	_, _, err = none.fetch(&http.Request{URL: site})
	require.ErrorIs(t, err, http.BadCertificate)
	require.ErrorContains(t, err, "-k")
	none.Insecure = true
	_, _, err = none.fetch(&http.Request{URL: stranger})
	require.NoError(t, err)

	plain := w.serve("http", "example.com", echo)
	_, _, err = w.fetch(&http.Request{URL: strings.Replace(plain, "http:", "https:", 1)})
	require.ErrorIs(t, err, http.TLSFailed)
	require.False(t, errors.Is(err, http.BadCertificate))
}
