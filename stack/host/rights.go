package host

import "math"

// Rights are what few sockets have, a bit each.
type rights uint8

const (
	sharesPort rights = 1 << iota // SO_REUSEPORT
	anyAddr                       // may be bound to an address that is not ours
	through                       // ... and send from it
	fixedAddr                     // the owner chose the local address
	lowered                       // has a mark in Host.lowats
)

const inherited = sharesPort | anyAddr | through | fixedAddr

func (s *socket) has(r rights) bool { return s.rights&r != 0 }

func (s *socket) let(r rights, on bool) {
	if s.rights &^= r; on {
		s.rights |= r
	}
}

// setLowat sets SO_RCVLOWAT; what is there may be enough now.
func (h *Host) setLowat(e *socket, n int) {
	was := h.lowat(e)
	n = min(max(n, 1), math.MaxInt32)
	switch {
	case n == was:
		return
	case n == 1:
		delete(h.lowats, e.id)
	case h.lowats == nil:
		h.lowats = map[Handle]int32{e.id: int32(n)}
	default:
		h.lowats[e.id] = int32(n)
	}
	e.let(lowered, n > 1)
	if e.conn != nil && h.conditions(e)&Readable != 0 {
		h.raiseFor(e, ForReaders)
	}
}

// lowat returns how many bytes make a stream readable.
func (h *Host) lowat(e *socket) int {
	if !e.has(lowered) {
		return 1
	}
	return int(h.lowats[e.id])
}

// RecvLowat returns how many bytes a stream waits for, at least 1.
func (h *Host) RecvLowat(s Handle) int {
	if e := h.lookup(s); e != nil {
		return h.lowat(e)
	}
	return 1
}
