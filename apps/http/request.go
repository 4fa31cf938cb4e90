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
		// The caller may name the host that the server is to be for, once and not empty.
		if vs := values(r.Fields, name); len(vs) > 0 && (name != "Host" || len(vs) > 1 || vs[0] == "") {
			return nil, badRequest("the header " + name + " is the client's to send; leave it out")
		}
	}
	target := u.Target()
	if c.Proxy != "" && u.Scheme == "http" {
		target = "http://" + u.HostPort() + target // absolute-form (RFC 9112 3.2.2)
	}
	return writeHead(r.method(), target, r.Old, c.fields(r, u))
}

// fields are those of a request, ours first. What has no value is not sent.
func (c *Client) fields(r *Request, u *url.URL) []Field {
	agent := c.UserAgent
	if agent == "" {
		agent = "sockeye"
	}
	var fs []Field
	for _, f := range []Field{
		{"Host", u.HostPort()},
		{"User-Agent", agent},
		{"Accept", "*/*"},
		{"Proxy-Authorization", when(u.Scheme == "http" && c.Proxy != "", c.ProxyAuth)},
	} {
		if f.Value != "" && len(values(r.Fields, f.Name)) == 0 && !r.Omits(f.Name) {
			fs = append(fs, f)
		}
	}
	fs = append(fs, r.Fields...)
	chunked := r.Body != nil && r.Length < 0
	for _, f := range []Field{
		{"Transfer-Encoding", when(chunked, "chunked")},
		{"Content-Length", when(!chunked && (r.Body != nil || r.method() == "POST" || r.method() == "PUT"), strconv.FormatInt(r.length(), 10))},
		{"Expect", when(r.expects(), "100-continue")},
		{"Connection", when(r.Close && !r.Old, "close")},
	} {
		if f.Value != "" {
			fs = append(fs, f)
		}
	}
	return fs
}

// when is value if it is to be.
func when(is bool, value string) string {
	if is {
		return value
	}
	return ""
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
	version := " HTTP/1.1\r\n"
	if old {
		version = " HTTP/1.0\r\n"
	}
	b := []byte(method + " " + target + version)
	for _, f := range fields {
		if !isToken(f.Name) {
			return nil, badRequest("no header can have the name " + quote(f.Name))
		}
		if !isText(f.Value) {
			return nil, badRequest("the value of the header " + f.Name + " has a line end or another control character")
		}
		b = append(b, f.Name+": "+f.Value+"\r\n"...)
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
		return badRequest("CONNECT makes a tunnel through a proxy: set Client.Proxy")
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
