package browse

import (
	"cmp"
	"compress/gzip"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sockeye-net/sockeye/apps/http"
	"github.com/sockeye-net/sockeye/apps/url"
)

// A Browser fetches. API is required; New makes one. Its fields are not changed while it is in use. It is safe
// for concurrent use where API and what it calls are.
type Browser struct {
	API    Sockets
	Client *http.Client // for HTTP/1; New makes it

	Jar       *Jar // nil: cookies are neither kept nor sent
	Redirects int  // how many are followed, 10 at most; 0: none
	Downgrade bool // a redirect from https to http is followed
	Refer     bool // a request that a redirect asks for has a Referer: who asked (RFC 9110 10.1.3)

	Roots     *x509.CertPool // who is trusted; nil: whom the system trusts
	Insecure  bool           // any certificate is believed
	OnlyHTTP1 bool           // h2 is not offered
	KeyLog    io.Writer      // gets TLS's secrets in NSS's format; nil: nobody

	// Trusted hears of each handshake that ended well. nil: nobody.
	Trusted func(tls.ConnectionState)

	// Hopped hears of each redirect, before it is followed to next. nil: nobody.
	Hopped func(h Hop, next *url.URL)

	// Talks hears of each connection on which a WebSocket is about to begin, over TLS where it is secure, and
	// returns the one to use. nil: nobody.
	Talks func(net.Conn) net.Conn

	// Frames hears of each frame of HTTP/2, in the goroutine that reads or writes it. nil: nobody.
	Frames func(Frame)

	mu    sync.Mutex
	http2 map[string][]*overTwo // by origin
}

// mostRedirects bounds Redirects (attack 72).
const mostRedirects = 10

// New returns a Browser over api that asks resolve for addresses.
func New(api Sockets, resolve func(host string, deadline time.Time) ([]netip.Addr, error)) *Browser {
	b := &Browser{API: api, Jar: &Jar{}, Redirects: mostRedirects}
	b.Client = &http.Client{API: api, Resolve: resolve, Secure: http.TLS(b.secure)}
	return b
}

// A Response is the last of a chain.
type Response struct {
	URL         *url.URL
	Proto       string // "HTTP/1.1"
	Code        int
	Reason      string // "" in HTTP/2
	Fields      []http.Field
	Raw         []byte // the head as it came; nil in HTTP/2
	Length      int64  // of the body; -1: not said
	Body        io.ReadCloser
	TLS         *tls.ConnectionState // nil: none
	Local       netip.AddrPort
	Remote      netip.AddrPort
	Reused      bool  // the connection had served before
	Via         []Hop // the redirects before it
	decoded     func() (io.Reader, error)
	unencrypted *http.Response // nil in HTTP/2
}

// A Hop is a redirect that was followed.
type Hop struct {
	URL    *url.URL
	Code   int
	Fields []http.Field
	Raw    []byte // its Head
	Then   string // the method of the request that followed
}

// Decoded is the body without its content coding; see http.Response.
func (r *Response) Decoded() (io.Reader, error) { return r.decoded() }

// Head is the response's head as it came or, in HTTP/2, as HTTP/1 would have it.
func (r *Response) Head() []byte {
	if r.Raw != nil {
		return r.Raw
	}
	return written(r.Code, r.Fields)
}

// written is the head of a response of HTTP/2, as curl shows them.
func written(code int, fields []http.Field) []byte {
	b := []byte("HTTP/2 " + strconv.Itoa(code) + " \r\n")
	for _, f := range fields {
		b = append(append(append(append(b, f.Name...), ": "...), f.Value...), '\r', '\n')
	}
	return append(b, '\r', '\n')
}

// Trailer is the fields after the body, once it has been read.
func (r *Response) Trailer() []http.Field {
	if r.unencrypted != nil {
		return r.unencrypted.Body.Trailer()
	}
	return nil
}

// Do sends a request and follows redirects. The user and the password of its URL go with it (RFC 7617).
func (b *Browser) Do(r *http.Request) (*Response, error) {
	q := *r
	var via []Hop
	for {
		u, err := http.ParseURL(q.URL)
		if err != nil {
			return nil, err
		}
		resp, err := b.once(&q, u)
		if err != nil {
			return nil, err
		}
		resp.Via = via
		next, err := b.follow(&q, u, resp, len(via))
		if next == nil && err == nil {
			return resp, nil
		}
		discard(resp.Body)
		if err != nil {
			return nil, err
		}
		h := Hop{URL: u, Code: resp.Code, Fields: resp.Fields, Raw: resp.Head(), Then: cmp.Or(next.Method, "GET")}
		via = append(via, h)
		if b.Hopped != nil {
			b.Hopped(h, next.at)
		}
		q = next.Request
	}
}

// once is one request and its response, without what follows from it.
func (b *Browser) once(r *http.Request, u *url.URL) (*Response, error) {
	q := *r
	q.Fields = b.dressed(r.Fields, u)
	resp, err := b.overHTTP2(&q, u)
	if errors.Is(err, http.ErrTaken) {
		var old *http.Response
		if old, err = b.Client.Do(&q); err == nil {
			resp = fromHTTP1(old)
		}
		if errors.Is(err, http.ErrTaken) { // ALPN has just said h2
			resp, err = b.overHTTP2(&q, u)
		}
	}
	if err != nil {
		return nil, err
	}
	b.keepCookies(u, resp.Fields)
	return resp, nil
}

// dressed adds cookies and the URL's password to a request's fields.
func (b *Browser) dressed(fields []http.Field, u *url.URL) []http.Field {
	fields = append([]http.Field(nil), fields...)
	if (u.User != "" || u.HasPassword) && http.Get(fields, "Authorization") == "" {
		fields = append(fields, http.Field{Name: "Authorization", Value: Basic(url.Decode(u.User), url.Decode(u.Password))})
	}
	if b.Jar == nil {
		return fields
	}
	mine := b.Jar.Header(u, time.Now())
	for i, f := range fields {
		if mine != "" && strings.EqualFold(f.Name, "Cookie") {
			fields[i].Value += "; " + mine
			return fields
		}
	}
	if mine != "" {
		fields = append(fields, http.Field{Name: "Cookie", Value: mine})
	}
	return fields
}

// Basic is the value of an Authorization field (RFC 7617 2).
func Basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

// keepCookies keeps what a response sets.
func (b *Browser) keepCookies(u *url.URL, fields []http.Field) {
	if b.Jar == nil {
		return
	}
	n := 0
	for _, f := range fields {
		if strings.EqualFold(f.Name, "Set-Cookie") && n < maxPerHead {
			b.Jar.Set(u, f.Value, time.Now())
			n++
		}
	}
}

// gunzip is the http.Gunzip of the standard library.
func gunzip(r io.Reader) (io.Reader, error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	return z, nil
}

// fromHTTP1 is a response of apps/http as ours.
func fromHTTP1(r *http.Response) *Response {
	resp := &Response{
		URL: r.URL, Proto: "HTTP/1." + string(rune('0'+r.Minor)), Code: r.Code, Reason: r.Reason, Fields: r.Fields, Raw: r.Raw,
		Length: r.ContentLength, Body: r.Body, Local: r.Local, Remote: r.Remote, Reused: r.Reused, unencrypted: r,
	}
	resp.decoded = func() (io.Reader, error) { return r.Decoded(gunzip) }
	if s, ok := r.Stream.(stream); ok {
		st := s.ConnectionState()
		resp.TLS = &st
	}
	return resp
}

// discard ends with a response whose body nobody wants: a short one is read, for the connection's sake.
func discard(body io.ReadCloser) {
	_, _ = io.CopyN(io.Discard, body, 64<<10)
	_ = body.Close()
}

// Close closes what is open.
func (b *Browser) Close() error {
	b.mu.Lock()
	all := b.http2
	b.http2 = nil
	b.mu.Unlock()
	for _, ccs := range all {
		for _, cc := range ccs {
			_ = cc.Close()
		}
	}
	return b.Client.Close()
}
