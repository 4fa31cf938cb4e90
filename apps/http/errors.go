package http

import (
	"errors"
	"strconv"
	"syscall"
)

// A Kind is what went wrong, as coarse as a program needs it. It is an error too, so that
// errors.Is(err, http.Timeout) asks for it. Each has one exit code of curl(1).
type Kind uint8

// The kinds, with curl's codes.
const (
	UnsupportedScheme Kind = 1 + iota // 1: not http, or https without TLS
	BadURL                            // 3
	BadRequest                        // 3: a method or field with a character that HTTP forbids
	Unresolved                        // 6: no address for the host
	NotConnected                      // 7: no address took the connection
	WeirdReply                        // 8: what came is not HTTP/1.x, or breaks its rules
	Partial                           // 18: the body ended early
	Timeout                           // 28
	EmptyReply                        // 52: the connection ended before the first byte
	SendFailed                        // 55
	RecvFailed                        // 56
	BadCoding                         // 61: a coding that we do not know, or that is broken
	UnresolvedProxy                   // 5: no address for the proxy
	BadUpload                         // 26: the request's body cannot be read, or is not as long as said
	TLSFailed                         // 35: no TLS with that server
	BadCertificate                    // 60: the server's certificate is not to be believed
	BadRedirect                       // 47: too many redirects, or one to nowhere
)

var kindTexts = [...]string{
	"", "unsupported scheme", "bad URL", "bad request", "could not resolve", "could not connect", "weird reply",
	"partial body", "timed out", "empty reply", "send failed", "receive failed", "bad coding",
	"could not resolve the proxy", "bad upload", "TLS failed", "bad certificate", "bad redirect",
}

// Error names the kind.
func (k Kind) Error() string {
	if int(k) < len(kindTexts) {
		return kindTexts[k]
	}
	return "unknown"
}

// ErrTruncated is in every error of kind Partial.
var ErrTruncated = errors.New("the connection ended before the body did")

// An Error is why there is no response, or no more of one. It is one line.
type Error struct {
	Kind Kind
	Op   string // what was being done: "connect to 192.0.2.1:80"
	Text string // what was wrong, and what to do where there is something to do
	Err  error  // the cause, where there is one: a syscall.Errno from the calls, or the resolver's error
}

// Unwrap gives the kind and the cause to errors.Is and errors.As.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

func (e *Error) Error() string {
	s := e.Op
	why := causeText(e.Err)
	if e.Kind == Timeout && e.Text != "" && e.Err == syscall.EAGAIN {
		why = "" // that nothing was there is how the calls say it
	}
	for _, part := range []string{e.Text, why} {
		if part == "" {
			continue
		}
		if s != "" {
			s += ": "
		}
		s += part
	}
	if s == "" {
		return e.Kind.Error()
	}
	return s
}

func causeText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// problem makes an Error. Fifty places do, and none of them in a hurry: so one copy is enough.
//
//go:noinline
func problem(k Kind, op, text string, err error) error {
	return &Error{Kind: k, Op: op, Text: text, Err: err}
}

// weird is an Error about what the server sent.
func weird(text string) error { return problem(WeirdReply, "", text, nil) }

// partial is the Error of a body that ended early.
func partial(text string) error { return problem(Partial, "", text, ErrTruncated) }

// quote shows a stranger's bytes in one line of printable ASCII, not too long.
func quote(s string) string {
	const most = 60
	if len(s) > most {
		return strconv.QuoteToASCII(s[:most]) + "..."
	}
	return strconv.QuoteToASCII(s)
}
