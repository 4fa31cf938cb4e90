package http

import (
	"compress/gzip"
	"errors"
	"io"
	"strings"
)

// AcceptGzip is the field of a request whose response Decoded can undo.
var AcceptGzip = Field{"Accept-Encoding", "gzip"}

// Decoded is the body without its content coding: gzip, or none (RFC 9110 8.4). A body that grows beyond all
// measure is refused: more than a GiB, or beyond its first MiB more than 200 times what came.
func (r *Response) Decoded() (io.Reader, error) { return Decode(r.Fields, r.Body) }

// Decode is Decoded for a body that came in another way.
func Decode(fields []Field, body io.Reader) (io.Reader, error) {
	var codings []string
	for _, f := range fields {
		if strings.EqualFold(f.Name, "Content-Encoding") {
			codings = append(codings, f.Value) // several fields are one list (RFC 9110 5.2)
		}
	}
	coding := strings.ToLower(strings.Join(codings, ", "))
	switch coding {
	case "", "identity":
		return body, nil
	case "gzip", "x-gzip":
		return &unzipper{in: counter{r: body}}, nil
	}
	return nil, &Error{Kind: BadCoding, Text: "the body is in a coding that was not offered: " + quote(coding)}
}

// An unzipper undoes gzip.
type unzipper struct {
	in  counter
	z   *gzip.Reader // nil before the first byte
	out int64
}

func (u *unzipper) Read(p []byte) (int, error) {
	if u.z == nil {
		z, err := gzip.NewReader(&u.in)
		if err == io.EOF && u.in.n == 0 {
			return 0, io.EOF // nothing was sent, so there is nothing to undo
		}
		if err != nil {
			return 0, u.broken(err)
		}
		u.z = z
	}
	n, err := u.z.Read(p)
	u.out += int64(n)
	if u.out > maxUnzipped || u.out > freeUnzipped+maxRatio*u.in.n {
		return 0, &Error{Kind: BadCoding, Text: "the compressed body grows beyond all measure"}
	}
	if err != nil && err != io.EOF {
		err = u.broken(err)
	}
	return n, err
}

// broken says whose fault err is: the connection's, or the coding's.
func (u *unzipper) broken(err error) error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF) || err == io.EOF:
		return &Error{Kind: Partial, Text: "the compressed body ends early", Err: ErrTruncated}
	}
	return &Error{Kind: BadCoding, Text: "the body is not the gzip that it says", Err: err}
}

// A counter counts what is read.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}
