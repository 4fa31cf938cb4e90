package stdnet

import "net"

// WriteBuffers writes all of b in one call: what writev(2) is to *net.TCPConn, which
// net.Buffers.WriteTo uses there and cannot use here. As that does it takes what was
// written off b, so that a call that failed may be repeated.
func (c *Conn) WriteBuffers(b *net.Buffers) (int64, error) {
	n, err := c.sock.SendVector(*b, 0)
	consume(b, n)
	return n, c.flow.fail("writev", "write", err)
}

// consume takes n bytes off the front.
func consume(b *net.Buffers, n int64) {
	for len(*b) > 0 {
		l := int64(len((*b)[0]))
		if l > n {
			(*b)[0] = (*b)[0][n:]
			return
		}
		n -= l
		(*b)[0] = nil
		*b = (*b)[1:]
	}
}
