package http

import (
	"io"
	"strings"
)

// A head is a status line and its fields.
type head struct {
	minor  int // HTTP/1.minor
	code   int
	reason string
	line   string // the status line as it came, without CRLF
	fields []Field
	raw    []byte // all of it as it came, the empty line included
}

// ended: the connection came to its end, in one way or the other.
func ended(err error) bool { return err == io.EOF || err == io.ErrUnexpectedEOF }

// readHeads reads the final response's head and skips the 1xx before it (RFC 9110 15.2), of which there were
// so many already.
func readHeads(s *reader, before int) (h *head, interim int, err error) {
	room := maxHead
	interim = before
	for {
		if h, err = readHead(s, room); err != nil {
			return nil, interim, err
		}
		if h.code >= 200 {
			return h, interim, nil
		}
		if err := h.harmless(); err != nil {
			return nil, interim, err
		}
		if interim++; interim > maxInterim {
			return nil, interim, weird("more 1xx responses than one request can need")
		}
		room -= len(h.raw)
	}
}

// harmless: a 1xx response changes nothing of how the connection is to be read. It must not say how long a body
// is (RFC 9110 8.6, RFC 9112 6.1); what says so all the same is not believed, and what says nonsense is refused.
func (h *head) harmless() error {
	if h.code == 101 {
		return weird("the server switched protocols, which nobody asked it to do")
	}
	_, _, _, err := h.frame("")
	return err
}

// readHead reads one head of at most room bytes.
func readHead(s *reader, room int) (*head, error) {
	line, err := s.line(min(room, maxLine))
	if err == io.ErrUnexpectedEOF {
		err = problem(RecvFailed, "", "the connection ended within the status line", nil)
	}
	if err != nil {
		return nil, err
	}
	h := &head{line: line}
	if err := h.parseStatus(line); err != nil {
		return nil, err
	}
	h.fields, h.raw, err = readFields(s, []byte(line+"\r\n"), room)
	if ended(err) {
		err = problem(RecvFailed, "", "the connection ended within the headers", nil)
	}
	return h, err
}

// readFields reads field lines up to the empty line, and appends them to raw, which may have room bytes in all.
func readFields(s *reader, raw []byte, room int) (fields []Field, _ []byte, err error) {
	for len(raw) < room {
		line, err := s.line(min(room-len(raw), maxLine))
		if err != nil {
			return nil, nil, err
		}
		raw = append(raw, line+"\r\n"...)
		if line == "" {
			return fields, raw, nil
		}
		f, err := parseField(line)
		if err != nil {
			return nil, nil, err
		}
		if fields = append(fields, f); len(fields) > maxFields {
			return nil, nil, weird("more header fields than we take")
		}
	}
	return nil, nil, weird("the headers are larger than we take")
}

// parseStatus reads "HTTP/1.1 200 OK" (RFC 9112 4). The blank before an empty reason may be missing.
func (h *head) parseStatus(line string) error {
	rest, ok := strings.CutPrefix(line, "HTTP/1.")
	if !ok {
		if strings.HasPrefix(line, "HTTP/") {
			return weird("the server speaks another version of HTTP than 1.0 and 1.1")
		}
		return weird("the server does not speak HTTP, or only HTTP/0.9, which is refused")
	}
	// 0 SP 200
	if len(rest) < 5 || rest[0] < '0' || rest[0] > '9' || rest[1] != ' ' {
		return weird("the status line is not one")
	}
	code, ok := decimal(rest[2:5], 999)
	if !ok || code < 100 || len(rest) > 5 && rest[5] != ' ' {
		return weird("the status code is not three digits from 100 on")
	}
	h.minor, h.code = int(rest[0]-'0'), int(code)
	if len(rest) > 6 {
		h.reason = rest[6:]
	}
	if !isText(h.reason) {
		return weird("the reason phrase has a control character")
	}
	return nil
}
