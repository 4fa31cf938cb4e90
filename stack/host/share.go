package host

import (
	"encoding/binary"
	"math/bits"
	"net/netip"

	"github.com/dchest/siphash"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// Several Hosts may be one host together: each has the same addresses and the
// same seed, and of the flows and ports its share. Who runs them hands each
// packet to the Host that Owner says, and what one of them finds to be
// another's (Mail) to that one. Alone is the normal case; then nothing of this
// costs anything.
//
// Owners: a TCP connection by a keyed hash of its four-tuple, the same from
// both ends, so that a connection with ourselves has one owner; UDP and ICMP
// echo by the local port or ID; an ICMP error by what it quotes; a fragment by
// the datagram it belongs to, and the datagram again once it is whole. Where
// somebody forwards, what is for nobody here and no TCP: by its session (share_beyond.go).

// A Share says which of several Hosts one is; Steer.Share makes it. The zero Share is the whole.
type Share struct {
	Index int    // from 0
	Count int    // at most MaxShares
	steer owners // nil: alone
}

// owners is a Steer, which only who makes Shares links.
type owners interface {
	Owner(b []byte, self int) int
	flow(a, b uint32, ap, bp uint16) int
	port(p uint16) int
	session(addr uint32, port uint16) int
	beyondOf(protocols, *addresses) owners
}

// MaxShares is how many Hosts may be one.
const MaxShares = 128

func (s Share) valid() bool {
	return s == Share{} || s.steer != nil && s.Count <= MaxShares && s.Index >= 0 && s.Index < s.Count
}

// A Steer knows the owner of each packet. The zero value gives all to 0.
type Steer struct {
	key    secret
	count  uint64
	beyond *beyond // nil: nobody forwards datagrams or echoes
}

// NewSteer returns the Steer of count Hosts that have this seed.
func NewSteer(seed [32]byte, count int) Steer {
	return Steer{key: derive(&seed, useShares), count: uint64(max(count, 1))}
}

// Share returns the share of the Host with that index.
func (s Steer) Share(index int) Share { return Share{index, int(s.count), &s} }

// Owner returns the index of the Host that the IP packet b is for, or self
// where any will do. It is safe for concurrent use.
func (s *Steer) Owner(b []byte, self int) int {
	const ports = 4 // the first bytes of a transport header
	ihl, ok := plainHeader(b)
	if !ok || s.count < 2 {
		return self
	}
	if binary.BigEndian.Uint16(b[6:])&0x3FFF != 0 { // MF or an offset
		k := uint32(binary.BigEndian.Uint16(b[4:]))<<8 | uint32(b[9])
		return s.among(s.key.addresses(binary.BigEndian.Uint32(b[12:]), binary.BigEndian.Uint32(b[16:]), k))
	}
	text := b[ihl:]
	switch {
	case len(text) < ports:
	case b[9] == wire.ProtoTCP:
		return s.flow(binary.BigEndian.Uint32(b[12:]), binary.BigEndian.Uint32(b[16:]),
			binary.BigEndian.Uint16(text), binary.BigEndian.Uint16(text[2:]))
	case b[9] == wire.ProtoUDP && s.beyond.has(liftUDP, binary.BigEndian.Uint32(b[16:])):
		return s.session(binary.BigEndian.Uint32(b[12:]), binary.BigEndian.Uint16(text))
	case b[9] == wire.ProtoUDP:
		return s.port(binary.BigEndian.Uint16(text[2:]))
	case b[9] == wire.ProtoICMP && s.beyond.has(liftEcho, binary.BigEndian.Uint32(b[16:])) && isEchoRequest(text):
		return s.session(binary.BigEndian.Uint32(b[12:]), echoID(text))
	case b[9] == wire.ProtoICMP:
		return s.message(text, self)
	}
	return self
}

// message returns the owner of an ICMP message.
func (s *Steer) message(m []byte, self int) int {
	const body = wire.ICMPHeaderLen
	if len(m) < body {
		return self
	}
	switch wire.ICMPType(m[0]) {
	case wire.ICMPEchoReply:
		return s.port(echoID(m))
	case wire.ICMPUnreachable, wire.ICMPTimeExceeded, wire.ICMPParamProblem:
	default:
		return self // a request is answered by whoever sees it
	}
	quote := m[body:]
	ihl, ok := plainHeader(quote)
	if !ok || len(quote) < ihl+8 {
		return self
	}
	text := quote[ihl:]
	src, dst := binary.BigEndian.Uint32(quote[12:]), binary.BigEndian.Uint32(quote[16:])
	switch {
	case quote[9] == wire.ProtoUDP && s.beyond.has(liftUDP, src):
		return s.session(dst, binary.BigEndian.Uint16(text[2:])) // a session had sent it
	case quote[9] == wire.ProtoICMP && s.beyond.has(liftEcho, src):
		return s.session(dst, echoID(text))
	}
	switch quote[9] {
	case wire.ProtoTCP:
		return s.flow(src, dst,
			binary.BigEndian.Uint16(text), binary.BigEndian.Uint16(text[2:]))
	case wire.ProtoUDP:
		return s.port(binary.BigEndian.Uint16(text)) // it left from there
	case wire.ProtoICMP:
		return s.port(echoID(text))
	}
	return self
}

// plainHeader returns the length of the IPv4 header that b begins with, options included.
func plainHeader(b []byte) (n int, ok bool) {
	if len(b) < ipHeaderLen || b[0]>>4 != 4 {
		return 0, false
	}
	n = int(b[0]&0xF) * 4
	return n, n >= ipHeaderLen && n <= len(b)
}

// flow is the owner of a connection, whichever end is named first.
func (s *Steer) flow(a, b uint32, ap, bp uint16) int {
	x, y := uint64(a)<<16|uint64(ap), uint64(b)<<16|uint64(bp)
	if x > y {
		x, y = y, x
	}
	var m [16]byte
	binary.LittleEndian.PutUint64(m[:8], x)
	binary.LittleEndian.PutUint64(m[8:], y)
	return s.among(siphash.Hash(s.key.k0, s.key.k1, m[:]))
}

// port is the owner of a local port of UDP, or an ID. It needs no key: the
// ports in use are ours.
func (s *Steer) port(p uint16) int { return int(uint64(p) % max(s.count, 1)) }

// Port returns the index of the Host that has a local port of UDP, or an ID of ICMP echo.
func (s *Steer) Port(p uint16) int { return s.port(p) }

func (s *Steer) among(hash uint64) int {
	high, _ := bits.Mul64(hash, max(s.count, 1))
	return int(high)
}

// mine reports whether a datagram or echo socket here may have a port.
func (h *Host) mine(k Kind, port uint16) bool {
	return h.steer == nil || k == Stream || h.steer.port(port) == h.cfg.Share.Index
}

// myFlow reports whether a connection may be here.
func (h *Host) myFlow(local, remote netip.AddrPort) bool {
	return h.steer == nil || h.flowOwner(local, remote) == h.cfg.Share.Index
}

func (h *Host) flowOwner(local, remote netip.AddrPort) int {
	return h.steer.flow(number(local.Addr()), number(remote.Addr()), local.Port(), remote.Port())
}

// setShare makes h one of several. What is random differs between them, and
// what must be unique for an address is shared out.
func (h *Host) setShare(s Share) {
	h.steer = s.steer
	h.rand.n = uint64(s.Index) << 48
	h.idStep, h.idFirst = 1, uint16(s.Index)
	for int(h.idStep) < s.Count {
		h.idStep *= 2 // a power of two: then all values are used
	}
}

// A Letter is a packet that belongs to another of the Hosts.
type Letter struct {
	To    int    // index of the owner
	Data  []byte // valid until the Host's next Transmit
	GSO   uint16
	Local bool // from ourselves, else from the link
}

// hand keeps p, which another Host owns, until Mail is asked. It reports false
// where p is for h itself.
func (h *Host) hand(p *parcel, local bool) bool {
	if h.steer == nil {
		return false
	}
	to := h.steer.Owner(p.data, h.cfg.Share.Index)
	if to == h.cfg.Share.Index {
		return false
	}
	h.mailTo(to, p, local)
	return true
}

func (h *Host) mailTo(to int, p *parcel, local bool) {
	p.off, p.done = to, local
	h.away.push(p)
}

// Mail gives the next packet that belongs to another Host; call it after each
// Transmit until it says no.
func (h *Host) Mail(l *Letter) bool {
	p := h.away.pop()
	if p == nil {
		return false
	}
	*l = Letter{To: p.off, Data: p.data, GSO: p.gso, Local: p.done}
	h.lent.push(p)
	return true
}

// Lost counts a letter that could not be delivered.
func (h *Host) Lost() { h.drop(trace.DropLink) }

// InputMail takes a letter from another Host. It borrows l.
func (h *Host) InputMail(now clock.Instant, l *Letter) {
	h.now = max(h.now, now)
	if l.Local {
		h.counters.IP.InReceives++ // the fragments of others were counted where they came in
	}
	h.admit(now, l.Data, l.GSO, l.Local, l.Local)
}
