package socket

import "syscall"

// A cork holds the datagram that MSG_MORE and UDP_CORK put together. descriptor.mu
// guards it.
type cork struct {
	on      bool // UDP_CORK
	holding bool
	p       []byte
	to      SockAddr // of the first piece
}

const maxUDP = 65507 // the payload of the largest datagram

// hold puts a piece to what is held, if more is to come, and otherwise gives
// all of it as one datagram. held: it is done with, n and err say how.
func (d *descriptor) hold(p []byte, flags int, to SockAddr) (held bool, n int, err error) {
	d.mu.Lock()
	c := &d.cork
	more := c.on || flags&MSG_MORE != 0
	if !more && !c.holding {
		d.mu.Unlock()
		return false, 0, nil
	}
	defer d.mu.Unlock()
	if !c.holding {
		if err := d.sock.MaySend(to); err != nil {
			return true, -1, d.errno(err)
		}
		*c = cork{on: c.on, holding: true, to: to}
	}
	if len(c.p)+len(p) > maxUDP {
		*c = cork{on: c.on} // as on Linux: what was held is lost
		return true, -1, syscall.EMSGSIZE
	}
	c.p = append(c.p, p...)
	if more {
		return true, len(p), nil
	}
	if err := d.uncork(flags); err != nil {
		return true, -1, err
	}
	return true, len(p), nil
}

// uncork sends what is held. The lock is held.
func (d *descriptor) uncork(flags int) (err error) {
	c := &d.cork
	all, to := c.p, c.to
	*c = cork{on: c.on}
	if to.Addr().IsValid() {
		_, err = d.sock.SendTo(all, to, d.flags(flags|MSG_DONTWAIT))
	} else {
		_, err = d.sock.Send(all, d.flags(flags|MSG_DONTWAIT))
	}
	return d.errno(err)
}

// setCork is UDP_CORK; taken off, what is held goes.
func (d *descriptor) setCork(on bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cork.on = on; !on && d.cork.holding {
		_ = d.uncork(0) // as on Linux: the datagram may be lost
	}
	return nil
}

func (d *descriptor) getUDP(opt int) (int, error) {
	if opt != UDP_CORK {
		return -1, syscall.ENOPROTOOPT
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return number(d.cork.on), nil
}
