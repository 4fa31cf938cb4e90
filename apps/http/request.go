package http

import (
	"strings"
	"time"
)

// A Request is what to fetch. URL is required.
type Request struct {
	Method   string    // "GET" or "HEAD"; "": GET
	URL      string    // as ParseURL takes it
	Fields   []Field   // further header fields, sent as they are and in this order
	Close    bool      // one request, then the server closes: sends Connection: close
	Deadline time.Time // everything ends by then, the body's last byte included; zero: never
}

// ours are the fields that the client writes itself.
var ours = []string{"Host", "Connection", "Content-Length", "Transfer-Encoding", "Upgrade", "TE", "Trailer"}

// encode writes the request. Nothing that could end a line early gets into it (RFC 9112 11.1).
func (c *Client) encode(r *Request, u *URL) ([]byte, error) {
	agent := c.UserAgent
	if agent == "" {
		agent = "sockeye"
	}
	fields := []Field{{"Host", u.HostPort()}}
	for _, f := range []Field{{"User-Agent", agent}, {"Accept", "*/*"}} {
		if !present(r.Fields, f.Name) {
			fields = append(fields, f)
		}
	}
	for _, name := range ours {
		if present(r.Fields, name) {
			return nil, badRequest("the header " + name + " is the client's to send; leave it out")
		}
	}
	fields = append(fields, r.Fields...)
	if r.Close {
		fields = append(fields, Field{"Connection", "close"})
	}
	b := append([]byte(r.method()), ' ')
	b = append(append(b, u.Target...), " HTTP/1.1\r\n"...)
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

// check refuses what cannot be sent.
func (r *Request) check() error {
	if m := r.method(); m != "GET" && m != "HEAD" {
		return badRequest("the method is GET or HEAD, not " + quote(m))
	}
	return nil
}

func present(fs []Field, name string) bool {
	for _, f := range fs {
		if strings.EqualFold(f.Name, name) {
			return true
		}
	}
	return false
}

func badRequest(text string) error { return &Error{Kind: BadRequest, Text: text} }
