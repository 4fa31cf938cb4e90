package http

import (
	"net/netip"
	"strconv"
	"strings"
)

// A URL is an http URL taken apart.
type URL struct {
	Host   string // as written, an IPv6 address without its brackets
	Port   uint16 // 80 where none is written
	Target string // path and query as they go into the request line, never empty
}

// HostPort is host and port as the Host field has them: without the port where it is 80 (RFC 9110 7.2).
func (u *URL) HostPort() string {
	h := u.Host
	if strings.Contains(h, ":") {
		h = "[" + h + "]"
	}
	if u.Port == 80 {
		return h
	}
	return h + ":" + strconv.Itoa(int(u.Port))
}

// String puts the URL together again, without user information and fragment.
func (u *URL) String() string { return "http://" + u.HostPort() + u.Target }

// ParseURL takes an http URL apart. Without a scheme http is meant, as with curl. The fragment is left
// out (RFC 9110 7.1); user information is refused rather than silently not sent.
func ParseURL(s string) (*URL, error) {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] == 0x7F {
			return nil, badURL(s, "it has a blank or a control character; write %20 for a blank")
		}
		if s[i] > 0x7F {
			return nil, badURL(s, "it has a character that is not ASCII; percent-encode it (a host name: in its xn-- form)")
		}
	}
	rest := s
	if scheme, after, ok := strings.Cut(s, "://"); ok && !strings.ContainsAny(scheme, "/?#") {
		if !strings.EqualFold(scheme, "http") {
			return nil, &Error{Kind: UnsupportedScheme, Op: strconv.Quote(s), Text: `only http is supported, not "` + scheme + `"`}
		}
		rest = after
	} else if len(s) >= 5 && strings.EqualFold(s[:5], "http:") {
		return nil, badURL(s, "two slashes must follow http:")
	}
	rest, _, _ = strings.Cut(rest, "#")
	authority, target := rest, "/"
	if i := strings.IndexAny(rest, "/?"); i >= 0 {
		authority, target = rest[:i], rest[i:]
	}
	if target[0] == '?' {
		target = "/" + target
	}
	u := &URL{Port: 80, Target: target}
	if why := u.setAuthority(authority); why != "" {
		return nil, badURL(s, why)
	}
	return u, nil
}

// setAuthority reads host and port; it says what is wrong with them.
func (u *URL) setAuthority(a string) string {
	if strings.Contains(a, "@") {
		return "it has a user name or password, which are not sent yet; leave them out"
	}
	host, port, hasPort := a, "", false
	if strings.HasPrefix(a, "[") {
		i := strings.IndexByte(a, ']')
		if i < 0 {
			return "the ] after the IPv6 address is missing"
		}
		ip, err := netip.ParseAddr(a[1:i])
		if err != nil || !ip.Is6() {
			return "no IPv6 address stands between [ and ]"
		}
		host = a[1:i]
		if rest := a[i+1:]; rest != "" {
			if rest[0] != ':' {
				return "only a colon and a port may follow ]"
			}
			port, hasPort = rest[1:], true
		}
	} else if i := strings.IndexByte(a, ':'); i >= 0 {
		host, port, hasPort = a[:i], a[i+1:], true
		if why := badHost(host); why != "" {
			return why
		}
	} else if why := badHost(host); why != "" {
		return why
	}
	u.Host = host
	if hasPort && port != "" { // RFC 3986 3.2.3: an empty port is the default one
		n, ok := decimal(port, 65535)
		if !ok || n == 0 {
			return "the port is not a number from 1 to 65535"
		}
		u.Port = uint16(n)
	}
	return ""
}

func badHost(h string) string {
	switch {
	case h == "":
		return "it has no host"
	case len(h) > 255:
		return "its host is longer than 255 characters"
	case strings.ContainsAny(h, "\"<>\\^`{|}%[]"):
		return "its host has a character that no host name has"
	}
	return ""
}

func badURL(s, why string) error {
	return &Error{Kind: BadURL, Op: strconv.Quote(s), Text: why}
}

// decimal reads 1*DIGIT up to limit: no sign, no blank, nothing empty.
func decimal(s string, limit int64) (int64, bool) {
	if s == "" {
		return 0, false
	}
	var n int64
	for i := range len(s) {
		d := int64(s[i]) - '0'
		if d < 0 || d > 9 || n > (limit-d)/10 {
			return 0, false
		}
		n = 10*n + d
	}
	return n, true
}
