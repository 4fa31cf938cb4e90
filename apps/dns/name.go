package dns

import (
	"strings"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/sockeye-net/sockeye/apps/internal/ascii"
)

// ParseName turns a name as people write it, with or without the final dot, into one for a question, with it.
// Names are ASCII; an international one must come in its xn-- form.
func ParseName(s string) (string, error) {
	if s == "." {
		return s, nil
	}
	if n := len(s); n > 0 && s[n-1] == '.' {
		s = s[:n-1]
	}
	if why := unlike(s); why != "" {
		return "", badName(s, why)
	}
	return s + ".", nil
}

// unlike is why s is no name, "" if it is one.
func unlike(s string) string {
	switch {
	case s == "":
		return "it is empty"
	case len(s)+2 > maxName: // a length byte in front, the root's at the end
		return "it is longer than 253 characters"
	}
	label := 0
	for i := 0; i <= len(s); i++ {
		switch {
		case i < len(s) && s[i] != '.':
			if s[i] <= ' ' || s[i] >= 0x7F || s[i] == '\\' {
				return "it has a character that no host name has (international names: give the xn-- form)"
			}
			label++
		case label == 0:
			return "it has an empty label (two dots in a row, or one in front)"
		case label > maxLabel:
			return "it has a label longer than 63 characters"
		default:
			label = 0
		}
	}
	return ""
}

func badName(s, why string) error {
	return &Error{Kind: ErrBadName, Name: s, why: why}
}

// text is a name as this package keeps it: its bytes, labels separated and ended by dots.
// Names with a dot inside a label are not made text, so that this loses nothing.
func text(n *dnsmessage.Name) string { return string(n.Data[:n.Length]) }

// mixCase gives each letter of a name a random case: bits that a forger must guess and an honest
// server echoes (the 0x20 trick). bits has a bit for each of a name's 255 bytes.
func mixCase(name string, bits *[32]byte) string {
	b := []byte(name)
	for i, c := range b {
		c = ascii.LowerByte(c)
		if 'a' <= c && c <= 'z' && bits[i/8]>>(i%8)&1 == 1 {
			c &^= 0x20
		}
		b[i] = c
	}
	return string(b)
}

// within says whether name is zone or below it. Both end with the final dot.
func within(name, zone string) bool {
	if zone == "." {
		return true
	}
	cut := len(name) - len(zone)
	return cut >= 0 && (cut == 0 || name[cut-1] == '.') && ascii.EqualFold(name[cut:], zone)
}

// parent is the name without its first label; the root's is the root.
func parent(name string) string {
	if i := strings.IndexByte(name, '.'); i+1 < len(name) {
		return name[i+1:]
	}
	return "."
}
