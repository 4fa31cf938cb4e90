package socket

import (
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/sockeye-net/sockeye/stack/host"
)

// A rest is what few descriptors have.
type rest struct {
	recvTimeo atomic.Int64 // nanoseconds; 0: for ever, below: not at all
	sendTimeo atomic.Int64
	priority  atomic.Int32                                          // SO_PRIORITY
	unpacing  atomic.Uint64                                         // SO_MAX_PACING_RATE, inverted: 0 is no bound
	fault     atomic.Pointer[func([]byte) (int, host.Fault, error)] // see takeFault

	mu     sync.Mutex
	cork   cork
	epolls []forgetter // that have the descriptor
}

// more returns the rest, made when it is asked for.
func (d *descriptor) more() *rest {
	if r := d.rest.Load(); r != nil {
		return r
	}
	d.rest.CompareAndSwap(nil, new(rest))
	return d.rest.Load()
}

// A cork holds the datagram that MSG_MORE and UDP_CORK put together. rest.mu
// guards it.
type cork struct {
	on      bool // UDP_CORK
	holding bool
	p       []byte
	to      SockAddr // of the first piece
	give    way      // and how it was to go
}

const maxUDP = 65507 // the payload of the largest datagram

// hold puts a piece to what is held, if more is to come, and otherwise gives
// all of it as one datagram. held: it is done with, n and err say how.
func (d *descriptor) hold(p []byte, flags int, to SockAddr, give way) (held bool, n int, err error) {
	if d.rest.Load() == nil && flags&MSG_MORE == 0 {
		return false, 0, nil
	}
	r := d.more()
	r.mu.Lock()
	c := &r.cork
	more := c.on || flags&MSG_MORE != 0
	if !more && !c.holding {
		r.mu.Unlock()
		return false, 0, nil
	}
	defer r.mu.Unlock()
	if !c.holding {
		if err := d.sock.MaySend(to); err != nil {
			return true, -1, d.errno(err)
		}
		*c = cork{on: c.on, holding: true, to: to, give: give}
	}
	if len(c.p)+len(p) > maxUDP {
		*c = cork{on: c.on} // as on Linux: what was held is lost
		return true, -1, syscall.EMSGSIZE
	}
	c.p = append(c.p, p...)
	if more {
		return true, len(p), nil
	}
	if err := d.uncork(c, flags); err != nil {
		return true, -1, err
	}
	return true, len(p), nil
}

// uncork sends what is held. The lock is held.
func (d *descriptor) uncork(c *cork, flags int) (err error) {
	all, to, give := c.p, c.to, c.give
	*c = cork{on: c.on}
	_, err = give(d, all, flags|MSG_DONTWAIT, to)
	return d.errno(err)
}

// setCork is UDP_CORK; taken off, what is held goes.
func (d *descriptor) setCork(on bool) error {
	r := d.more()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cork.on = on; !on && r.cork.holding {
		_ = d.uncork(&r.cork, 0) // as on Linux: the datagram may be lost
	}
	return nil
}

func (d *descriptor) corked() bool {
	r := d.rest.Load()
	if r == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cork.on
}
