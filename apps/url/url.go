package url

import (
	"strconv"
	"strings"

	"github.com/sockeye-net/sockeye/apps/internal/ascii"
)

// A URL is one taken apart. Parts are as written, percent-encoding included;
// Decode undoes that. An absent part is empty.
type URL struct {
	Scheme      string // the way of access, in lower case; "" only in a relative reference
	Authority   bool   // there is a "//": User to Port mean something
	User        string
	Password    string
	HasPassword bool   // a colon stands after User
	Host        string // a name in lower case or an address; an IPv6 address without its brackets
	Port        uint16 // as written; 0: none is, see EffectivePort
	Path        string
	Query       string // without its "?"
	HasQuery    bool
	Fragment    string // without its "#"; it stays with the reader (RFC 9110 7.1)
	HasFragment bool
	Guessed     bool // nobody wrote the scheme: http is meant, as with curl
}

// defaultPort is where a scheme's servers listen unless a URL says otherwise, 0 where it has no port.
func defaultPort(scheme string) uint16 {
	switch scheme {
	case "http", "ws":
		return 80
	case "https", "wss":
		return 443
	case "ftp":
		return 21
	}
	return 0
}

// opaque: people write the scheme without "//".
func opaque(scheme string) bool {
	switch scheme {
	case "mailto", "news", "urn", "tel", "data", "file":
		return true
	}
	return false
}

// EffectivePort is the port to connect to, 0 where the scheme has none.
func (u *URL) EffectivePort() uint16 {
	if u.Port != 0 {
		return u.Port
	}
	return defaultPort(u.Scheme)
}

// HostPort is host and port as a Host field has them: without the port where it
// is the scheme's own (RFC 9110 7.2).
func (u *URL) HostPort() string {
	h := u.host()
	if u.Port == 0 || u.Port == defaultPort(u.Scheme) {
		return h
	}
	return h + ":" + strconv.Itoa(int(u.Port))
}

// host is Host in the brackets that an IPv6 address needs.
func (u *URL) host() string {
	if strings.IndexByte(u.Host, ':') >= 0 {
		return "[" + u.Host + "]"
	}
	return u.Host
}

// Target is path and query as they go into a request line (RFC 9112 3.2.1).
func (u *URL) Target() string {
	t := u.Path
	if t == "" {
		t = "/"
	}
	if u.HasQuery {
		t += "?" + u.Query
	}
	return t
}

// File is the last part of the path, "" where it ends with a slash: then the
// server is asked for its default document.
func (u *URL) File() string { return u.Path[strings.LastIndexByte(u.Path, '/')+1:] }

// Endpoint is host and port, both always there.
func (u *URL) Endpoint() string { return u.host() + ":" + strconv.Itoa(int(u.EffectivePort())) }

// Origin is what tells one site from another (RFC 6454 4).
func (u *URL) Origin() string { return u.Scheme + "://" + u.Endpoint() }

// String puts the URL together again (RFC 3986 5.3), the password included.
func (u *URL) String() string {
	var b strings.Builder
	if u.Scheme != "" {
		b.WriteString(u.Scheme + ":")
	}
	if u.Authority {
		b.WriteString("//")
		if u.User != "" || u.HasPassword {
			b.WriteString(u.User)
			if u.HasPassword {
				b.WriteString(":" + u.Password)
			}
			b.WriteByte('@')
		}
		b.WriteString(u.host())
		if u.Port != 0 {
			b.WriteString(":" + strconv.Itoa(int(u.Port)))
		}
	}
	b.WriteString(u.Path)
	if u.HasQuery {
		b.WriteString("?" + u.Query)
	}
	if u.HasFragment {
		b.WriteString("#" + u.Fragment)
	}
	return b.String()
}

// Public is String without user information and fragment: what may be shown, logged
// and sent to others (RFC 9110 4.2.4).
func (u *URL) Public() string {
	p := *u
	p.User, p.Password, p.HasPassword, p.Fragment, p.HasFragment = "", "", false, "", false
	return p.String()
}

// Decode undoes percent-encoding. What is no encoding stays.
func Decode(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if n, ok := escaped(s[i:]); ok {
			b.WriteByte(n)
			i += 2
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// escaped reads one percent-encoded byte.
func escaped(s string) (byte, bool) {
	if len(s) < 3 || s[0] != '%' {
		return 0, false
	}
	high, ok := ascii.Hex(s[1])
	low, ok2 := ascii.Hex(s[2])
	return high<<4 | low, ok && ok2
}
