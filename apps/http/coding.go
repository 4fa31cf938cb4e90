package http

import (
	"errors"
	"io"
	"strings"

	"github.com/sockeye-net/sockeye/apps/internal/ascii"
)

// AcceptGzip is the field of a request whose response Decoded can undo.
var AcceptGzip = Field{"Accept-Encoding", "gzip"}

// Decoded is the body without its content coding: gzip, or none (RFC 9110 8.4). A body that grows beyond all
// measure is refused: more than a GiB, or beyond its first MiB more than 200 times what came.
func (r *Response) Decoded(gunzip Gunzip) (io.Reader, error) {
	return Decode(r.Fields, r.Body, gunzip)
}

// A Gunzip begins to undo gzip, as compress/gzip's NewReader does. That one is brought along by who wants
// it, for merely to import it is nearly 30 KB of a program.
type Gunzip func(io.Reader) (io.Reader, error)

// Decode is Decoded for a body that came in another way.
func Decode(fields []Field, body io.Reader, gunzip Gunzip) (io.Reader, error) {
	// Several fields are one list (RFC 9110 5.2).
	coding := ascii.Lower(strings.Join(values(fields, "Content-Encoding"), ", "))
	switch coding {
	case "", "identity":
		return body, nil
	case "gzip", "x-gzip":
		return &unzipper{in: counter{r: body}, gunzip: gunzip}, nil
	}
	return nil, problem(BadCoding, "", "the body is in a coding that was not offered: "+quote(coding), nil)
}

// An unzipper undoes gzip.
type unzipper struct {
	in     counter
	gunzip Gunzip
	z      io.Reader // nil before the first byte
	out    int64
}

func (u *unzipper) Read(p []byte) (int, error) {
	if u.z == nil {
		z, err := u.gunzip(&u.in)
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
		return 0, problem(BadCoding, "", "the compressed body grows beyond all measure", nil)
	}
	if err != nil && err != io.EOF {
		err = u.broken(err)
	}
	return n, err
}

// broken says whose fault err is: the connection's, or the coding's.
func (u *unzipper) broken(err error) error {
	switch _, ours := errors.AsType[*Error](err); {
	case ours:
		return err
	case errors.Is(err, io.ErrUnexpectedEOF) || err == io.EOF:
		return problem(Partial, "", "the compressed body ends early", ErrTruncated)
	}
	return problem(BadCoding, "", "the body is not the gzip that it says", err)
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
