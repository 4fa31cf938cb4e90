package tcp

import "github.com/sockeye-net/sockeye/stack/wire"

// Credible reports whether an ICMP error that quotes a segment with this
// sequence number can be about one of ours that is on its way (RFC 5927 4.1).
func (c *Conn) Credible(quoted wire.Seq) bool {
	return c.state != StateClosed && !quoted.Less(c.snd.una) && quoted.Less(c.snd.nxt)
}
