package url

import (
	"strings"

	"github.com/sockeye-net/sockeye/apps/internal/ascii"
)

// Resolve makes a whole URL of a reference found in a page whose URL is u (RFC
// 3986 5.2). The error is an *Error.
func (u *URL) Resolve(ref string) (*URL, error) {
	r, err := parseReference(strings.Trim(ref, " \t\r\n")) // as HTML has them
	if err != nil {
		return nil, err
	}
	t := *r
	t.Guessed = false
	switch {
	case r.Scheme != "":
		t.Path = clean(r.Path, r.Authority)
	case r.Authority:
		t.Scheme, t.Path = u.Scheme, clean(r.Path, true)
	default:
		u.lend(&t)
		t.merge(u, r)
	}
	if t.homeless() {
		return nil, &Error{ref, len(ref), "it has no host"}
	}
	return &t, nil
}

// lend gives t our scheme and authority.
func (u *URL) lend(t *URL) {
	t.Scheme, t.Authority = u.Scheme, u.Authority
	t.User, t.Password, t.HasPassword = u.User, u.Password, u.HasPassword
	t.Host, t.Port = u.Host, u.Port
}

// merge sets path and query where the reference has a path at most.
func (t *URL) merge(base, r *URL) {
	switch {
	case r.Path == "":
		t.Path = base.Path
		if !r.HasQuery {
			t.Query, t.HasQuery = base.Query, base.HasQuery
		}
	case r.Path[0] == '/':
		t.Path = clean(r.Path, true)
	case base.Authority && base.Path == "":
		t.Path = clean("/"+r.Path, true)
	default:
		t.Path = clean(base.Path[:strings.LastIndexByte(base.Path, '/')+1]+r.Path, base.Authority)
	}
}

// Undotted is u without the segments . and .. of its path, as it is to be asked for (RFC 3986 6.2.2.3).
func (u *URL) Undotted() *URL {
	t := *u
	t.Path = clean(u.Path, u.Authority)
	return &t
}

// clean is remove_dot_segments (RFC 3986 5.2.4) of a path in a hierarchy.
func clean(path string, hierarchy bool) string {
	if !hierarchy && !strings.HasPrefix(path, "/") {
		return path
	}
	out := make([]byte, 0, len(path)) // whole segments, each with its slash
	for more := true; more; {
		var segment string
		switch segment, path, more = ascii.Cut(path, '/'); segment {
		case ".":
		case "..":
			if n := len(out); n > 1 || n == 1 && out[0] != '/' {
				out = out[:strings.LastIndexByte(string(out[:n-1]), '/')+1]
			}
		default:
			out = append(out, segment...)
			if more {
				out = append(out, '/')
			}
		}
	}
	return string(out)
}
