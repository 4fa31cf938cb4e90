package http

import (
	"io"
	"net/netip"
	"time"

	"github.com/sockeye-net/sockeye/apps/url"
)

// A Client fetches. API is required, Resolve too unless every host is an address; every other zero
// value is a default. Its fields are not changed while it is in use. It is safe for concurrent use where
// API, Resolve and Observe are.
type Client struct {
	API Sockets

	// Resolve gives a host's addresses, in the order to try them, before the deadline.
	// (*dns.Resolver).LookupA serves.
	Resolve func(host string, deadline time.Time) ([]netip.Addr, error)

	// Known gives the addresses of a host at a port for which nobody has to be asked; nil: there are none.
	// nil: nothing is known.
	Known func(host string, port uint16) []netip.Addr

	// Secure makes TLS for https: see TLS. nil: https is refused.
	Secure Securer

	// Proxy is "host:port" of an HTTP proxy: http is asked of it, https goes through a CONNECT tunnel.
	// "": none. ProxyAuth is what Proxy-Authorization says to it; "": nothing.
	Proxy, ProxyAuth string

	// UserAgent is sent with every request. "": sockeye.
	UserAgent string

	// PerHost is how many connections to one origin may be open at a time; who wants one more waits. 0: 6.
	PerHost int

	ConnectTimeout time.Duration // name, connection and TLS together. 0: 30 s
	HeaderTimeout  time.Duration // from the request to the end of the response's head. 0: 60 s
	IdleTimeout    time.Duration // without a byte of the body. 0: 60 s
	KeepTimeout    time.Duration // how old an idle connection may get. 0: 60 s

	// Observe hears of every step, in the goroutine that makes it. nil: nobody.
	Observe func(Step)

	pool pool
}

// A Response is a response's head as it came, and its body. Body.Close must be called.
type Response struct {
	URL           *url.URL
	StatusLine    string // as it came
	Minor         int    // HTTP/1.Minor
	Code          int    // 200
	Reason        string // OK
	Fields        []Field
	Raw           []byte // the head's bytes, the empty line included
	Interim       int    // 1xx responses that came before it
	ContentLength int64  // what the server says the body has, for HEAD would have; -1: it does not say
	Body          *Body
	FD            int
	Stream        Stream // nil for http
	Local, Remote netip.AddrPort
	Reused        bool // the connection had served before
}

// Get fetches a URL.
func (c *Client) Get(u string) (*Response, error) { return c.Do(&Request{URL: u}) }

// Head fetches a URL's head.
func (c *Client) Head(u string) (*Response, error) { return c.Do(&Request{Method: "HEAD", URL: u}) }

// Do sends a request and reads the response's head. Redirects are not followed. The error is an *Error.
func (c *Client) Do(r *Request) (*Response, error) {
	u, raw, err := c.prepare(r)
	if err != nil {
		return nil, err
	}
	for {
		cn, err := c.take(u, r.Deadline)
		if err != nil {
			return nil, err
		}
		resp, err := cn.exchange(r, raw)
		if err == nil {
			resp.URL = u
			return resp, nil
		}
		cn.close()
		if !cn.stale(err) || !r.Idempotent() || !r.Rewind() {
			return nil, err
		}
	}
}

// prepare checks a request and writes its head.
func (c *Client) prepare(r *Request) (*url.URL, []byte, error) {
	u, err := ParseURL(r.URL)
	if err != nil {
		return nil, nil, err
	}
	if u.Scheme == "https" && c.Secure == nil {
		return nil, nil, problem(UnsupportedScheme, quote(r.URL), "https needs TLS, which this program does not have", nil)
	}
	if err := r.check(); err != nil {
		return nil, nil, err
	}
	raw, err := c.encode(r, u)
	return u, raw, err
}

// stale: the server closed an idle connection while our request was on its way. What is idempotent may be
// sent again (RFC 9110 9.2.2). Each idle connection can be stale once, so this ends.
func (cn *conn) stale(err error) bool {
	e, ok := err.(*Error)
	return ok && cn.reused && !cn.got && (e.Kind == EmptyReply || e.Kind == SendFailed || e.Kind == RecvFailed)
}

// exchange sends the request and reads the head.
func (cn *conn) exchange(r *Request, raw []byte) (*Response, error) {
	if err := cn.request(r, raw); err != nil {
		return nil, err
	}
	h, whole, err := cn.deliver(r)
	if h == nil && err == nil {
		h, err = cn.heads()
	}
	if err != nil {
		return nil, cn.unanswered(err)
	}
	return cn.respond(r, h, whole)
}

// request sends the request's head.
func (cn *conn) request(r *Request, raw []byte) error {
	cn.got, cn.interim = false, 0
	cn.doing = "send the request to"
	cn.awaitHead(r)
	if err := cn.send(raw); err != nil {
		return err
	}
	cn.observe(&Step{Kind: RequestSent, Raw: raw, Bytes: int64(len(raw))})
	return nil
}

// deliver sends the request's body. h is the response where it came first; whole: the body is sent.
func (cn *conn) deliver(r *Request) (h *head, whole bool, err error) {
	const waiting = "read the response of"
	if r.expects() {
		cn.doing = waiting
		if h, err = cn.ask(cn.until); h != nil || err != nil {
			return h, false, err
		}
	}
	cn.awaitBody(r)
	err = cn.sendBody(r)
	cn.awaitHead(r)
	cn.doing = waiting
	if e, ok := err.(*Error); ok && e.Kind == SendFailed && !cn.reused {
		// The server may have said why it takes no more before it closed (RFC 9112 9.5).
		if h, e := cn.heads(); e == nil {
			return h, false, nil
		}
	}
	return nil, err == nil, err
}

// heads reads the final response's head.
func (cn *conn) heads() (h *head, err error) {
	h, cn.interim, err = readHeads(&cn.reader, cn.interim)
	return h, err
}

// unanswered names why there is no response.
func (cn *conn) unanswered(err error) error {
	switch {
	case err == io.EOF && cn.interim == 0:
		return cn.problem(EmptyReply, "the server closed the connection without a word", nil)
	case err == io.EOF:
		return cn.problem(RecvFailed, "the connection ended after a 1xx response", nil)
	}
	return cn.named(err)
}

// respond makes a Response of the head that has come.
func (cn *conn) respond(r *Request, h *head, whole bool) (*Response, error) {
	kind, length, keep, err := h.frame(r.method())
	if err != nil {
		return nil, cn.named(err)
	}
	cn.observe(&Step{Kind: HeadReceived, Raw: h.raw, Bytes: int64(len(h.raw))})
	cn.awaitBody(r)
	keep = keep && !r.Close && !r.Old && whole
	cn.closing = !keep
	return &Response{
		StatusLine: h.line, Minor: h.minor, Code: h.code, Reason: h.reason, Fields: h.fields, Raw: h.raw, Interim: cn.interim,
		ContentLength: length, Body: newBody(cn, kind, length, keep),
		FD: cn.fd, Stream: cn.stream, Local: cn.local, Remote: cn.remote, Reused: cn.reused,
	}, nil
}

// named says of whom an error about the response is.
func (cn *conn) named(err error) error {
	if e, ok := err.(*Error); ok && e.Op == "" {
		e.Op = cn.op()
	}
	return err
}
