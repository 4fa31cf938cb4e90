package stomp

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A Frame is one message of the protocol.
type Frame struct {
	Command string
	Headers []Header // the first of a name counts (STOMP 1.2, repeated header entries)
	Body    string
}

// A Header is a name and its value, not escaped.
type Header struct{ Name, Value string }

// Get is the value of a header, "" where there is none.
func (f *Frame) Get(name string) string {
	for _, h := range f.Headers {
		if h.Name == name {
			return h.Value
		}
	}
	return ""
}

// The bounds of a frame.
const (
	maxFrame   = 1 << 20
	maxHeaders = 100
)

var escapes = strings.NewReplacer(`\`, `\\`, "\r", `\r`, "\n", `\n`, ":", `\c`)

// escaped: CONNECT and CONNECTED escape nothing, for the sake of version 1.0.
func (f *Frame) escaped() bool { return f.Command != "CONNECT" && f.Command != "CONNECTED" }

// Encode writes the frame. A CONNECT whose headers would need escapes is an error, for it has none.
func (f *Frame) Encode() (string, error) {
	var b strings.Builder
	b.WriteString(f.Command + "\n")
	for _, h := range f.Headers {
		name, value := h.Name, h.Value
		if f.escaped() {
			name, value = escapes.Replace(name), escapes.Replace(value)
		} else if strings.ContainsAny(name+value, "\r\n\x00") || strings.Contains(name, ":") {
			return "", fmt.Errorf("stomp: the header %q cannot be in a %s frame", name, f.Command)
		}
		if strings.Contains(name+value, "\x00") {
			return "", fmt.Errorf("stomp: the header %q has a NUL", name)
		}
		b.WriteString(name + ":" + value + "\n")
	}
	if f.Body != "" {
		b.WriteString("content-length:" + strconv.Itoa(len(f.Body)) + "\n")
	}
	b.WriteString("\n" + f.Body + "\x00")
	return b.String(), nil
}

// errFrame says that something is no frame.
func errFrame(why string) error { return errors.New("stomp: " + why) }

// Parse reads a frame. It is nil where s is only line ends, which keep a connection alive.
func Parse(s string) (*Frame, error) {
	if len(s) > maxFrame {
		return nil, errFrame("a frame is larger than we take")
	}
	s = strings.TrimLeft(s, "\r\n")
	if s == "" {
		return nil, nil
	}
	f := &Frame{}
	var line string
	var err error
	if f.Command, s, err = cutLine(s); err != nil {
		return nil, err
	}
	if f.Command == "" || strings.Trim(f.Command, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return nil, errFrame("it begins with no command")
	}
	for {
		if line, s, err = cutLine(s); err != nil {
			return nil, err
		}
		if line == "" {
			break
		}
		if err := f.header(line); err != nil {
			return nil, err
		}
	}
	return f, f.body(s)
}

// cutLine takes a line off, with LF or CRLF at its end.
func cutLine(s string) (line, rest string, err error) {
	line, rest, ok := strings.Cut(s, "\n")
	if !ok {
		return "", "", errFrame("a frame ends within its headers")
	}
	line = strings.TrimSuffix(line, "\r")
	if strings.ContainsAny(line, "\r\x00") {
		return "", "", errFrame("a line has a CR or a NUL within")
	}
	return line, rest, nil
}

// header reads one header line.
func (f *Frame) header(line string) error {
	name, value, ok := strings.Cut(line, ":")
	if !ok || name == "" {
		return errFrame("a header line has no name or no colon")
	}
	if len(f.Headers) == maxHeaders {
		return errFrame("more headers than we take")
	}
	if f.escaped() {
		var err1, err2 error
		name, err1 = unescape(name)
		value, err2 = unescape(value)
		if err := errors.Join(err1, err2); err != nil {
			return err
		}
	}
	f.Headers = append(f.Headers, Header{name, value})
	return nil
}

// unescape undoes the four escapes; another one is an error (STOMP 1.2, value encoding).
func unescape(s string) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		i++
		at := -1
		if i < len(s) {
			at = strings.IndexByte(`\rnc`, s[i])
		}
		if at < 0 {
			return "", errFrame("a header has an escape that there is not")
		}
		b.WriteByte("\\\r\n:"[at])
	}
	return b.String(), nil
}

// body reads what follows the empty line: content-length bytes or up to the NUL.
func (f *Frame) body(s string) error {
	if v := f.Get("content-length"); v != "" {
		n, err := strconv.ParseUint(v, 10, 31)
		if err != nil || int(n) >= len(s) || s[n] != 0 {
			return errFrame("the body is not as long as content-length says")
		}
		f.Body, s = s[:n], s[n+1:]
	} else {
		body, rest, ok := strings.Cut(s, "\x00")
		if !ok {
			return errFrame("a frame has no NUL at its end")
		}
		f.Body, s = body, rest
	}
	if strings.Trim(s, "\r\n") != "" {
		return errFrame("something follows the frame")
	}
	return nil
}
