package journey

import (
	"errors"
	"net/netip"
	"strings"

	"github.com/sockeye-net/sockeye/apps/url"
)

// URL is the first chapter: what the parts of a URL mean. Of a text that is no
// URL the wrong character is pointed at.
func (j *Journey) URL(raw string) {
	j.end(func() {
		j.heading("The URL")
		u, err := url.Parse(raw)
		if j.raw == "" && err == nil {
			j.raw = shown(raw, u)
		}
		var bad *url.Error
		if errors.As(err, &bad) {
			j.pointAt(bad)
			j.blank()
			return
		}
		j.line(margin + clean(shown(raw, u), columns-len(margin)))
		j.blank()
		j.parts(u)
		j.blank()
	})
}

// shown is a URL without its password, which is nobody's to read.
func shown(raw string, u *url.URL) string {
	if !u.HasPassword {
		return raw
	}
	p := *u
	p.Password = "***"
	return p.String()
}

// pointAt shows where a text stops to be a URL. Of a long one the part around it is shown.
func (j *Journey) pointAt(e *url.Error) {
	const around = 50
	text, at := e.In, e.At
	if len(text) > columns-len(margin) {
		from := max(0, at-around)
		text, at = text[from:min(len(text), at+20)], at-from
	}
	lines := strings.SplitN((&url.Error{In: text, At: at}).Pointer(), "\n", 2)
	for _, l := range lines {
		j.line(margin + strings.TrimRight(l, " "))
	}
	j.paragraph(j.wrong(e.Text))
}

// wrong is what is wrong with a URL, in the journey's language.
func (j *Journey) wrong(text string) string {
	if scheme, ok := strings.CutPrefix(text, "two slashes must follow "); ok {
		return j.t("two slashes must follow %s", scheme)
	}
	return j.t(text)
}

// partColumn is how wide the parts of a URL are, before what they mean.
const partColumn = 18

// part tells one part of a URL and what it means.
func (j *Journey) part(name, value, meaning string) {
	j.said(name, clean(value, columns-len(margin)-factColumn), meaning)
}

// said is part for a value in our own words.
func (j *Journey) said(name, value, meaning string) {
	name = j.t(name)
	if width(value) > partColumn {
		j.line(margin + pad(name, factColumn) + value)
		name, value = "", ""
	}
	for _, l := range wrap(meaning, columns-len(margin)-factColumn-partColumn-2) {
		j.line(margin + pad(name, factColumn) + pad(value, partColumn) + "  " + l)
		name, value = "", ""
	}
}

// schemes are the ways of access.
var schemes = map[string]string{
	"":       "how to get it: in a way that is not known here",
	"http":   "how to get it: HTTP over TCP, unencrypted",
	"https":  "how to get it: HTTP over TLS over TCP, encrypted, and the server shows who it is",
	"ws":     "how to talk to it: a WebSocket, messages both ways over one TCP connection that begins as HTTP",
	"wss":    "how to talk to it: a WebSocket over TLS",
	"ftp":    "how to get it: the File Transfer Protocol, commands on one TCP connection and the file on another",
	"file":   "how to get it: from a disk of this machine; no network is needed",
	"mailto": "what to do: write a letter to somebody, with a mail program",
	"news":   "where it is: in a newsgroup, which a news reader gets from a news server (NNTP)",
	"urn":    "no way of access: a name that stays, wherever the thing is kept",
	"tel":    "what to do: call this number, with a telephone",
	"data":   "how to get it: not at all, the thing itself is in the URL",
}

func (j *Journey) parts(u *url.URL) {
	means, ok := schemes[u.Scheme]
	if !ok {
		means = schemes[""]
	}
	if u.Guessed {
		j.part("scheme", u.Scheme, j.t("not written, so this is meant"))
		j.part("", "", j.t(means))
	} else {
		j.part("scheme", u.Scheme, j.t(means))
	}
	if !u.Authority {
		j.opaque(u)
		return
	}
	j.who(u)
	j.where(u)
	j.what(u)
}

// who tells the user information.
func (j *Journey) who(u *url.URL) {
	if u.User != "" {
		j.part("user", url.Decode(u.User), either(u.Scheme == "ftp", j.t("as whom: the server is told with the commands USER and PASS"),
			j.t("as whom: goes along, in a field of the request (Authorization)")))
	}
	if u.HasPassword {
		j.said("password", j.t("(not shown)"), j.t("goes along with the user, and is told to nobody else"))
	}
}

func (j *Journey) where(u *url.URL) {
	switch _, err := netip.ParseAddr(u.Host); {
	case u.Host == "":
		j.said("host", j.t("(none)"), j.t("where: here, on this machine"))
		return
	case err == nil:
		j.part("host", u.Host, j.t("where: an address; nobody has to be asked"))
	default:
		j.part("host", u.Host, j.t("where: a name; its address is asked for"))
	}
	switch {
	case u.Port != 0:
		j.part("port", count0(int64(u.Port)), j.t("which program there, as the URL says"))
	case u.EffectivePort() != 0:
		j.part("port", count0(int64(u.EffectivePort())), j.t("which program there: not said, so that of %s", strings.ToUpper(u.Scheme)))
	}
}

func (j *Journey) what(u *url.URL) {
	switch {
	case u.Scheme == "ftp" && u.File() == "":
		j.part("path", either(u.Path == "", "/", u.Path), j.t("what: a directory; no file is named, so its list is asked for"))
	case u.Path == "" || u.Path == "/" && u.File() == "":
		j.part("path", "/", j.t("what: the root; no file is named, so the server is asked for its default document"))
	case u.File() == "":
		j.part("path", u.Path, j.t("what: a directory; no file is named, so the server is asked for its default document"))
	case u.Scheme == "file":
		j.part("path", u.Path, j.t("which file"))
	default:
		j.part("path", u.Path, j.t("what to ask that program for"))
		j.part("file", url.Decode(u.File()), j.t("the last part of the path"))
	}
	if asked := u.Undotted(); asked.Path != u.Path && u.Scheme != "ftp" && u.Scheme != "file" {
		j.part("asked for", asked.Path, j.t("the dots mean the directory and the one above it, and are resolved before anybody is asked"))
	}
	j.rest(u)
}

// rest tells query and fragment.
func (j *Journey) rest(u *url.URL) {
	if u.HasQuery {
		j.part("query", "?"+u.Query, j.t("handed to the program with the path"))
	}
	if u.HasFragment {
		j.part("fragment", "#"+u.Fragment, j.t("a place in the page; it stays with us"))
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
