package http

import (
	"strings"

	"github.com/sockeye-net/sockeye/apps/internal/ascii"
)

// A Field is one line of a head, as it came or goes: name and value in their own letter case, without the
// blanks around the value.
type Field struct{ Name, Value string }

// values are those of the fields of that name, letter case aside (RFC 9110 5.1).
func values(fs []Field, name string) []string {
	var out []string
	for _, f := range fs {
		if ascii.EqualFold(f.Name, name) {
			out = append(out, f.Value)
		}
	}
	return out
}

// Get is the value of the first field of that name, letter case aside; "" if there is none.
func Get(fs []Field, name string) string {
	if vs := values(fs, name); len(vs) > 0 {
		return vs[0]
	}
	return ""
}

// has says whether a field of that name lists token (RFC 9110 5.6.1).
func has(fs []Field, name, token string) bool {
	for _, v := range values(fs, name) {
		for more := true; more; {
			var item string
			item, v, more = ascii.Cut(v, ',')
			if ascii.EqualFold(ascii.Trim(item), token) {
				return true
			}
		}
	}
	return false
}

// isToken: RFC 9110 5.6.2.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		alnum := '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z'
		if !alnum && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// isText: no control character but the tab; bytes above ASCII may be there (RFC 9110 5.5, obs-text).
func isText(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\t' || c == 0x7F {
			return false
		}
	}
	return true
}

// parseField reads one field line without its CRLF.
func parseField(line string) (Field, error) {
	if line[0] == ' ' || line[0] == '\t' {
		return Field{}, weird("a header line begins with a blank: folded lines are refused (RFC 9112 5.2)")
	}
	name, value, ok := ascii.Cut(line, ':')
	switch {
	case !ok:
		return Field{}, weird("a header line has no colon")
	case !isToken(name): // a blank before the colon, too (RFC 9112 5.1)
		return Field{}, weird("a header's name has a character that no name has")
	}
	value = ascii.Trim(value)
	if !isText(value) {
		return Field{}, weird("a header's value has a control character")
	}
	return Field{name, value}, nil
}
