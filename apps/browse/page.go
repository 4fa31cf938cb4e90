package browse

import (
	"io"
	"strings"

	"golang.org/x/net/html"

	"github.com/sockeye-net/sockeye/apps/url"
)

// mostParts is how many parts of one page are named.
const mostParts = 200

// Parts are what a page of HTML needs beside itself to be looked at: its images
// and style sheets, each once, in the order in which it names them. at is where
// the page came from; what is no http or https URL is left out. A page that
// ends early has the parts that it named.
func Parts(page io.Reader, at *url.URL) []*url.URL {
	p := &parts{base: at, seen: map[string]bool{}}
	z := html.NewTokenizer(page)
	z.SetMaxBuf(1 << 20)
	for len(p.all) < mostParts {
		switch z.Next() {
		case html.ErrorToken:
			return p.all
		case html.StartTagToken, html.SelfClosingTagToken:
			p.tag(z)
		}
	}
	return p.all
}

// parts collects them.
type parts struct {
	base  *url.URL
	based bool
	seen  map[string]bool
	all   []*url.URL
}

// tag looks at one tag.
func (p *parts) tag(z *html.Tokenizer) {
	raw, more := z.TagName()
	name := string(raw)
	attr := map[string]string{}
	for more && len(attr) < 64 {
		var k, v []byte
		k, v, more = z.TagAttr()
		if _, ok := attr[string(k)]; !ok { // the first one counts
			attr[string(k)] = string(v)
		}
	}
	switch {
	case name == "base" && attr["href"] != "" && !p.based:
		p.based = true
		if u, err := p.base.Resolve(tidy(attr["href"])); err == nil {
			p.base = u
		}
	case name == "img" || name == "input" && strings.EqualFold(attr["type"], "image"):
		p.add(attr["src"])
	case name == "link" && wants(attr["rel"]):
		p.add(attr["href"])
	}
}

// wants: the link is to a style sheet, or to a picture that stands for the page.
func wants(rel string) bool {
	for word := range strings.FieldsSeq(strings.ToLower(rel)) {
		if word == "stylesheet" || word == "icon" {
			return !strings.Contains(strings.ToLower(rel), "alternate")
		}
	}
	return false
}

func (p *parts) add(ref string) {
	if ref = tidy(ref); ref == "" {
		return
	}
	u, err := p.base.Resolve(ref)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" {
		return
	}
	u.Fragment, u.HasFragment = "", false
	if s := u.String(); !p.seen[s] {
		p.seen[s] = true
		p.all = append(p.all, u)
	}
}

// tidy makes of an attribute what browsers take for its URL: without blanks around it and line ends
// in it, and what may not stand in a URL encoded.
func tidy(ref string) string {
	ref = strings.NewReplacer("\n", "", "\r", "", "\t", "").Replace(strings.TrimSpace(ref))
	var b strings.Builder
	for i := range len(ref) {
		if c := ref[i]; c <= ' ' || c >= 0x7F {
			const digits = "0123456789ABCDEF"
			b.WriteString("%" + string(digits[c>>4]) + string(digits[c&15]))
			continue
		}
		b.WriteByte(ref[i])
	}
	return b.String()
}
