package http

import (
	"io"
	"strconv"
	"time"
)

// continueWait is how long a body waits for the server's word before it goes all the same (RFC 9110 10.1.1).
const continueWait = time.Second

// sendBuffer is how much of a body is read, and sent, at a time.
const sendBuffer = 64 << 10

// sendBody sends the request's body, if there is one.
func (cn *conn) sendBody(r *Request) error {
	if r.Body == nil {
		return nil
	}
	cn.doing = "send the body to"
	n, err := cn.copyBody(r)
	if err == nil {
		cn.observe(&Step{Kind: BodySent, Bytes: n})
	}
	return err
}

// copyBody sends Length bytes of the body, or all of it in chunks (RFC 9112 7.1).
func (cn *conn) copyBody(r *Request) (n int64, err error) {
	chunked := r.Length < 0
	buf := make([]byte, sizeLine+sendBuffer+2)
	for chunked || n < r.Length {
		room := buf[sizeLine:][:sendBuffer]
		if !chunked {
			room = room[:min(sendBuffer, r.Length-n)]
		}
		got, err := r.Body.Read(room)
		if got > 0 {
			part := room[:got]
			if chunked {
				part = chunk(buf, got)
			}
			if e := cn.send(part); e != nil {
				return n, e
			}
			n += int64(got)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return n, cn.problem(BadUpload, "the body could not be read", err)
		}
	}
	if chunked {
		return n, cn.send([]byte("0\r\n\r\n"))
	}
	if n < r.Length {
		return n, cn.problem(BadUpload, "the body ended "+strconv.FormatInt(r.Length-n, 10)+" bytes early", nil)
	}
	return n, nil
}

// sizeLine is room for the line before a chunk.
const sizeLine = 16

// chunk makes a chunk of the n bytes behind that room: what is sent in one piece leaves in one.
func chunk(buf []byte, n int) []byte {
	line := strconv.FormatInt(int64(n), 16) + "\r\n"
	begin, end := sizeLine-len(line), sizeLine+n
	copy(buf[begin:], line)
	end += copy(buf[end:], "\r\n")
	return buf[begin:end]
}

// ask waits for the server's word on whether it wants the body. A final response is its
// answer; silence for a second is none, and the body goes.
func (cn *conn) ask(final time.Time) (h *head, err error) {
	cn.until = within(final, continueWait, 0)
	h, err = readHead(&cn.reader, maxHead)
	cn.until = final
	switch e, ok := err.(*Error); {
	case ok && e.Kind == Timeout && !cn.got:
		return nil, nil
	case err != nil:
		return nil, err
	case h.code >= 200:
		return h, nil
	}
	cn.interim++
	return nil, h.harmless() // 100, or another that says the request is being looked at
}
