package http

import "github.com/sockeye-net/sockeye/apps/url"

// ParseURL takes a URL apart that this client can fetch: http and, where Client.Secure is set, https.
// Without a scheme http is meant, and the dots of a path are resolved, as with curl. The error is an *Error around an *url.Error.
func ParseURL(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return nil, problem(BadURL, "", "", err)
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, problem(UnsupportedScheme, quote(s), `only http and https are fetched here, not "`+u.Scheme+`"`, nil)
	}
	return u.Undotted(), nil
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
