package journey

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// URL is the first chapter: what the parts of a URL mean. A URL that is not
// one is only shown; whoever fetches it says what is wrong.
func (j *Journey) URL(raw string) {
	j.end(func() {
		j.heading("The URL")
		j.line(margin + clean(raw, columns-len(margin)))
		j.blank()
		full := raw
		if !strings.Contains(raw, "://") {
			full = "http://" + raw
		}
		if u, err := url.Parse(full); err == nil {
			j.urlParts(u)
			j.blank()
		}
	})
}

// partColumn is how wide the parts of a URL are, before what they mean.
const partColumn = 18

func (j *Journey) urlParts(u *url.URL) {
	part := func(name, value, meaning string) {
		value = clean(value, 40)
		if len(value) > partColumn {
			j.fact(name, value)
			name, value = "", ""
		}
		j.line(margin + fmt.Sprintf("%-*s%-*s  %s", factColumn, name, partColumn, value, meaning))
	}
	part("scheme", u.Scheme, "how to get it: HTTP over TCP, unencrypted")
	if u.User != nil {
		part("user", u.User.Username(), "is not sent")
	}
	if _, err := netip.ParseAddr(u.Hostname()); err == nil {
		part("host", u.Hostname(), "where: an address; nobody has to be asked")
	} else {
		part("host", u.Hostname(), "where: a name; its address is asked for")
	}
	if u.Port() == "" {
		part("port", "80", "which program there: not said, so HTTP's")
	} else {
		part("port", u.Port(), "which program there, as the URL says")
	}
	path := u.EscapedPath()
	if path == "" {
		part("path", "/", "what: nothing said, so the root")
	} else {
		part("path", path, "what to ask that program for")
	}
	if u.RawQuery != "" {
		part("query", "?"+u.RawQuery, "handed to the program with the path")
	}
	if u.Fragment != "" {
		part("fragment", "#"+u.Fragment, "a place in the page; it stays with us")
	}
}

// binary writes an address as its 32 bits, the network's and the host's apart.
func binary(a netip.Addr, bits int) string {
	var b strings.Builder
	four := a.As4()
	for i := range 32 {
		if i > 0 && i%8 == 0 && i != bits {
			b.WriteByte('.')
		}
		if i == bits {
			b.WriteString(" | ")
		}
		b.WriteByte('0' + four[i/8]>>(7-i%8)&1)
	}
	return b.String()
}
