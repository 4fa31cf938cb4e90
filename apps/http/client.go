package http

import (
	"io"
	"net/netip"
	"sync"
	"time"
)

// A Client fetches. API is required, Resolve too unless every host is an address; every other zero
// value is a default. Its fields are not changed while it is in use. It is safe for concurrent use where
// API, Resolve and Observe are.
type Client struct {
	API Sockets

	// Resolve gives a host's addresses, in the order to try them, before the deadline.
	// (*dns.Resolver).LookupA serves.
	Resolve func(host string, deadline time.Time) ([]netip.Addr, error)

	// UserAgent is sent with every request. "": sockeye.
	UserAgent string

	ConnectTimeout time.Duration // name and connection together. 0: 30 s
	HeaderTimeout  time.Duration // from the request to the end of the response's head. 0: 60 s
	IdleTimeout    time.Duration // without a byte of the body. 0: 60 s
	KeepTimeout    time.Duration // how old an idle connection may get. 0: 60 s

	// Observe hears of every step, in the goroutine that makes it. nil: nobody.
	Observe func(Step)

	mu     sync.Mutex
	idle   map[string]*conn // by host and port, one each
	closed bool
}

// A Response is a response's head as it came, and its body. Body.Close must be called.
type Response struct {
	URL           *URL
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
	Local, Remote netip.AddrPort
	Reused        bool // the connection had served before
}

// Get fetches a URL.
func (c *Client) Get(url string) (*Response, error) { return c.Do(&Request{URL: url}) }

// Head fetches a URL's head.
func (c *Client) Head(url string) (*Response, error) { return c.Do(&Request{Method: "HEAD", URL: url}) }

// Do sends a request and reads the response's head. Redirects are not followed. The error is an *Error.
func (c *Client) Do(r *Request) (*Response, error) {
	u, err := ParseURL(r.URL)
	if err != nil {
		return nil, err
	}
	if err := r.check(); err != nil {
		return nil, err
	}
	raw, err := c.encode(r, u)
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
		if !cn.stale(err) {
			return nil, err
		}
	}
}

// stale: the server closed an idle connection while our request was on its way. GET and HEAD may be
// sent again (RFC 9110 9.2.2). Each idle connection can be stale once, so this ends.
func (cn *conn) stale(err error) bool {
	e, ok := err.(*Error)
	return ok && cn.reused && !cn.got && (e.Kind == EmptyReply || e.Kind == SendFailed || e.Kind == RecvFailed)
}

// exchange sends the request and reads the head.
func (cn *conn) exchange(r *Request, raw []byte) (*Response, error) {
	cn.got = false
	cn.doing = "send the request to " + cn.remote.String()
	cn.until = earlier(r.Deadline, time.Now().Add(orElse(cn.client.HeaderTimeout, defaultHeader)))
	cn.idle = 0
	if err := cn.send(raw); err != nil {
		return nil, err
	}
	cn.observe(Step{Kind: RequestSent, Raw: raw, Bytes: int64(len(raw))})
	cn.doing = "read the response of " + cn.remote.String()
	h, interim, err := readHeads(cn)
	switch {
	case err == io.EOF && interim == 0:
		return nil, &Error{Kind: EmptyReply, Op: cn.doing, Text: "the server closed the connection without a word"}
	case err == io.EOF:
		return nil, &Error{Kind: RecvFailed, Op: cn.doing, Text: "the connection ended after a 1xx response"}
	case err != nil:
		return nil, cn.named(err)
	}
	kind, length, keep, err := h.frame(r.method())
	if err != nil {
		return nil, cn.named(err)
	}
	cn.observe(Step{Kind: HeadReceived, Raw: h.raw, Bytes: int64(len(h.raw))})
	cn.until, cn.idle = r.Deadline, orElse(cn.client.IdleTimeout, defaultIdle)
	keep = keep && !r.Close
	cn.closing = !keep
	return &Response{
		StatusLine: h.line, Minor: h.minor, Code: h.code, Reason: h.reason, Fields: h.fields, Raw: h.raw, Interim: interim,
		ContentLength: length, Body: newBody(cn, kind, length, keep),
		FD: cn.fd, Local: cn.local, Remote: cn.remote, Reused: cn.reused,
	}, nil
}

// named says of whom an error about the response is.
func (cn *conn) named(err error) error {
	if e, ok := err.(*Error); ok && e.Op == "" {
		e.Op = cn.doing
	}
	return err
}
