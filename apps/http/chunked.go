package http

import (
	"io"
	"math"

	"github.com/sockeye-net/sockeye/apps/internal/ascii"
)

// chunks reads a chunked body (RFC 9112 7.1).
type chunks struct {
	s       *reader
	left    int64 // of the chunk at hand
	begun   bool  // a chunk is at hand, or was: its CRLF is still to come
	ext     int   // bytes of extensions so far
	trailer []Field
	done    bool
}

func (c *chunks) Read(p []byte) (int, error) {
	if c.done {
		return 0, io.EOF
	}
	if len(p) == 0 {
		return 0, nil
	}
	if c.left == 0 {
		if err := c.next(); err != nil {
			return 0, early(err)
		}
		if c.done {
			return 0, io.EOF
		}
	}
	n, err := c.s.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, early(err)
}

// early turns the end of the connection into the error that it is within a body.
func early(err error) error {
	if ended(err) {
		return partial("the chunked body has no end")
	}
	return err
}

// next goes to the data of the next chunk, or past the trailer.
func (c *chunks) next() error {
	if c.begun {
		switch line, err := c.s.line(maxChunkLine); {
		case err != nil:
			return err
		case line != "":
			return weird("a chunk is longer than it said")
		}
	}
	c.begun = true
	line, err := c.s.line(maxChunkLine)
	if err != nil {
		return err
	}
	digits, ext, _ := ascii.Cut(line, ';')
	if c.ext += len(line) - len(digits); c.ext > maxChunkExt {
		return weird("more chunk extensions than we take")
	}
	size, ok := hexadecimal(digits)
	switch {
	case !ok:
		return weird("a chunk's size is not a number that can be: " + quote(digits))
	case !isText(ext):
		return weird("a chunk extension has a control character")
	case size > 0:
		c.left = size
		return nil
	}
	c.trailer, _, err = readFields(c.s, nil, maxTrailer)
	c.done = err == nil
	return err
}

// hexadecimal reads 1*16HEXDIG up to 2^63-1: no sign, no prefix, no blank.
func hexadecimal(s string) (int64, bool) {
	if s == "" || len(s) > 16 {
		return 0, false
	}
	var n uint64
	for i := range len(s) {
		d, ok := ascii.Hex(s[i])
		if !ok {
			return 0, false
		}
		n = n<<4 | uint64(d)
	}
	return int64(n), n <= math.MaxInt64
}
