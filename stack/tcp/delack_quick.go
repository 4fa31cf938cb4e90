package tcp

import "github.com/sockeye-net/sockeye/stack/clock"

// SetQuickACK is TCP_QUICKACK as on Linux: it changes how ACKs go from now on,
// not for good. On, an ACK that waits goes at once, and those to come do not
// wait for data to ride on until data answers data again; off, they wait.
func (c *Conn) SetQuickACK(_ clock.Instant, on bool) {
	if !on {
		c.has |= pingpong
		return
	}
	c.has &^= pingpong
	if (c.state == StateEstablished || c.state == StateCloseWait) && c.has&owesDelayed != 0 {
		c.oweACK()
	}
}

// QuickACK reports whether ACKs go without waiting for data to ride on.
func (c *Conn) QuickACK() bool { return c.has&pingpong == 0 }
