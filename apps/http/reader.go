package http

import (
	"bytes"
	"io"
)

// A reader is the bytes of a connection, or of anything that fills a buffer.
type reader struct {
	fill func(p []byte) (int, error) // like recv: at least a byte, or an error; io.EOF at the end
	buf  []byte
	r, w int // buf[r:w] is read and not yet used
}

// more fills the empty buffer.
func (b *reader) more() error {
	if b.buf == nil {
		b.buf = make([]byte, readBuffer)
	}
	n, err := b.fill(b.buf)
	b.r, b.w = 0, n
	return err
}

// buffered is how many bytes are read and not yet used.
func (b *reader) buffered() int { return b.w - b.r }

// Read gives what is there, or what one fill brings.
func (b *reader) Read(p []byte) (int, error) {
	if b.buffered() == 0 {
		if len(p) >= readBuffer {
			return b.fill(p)
		}
		if err := b.more(); err != nil {
			return 0, err
		}
	}
	n := copy(p, b.buf[b.r:b.w])
	b.r += n
	return n, nil
}

// line returns the next line with its CRLF stripped. It fails where the line is longer than limit, CRLF included, or
// has an LF without CR before it. Where the connection ends it is io.EOF before the line's first byte and
// io.ErrUnexpectedEOF after it.
func (b *reader) line(limit int) (string, error) {
	var long []byte // the line's beginning, where the buffer does not have all of it
	for {
		have := b.buf[b.r:b.w]
		i := bytes.IndexByte(have, '\n')
		if i >= 0 {
			have = have[:i+1]
		}
		if len(long)+len(have) > limit {
			return "", weird("a line is longer than we take")
		}
		if b.r += len(have); i >= 0 {
			return endLine(string(long) + string(have))
		}
		long = append(long, have...)
		if err := b.more(); err != nil {
			if err == io.EOF && len(long) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return "", err
		}
	}
}

// endLine takes the CRLF off. RFC 9112 2.2 allows a recipient to take a bare LF for one; we refuse it, since
// two readers that differ there see two different messages.
func endLine(s string) (string, error) {
	if len(s) < 2 || s[len(s)-2] != '\r' {
		return "", weird("a line ends with a bare LF")
	}
	return s[:len(s)-2], nil
}
