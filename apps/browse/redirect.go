package browse

import (
	"fmt"
	"strings"

	"github.com/sockeye-net/sockeye/apps/http"
	"github.com/sockeye-net/sockeye/apps/url"
)

// redirects: the response asks for another request, and says where.
func redirects(r *Response) bool {
	switch r.Code {
	case 301, 302, 303, 307, 308:
		return http.Get(r.Fields, "Location") != ""
	}
	return false
}

// A leap is the request that a redirect asks for.
type leap struct {
	http.Request
	at *url.URL
}

// follow is the request that a response asks for; nil: it asks for none (RFC 9110 15.4). It is the nth.
func (b *Browser) follow(r *http.Request, from *url.URL, resp *Response, n int) (*leap, error) {
	if !redirects(resp) || b.Redirects == 0 {
		return nil, nil
	}
	to, err := from.Resolve(http.Get(resp.Fields, "Location"))
	op := "follow the redirect of " + from.Public()
	switch {
	case err != nil:
		return nil, &http.Error{Kind: http.BadRedirect, Op: op, Err: err}
	case n >= min(b.Redirects, mostRedirects):
		return nil, &http.Error{Kind: http.BadRedirect, Op: op, Text: fmt.Sprintf("that was the redirect number %d, and no page yet", n+1)}
	case to.Scheme != "http" && to.Scheme != "https":
		return nil, &http.Error{Kind: http.UnsupportedScheme, Op: op, Text: "it leads to " + to.Scheme + ":, which a redirect must not"}
	case from.Scheme == "https" && to.Scheme == "http" && !b.Downgrade:
		return nil, &http.Error{Kind: http.UnsupportedScheme, Op: op, Text: "it leads from https to http, in the clear; ask for that if it is meant"}
	}
	if !to.HasFragment { // RFC 9110 10.2.2
		to.Fragment, to.HasFragment = from.Fragment, from.HasFragment
	}
	next := leap{*r, to}
	next.URL = to.String()
	next.Fields = guard(r.Fields, from, to)
	if !keepsMethod(r.Method, resp.Code) {
		next.Method, next.Body, next.Length, next.Expect = "GET", nil, 0, false
		next.Fields = without(next.Fields, "Content-Type", "Content-Encoding", "Content-Language", "Content-Location")
	}
	if b.Refer {
		next.Fields = refer(next.Fields, from, to)
	}
	if next.Body != nil && !next.Rewind() {
		return nil, &http.Error{Kind: http.BadUpload, Op: op, Text: "the body cannot be read a second time"}
	}
	return &next, nil
}

// keepsMethod: 307 and 308 always do; 303 makes a GET of all but HEAD; 301 and 302 of POST only, as everybody
// has always done (RFC 9110 15.4.2 to 15.4.4).
func keepsMethod(method string, code int) bool {
	switch code {
	case 301, 302:
		return method != "POST"
	case 303:
		return method == "GET" || method == "HEAD" || method == ""
	}
	return true
}

// guard drops what authorizes at one origin where the next is another (attack 73).
func guard(fields []http.Field, from, to *url.URL) []http.Field {
	if from.Origin() == to.Origin() {
		return fields
	}
	return without(fields, "Authorization", "Cookie", "Proxy-Authorization", "WWW-Authenticate", "Host")
}

// refer says who asked: without user and fragment, and nothing of a secure page to one that is not (RFC 9110 10.1.3).
func refer(fields []http.Field, from, to *url.URL) []http.Field {
	fields = without(fields, "Referer")
	if from.Scheme == "https" && to.Scheme != "https" {
		return fields
	}
	return append(fields, http.Field{Name: "Referer", Value: from.Public()})
}

// without is fields but for those of some names.
func without(fields []http.Field, names ...string) []http.Field {
	var left []http.Field
	for _, f := range fields {
		drop := false
		for _, n := range names {
			drop = drop || strings.EqualFold(f.Name, n)
		}
		if !drop {
			left = append(left, f)
		}
	}
	return left
}
