package http

import (
	"cmp"
	"io"
	"strconv"
	"time"

	"github.com/sockeye-net/sockeye/apps/internal/ascii"
	"github.com/sockeye-net/sockeye/apps/url"
)

// A Request is what to ask for. URL is required.
type Request struct {
	Method string   // "": GET
	URL    string   // as ParseURL takes it
	Fields []Field  // further header fields, sent as they are and in this order
	Omit   []string // of the client's own User-Agent, Accept and Expect, what is not to be sent

	// Body is sent after the head: Length bytes of it or, where Length is negative, all
	// of it in chunks. nil: there is none. A body that is an io.Seeker can be sent again.
	Body   io.Reader
	Length int64
	Expect bool // ask the server before the body is sent (Expect: 100-continue, RFC 9110 10.1.1)

	Old      bool      // speak HTTP/1.0: one request for each connection, and no chunks
	Close    bool      // one request, then the server closes: sends Connection: close
	Deadline time.Time // everything ends by then, the body's last byte included; zero: never
}

// ours are the fields that the client writes itself.
var ours = []string{"Host", "Connection", "Content-Length", "Transfer-Encoding", "Upgrade", "TE", "Trailer", "Expect"}

// encode writes the request's head. Nothing that could end a line early gets into it (RFC 9112 11.1).
func (c *Client) encode(r *Request, u *url.URL) ([]byte, error) {
	for _, name := range ours {
		// The caller may name the host that the server is to be for, once and not empty.
		if vs := values(r.Fields, name); len(vs) > 0 && (name != "Host" || len(vs) > 1 || vs[0] == "") {
			return nil, badRequest("the header " + name + " is the client's to send; leave it out")
		}
	}
	target := u.Target()
	if c.Proxy != "" && u.Scheme == "http" {
		target = "http://" + u.HostPort() + target // absolute-form (RFC 9112 3.2.2)
	}
	h := beginHead(r.method(), target, r.Old)
	own := func(name, value string) { // unless the caller says it in our place, or wants it left out
		if value != "" && len(values(r.Fields, name)) == 0 && !r.Omits(name) {
			h.add(name, value)
		}
	}
	own("Host", u.HostPort())
	own("User-Agent", cmp.Or(c.UserAgent, "sockeye"))
	own("Accept", "*/*")
	if u.Scheme == "http" && c.Proxy != "" {
		own("Proxy-Authorization", c.ProxyAuth)
	}
	for _, f := range r.Fields {
		h.add(f.Name, f.Value)
	}
	switch {
	case r.Body != nil && r.Length < 0:
		h.add("Transfer-Encoding", "chunked")
	case r.Body != nil || r.method() == "POST" || r.method() == "PUT":
		h.add("Content-Length", strconv.FormatInt(r.length(), 10))
	}
	if r.expects() {
		h.add("Expect", "100-continue")
	}
	if r.Close && !r.Old {
		h.add("Connection", "close")
	}
	return h.end()
}

// Omits says whether a field that the client would send by itself is not to be sent.
func (r *Request) Omits(name string) bool {
	for _, o := range r.Omit {
		if name != "Host" && ascii.EqualFold(o, name) {
			return true
		}
	}
	return false
}

// A written head is a request's while it is written.
type written struct {
	b   []byte
	err error // why it cannot be sent: the first reason
}

func beginHead(method, target string, old bool) *written {
	version := " HTTP/1.1\r\n"
	if old {
		version = " HTTP/1.0\r\n"
	}
	return &written{b: []byte(method + " " + target + version)}
}

func (h *written) add(name, value string) {
	switch {
	case h.err != nil:
	case !isToken(name):
		h.err = badRequest("no header can have the name " + quote(name))
	case !isText(value):
		h.err = badRequest("the value of the header " + name + " has a line end or another control character")
	default:
		h.b = append(h.b, name+": "+value+"\r\n"...)
	}
}

func (h *written) end() ([]byte, error) {
	if h.err != nil {
		return nil, h.err
	}
	return append(h.b, "\r\n"...), nil
}

func (r *Request) method() string {
	if r.Method == "" {
		return "GET"
	}
	return r.Method
}

func (r *Request) length() int64 {
	if r.Body == nil {
		return 0
	}
	return r.Length
}

// expects: Expect is for a request with a body and in HTTP/1.1 only (RFC 9110 10.1.1).
func (r *Request) expects() bool {
	return r.Expect && r.Body != nil && r.Length != 0 && !r.Old && !r.Omits("Expect")
}

// Idempotent: doing it twice is doing it once (RFC 9110 9.2.2), so it may be sent again unasked.
func (r *Request) Idempotent() bool {
	switch r.method() {
	case "GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE":
		return true
	}
	return false
}

// check refuses what cannot be sent.
func (r *Request) check() error {
	switch m := r.method(); {
	case !isToken(m):
		return badRequest("no method has the name " + quote(m))
	case m == "CONNECT":
		return badRequest("CONNECT is asked of a proxy only, and by itself where the URL is one of https: give a proxy and such a URL")
	case m == "TRACE" && r.Body != nil:
		return badRequest("TRACE has no body (RFC 9110 9.3.8)")
	case r.Old && r.Body != nil && r.Length < 0:
		return badRequest("HTTP/1.0 has no chunks: say how long the body is")
	}
	return nil
}

// Rewind makes the body ready to be sent again and reports whether it is.
func (r *Request) Rewind() bool {
	if r.Body == nil {
		return true
	}
	s, ok := r.Body.(io.Seeker)
	if !ok {
		return false
	}
	_, err := s.Seek(0, io.SeekStart)
	return err == nil
}

func badRequest(text string) error { return problem(BadRequest, "", text, nil) }
