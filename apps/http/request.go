package http

import (
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
		if present(r.Fields, name) && !(name == "Host" && oneHost(r.Fields)) {
			return nil, badRequest("the header " + name + " is the client's to send; leave it out")
		}
	}
	target := u.Target()
	if c.Proxy != "" && u.Scheme == "http" {
		target = "http://" + u.HostPort() + target // absolute-form (RFC 9112 3.2.2)
	}
	return writeHead(r.method(), target, r.Old, c.fields(r, u))
}

// fields are those of a request, ours first.
func (c *Client) fields(r *Request, u *url.URL) []Field {
	var fs []Field
	mine := func(name, value string) {
		if value != "" && !present(r.Fields, name) && !r.Omits(name) {
			fs = append(fs, Field{name, value})
		}
	}
	agent := c.UserAgent
	if agent == "" {
		agent = "sockeye"
	}
	mine("Host", u.HostPort())
	mine("User-Agent", agent)
	mine("Accept", "*/*")
	if u.Scheme == "http" && c.Proxy != "" {
		mine("Proxy-Authorization", c.ProxyAuth)
	}
	fs = append(fs, r.Fields...)
	switch {
	case r.Body != nil && r.Length < 0:
		fs = append(fs, Field{"Transfer-Encoding", "chunked"})
	case r.Body != nil || r.method() == "POST" || r.method() == "PUT":
		fs = append(fs, Field{"Content-Length", strconv.FormatInt(r.length(), 10)})
	}
	if r.expects() {
		fs = append(fs, Field{"Expect", "100-continue"})
	}
	if r.Close && !r.Old {
		fs = append(fs, Field{"Connection", "close"})
	}
	return fs
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

// writeHead writes a request line and fields.
func writeHead(method, target string, old bool, fields []Field) ([]byte, error) {
	b := append(append([]byte(method), ' '), target...)
	if old {
		b = append(b, " HTTP/1.0\r\n"...)
	} else {
		b = append(b, " HTTP/1.1\r\n"...)
	}
	for _, f := range fields {
		if !isToken(f.Name) {
			return nil, badRequest("no header can have the name " + quote(f.Name))
		}
		if !isText(f.Value) {
			return nil, badRequest("the value of the header " + f.Name + " has a line end or another control character")
		}
		b = append(append(append(append(b, f.Name...), ": "...), f.Value...), '\r', '\n')
	}
	return append(b, '\r', '\n'), nil
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

// oneHost: the caller may name the host that the server is to be for, once and not empty.
func oneHost(fs []Field) bool {
	n := 0
	for _, f := range fs {
		if ascii.EqualFold(f.Name, "Host") {
			n++
		}
	}
	return n == 1 && Get(fs, "Host") != ""
}

func present(fs []Field, name string) bool {
	for _, f := range fs {
		if ascii.EqualFold(f.Name, name) {
			return true
		}
	}
	return false
}

func badRequest(text string) error { return &Error{Kind: BadRequest, Text: text} }
