//go:build !js

package browse

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	nethttp "net/http"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/sockeye-net/sockeye/apps/http"
	"github.com/sockeye-net/sockeye/apps/url"
)

// WebSocket opens one (RFC 6455) at a URL with ws, wss, http or https, with further header fields, and
// protocols to choose from. What the Browser says of certificates holds; cookies of its Jar go along. The
// error is an *http.Error.
func (b *Browser) WebSocket(ctx context.Context, dial Dial, u *url.URL, fields []http.Field, protocols []string) (*websocket.Conn, error) {
	op := "open a WebSocket at " + u.Public()
	head := nethttp.Header{}
	at := *u
	switch u.Scheme {
	case "ws":
		at.Scheme = "http"
	case "wss":
		at.Scheme = "https"
	case "http", "https":
	default:
		return nil, &http.Error{Kind: http.UnsupportedScheme, Op: op, Text: "ws and wss are for WebSockets, not " + u.Scheme}
	}
	for _, f := range b.dressed(fields, &at) {
		head.Add(f.Name, f.Value)
	}
	if head.Get("User-Agent") == "" {
		head.Set("User-Agent", "sockeye")
	}
	config := b.config(u.Host)
	config.NextProtos = []string{"http/1.1"} // RFC 6455 is HTTP/1.1's
	at.User, at.Password, at.HasPassword, at.Fragment, at.HasFragment = "", "", false, "", false
	transport := &nethttp.Transport{
		TLSClientConfig: config, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return b.talks(dial(ctx, network, addr))
		},
		DialTLSContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return b.talks(b.dialTLS(ctx, dial, network, addr, config))
		},
	}
	c, resp, err := websocket.Dial(ctx, at.String(), &websocket.DialOptions{
		HTTPClient: &nethttp.Client{Transport: transport, CheckRedirect: func(*nethttp.Request, []*nethttp.Request) error { return nethttp.ErrUseLastResponse }},
		HTTPHeader: head, Subprotocols: protocols,
	})
	switch {
	case err == nil:
		return c, nil
	case resp != nil && resp.StatusCode != nethttp.StatusSwitchingProtocols:
		return nil, &http.Error{Kind: http.WeirdReply, Op: op, Text: "the server answered " + resp.Status + " and not 101"}
	case ctx.Err() != nil:
		return nil, &http.Error{Kind: http.Timeout, Op: op, Err: ctx.Err()}
	}
	return nil, opened(op, err)
}

// talks is a connection for a WebSocket, as Talks would have it.
func (b *Browser) talks(c net.Conn, err error) (net.Conn, error) {
	if err != nil {
		return nil, err
	}
	c = &lastToClose{Conn: &unmasked{Conn: c}}
	if b.Talks != nil {
		c = b.Talks(c)
	}
	return c, nil
}

// A lastToClose connection waits for the server's end once we have said CLOSE, so that TIME-WAIT is the server's
// (RFC 6455 7.1.1).
type lastToClose struct {
	net.Conn
	said atomic.Bool // CLOSE
}

const closeFrame = 0x88 // the last part of one, and CLOSE: how its first byte looks (RFC 6455 5.2)

func (c *lastToClose) Write(p []byte) (int, error) {
	if len(p) > 0 && p[0] == closeFrame {
		c.said.Store(true)
	}
	return c.Conn.Write(p)
}

func (c *lastToClose) Close() error {
	if c.said.Swap(false) && c.SetReadDeadline(time.Now().Add(goodbyeWait)) == nil {
		_, _ = io.CopyN(io.Discard, c.Conn, goodbyeMost) // whatever ends it
	}
	return c.Conn.Close()
}

// dialTLS is TLS over dial.
func (b *Browser) dialTLS(ctx context.Context, dial Dial, network, addr string, config *tls.Config) (net.Conn, error) {
	nc, err := dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	s := tls.Client(nc, config)
	if err := s.HandshakeContext(ctx); err != nil {
		_ = nc.Close()
		return nil, distrust(config.ServerName, err)
	}
	if b.Trusted != nil {
		b.Trusted(s.ConnectionState())
	}
	return s, nil
}

// opened is why a WebSocket could not be opened.
func opened(op string, err error) error {
	var mine *http.Error
	var dialling *net.OpError
	var name *net.DNSError
	switch {
	case errors.As(err, &mine):
		return mine
	case errors.As(err, &name):
		return &http.Error{Kind: http.Unresolved, Op: op, Err: name}
	case errors.As(err, &dialling) && dialling.Op == "dial":
		return &http.Error{Kind: http.NotConnected, Op: op, Err: dialling}
	}
	return &http.Error{Kind: http.WeirdReply, Op: op, Err: err}
}
