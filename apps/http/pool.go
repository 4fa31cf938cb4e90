package http

import (
	"sync"
	"syscall"
	"time"

	"github.com/sockeye-net/sockeye/apps/url"
	"github.com/sockeye-net/sockeye/stack/socket"
)

// A pool is a client's connections: how many there are to each origin, and which of them are idle.
type pool struct {
	mu     sync.Mutex
	hosts  map[string]*lane
	idle   int
	closed bool
}

// A lane is the connections to one origin.
type lane struct {
	open  int             // connections that are there, or about to be
	idle  []*conn         // the newest last
	queue []chan struct{} // who waits for one, the first first
}

// key tells the lanes apart.
func (c *Client) key(u *url.URL) string {
	if c.Proxy != "" && u.Scheme == "http" {
		return "proxy " + c.Proxy
	}
	return u.Origin()
}

// take gives a connection for u: an idle one if it is still good, or a new one.
func (c *Client) take(u *url.URL, deadline time.Time) (*conn, error) {
	key := c.key(u)
	for {
		cn, wait := c.claim(key)
		switch {
		case wait != nil:
			if err := c.wait(key, wait, u, deadline); err != nil {
				return nil, err
			}
		case cn == nil:
			cn, err := c.dial(u, deadline)
			if err != nil {
				c.free(key)
				return nil, err
			}
			cn.key = key
			return cn, nil
		case cn.fresh():
			cn.reused = true
			cn.observe(&Step{Kind: Reused})
			return cn, nil
		default:
			cn.close()
		}
	}
}

// claim returns the newest idle connection, or nothing where a new one may be made, or what to wait for.
func (c *Client) claim(key string) (*conn, chan struct{}) {
	p := &c.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hosts == nil {
		p.hosts = make(map[string]*lane)
	}
	l := p.hosts[key]
	if l == nil {
		l = &lane{}
		p.hosts[key] = l
	}
	if n := len(l.idle); n > 0 {
		cn := l.idle[n-1]
		l.idle = l.idle[:n-1]
		p.idle--
		return cn, nil
	}
	most := c.PerHost
	if most <= 0 {
		most = defaultPerHost
	}
	if l.open < most {
		l.open++
		return nil, nil
	}
	w := make(chan struct{}, 1)
	l.queue = append(l.queue, w)
	return nil, w
}

// wait waits until a connection of the lane is idle or gone.
func (c *Client) wait(key string, w chan struct{}, u *url.URL, deadline time.Time) error {
	until := earlier(deadline, time.Now().Add(orElse(c.ConnectTimeout, defaultConnect)))
	late := make(chan struct{})
	t := time.AfterFunc(time.Until(until), func() { close(late) })
	defer t.Stop()
	select {
	case <-w:
		return nil
	case <-late:
	}
	p := &c.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.hosts[key].leave(w) {
		p.hosts[key].next() // our turn came at the same time: it is another's
	}
	return problem(Timeout, "connect to "+u.HostPort(), "all connections that one host may have were busy", nil)
}

// next tells the first in line that it may look again. The pool's lock is held.
func (l *lane) next() {
	if len(l.queue) > 0 {
		l.queue[0] <- struct{}{}
		l.queue = l.queue[1:]
	}
}

// leave takes w out of the line and reports whether it stood there. The pool's lock is held.
func (l *lane) leave(w chan struct{}) bool {
	for i, q := range l.queue {
		if q == w {
			l.queue = append(l.queue[:i], l.queue[i+1:]...)
			return true
		}
	}
	return false
}

// free notes that a connection of the lane is gone.
func (c *Client) free(key string) {
	p := &c.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.hosts[key]
	l.open--
	l.next()
	if l.open == 0 && len(l.queue) == 0 {
		delete(p.hosts, key)
	}
}

// release is free for a connection that was handed out.
func (c *Client) release(cn *conn) {
	if cn.key != "" {
		c.free(cn.key)
		cn.key = ""
	}
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

// put keeps a connection for the next request of its host. Where there are too many, the oldest goes.
func (c *Client) put(cn *conn) {
	cn.since = time.Now()
	cn.buf, cn.r, cn.w = nil, 0, 0 // an idle connection holds no buffer
	cn.observe(&Step{Kind: KeptAlive})
	if out := c.swap(cn); out != nil {
		out.close()
	}
}

// swap adds cn to the idle ones and returns the one that must go for it, if any.
func (c *Client) swap(cn *conn) *conn {
	p := &c.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return cn
	}
	l := p.hosts[cn.key]
	l.idle = append(l.idle, cn)
	l.next()
	if p.idle++; p.idle <= maxIdle {
		return nil
	}
	p.idle--
	return p.oldest()
}

// oldest takes the connection out that has been idle for longest. The pool's lock is held.
func (p *pool) oldest() *conn {
	var from *lane
	for _, l := range p.hosts {
		if len(l.idle) > 0 && (from == nil || l.idle[0].since.Before(from.idle[0].since)) {
			from = l
		}
	}
	out := from.idle[0]
	from.idle = from.idle[1:]
	return out
}

// Close closes the idle connections. What is being read goes on; its connection is closed after it.
func (c *Client) Close() error {
	p := &c.pool
	p.mu.Lock()
	var idle []*conn
	for _, l := range p.hosts {
		idle = append(idle, l.idle...)
		l.idle = nil
	}
	p.idle, p.closed = 0, true
	p.mu.Unlock()
	for _, cn := range idle {
		cn.close()
	}
	return nil
}
