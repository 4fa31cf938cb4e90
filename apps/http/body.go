package http

import (
	"io"
	"strconv"
)

// A Body is a response's body, read as it comes. Read ends with io.EOF only where the body is whole.
// Close must be called, and is cheap: it gives the connection back, or closes it. A Body is not for
// concurrent use.
type Body struct {
	cn     *conn
	kind   framing
	left   int64   // byLength: bytes still to come
	chunks *chunks // inChunks
	keep   bool
	n      int64 // bytes given out
	err    error // sticky; io.EOF: the body is whole
	closed bool
	piped  bool // other responses follow on the connection
}

func newBody(cn *conn, kind framing, length int64, keep bool) *Body {
	b := &Body{cn: cn, kind: kind, left: length, keep: keep}
	switch {
	case kind == inChunks:
		b.chunks = &chunks{s: &cn.reader}
	case kind == noBody || kind == byLength && length == 0:
		b.end(io.EOF)
	}
	return b
}

// Read gives bytes of the body as they come.
func (b *Body) Read(p []byte) (int, error) {
	if b.closed {
		return 0, io.ErrClosedPipe
	}
	if b.err != nil || len(p) == 0 {
		return 0, b.err
	}
	n, err := b.read(p)
	b.n += int64(n)
	end := b.cn.named(err)
	if err == nil && b.kind == byLength && b.left == 0 {
		end = io.EOF // the caller hears of it in the next Read
	}
	if end != nil {
		b.end(end)
	}
	return n, err
}

func (b *Body) read(p []byte) (int, error) {
	switch b.kind {
	case inChunks:
		return b.chunks.Read(p)
	case toEOF:
		return b.cn.Read(p)
	}
	n, err := b.cn.Read(p[:min(int64(len(p)), b.left)])
	b.left -= int64(n)
	if err == io.EOF {
		err = partial(strconv.FormatInt(b.left, 10) + " bytes of the body are missing")
	}
	return n, err
}

// end notes how the body ended.
func (b *Body) end(err error) {
	b.err = err
	if err == io.EOF {
		err = nil
	}
	b.cn.observe(&Step{Kind: BodyEnded, Bytes: b.n, Err: err})
}

// Trailer is the fields after a chunked body, once it has been read to its end.
func (b *Body) Trailer() []Field {
	if b.chunks == nil {
		return nil
	}
	return b.chunks.trailer
}

// Close ends with the response. A connection whose response was read to its end, with nothing after it, is
// kept for the next request; where the server closes it, Close waits up to a second for that, so that
// the server's end is the first. A body that was not read to its end costs the connection.
func (b *Body) Close() error {
	if b.closed {
		return nil
	}
	b.closed = true
	switch {
	case b.piped: // Pipeline goes on with the connection
		return nil
	case b.err != io.EOF:
	case b.keep && b.cn.buffered() == 0:
		b.cn.client.put(b.cn)
		return nil
	case b.cn.closing && !b.cn.atEOF:
		b.cn.linger()
	}
	b.cn.close()
	return nil
}
