package browse

import (
	"net/netip"
	"strings"
	"time"

	nethttp "net/http"

	"golang.org/x/net/publicsuffix"

	"github.com/sockeye-net/sockeye/apps/url"
)

// A Cookie is one that a server has set, or a file has named (RFC 6265 5.3).
type Cookie struct {
	Name, Value string
	Domain      string // in lower case, without a leading dot
	HostOnly    bool   // only for Domain itself, not for what is below it
	Path        string
	Expires     time.Time // zero: when the Browser ends
	Secure      bool
	HTTPOnly    bool
	made        int // older ones go first into a request, and out of a full jar
}

// The bounds of a jar (RFC 6265 6.1).
const (
	maxCookie    = 4096 // bytes of name, value and attributes
	maxPerDomain = 50
	maxCookies   = 3000
	maxPerHead   = 64 // Set-Cookie fields of one response
)

// parseCookie reads a Set-Cookie field that u sent (RFC 6265 5.2, 5.3). It is false where the cookie is
// not to be kept.
func parseCookie(u *url.URL, field string, now time.Time) (c Cookie, ok bool) {
	if len(field) > maxCookie {
		return c, false
	}
	set, err := nethttp.ParseSetCookie(field)
	if err != nil {
		return c, false
	}
	c = Cookie{Name: set.Name, Value: set.Value, Secure: set.Secure, HTTPOnly: set.HttpOnly, Expires: set.Expires}
	if set.Quoted { // the quotes are a part of it (RFC 6265 5.2)
		c.Value = `"` + set.Value + `"`
	}
	switch {
	case set.MaxAge < 0:
		c.Expires = now.Add(-time.Second)
	case set.MaxAge > 0:
		c.Expires = now.Add(time.Duration(min(set.MaxAge, 400*24*3600)) * time.Second) // as browsers bound it
	}
	c.Path = set.Path
	if !strings.HasPrefix(c.Path, "/") {
		c.Path = defaultPath(u.Path)
	}
	if !c.setDomain(u.Host, set.Domain) {
		return c, false
	}
	if c.Secure && u.Scheme != "https" { // what http says must not shadow what https said
		return c, false
	}
	return c, prefixed(&c)
}

// setDomain is RFC 6265 5.3, steps 4 to 6.
func (c *Cookie) setDomain(host, domain string) bool {
	domain = strings.ToLower(strings.TrimPrefix(domain, "."))
	_, err := netip.ParseAddr(host)
	switch {
	case domain == "" || domain == host:
		c.Domain, c.HostOnly = host, domain == "" || err == nil || isPublic(host)
		return true
	case err == nil || !strings.HasSuffix(host, "."+domain) || isPublic(domain):
		return false
	}
	c.Domain = domain
	return true
}

// isPublic: nobody's own domain, such as co.uk.
func isPublic(domain string) bool {
	suffix, _ := publicsuffix.PublicSuffix(domain)
	return suffix == domain
}

// prefixed holds a cookie to what its name promises (RFC 6265bis 4.1.3).
func prefixed(c *Cookie) bool {
	name := strings.ToLower(c.Name)
	switch {
	case strings.HasPrefix(name, "__secure-"):
		return c.Secure
	case strings.HasPrefix(name, "__host-"):
		return c.Secure && c.HostOnly && c.Path == "/"
	}
	return true
}

// defaultPath is RFC 6265 5.1.4.
func defaultPath(path string) string {
	i := strings.LastIndexByte(path, '/')
	if i <= 0 || path[0] != '/' {
		return "/"
	}
	return path[:i]
}

// matches says whether the cookie goes with a request for u (RFC 6265 5.4, step 1).
func (c *Cookie) matches(u *url.URL, now time.Time) bool {
	host := u.Host == c.Domain || !c.HostOnly && strings.HasSuffix(u.Host, "."+c.Domain)
	return host && pathMatches(u.Path, c.Path) && (!c.Secure || u.Scheme == "https") && !c.over(now)
}

// pathMatches is RFC 6265 5.1.4.
func pathMatches(path, of string) bool {
	if path == "" {
		path = "/"
	}
	return path == of || strings.HasPrefix(path, of) && (strings.HasSuffix(of, "/") || path[len(of)] == '/')
}

// over: the cookie has expired.
func (c *Cookie) over(now time.Time) bool { return !c.Expires.IsZero() && !now.Before(c.Expires) }
