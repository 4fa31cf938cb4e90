package http

import (
	"syscall"
	"time"

	"github.com/sockeye-net/sockeye/stack/socket"
)

// take gives a connection for u: an idle one if it is still good, or a new one.
func (c *Client) take(u *URL, deadline time.Time) (*conn, error) {
	key := u.HostPort()
	c.mu.Lock()
	cn := c.idle[key]
	delete(c.idle, key)
	c.mu.Unlock()
	if cn == nil {
		return c.dial(u, deadline)
	}
	if !cn.fresh() {
		cn.close()
		return c.dial(u, deadline)
	}
	cn.reused = true
	cn.observe(Step{Kind: Reused})
	return cn, nil
}

// fresh says whether an idle connection may serve another request: nothing came on it since, neither bytes
// (whose answer would they be?) nor the end. What is still on its way cannot be seen, by anybody.
func (cn *conn) fresh() bool {
	if time.Since(cn.since) > orElse(cn.client.KeepTimeout, defaultKeep) {
		return false
	}
	var b [1]byte
	_, err := cn.client.API.Recv(cn.fd, b[:], socket.MSG_PEEK|socket.MSG_DONTWAIT)
	return err == syscall.EAGAIN
}

// put keeps a connection for the next request of its host, or closes it where there is one already.
func (c *Client) put(cn *conn) {
	cn.since = time.Now()
	cn.buf, cn.r, cn.w = nil, 0, 0 // an idle connection holds no buffer
	cn.observe(Step{Kind: KeptAlive})
	if out := c.swap(cn); out != nil {
		out.close()
	}
}

// swap adds cn to the idle ones and returns the one that must go for it, if any.
func (c *Client) swap(cn *conn) *conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return cn
	}
	if c.idle == nil {
		c.idle = make(map[string]*conn)
	}
	out := c.idle[cn.key]
	c.idle[cn.key] = cn
	if len(c.idle) <= maxIdle {
		return out
	}
	for _, other := range c.idle {
		if out == nil || other.since.Before(out.since) {
			out = other
		}
	}
	delete(c.idle, out.key)
	return out
}

// Close closes the idle connections. What is being read goes on; its connection is closed after it.
func (c *Client) Close() error {
	c.mu.Lock()
	idle := c.idle
	c.idle, c.closed = nil, true
	c.mu.Unlock()
	for _, cn := range idle {
		cn.close()
	}
	return nil
}
