package http

import (
	"errors"
	"net/netip"
	"time"

	"github.com/sockeye-net/sockeye/apps/url"
)

// A Securer makes of a connected socket what https needs. TLS gives one: nothing else leads to what is in this file,
// so that a program without https has none of it.
type Securer func(cn *conn, u *url.URL, until time.Time) error

// TLS is the Securer that has TLS made by shake: over a connected socket, through the proxy's tunnel where there is a
// proxy, and before until. The Stream's Close ends TLS; the client closes the socket after it. An error that is no
// *Error is one of kind TLSFailed.
func TLS(shake func(to Peer, until time.Time) (Stream, error)) Securer {
	return func(cn *conn, u *url.URL, until time.Time) error {
		if cn.client.Proxy != "" {
			if err := cn.tunnel(u); err != nil {
				return err
			}
		}
		s, err := shake(Peer{FD: cn.fd, Host: u.Host, Origin: u.Origin(), Addr: cn.remote}, until)
		return cn.secured(u, s, err)
	}
}

// A Peer is whom TLS is made with.
type Peer struct {
	FD     int            // the connected socket
	Host   string         // as the URL has it: whom the certificate has to name
	Origin string         // as url.URL's
	Addr   netip.AddrPort // of the server, or of the proxy before it
}

// ErrTaken is what makes TLS returns where it has kept the connection for another protocol than HTTP/1:
// the socket is its own from then on. Do returns it.
var ErrTaken = errors.New("the connection is for another protocol")

// secured notes how TLS came out.
func (cn *conn) secured(u *url.URL, s Stream, err error) error {
	if err == ErrTaken {
		cn.taken = true
		cn.observe(&Step{Kind: Secured, Host: u.Host})
		return err
	}
	cn.observe(&Step{Kind: Secured, Host: u.Host, Err: err})
	if err == nil {
		cn.stream = s
		return nil
	}
	if e, ok := err.(*Error); ok {
		return e
	}
	return problem(TLSFailed, "agree on TLS with "+u.HostPort(), "", err)
}

// tunnel asks the proxy for a connection to u (RFC 9110 9.3.6).
func (cn *conn) tunnel(u *url.URL) error {
	c := cn.client
	authority := u.Endpoint()
	head := beginHead("CONNECT", authority, false)
	head.add("Host", authority)
	if c.ProxyAuth != "" {
		head.add("Proxy-Authorization", c.ProxyAuth)
	}
	raw, err := head.end()
	if err != nil {
		return err
	}
	cn.doing = "ask for " + authority + " at the proxy"
	if err := cn.send(raw); err != nil {
		return err
	}
	h, err := cn.heads()
	if err != nil {
		return cn.unanswered(err)
	}
	if h.code >= 300 {
		refused := cn.problem(RecvFailed, "it refused: "+quote(h.line), nil)
		cn.observe(&Step{Kind: Tunnelled, Raw: h.raw, Err: refused})
		return refused
	}
	if cn.buffered() > 0 { // the server's first bytes come only after ours
		return cn.named(weird("the proxy sent more than its answer"))
	}
	cn.observe(&Step{Kind: Tunnelled, Raw: h.raw})
	return nil
}
