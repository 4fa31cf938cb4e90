package http

import (
	"net/netip"
	"syscall"
	"time"

	"github.com/sockeye-net/sockeye/apps/url"
	"github.com/sockeye-net/sockeye/stack/socket"
)

// leastShare is what one address of several gets of the connect time-out, where that much is left.
const leastShare = 2 * time.Second

// dial resolves the host and tries its addresses in turn.
func (c *Client) dial(u *url.URL, deadline time.Time) (*conn, error) {
	until := within(deadline, c.ConnectTimeout, defaultConnect)
	host, port, err := c.whom(u)
	if err != nil {
		return nil, err
	}
	addrs, err := c.addresses(host, port, until)
	if err != nil {
		return nil, err
	}
	for i, a := range addrs {
		share := time.Until(until) / time.Duration(len(addrs)-i)
		var cn *conn
		if cn, err = c.connect(netip.AddrPortFrom(a, port), within(until, max(share, leastShare), 0)); err != nil {
			continue
		}
		if u.Scheme == "https" {
			cn.until, cn.idle = until, 0
			err = c.Secure(cn, u, until)
		}
		if err != nil {
			cn.close()
			return nil, err
		}
		return cn, nil
	}
	return nil, err
}

// resolve gives the IPv4 addresses of a host.
func (c *Client) resolve(host string, port uint16, until time.Time) ([]netip.Addr, error) {
	all, err := c.literal(host, port, until)
	var v4 []netip.Addr
	for _, a := range all {
		if a = a.Unmap(); a.Is4() {
			v4 = append(v4, a)
		}
	}
	if len(v4) > 0 && err == nil {
		return v4, nil
	}
	text := ""
	if err == nil {
		text = "it has no IPv4 address, and the stack speaks only IPv4"
	}
	return nil, problem(c.unresolved(), "resolve "+host, text, err)
}

// literal asks the resolver unless the host is an address, or is known.
func (c *Client) literal(host string, port uint16, until time.Time) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	if c.Known != nil {
		if addrs := c.Known(host, port); len(addrs) > 0 {
			return addrs, nil
		}
	}
	if c.Resolve == nil {
		return nil, problem(c.unresolved(), "", "no resolver is configured; use an address", nil)
	}
	return c.Resolve(host, until)
}

// hurry has each piece leave at once where the sockets can (as curl does): what is written is whole as it is, and behind
// TLS's last message a request would wait for an ACK that the peer delays (RFC 9293 3.7.4, MUST-17).
func (c *Client) hurry(fd int) {
	if o, ok := c.API.(interface {
		SetNoDelay(fd int, on bool) error
	}); ok {
		_ = o.SetNoDelay(fd, true) // without it it is only slower
	}
}

// connect connects to one address.
func (c *Client) connect(to netip.AddrPort, until time.Time) (*conn, error) {
	fd, err := c.API.Socket(socket.AF_INET, socket.SOCK_STREAM, 0)
	if err != nil {
		return nil, problem(NotConnected, "make a socket", "", err)
	}
	c.hurry(fd)
	cn := &conn{client: c, fd: fd, remote: to, until: until, doing: "connect to"}
	cn.fill = cn.recv
	cn.observe(&Step{Kind: Connecting})
	if err := cn.shake(); err != nil {
		cn.observe(&Step{Kind: ConnectFailed, Err: err})
		cn.close()
		return nil, err
	}
	cn.local, _ = c.API.GetSockName(fd)
	cn.observe(&Step{Kind: Connected})
	return cn, nil
}

// shake makes the connect call, under SO_SNDTIMEO as Linux bounds it.
func (cn *conn) shake() error {
	wait, ok := cn.patience()
	if !ok {
		return cn.problem(Timeout, "no time was left", nil)
	}
	err := cn.bound(&cn.snd, soSndTimeo, wait)
	if err == nil {
		err = cn.client.API.Connect(cn.fd, cn.remote)
	}
	if err == nil {
		return nil
	}
	kind, text := NotConnected, cn.blamed(err)
	switch {
	case text != "":
		text += "; check the address, or what keeps that router from passing it on"
	case timedOut(err):
		kind, text, err = Timeout, "nobody answered in time; check the address, the route and any packet filter", syscall.ETIMEDOUT
	case err == syscall.ECONNREFUSED:
		text = "nobody listens there; check the port and that the server runs"
	case err == syscall.ENETUNREACH || err == syscall.EHOSTUNREACH:
		text = "no way leads there; check the address and the routes"
	}
	return cn.problem(kind, text, err)
}

// blamed is what a router said of the way, where that is why there is no connection.
func (cn *conn) blamed(err error) string {
	s, ok := cn.client.API.(interface{ SoftError(int) (netip.Addr, error) })
	if !ok || err != syscall.ENETUNREACH && err != syscall.EHOSTUNREACH {
		return ""
	}
	by, why := s.SoftError(cn.fd)
	if why == nil || !by.IsValid() {
		return ""
	}
	what := "host unreachable"
	if err == syscall.ENETUNREACH {
		what = "network unreachable"
	}
	return by.String() + " says: " + what
}

func orElse(d, other time.Duration) time.Duration {
	if d > 0 {
		return d
	}
	return other
}
