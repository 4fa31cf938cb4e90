package http

import (
	"math"

	"github.com/sockeye-net/sockeye/apps/internal/ascii"
)

// A framing is how the end of a body is found.
type framing uint8

const (
	noBody   framing = iota
	byLength         // Content-Length bytes
	inChunks         // chunked
	toEOF            // the connection ends it
)

// frame decides by RFC 9112 6.3. keep: the connection may serve another request afterwards.
func (h *head) frame(method string) (f framing, length int64, keep bool, err error) {
	length, err = h.contentLength()
	if err != nil {
		return 0, 0, false, err
	}
	chunked, err := h.chunked()
	if err != nil {
		return 0, 0, false, err
	}
	keep = h.persistent()
	switch {
	case method == "HEAD" || h.code < 200 || h.code == 204 || h.code == 304:
		return noBody, length, keep, nil
	case chunked:
		// Chunked wins; but a server that says both may be two servers that disagree.
		return inChunks, -1, keep && length < 0, nil
	case length >= 0:
		return byLength, length, keep, nil
	}
	return toEOF, -1, false, nil
}

// persistent: RFC 9112 9.3.
func (h *head) persistent() bool {
	if has(h.fields, "Connection", "close") {
		return false
	}
	return h.minor >= 1 || has(h.fields, "Connection", "keep-alive")
}

// contentLength is -1 where there is none. The same number several times is one number; a list, a
// sign, an overflow or two numbers are refused.
func (h *head) contentLength() (int64, error) {
	length, first := int64(-1), ""
	for _, v := range values(h.fields, "Content-Length") {
		n, ok := decimal(v, math.MaxInt64)
		switch {
		case !ok:
			return 0, weird("Content-Length is not a number that can be: " + quote(v))
		case length >= 0 && v != first:
			return 0, weird("two Content-Length fields disagree")
		}
		length, first = n, v
	}
	return length, nil
}

// chunked says whether the body is chunked; any other transfer coding is refused, since none was offered.
func (h *head) chunked() (bool, error) {
	codings := values(h.fields, "Transfer-Encoding")
	for i, v := range codings {
		if i > 0 || !ascii.EqualFold(v, "chunked") {
			return false, problem(BadCoding, "", "the server used a transfer coding that was not offered: "+quote(v), nil)
		}
	}
	if len(codings) > 0 && h.minor == 0 {
		return false, weird("Transfer-Encoding in HTTP/1.0, which has none (RFC 9112 6.1)")
	}
	return len(codings) > 0, nil
}
