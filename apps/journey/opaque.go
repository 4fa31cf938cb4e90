package journey

import (
	"strings"

	"github.com/sockeye-net/sockeye/apps/url"
)

// opaque tells the parts of a URL without a host: what they are is the scheme's affair.
func (j *Journey) opaque(u *url.URL) {
	switch u.Scheme {
	case "mailto":
		j.mailto(u)
	case "news":
		if strings.Contains(u.Path, "@") {
			j.part("message", url.Decode(u.Path), j.t("one article, by its Message-ID"))
		} else {
			j.part("group", url.Decode(u.Path), j.t("the newsgroup, its name from the general to the special"))
		}
		j.rest(u)
	case "urn":
		space, name, _ := strings.Cut(u.Path, ":")
		j.part("namespace", strings.ToLower(space), j.t("who gives such names: says how to read the rest (RFC 8141)"))
		j.part("name", url.Decode(name), j.t("the thing's name within that namespace"))
		j.rest(u)
	case "data":
		kind, _, _ := strings.Cut(u.Path, ",")
		j.part("type", either(kind == "", "text/plain", kind), j.t("of what kind the thing is"))
	case "file":
		j.part("path", u.Path, j.t("which file"))
		j.rest(u)
	default:
		j.part("the rest", u.Path, j.t("as the scheme has it"))
		j.rest(u)
	}
}

// mailto tells whom a letter is for, and what is in it already (RFC 6068).
func (j *Journey) mailto(u *url.URL) {
	for a := range strings.SplitSeq(u.Path, ",") {
		who, where, ok := strings.Cut(url.Decode(a), "@")
		if !ok {
			j.part("to", url.Decode(a), j.t("no address: a mailbox, an @ and a host are"))
			continue
		}
		j.part("mailbox", who, j.t("whose letter box"))
		j.part("host", where, j.t("where it is; the name's MX records say which host takes its mail"))
	}
	if !u.HasQuery {
		return
	}
	for field := range strings.SplitSeq(u.Query, "&") {
		name, value, _ := strings.Cut(field, "=")
		j.part(clean(strings.ToLower(url.Decode(name)), factColumn-1), url.Decode(value), j.t("a field of the letter that is filled in already"))
	}
}

// Unsent ends the story of a URL for which nothing is sent.
func (j *Journey) Unsent(raw string) {
	j.end(func() {
		u, err := url.Parse(raw)
		if err != nil {
			return
		}
		j.paragraph(j.t("Nothing is sent: this is decoded and explained, and no packet leaves this machine."))
		if next := nextSteps[u.Scheme]; next != "" {
			j.blank()
			j.paragraph(j.t(next))
		}
	})
}

// nextSteps are what a program that follows such a URL would do.
var nextSteps = map[string]string{
	"mailto": "A mail program would open an empty letter with these fields. Once it is written, it would go to the mail server of its sender over SMTP.",
	"news":   "A news reader would ask its news server for it: NNTP over TCP, port 119, or 563 with TLS.",
	"urn":    "Somebody who knows that namespace would have to be asked where the thing is kept; the name itself does not say.",
	"tel":    "A telephone would dial it.",
}
