package browse

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	nethttp "net/http"
	neturl "net/url"

	"github.com/sockeye-net/sockeye/apps/http"
	"github.com/sockeye-net/sockeye/apps/url"
)

// HTTP/2 is net/http's, on connections that we make: ALPN says h2 while apps/http dials, so secure keeps
// the connection, and the transport takes it from there when it asks for one.

// errNone is what the transport gets when it wants a connection that nobody has made.
var errNone = errors.New("no connection is kept for HTTP/2")

// keepHTTP2 keeps a connection on which ALPN said h2. There is one for each origin.
func (b *Browser) keepHTTP2(origin string, s *tls.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.transport == nil {
		b.kept = make(map[string]*tls.Conn)
		b.transport = &nethttp.Transport{
			DialTLSContext: b.takeHTTP2, ForceAttemptHTTP2: true, DisableCompression: true, IdleConnTimeout: idleTime,
		}
	}
	if old := b.kept[origin]; old != nil {
		_ = old.Close()
	}
	b.kept[origin] = s
}

// takeHTTP2 is the transport's dial.
func (b *Browser) takeHTTP2(_ context.Context, _, addr string) (net.Conn, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.kept["https://"+addr]
	if s == nil {
		return nil, errNone
	}
	delete(b.kept, "https://"+addr)
	return s, nil
}

// idleTime is how long an unused connection stays.
const idleTime = time.Minute

// overHTTP2 sends a request on a connection that speaks HTTP/2. The error is http.ErrTaken where there is none.
func (b *Browser) overHTTP2(r *http.Request, u *url.URL) (*Response, error) {
	b.mu.Lock()
	t := b.transport
	b.mu.Unlock()
	if t == nil || u.Scheme != "https" {
		return nil, http.ErrTaken
	}
	ctx, cancel := context.WithCancel(context.Background())
	if !r.Deadline.IsZero() {
		ctx, cancel = context.WithDeadline(ctx, r.Deadline)
	}
	resp, err := t.RoundTrip(b.request2(r, u).WithContext(ctx))
	switch {
	case errors.Is(err, errNone):
		cancel()
		return nil, http.ErrTaken
	case err != nil:
		cancel()
		return nil, failed2(u, err)
	}
	return fromHTTP2(u, resp, cancel), nil
}

// request2 is r as net/http has requests.
func (b *Browser) request2(r *http.Request, u *url.URL) *nethttp.Request {
	method := r.Method
	if method == "" {
		method = "GET"
	}
	q := &nethttp.Request{
		Method: method, Host: u.HostPort(), Header: nethttp.Header{},
		URL: &neturl.URL{Scheme: u.Scheme, Host: u.HostPort(), Opaque: "//" + u.HostPort() + u.Target()},
	}
	agent := b.Client.UserAgent
	if agent == "" {
		agent = "sockeye"
	}
	q.Header["User-Agent"], q.Header["Accept"] = []string{agent}, []string{"*/*"}
	for _, f := range r.Fields {
		key := nethttp.CanonicalHeaderKey(f.Name)
		switch {
		case key == "Host":
			q.Host = f.Value
		case key == "User-Agent", key == "Accept":
			q.Header[key] = []string{f.Value}
		default:
			q.Header[key] = append(q.Header[key], f.Value)
		}
	}
	if r.Body != nil {
		q.Body, q.ContentLength = io.NopCloser(r.Body), r.Length
		if r.Length >= 0 {
			q.Body = io.NopCloser(io.LimitReader(r.Body, r.Length))
		}
	}
	return q
}

// failed2 is an error of HTTP/2 as apps/http has errors.
func failed2(u *url.URL, err error) error {
	e := &http.Error{Kind: http.RecvFailed, Op: "fetch " + u.Public() + " over HTTP/2", Err: err}
	var t net.Error
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &t) && t.Timeout():
		e.Kind, e.Text = http.Timeout, "no answer in the time allowed"
	case errors.Is(err, io.ErrUnexpectedEOF):
		e.Kind, e.Err = http.Partial, errors.Join(http.ErrTruncated, err)
	}
	return e
}

// fromHTTP2 is a response of net/http as ours.
func fromHTTP2(u *url.URL, r *nethttp.Response, cancel func()) *Response {
	resp := &Response{URL: u, Proto: r.Proto, Code: r.StatusCode, Length: r.ContentLength, TLS: r.TLS}
	names := make([]string, 0, len(r.Header))
	for name := range r.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, v := range r.Header[name] {
			resp.Fields = append(resp.Fields, http.Field{Name: strings.ToLower(name), Value: v})
		}
	}
	resp.Body = &body2{ReadCloser: r.Body, u: u, cancel: cancel}
	resp.decoded = func() (io.Reader, error) { return http.Decode(resp.Fields, resp.Body) }
	return resp
}

// A body2 is a response's body in HTTP/2.
type body2 struct {
	io.ReadCloser
	u      *url.URL
	cancel func()
}

func (b *body2) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && err != io.EOF {
		err = failed2(b.u, err)
	}
	return n, err
}

func (b *body2) Close() error {
	defer b.cancel()
	return b.ReadCloser.Close()
}
