package browse

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"

	nethttp "net/http"
	neturl "net/url"

	"github.com/sockeye-net/sockeye/apps/http"
	"github.com/sockeye-net/sockeye/apps/url"
)

// HTTP/2 is net/http's, on connections that we make: ALPN says h2 while apps/http dials, so secure keeps
// the connection and has a ClientConn made of it.

// joined is the key of the context value by which the transport gets its connection.
type joined struct{}

// newTransport returns one that dials nothing: connections are handed to it.
func newTransport() *nethttp.Transport {
	handed := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return ctx.Value(joined{}).(net.Conn), nil
	}
	return &nethttp.Transport{ForceAttemptHTTP2: true, DisableCompression: true, DialTLSContext: handed, DialContext: handed}
}

// An overTwo is a connection that speaks HTTP/2.
type overTwo struct {
	*nethttp.ClientConn
	local, remote netip.AddrPort
	again         bool       // it has served a request
	heads         *headsSeen // of the responses
}

// newOverTwo makes one of a TLS connection, whose frames are looked at: net/http takes it for one in the clear, and
// still asks it for its ConnectionState.
func (b *Browser) newOverTwo(to http.Peer, s *tls.Conn) (*overTwo, error) {
	seen := &headsSeen{}
	nc := newWatched(s, func(f Frame) {
		seen.note(f)
		if b.Frames != nil {
			b.Frames(f)
		}
	})
	t := newTransport()
	t.Protocols = new(nethttp.Protocols)
	t.Protocols.SetUnencryptedHTTP2(true)
	cc, err := t.NewClientConn(context.WithValue(context.Background(), joined{}, net.Conn(nc)), "http", to.Addr.String())
	if err != nil {
		return nil, err
	}
	local, _ := b.API.GetSockName(to.FD)
	return &overTwo{ClientConn: cc, local: local, remote: to.Addr, heads: seen}, nil
}

// keepHTTP2 keeps a connection on which ALPN said h2.
func (b *Browser) keepHTTP2(to http.Peer, s *tls.Conn) error {
	cc, err := b.newOverTwo(to, s)
	if err != nil {
		return &http.Error{Kind: http.TLSFailed, Op: "begin HTTP/2 with " + to.Host, Err: err}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.http2 == nil {
		b.http2 = make(map[string][]*overTwo)
	}
	b.http2[to.Origin] = append(b.http2[to.Origin], cc)
	return nil
}

// reserve returns a connection to an origin that takes one more request, nil where there is none.
func (b *Browser) reserve(origin string) *overTwo {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.http2[origin]
	for i := 0; i < len(all); {
		cc := all[i]
		if cc.Err() != nil { // it has ended
			_ = cc.Close()
			all = slices.Delete(all, i, i+1)
			b.http2[origin] = all
			continue
		}
		if cc.Reserve() == nil {
			return cc
		}
		i++
	}
	return nil
}

// overHTTP2 sends a request on a connection that speaks HTTP/2. The error is http.ErrTaken where there is none.
func (b *Browser) overHTTP2(r *http.Request, u *url.URL) (*Response, error) {
	for {
		cc := b.reserve(u.Origin())
		if cc == nil {
			return nil, http.ErrTaken
		}
		ctx, cancel := context.WithCancel(context.Background())
		if !r.Deadline.IsZero() {
			ctx, cancel = context.WithDeadline(ctx, r.Deadline)
		}
		resp, err := cc.RoundTrip(b.request2(r, u).WithContext(ctx))
		if err == nil {
			return b.answered(cc, fromHTTP2(u, resp, cc.heads.of(resp), cancel)), nil
		}
		cancel()
		// The server had ended the connection: what is idempotent goes again, each time on another one.
		if cc.Err() == nil || ctx.Err() == context.DeadlineExceeded || !r.Idempotent() || !r.Rewind() {
			return nil, failed2(u, err)
		}
	}
}

// answered says over which connection a response came.
func (b *Browser) answered(cc *overTwo, r *Response) *Response {
	b.mu.Lock()
	defer b.mu.Unlock()
	r.Local, r.Remote, r.Reused = cc.local, cc.remote, cc.again
	cc.again = true
	return r
}

// request2 is r as net/http has requests.
func (b *Browser) request2(r *http.Request, u *url.URL) *nethttp.Request {
	method := r.Method
	if method == "" {
		method = "GET"
	}
	q := &nethttp.Request{
		Method: method, Host: u.HostPort(), Header: nethttp.Header{},
		URL: &neturl.URL{Scheme: u.Scheme, Host: u.HostPort()},
	}
	agent := b.Client.UserAgent
	if agent == "" {
		agent = "sockeye"
	}
	q.Header["User-Agent"], q.Header["Accept"] = []string{agent}, []string{"*/*"}
	if r.Omits("User-Agent") {
		q.Header["User-Agent"] = []string{""} // else net/http names itself
	}
	if r.Omits("Accept") {
		delete(q.Header, "Accept")
	}
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
	q.URL.Opaque = "//" + q.Host + u.Target() // net/http takes the host off again
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

// fromHTTP2 is a response of net/http as ours, with its fields in their order; nil: that is not known.
func fromHTTP2(u *url.URL, r *nethttp.Response, fields []http.Field, cancel func()) *Response {
	if fields == nil {
		fields = sorted(r.Header)
	}
	resp := &Response{URL: u, Proto: r.Proto, Code: r.StatusCode, Fields: fields, Length: r.ContentLength, TLS: r.TLS}
	resp.Body = &body2{ReadCloser: r.Body, u: u, cancel: cancel}
	resp.decoded = func() (io.Reader, error) { return http.Decode(resp.Fields, resp.Body, gunzip) }
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
