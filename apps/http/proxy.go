package http

import (
	"net/netip"
	"time"

	"github.com/sockeye-net/sockeye/apps/url"
)

// whom is the host and the port to connect to for u.
func (c *Client) whom(u *url.URL) (host string, port uint16, err error) {
	if c.Proxy == "" {
		return u.Host, u.EffectivePort(), nil
	}
	p, err := url.Parse("http://" + c.Proxy)
	if err != nil || p.Path != "" || p.HasQuery || p.HasFragment || p.User != "" || p.HasPassword {
		return "", 0, badRequest("a proxy is host:port, not " + quote(c.Proxy))
	}
	return p.Host, p.EffectivePort(), nil
}

// unresolved is the kind of a name without an address.
func (c *Client) unresolved() Kind {
	if c.Proxy != "" {
		return UnresolvedProxy
	}
	return Unresolved
}

// addresses resolves the host to connect to.
func (c *Client) addresses(host string, port uint16, until time.Time) ([]netip.Addr, error) {
	addrs, err := c.resolve(host, port, until)
	c.observe(&Step{Kind: Resolved, FD: -1, Host: host, Addrs: addrs, Err: err})
	return addrs, err
}
