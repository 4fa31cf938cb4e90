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
	lanes  []*lane
	idle   int
	closed bool
}

// A lane is the connections to one origin. It is there while one is open or waited for.
type lane struct {
	key   string
	open  int         // connections that are there, or about to be
	idle  []*conn     // the newest last
	queue []chan bool // who waits for one, the first first: true is told to whose turn it is
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
	key, p := c.key(u), &c.pool
	until := within(deadline, c.ConnectTimeout, defaultConnect) // of all waits: another may be quicker when our turn comes
	for {
		p.mu.Lock()
		l := p.lane(key)
		cn, turn := l.claim(c.PerHost)
		if cn != nil {
			p.idle--
		}
		p.mu.Unlock()
		switch {
		case turn != nil:
			if !c.wait(l, turn, until) {
				return nil, problem(Timeout, "connect to "+u.HostPort(), "all connections that one host may have were busy", nil)
			}
		case cn == nil:
			cn, err := c.dial(u, deadline)
			if err != nil {
				c.free(l)
				return nil, err
			}
			cn.lane = l
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

// lane finds one, or makes it. The lock is held, as with all of what follows that does not take it.
func (p *pool) lane(key string) *lane {
	for _, l := range p.lanes {
		if l.key == key {
			return l
		}
	}
	l := &lane{key: key}
	p.lanes = append(p.lanes, l)
	return l
}

// claim returns the newest idle connection, or nothing where a new one may be made, or who says when to look again.
// most: how many may be open; 0: as many as browsers have.
func (l *lane) claim(most int) (*conn, chan bool) {
	if n := len(l.idle); n > 0 {
		cn := l.idle[n-1]
		l.idle = l.idle[:n-1]
		return cn, nil
	}
	if most <= 0 {
		most = defaultPerHost
	}
	if l.open < most {
		l.open++
		return nil, nil
	}
	turn := make(chan bool, 2)
	l.queue = append(l.queue, turn)
	return nil, turn
}

// wait waits until it is our turn; false: it was not by then.
func (c *Client) wait(l *lane, turn chan bool, until time.Time) bool {
	late := time.AfterFunc(time.Until(until), func() { turn <- false })
	ours := <-turn
	late.Stop()
	if ours {
		return true
	}
	c.pool.mu.Lock()
	if !l.leave(turn) {
		l.next() // our turn came at the same time: it is another's
	}
	c.pool.mu.Unlock()
	return false
}

// next tells the first in line that it may look again.
func (l *lane) next() {
	if len(l.queue) > 0 {
		l.queue[0] <- true
		l.queue = l.queue[1:]
	}
}

// leave takes one out of the line and reports whether it stood there.
func (l *lane) leave(turn chan bool) bool {
	for i, q := range l.queue {
		if q == turn {
			l.queue = append(l.queue[:i], l.queue[i+1:]...)
			return true
		}
	}
	return false
}

// free notes that a connection of the lane is gone.
func (c *Client) free(l *lane) {
	p := &c.pool
	p.mu.Lock()
	l.open--
	l.next()
	if l.open == 0 && len(l.queue) == 0 {
		p.drop(l)
	}
	p.mu.Unlock()
}

func (p *pool) drop(l *lane) {
	for i, other := range p.lanes {
		if other == l {
			p.lanes = append(p.lanes[:i], p.lanes[i+1:]...)
			return
		}
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
	p := &c.pool
	p.mu.Lock()
	out := p.swap(cn)
	p.mu.Unlock()
	if out != nil {
		out.close()
	}
}

// swap adds cn to the idle ones and returns the one that must go for it, if any.
func (p *pool) swap(cn *conn) *conn {
	if p.closed {
		return cn
	}
	l := cn.lane
	l.idle = append(l.idle, cn)
	l.next()
	if p.idle++; p.idle <= maxIdle {
		return nil
	}
	p.idle--
	return p.oldest()
}

// oldest takes the connection out that has been idle for longest.
func (p *pool) oldest() *conn {
	var from *lane
	for _, l := range p.lanes {
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
	for _, l := range p.lanes {
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
