package host

import "net/netip"

// The address that one datagram leaves from may be the caller's choice
// (RFC 1122 4.1.4: the application must be able to say it), and he learns with each that
// arrives which one the answer has to leave from (IP_PKTINFO).

// sourceOf returns the address that a datagram of s to dst leaves from, if the caller
// wants from; as on Linux the unspecified address is whichever the route says, wherever
// s is bound. ErrNoRoute: not ours, and s is not transparent; ErrInvalid: no address that
// anybody sends from.
func (h *Host) sourceOf(s *socket, dst, from netip.Addr) (netip.Addr, error) {
	if !from.IsValid() {
		return h.sourceFor(s, dst)
	}
	from = from.Unmap()
	n := number(from)
	switch {
	case !from.Is4():
		return from, ErrInvalid
	case n>>28 == 0xE || n == 0xFFFFFFFF: // multicast
		return from, ErrInvalid
	case n == 0 || h.net.isOwn(n):
	case !s.has(through):
		return from, ErrNoRoute
	case h.net.martianSource(n):
		return from, ErrInvalid
	}
	src, _, err := h.net.route(dst)
	if err != nil {
		h.counters.IP.OutNoRoutes++
		return src, err
	}
	switch d := number(dst); {
	case n != 0 && isLoopback(n) && !h.net.isOwn(d): // 127/8 never appears outside (RFC 1122 3.2.1.3(g))
		return src, ErrInvalid
	case !s.broadcast && h.net.isBroadcast(d):
		return src, ErrAccess
	case n == 0:
		return src, nil
	}
	return from, nil
}

// AnswerFrom returns the address of ours that an answer to a datagram that was received
// has to leave from: the one that it was sent to or, of a broadcast, the one that the
// route back says. Invalid: there is none (any more).
func (h *Host) AnswerFrom(m *Meta) netip.Addr {
	if m.To.IsValid() && !h.net.isBroadcast(number(m.To)) {
		return m.To
	}
	src, _, err := h.net.route(m.From.Addr())
	if err != nil {
		return netip.Addr{}
	}
	return src
}
