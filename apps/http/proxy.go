package http

import (
	"net/netip"
	"strconv"
	"strings"
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

// tunnel asks the proxy for a connection to u (RFC 9110 9.3.6).
func (cn *conn) tunnel(u *url.URL) error {
	c := cn.client
	authority := u.Host
	if strings.Contains(authority, ":") {
		authority = "[" + authority + "]"
	}
	authority += ":" + strconv.Itoa(int(u.EffectivePort()))
	fields := []Field{{"Host", authority}}
	if c.ProxyAuth != "" {
		fields = append(fields, Field{"Proxy-Authorization", c.ProxyAuth})
	}
	raw, err := writeHead("CONNECT", authority, false, fields)
	if err != nil {
		return err
	}
	cn.doing = "ask the proxy " + cn.remote.String() + " for " + authority
	if err := cn.send(raw); err != nil {
		return err
	}
	h, interim, err := readHeads(&cn.reader, 0)
	if err != nil {
		return cn.unanswered(err, interim)
	}
	if h.code >= 300 {
		refused := &Error{Kind: RecvFailed, Op: cn.doing, Text: "it refused: " + quote(h.line)}
		cn.observe(Step{Kind: Tunnelled, Raw: h.raw, Err: refused})
		return refused
	}
	if cn.buffered() > 0 { // the server's first bytes come only after ours
		return cn.named(weird("the proxy sent more than its answer"))
	}
	cn.observe(Step{Kind: Tunnelled, Raw: h.raw})
	return nil
}

// secure makes TLS of the connection.
func (cn *conn) secure(u *url.URL, until time.Time) error {
	s, err := cn.client.Secure(Peer{FD: cn.fd, Host: u.Host, Origin: u.Origin(), Addr: cn.remote}, until)
	if err == ErrTaken {
		cn.taken = true
		cn.observe(Step{Kind: Secured, Host: u.Host})
		return err
	}
	cn.observe(Step{Kind: Secured, Host: u.Host, Err: err})
	if err == nil {
		cn.stream = s
		return nil
	}
	if e, ok := err.(*Error); ok {
		return e
	}
	return &Error{Kind: TLSFailed, Op: "agree on TLS with " + u.HostPort(), Err: err}
}

// join makes of a connected socket what u needs: a tunnel, TLS, both or nothing.
func (cn *conn) join(u *url.URL, until time.Time) error {
	if u.Scheme != "https" {
		return nil
	}
	cn.until, cn.idle = until, 0
	if cn.client.Proxy != "" {
		if err := cn.tunnel(u); err != nil {
			return err
		}
	}
	return cn.secure(u, until)
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
	c.observe(Step{Kind: Resolved, FD: -1, Host: host, Addrs: addrs, Err: err})
	return addrs, err
}
