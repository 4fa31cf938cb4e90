package tcp

// A connection that waits to be accepted has nobody who reads, and perhaps
// never will. Many of them must not drain the Budget for those that have
// (attack 39).

// unclaimedBytes may lie in each of them while there is more than a quarter of
// the Budget: a request that comes with the handshake need not be sent twice on
// a host that is busy.
const unclaimedBytes = 4 << 10

// Unclaimed says that nobody has accepted the connection yet. It takes data
// while more than half of the Budget is free, a little while more than a
// quarter is, and then none.
func (c *Conn) Unclaimed() { c.unclaimed = true }

// Claim ends that. It owes a window update where that opens the window by much.
func (c *Conn) Claim() {
	if !c.unclaimed {
		return
	}
	was := c.roomToOffer()
	c.unclaimed = false
	if !c.state.receives() || c.state == StateClosed {
		return
	}
	if room := c.roomToOffer(); room > was && c.worthOffering(room) && room >= 2*c.rcv.adv.Sub(c.rcv.nxt) {
		c.has |= owesWindow
	}
}

// fairShare is how many bytes more c may be offered for the sake of others: no
// connection more than a quarter of what is left.
func (c *Conn) fairShare() int {
	free := c.env.Budget.Free()
	if !c.unclaimed {
		return free / 4
	}
	return max((free-c.env.Budget.Limit()/2)/4, c.unclaimedRoom())
}

// unclaimedRoom is how many of the unclaimedBytes are left.
func (c *Conn) unclaimedRoom() int {
	if c.env.Budget.Free() < c.env.Budget.Limit()/4 {
		return 0
	}
	return max(unclaimedBytes-c.in.Len(), 0)
}

// crowdedOut reports whether n bytes more are refused for the sake of others.
func (c *Conn) crowdedOut(n int) bool {
	return c.unclaimed && n > c.unclaimedRoom() && c.env.Budget.Free() < c.env.Budget.Limit()/2
}
