package host

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// addresses is what a host knows of the network layer: its own addresses, the
// broadcast addresses of its networks, and where to send what.
type addresses struct {
	prefixes   []netip.Prefix
	routes     []Route
	own        []uint32  // sorted
	broadcasts []uint32  // sorted: every form of RFC 1122 3.3.6 of every network
	table      []hop     // longest prefix first
	changed    bool      // there were others before
	lifted     protocols // what is let in whatever its destination
}

// A hop is an entry of the routing table.
type hop struct {
	prefix netip.Prefix
	via    netip.Addr // invalid: on-link
	src    netip.Addr // the address of ours to send from
}

var (
	loopback  = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	everybody = netip.AddrFrom4([4]byte{255, 255, 255, 255})
)

// number returns a as a number; anything but IPv4 is 0.0.0.0.
// Not inlined: its callers are many.
//
//go:noinline
func number(a netip.Addr) uint32 {
	if !a.Is4() {
		return 0
	}
	b := a.As4()
	return binary.BigEndian.Uint32(b[:])
}

func isLoopback(a uint32) bool { return a>>24 == 127 }

// newAddresses checks ps and rs and builds the tables.
func newAddresses(ps []netip.Prefix, rs []Route) (addresses, error) {
	// Not slices.Clone: what a generic function is made for keeps all its methods in a small program.
	a := addresses{prefixes: append([]netip.Prefix(nil), ps...), routes: append([]Route(nil), rs...)}
	for _, p := range ps {
		if err := a.addPrefix(p); err != nil {
			return addresses{}, err
		}
	}
	for _, r := range rs {
		if err := a.addRoute(r); err != nil {
			return addresses{}, err
		}
	}
	return a, nil
}

// addHop keeps the longest prefixes first, equal ones in the order in which they came. Not inlined, for it is large.
//
//go:noinline
func (a *addresses) addHop(h hop) {
	i := len(a.table)
	for i > 0 && a.table[i-1].prefix.Bits() < h.prefix.Bits() {
		i--
	}
	a.table = append(a.table, hop{})
	copy(a.table[i+1:], a.table[i:])
	a.table[i] = h
}

// sorted puts n where it belongs in list.
func sorted(list []uint32, n uint32) []uint32 {
	i, _ := slices.BinarySearch(list, n)
	list = append(list, 0)
	copy(list[i+1:], list[i:])
	list[i] = n
	return list
}

func (a *addresses) addPrefix(p netip.Prefix) error {
	if !p.IsValid() || !p.Addr().Is4() {
		return ErrPrefix
	}
	n := number(p.Addr())
	host := uint32(1)<<(32-p.Bits()) - 1 // 0 bits: all of them
	if n>>24 == 0 || isLoopback(n) || n >= 224<<24 {
		return ErrPrefix
	}
	if p.Bits() <= 30 { // RFC 3021: a /31 has no broadcast address
		if n&host == 0 || n&host == host {
			return ErrPrefix
		}
		a.broadcasts = sorted(sorted(a.broadcasts, n|host), n&^host)
	}
	a.own = sorted(a.own, n)
	a.addHop(hop{prefix: p.Masked(), src: p.Addr()})
	return nil
}

func (a *addresses) addRoute(r Route) error {
	if !r.Prefix.IsValid() || !r.Prefix.Addr().Is4() || len(a.prefixes) == 0 {
		return ErrRoute
	}
	h := hop{prefix: r.Prefix.Masked(), via: r.Via, src: a.prefixes[0].Addr()}
	if r.Via.IsValid() {
		near := a.onLink(r.Via)
		if !near.IsValid() {
			return ErrRoute
		}
		h.src = near
	}
	a.addHop(h)
	return nil
}

// onLink returns our address on the network of to, or an invalid one.
func (a *addresses) onLink(to netip.Addr) netip.Addr {
	for _, p := range a.prefixes {
		if p.Contains(to) {
			return p.Addr()
		}
	}
	return netip.Addr{}
}

// isOwn reports whether n is an address that is delivered inside the host.
func (a *addresses) isOwn(n uint32) bool {
	if isLoopback(n) {
		return true
	}
	return among(a.own, n)
}

// inside reports whether packets from src to dst stay in the host. What has a
// loopback source does, even where dst was taken from us meanwhile: 127/8 never
// appears outside (RFC 1122 3.2.1.3(g)).
func (a *addresses) inside(src, dst netip.Addr) bool {
	return a.isOwn(number(dst)) || isLoopback(number(src))
}

// isBroadcast reports whether n is the limited broadcast or one of our networks'.
func (a *addresses) isBroadcast(n uint32) bool {
	return n == 0xFFFFFFFF || among(a.broadcasts, n)
}

func among(sorted []uint32, n uint32) bool {
	if len(sorted) <= 8 {
		return slices.Contains(sorted, n)
	}
	_, ok := slices.BinarySearch(sorted, n)
	return ok
}

// route returns the address to send from and the next hop.
func (a *addresses) route(dst netip.Addr) (src, via netip.Addr, err error) {
	n := number(dst)
	switch {
	case isLoopback(n):
		return loopback, dst, nil
	case n>>24 == 0:
		return src, via, ErrNoRoute
	case a.isOwn(n):
		return dst, dst, nil
	case n == 0xFFFFFFFF:
		if len(a.prefixes) == 0 {
			return src, via, ErrNoRoute
		}
		return a.prefixes[0].Addr(), dst, nil
	}
	for i := range a.table {
		if h := &a.table[i]; h.prefix.Contains(dst) {
			if h.via.IsValid() {
				return h.src, h.via, nil
			}
			return h.src, dst, nil
		}
	}
	return src, via, ErrNoRoute
}

// A cast says how a packet was addressed.
type cast uint8

const (
	unicast cast = iota
	broadcast
)

// admit decides whether a packet is for us (RFC 1122 3.2.1.3). The martian
// checks are for what comes from the link; what comes from ourselves has passed route.
func (a *addresses) admit(ip *wire.IPv4, local bool) (cast, trace.Reason) {
	src, dst := number(ip.Src), number(ip.Dst)
	if !local && (a.martianSource(src) || isLoopback(dst) || dst>>24 == 0) {
		return unicast, trace.DropMartian
	}
	switch {
	case a.isOwn(dst):
		return unicast, trace.None
	case a.isBroadcast(dst):
		return broadcast, trace.None
	case dst >= 240<<24:
		return unicast, trace.DropMartian
	case a.lifted.lifts(ip.Protocol) && dst < 224<<24:
		if src == dst {
			return unicast, trace.DropMartian
		}
		return unicast, trace.None
	}
	return unicast, trace.DropNotOurs
}

// martianSource reports whether no packet on a wire may come from n: 0/8,
// 127/8, 224/4, 240/4, a broadcast, or ourselves (LAND).
func (a *addresses) martianSource(n uint32) bool {
	return n>>24 == 0 || n >= 224<<24 || a.isOwn(n) || a.isBroadcast(n)
}

// Prefixes returns our addresses, each with the length of its network.
func (h *Host) Prefixes() []netip.Prefix { return slices.Clone(h.net.prefixes) }

// Routes returns the routes beyond the prefixes' own networks.
func (h *Host) Routes() []Route { return slices.Clone(h.net.routes) }

// SetAddresses replaces addresses and routes. Connections of an address that
// went away send nothing, and go on if it comes back before they time out. ErrPrefix, ErrRoute: nothing changed.
func (h *Host) SetAddresses(ps []netip.Prefix, rs []Route) error {
	a, err := newAddresses(ps, rs)
	if err != nil {
		return err
	}
	a.changed, a.lifted = true, h.fwd.lifted
	h.net = a
	h.lookBeyond()
	return nil
}

// Source returns the address that packets to dst would leave from, and the
// next hop (dst itself where it is on-link). ErrNoRoute.
func (h *Host) Source(dst netip.Addr) (src, via netip.Addr, err error) {
	dst = dst.Unmap()
	if !dst.Is4() {
		return src, via, ErrNoRoute
	}
	return h.net.route(dst)
}
