package host

import (
	"encoding/binary"
	"net/netip"

	"github.com/dchest/siphash"

	"github.com/sockeye-net/sockeye/stack/wire"
)

// Forwarding by several Hosts. Handshakes and connections go by their four-tuple,
// as ever. A session stands for one endpoint of a peer, whoever that speaks to
// (sessions.go), so its owner is found by that endpoint alone: by the Steer, which
// knows our addresses, and for what is addressed to us, but to no socket, by the Host
// that has looked for one.

// A beyond is what a Steer knows of forwarding. It never changes.
type beyond struct {
	lifted          protocols
	own, broadcasts []uint32
}

// has reports whether n is nobody's here and packets of p for it are let in.
func (b *beyond) has(p protocols, n uint32) bool {
	return b != nil && b.lifted&p != 0 && n < 224<<24 && !isLoopback(n) && !among(b.own, n) && !among(b.broadcasts, n)
}

// Steer returns what finds the owner of each packet; it is another one after
// Forward and SetAddresses. A Host that is alone has the zero Steer.
func (h *Host) Steer() Steer {
	if s, several := h.steer.(*Steer); several {
		return *s
	}
	return Steer{}
}

// lookBeyond makes h.steer know what is forwarded.
func (h *Host) lookBeyond() {
	if h.steer != nil && h.fwd.sessioned != 0 {
		h.steer = h.steer.beyondOf(h.fwd.sessioned, &h.net)
	}
}

// beyondOf returns the same Steer where the protocols of lifted are forwarded.
func (s *Steer) beyondOf(lifted protocols, net *addresses) owners {
	return &Steer{s.key, s.count, &beyond{lifted, net.own, net.broadcasts}}
}

// session is the owner of the session of a peer's endpoint; of pings the port is their ID.
func (s *Steer) session(addr uint32, port uint16) int {
	var m [8]byte
	binary.LittleEndian.PutUint64(m[:], uint64(addr)<<16|uint64(port))
	return s.among(siphash.Hash(s.key.k0, s.key.k1, m[:]))
}

// Flow returns the index of the Host that has a connection, whichever end is named first.
func (s *Steer) Flow(a, b netip.AddrPort) int {
	return s.flow(number(a.Addr()), number(b.Addr()), a.Port(), b.Port())
}

func isEchoRequest(m []byte) bool {
	return len(m) >= wire.ICMPHeaderLen && wire.ICMPType(m[0]) == wire.ICMPEcho
}

// sessionElsewhere hands a datagram from peer that no socket of ours takes to the Host
// that has the session, and reports whether that is another one.
func (h *Host) sessionElsewhere(in *datagram, peer netip.AddrPort) bool {
	if h.steer == nil || in.local {
		return false
	}
	to := h.steer.session(number(peer.Addr()), peer.Port())
	if to == h.cfg.Share.Index {
		return false
	}
	p := h.parcels.get(len(in.packet))
	if p == nil {
		h.Lost()
		return true
	}
	copy(p.data, in.packet)
	p.gso = in.gso
	h.mailTo(to, p, false)
	return true
}

// tally adds n to the flows of a kind, here, and returns how many there are on all Hosts.
func (h *Host) tally(k Kind, here, n int) int {
	if f := h.cfg.Tally; f != nil {
		return f(k, n)
	}
	return here
}

// heldFull reports whether no more handshakes may wait for a decision. Hosts that
// look at the same moment may hold one each too many.
func (h *Host) heldFull(s *socket) bool {
	return s.role == takesAll && h.tally(Stream, s.lis.tcp.Held(), 0) >= s.lis.backlog
}

// countHeld tells the others how many handshakes wait at s.
func (h *Host) countHeld(s *socket) {
	if n := s.lis.tcp.Held() - s.lis.counted; n != 0 {
		s.lis.counted += n
		h.tally(Stream, 0, n)
	}
}
