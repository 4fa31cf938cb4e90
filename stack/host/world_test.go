package host

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// A world is two hosts whose packets are carried by copying, in virtual time.
type world struct {
	t    testing.TB
	now  clock.Instant
	a, b *Host // 192.0.2.1 and 192.0.2.2
	lose func(from *Host, p []byte) bool
	seen func(from *Host, p []byte)
	bufs [64][]byte
	in   [64]link.Packet
	out  [64]link.Packet
}

var (
	addrA = netip.MustParseAddr("192.0.2.1")
	addrB = netip.MustParseAddr("192.0.2.2")
	start = clock.Instant(time.Hour)
)

func newHost(t testing.TB, seed byte, prefix string, f link.Features, change ...func(*Config)) *Host {
	t.Helper()
	cfg := Config{Seed: [32]byte{seed, 1, 2, 3}, Prefixes: []netip.Prefix{netip.MustParsePrefix(prefix)}}
	for _, c := range change {
		c(&cfg)
	}
	h, err := New(cfg, f)
	require.NoError(t, err)
	return h
}

func newWorld(t testing.TB, change ...func(*Config)) *world {
	f := link.Features{MTU: 1500}
	return &world{t: t, now: start,
		a: newHost(t, 1, "192.0.2.1/24", f, change...),
		b: newHost(t, 2, "192.0.2.2/24", f, change...)}
}

// flush carries packets until there are none.
func (w *world) flush() {
	for i := 0; ; i++ {
		if i > 100000 {
			w.t.Fatal("packets without end")
		}
		if w.carry(w.a, w.b)+w.carry(w.b, w.a) == 0 && !w.a.Pending() && !w.b.Pending() {
			return
		}
	}
}

// carry gives one batch of from's packets to to.
func (w *world) carry(from, to *Host) int {
	n := from.Transmit(w.now, w.out[:])
	k := 0
	for i := range w.out[:n] {
		p, b := &w.out[i], &w.bufs[i]
		*b = p.AppendTo((*b)[:0])
		if w.seen != nil {
			w.seen(from, *b)
		}
		if w.lose != nil && w.lose(from, *b) {
			continue
		}
		q := &w.in[k]
		q.Head, q.GSOSize, q.CsumDone = *b, p.GSOSize, p.CsumDone
		k++
	}
	to.InputBatch(w.now, w.in[:k])
	return n
}

// run lets d pass.
func (w *world) run(d time.Duration) {
	end := w.now.Add(d)
	w.flush()
	for {
		at := clock.Earliest(w.a.Deadline(), w.b.Deadline())
		if at == clock.Never || at > end {
			break
		}
		w.now = max(w.now, at)
		w.a.Expire(w.now)
		w.b.Expire(w.now)
		w.flush()
	}
	w.now = end
}

func (w *world) open(h *Host, k Kind) Handle {
	w.t.Helper()
	s, err := h.Open(w.now, k)
	require.NoError(w.t, err)
	return s
}

// bound returns a socket bound to port.
func (w *world) bound(h *Host, k Kind, addr netip.Addr, port uint16) Handle {
	w.t.Helper()
	s := w.open(h, k)
	require.NoError(w.t, h.Bind(w.now, s, netip.AddrPortFrom(addr, port)))
	return s
}

// recv returns what a socket has now, or the error's text.
func (w *world) recv(h *Host, s Handle) (string, error) {
	var b [65536]byte
	n, err := h.Recv(w.now, s, b[:], 0)
	return string(b[:n]), err
}

// events returns the news of h by socket.
func events(h *Host) map[Handle]Mask {
	m := map[Handle]Mask{}
	for _, r := range h.Events() {
		m[r.Socket] |= r.Mask &^ (ForReaders | ForWriters)
	}
	return m
}

// quiesce closes both hosts and lets everything drain.
func (w *world) quiesce() {
	w.t.Helper()
	for _, h := range []*Host{w.a, w.b} {
		h.CloseAll(w.now)
		for h.Transmit(w.now, w.out[:]) > 0 || h.Pending() {
			continue
		}
		h.Transmit(w.now, w.out[:])
		require.Zero(w.t, h.budget.Used(), "memory that did not come back")
	}
}

// raw builds an IPv4 packet.
func raw(ip wire.IPv4, payload []byte) []byte {
	b := make([]byte, 20+len(ip.Options)+len(payload))
	if ip.TTL == 0 {
		ip.TTL = 64
	}
	n := ip.Encode(b, len(payload))
	copy(b[n:], payload)
	return b
}

// rawUDP builds a UDP datagram with its checksum.
func rawUDP(src, dst netip.Addr, sport, dport uint16, data []byte) []byte {
	b := make([]byte, 8+len(data))
	u := wire.UDP{SrcPort: sport, DstPort: dport, Length: uint16(len(b))}
	u.Encode(b)
	copy(b[8:], data)
	p := raw(wire.IPv4{Src: src, Dst: dst, Protocol: wire.ProtoUDP}, b)
	wire.SetTransportChecksum(p[:28], [2][]byte{p[28:]})
	return p
}

// rawTCP builds a TCP segment with its checksum.
func rawTCP(src, dst netip.Addr, h wire.TCP, data []byte) []byte {
	b := make([]byte, h.HeaderLen(), h.HeaderLen()+len(data))
	h.Encode(b)
	p := raw(wire.IPv4{Src: src, Dst: dst, Protocol: wire.ProtoTCP}, append(b, data...))
	wire.SetTransportChecksum(p, [2][]byte{})
	return p
}

// rawICMP builds an ICMP message.
func rawICMP(src, dst netip.Addr, m wire.ICMP, body []byte) []byte {
	b := make([]byte, 8+len(body))
	m.Encode(b, [2][]byte{body})
	copy(b[8:], body)
	return raw(wire.IPv4{Src: src, Dst: dst, Protocol: wire.ProtoICMP}, b)
}

// answers gives h one packet and returns what it sends.
func answers(h *Host, now clock.Instant, p []byte) [][]byte {
	h.Input(now, &link.Packet{Head: p})
	var out [64]link.Packet
	var got [][]byte
	for n := h.Transmit(now, out[:]); n > 0 || h.Pending(); n = h.Transmit(now, out[:]) {
		for i := range out[:n] {
			got = append(got, out[i].AppendTo(nil))
		}
	}
	return got
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i*7 + i>>8)
	}
	return b
}

func packet(b []byte) *link.Packet { return &link.Packet{Head: b} }

// fragment builds a fragment; off is in bytes.
func fragment(src, dst netip.Addr, protocol uint8, id uint16, off int, payload []byte, more bool) []byte {
	return raw(wire.IPv4{Src: src, Dst: dst, Protocol: protocol, ID: id, FragOff: uint16(off), MF: more}, payload)
}

var wireEcho = wire.ICMP{Type: wire.ICMPEcho, Rest: 7<<16 | 1}

func featuresOf(mtu int) link.Features { return link.Features{MTU: mtu} }

// resum makes the header checksum good again after a test changed the header.
func resum(b []byte) []byte {
	b[10], b[11] = 0, 0
	sum := wire.Fold(wire.Sum(0, b[:int(b[0]&15)*4]))
	b[10], b[11] = byte(sum>>8), byte(sum)
	return b
}
