package url

import (
	"net/netip"
	"strings"

	"github.com/sockeye-net/sockeye/apps/internal/ascii"
)

// An Error says which character of a URL is wrong.
type Error struct {
	In   string // the whole text
	At   int    // byte offset into In; len(In) where something is missing at the end
	Text string
}

func (e *Error) Error() string { return quote(e.In) + ": " + e.Text }

// Pointer is the text and a line below it with a caret under the character.
func (e *Error) Pointer() string {
	return printable(e.In) + "\n" + strings.Repeat(" ", e.At) + "^ " + e.Text
}

// A parser takes text apart from both ends.
type parser struct {
	in string
	u  *URL
}

// bad is not inlined: its callers are many.
//
//go:noinline
func (p *parser) bad(at int, text string) error { return &Error{p.in, at, text} }

// Parse takes apart what a person typed. Without a scheme http is meant, as with curl. The error is an *Error.
func Parse(s string) (*URL, error) {
	p := &parser{in: s, u: &URL{}}
	if err := p.characters(); err != nil {
		return nil, err
	}
	if s == "" {
		return nil, p.bad(0, "it is empty")
	}
	at, err := p.scheme()
	if err != nil {
		return nil, err
	}
	if err := p.rest(at); err != nil {
		return nil, err
	}
	if p.u.homeless() {
		return nil, p.bad(min(len(p.u.Scheme)+3, len(s)), "it has no host")
	}
	return p.u, nil
}

// homeless: an authority without a host, which only a file may have.
func (u *URL) homeless() bool { return u.Authority && u.Host == "" && u.Scheme != "file" }

// parseReference takes a reference of a page apart, in which every part may be missing (RFC 3986 4.1).
func parseReference(s string) (*URL, error) {
	p := &parser{in: s, u: &URL{}}
	if err := p.characters(); err != nil {
		return nil, err
	}
	at := 0
	if i := ascii.IndexAny(s, ":/?#"); i > 0 && s[i] == ':' && isScheme(s[:i]) {
		p.u.Scheme, at = ascii.Lower(s[:i]), i+1
	}
	return p.u, p.rest(at)
}

// characters refuses what no URL has anywhere.
func (p *parser) characters() error {
	for i := range len(p.in) {
		switch c := p.in[i]; {
		case c == ' ':
			return p.bad(i, "it has a blank; write %20")
		case c < ' ' || c == 0x7F:
			return p.bad(i, "it has a control character")
		case c > 0x7F:
			return p.bad(i, "it has a character that is not ASCII; percent-encode it (a host name: in its xn-- form)")
		}
	}
	return nil
}

// scheme reads the scheme and returns where what follows its colon begins.
func (p *parser) scheme() (int, error) {
	i := ascii.IndexAny(p.in, ":/?#")
	if i < 0 || p.in[i] != ':' {
		return p.guess()
	}
	name, after := ascii.Lower(p.in[:i]), p.in[i+1:]
	switch {
	case strings.HasPrefix(after, "//"):
		if !isScheme(name) {
			return 0, p.bad(notScheme(name), "a scheme is a letter and then letters, digits, +, - and .")
		}
	case opaque(name):
	case defaultPort(name) != 0 && !startsPort(after):
		return 0, p.bad(i+1, "two slashes must follow "+name+":")
	default:
		return p.guess() // host:port
	}
	p.u.Scheme = name
	return i + 1, nil
}

// guess takes the text for an http URL without its scheme.
func (p *parser) guess() (int, error) {
	p.u.Scheme, p.u.Guessed = "http", true
	if strings.HasPrefix(p.in, "//") {
		return 0, nil
	}
	return 0, p.hierarchy(0)
}

// rest reads what follows the scheme's colon, unless a guess has read it.
func (p *parser) rest(at int) error {
	if p.u.Authority {
		return nil
	}
	if strings.HasPrefix(p.in[at:], "//") {
		return p.hierarchy(at + 2)
	}
	return p.tail(at)
}

// hierarchy reads an authority and what follows.
func (p *parser) hierarchy(at int) error {
	p.u.Authority = true
	end := len(p.in)
	if i := ascii.IndexAny(p.in[at:], "/?#"); i >= 0 {
		end = at + i
	}
	if err := p.authority(at, end); err != nil {
		return err
	}
	return p.tail(end)
}

// authority reads user, password, host and port (RFC 3986 3.2).
func (p *parser) authority(at, end int) error {
	if i := strings.LastIndexByte(p.in[at:end], '@'); i >= 0 {
		info := p.in[at : at+i]
		if j := strings.IndexByte(info, '@'); j >= 0 {
			return p.bad(at+j, "an @ within a user name or password is written %40")
		}
		if err := p.escapes(at, at+i); err != nil {
			return err
		}
		p.u.User, p.u.Password, p.u.HasPassword = ascii.Cut(info, ':')
		at += i + 1
	}
	host, err := p.host(at, end)
	if err != nil {
		return err
	}
	return p.port(host, end)
}

// host reads the host and returns where it ends.
func (p *parser) host(at, end int) (int, error) {
	if strings.HasPrefix(p.in[at:end], "[") {
		i := strings.IndexByte(p.in[at:end], ']')
		if i < 0 {
			return 0, p.bad(end, "the ] after the IPv6 address is missing")
		}
		ip, err := netip.ParseAddr(p.in[at+1 : at+i])
		if err != nil || !ip.Is6() {
			return 0, p.bad(at+1, "no IPv6 address stands between [ and ]")
		}
		p.u.Host = p.in[at+1 : at+i]
		return at + i + 1, nil
	}
	stop := end
	if i := strings.IndexByte(p.in[at:end], ':'); i >= 0 {
		stop = at + i
	}
	const most = 255
	switch i := ascii.IndexAny(p.in[at:stop], "\"<>\\^`{|}%[]"); {
	case i >= 0:
		return 0, p.bad(at+i, "no host name has this character")
	case stop-at > most:
		return 0, p.bad(at+most, "a host has at most 255 characters")
	}
	p.u.Host = ascii.Lower(p.in[at:stop])
	return stop, nil
}

// port reads a colon and a port, if they are there (RFC 3986 3.2.3: the port may be empty).
func (p *parser) port(at, end int) error {
	if at == end {
		return nil
	}
	if p.in[at] != ':' {
		return p.bad(at, "only a colon and a port may follow the host")
	}
	n := 0
	for i := at + 1; i < end; i++ {
		d := int(p.in[i]) - '0'
		if d < 0 || d > 9 {
			return p.bad(i, "the port is a number from 1 to 65535")
		}
		if n = 10*n + d; n > 65535 {
			return p.bad(i, "the port is a number from 1 to 65535")
		}
	}
	if n == 0 && end > at+1 {
		return p.bad(at+1, "the port is a number from 1 to 65535")
	}
	p.u.Port = uint16(n)
	return nil
}

// tail reads path, query and fragment.
func (p *parser) tail(at int) error {
	if err := p.escapes(at, len(p.in)); err != nil {
		return err
	}
	s := p.in[at:]
	s, p.u.Fragment, p.u.HasFragment = ascii.Cut(s, '#')
	p.u.Path, p.u.Query, p.u.HasQuery = ascii.Cut(s, '?')
	return nil
}

// escapes holds every percent sign to its two digits (RFC 3986 2.1).
func (p *parser) escapes(at, end int) error {
	for i := at; i < end; i++ {
		if p.in[i] != '%' {
			continue
		}
		if _, ok := escaped(p.in[i:end]); !ok {
			return p.bad(i, "two hexadecimal digits must follow %; the sign itself is written %25")
		}
	}
	return nil
}

// isScheme: RFC 3986 3.1.
func isScheme(s string) bool { return s != "" && notScheme(s) == len(s) }

// notScheme is where s stops to be a scheme.
func notScheme(s string) int {
	for i := range len(s) {
		c := s[i] | 0x20
		letter := 'a' <= c && c <= 'z'
		other := '0' <= s[i] && s[i] <= '9' || s[i] == '+' || s[i] == '-' || s[i] == '.'
		if !letter && (i == 0 || !other) {
			return i
		}
	}
	return len(s)
}

// startsPort: what follows a colon may be a port.
func startsPort(s string) bool { return s != "" && '0' <= s[0] && s[0] <= '9' }

// quote shows a text in one line of printable ASCII, not too long.
func quote(s string) string {
	const most = 120
	if len(s) > most {
		return `"` + printable(s[:most]) + `..."`
	}
	return `"` + printable(s) + `"`
}

// printable has one character for each byte.
func printable(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c < ' ' || c > '~' {
			b[i] = '?'
		}
	}
	return string(b)
}
