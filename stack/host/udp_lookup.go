package host

import (
	"net/netip"

	"github.com/sockeye-net/sockeye/stack/wire"
)

// A udpTable finds the UDP socket that a datagram is for, however many share a
// port: a connected one by its four-tuple, another by its port. Each bound socket
// is in one of the two, the newest first.
type udpTable struct{ peers, open hashTable }

// placeUDP puts a bound socket where datagrams find it.
func (h *Host) placeUDP(s *socket) {
	switch {
	case s.kind != Datagram:
	case s.remote.IsValid():
		h.byUDP.peers.add(s, h.flowHash(s.local.AddrPort(), s.remote.AddrPort()))
	default:
		h.byUDP.open.add(s, uint32(s.local.Port()))
	}
}

// displaceUDP takes it out. Its addresses are still those that it had.
func (h *Host) displaceUDP(s *socket) {
	switch {
	case s.kind != Datagram || !s.hashed:
	case s.remote.IsValid():
		h.byUDP.peers.remove(s)
	default:
		h.byUDP.open.remove(s)
	}
}

// setEnds changes the addresses of a bound datagram or echo socket.
func (h *Host) setEnds(s *socket, local, remote wire.Endpoint) {
	h.displaceUDP(s)
	s.local, s.remote = local, remote
	h.placeUDP(s)
}

// udpSocket returns the UDP socket that a packet for local from remote belongs to:
// the one that says most about it, the newest among equals or the one whose turn
// it is (outdoes).
func (h *Host) udpSocket(local, remote netip.AddrPort) *socket {
	hash, l, r := h.flowHash(local, remote), wire.EndpointOf(local), wire.EndpointOf(remote)
	for s := h.byUDP.peers.bucket(hash); s != nil; s = s.hashNext {
		if s.hash == hash && s.local == l && s.remote == r {
			return s
		}
	}
	var best *socket
	top := -1
	for s := h.byUDP.open.bucket(uint32(local.Port())); s != nil; s = s.hashNext {
		if n := s.score(local, remote, true); s.outdoes(n, best, top, hash) {
			best, top = s, n
		}
	}
	return best
}
