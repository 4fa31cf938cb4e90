package host

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/wire"
)

var wireHeader = wire.IPv4{Src: addrB, Dst: addrA, Protocol: wire.ProtoTCP, TTL: 64}

// A player turns bytes into packets, calls and time for one host.
type player struct {
	h     *Host
	world *world
	in    []byte
	socks []Handle
	last  []byte // a packet that the host sent, to be answered and quoted
}

func (p *player) byte() byte {
	if len(p.in) == 0 {
		return 0
	}
	b := p.in[0]
	p.in = p.in[1:]
	return b
}

func (p *player) bytes(n int) []byte {
	n = min(n, len(p.in))
	b := p.in[:n]
	p.in = p.in[n:]
	return b
}

func (p *player) socket() Handle {
	if len(p.socks) == 0 {
		return 0
	}
	return p.socks[int(p.byte())%len(p.socks)]
}

var fuzzAddrs = []netip.Addr{addrA, addrB, loopback, everybody, anyAddress, netip.MustParseAddr("192.0.2.255"), {}, netip.MustParseAddr("203.0.113.1")}

func (p *player) addr() netip.AddrPort {
	b := p.byte()
	return netip.AddrPortFrom(fuzzAddrs[int(b)%len(fuzzAddrs)], uint16(b>>3)%5)
}

// step does one thing.
func (p *player) step() {
	h, now := p.h, p.world.now
	switch op := p.byte(); op % 24 {
	case 0:
		h.Input(now, packet(p.bytes(int(p.byte()))))
	case 1: // a valid IP packet with anything in it
		ip := wire.IPv4{Src: addrB, Dst: addrA, Protocol: []uint8{1, 6, 17, 4}[p.byte()%4], ID: uint16(p.byte() % 4),
			FragOff: uint16(p.byte()%8) * 8, MF: p.byte()&1 != 0}
		if p.byte()&1 == 0 {
			ip.FragOff, ip.MF = 0, false
		}
		h.Input(now, &link.Packet{Head: raw(ip, p.bytes(int(p.byte()))), CsumDone: p.byte()&1 != 0, GSOSize: uint16(p.byte())})
	case 2, 3, 4:
		p.segment()
	case 5:
		p.icmpError()
	case 6:
		h.Input(now, packet(rawUDP(addrB, addrA, uint16(p.byte()%5), uint16(p.byte()%5), p.bytes(int(p.byte())))))
	case 7, 8:
		if s, err := h.Open(now, Kind(p.byte()%5)); err == nil {
			p.socks = append(p.socks, s)
		}
	case 9:
		_ = h.Bind(now, p.socket(), p.addr())
	case 10:
		_ = h.Listen(now, p.socket(), int(int8(p.byte())))
	case 11:
		_ = h.Connect(now, p.socket(), p.addr())
	case 12:
		if s, err := h.Accept(now, p.socket()); err == nil {
			p.socks = append(p.socks, s)
		}
	case 13:
		_, _ = h.Send(now, p.socket(), make([]byte, int(p.byte())*100))
	case 14:
		_, _ = h.SendTo(now, p.socket(), append([]byte{8, 0, 0, 0}, make([]byte, int(p.byte())*100)...), p.addr())
	case 15:
		_, _ = h.Recv(now, p.socket(), make([]byte, int(p.byte())*100), RecvFlags(p.byte()&1))
	case 16:
		_ = h.Shutdown(now, p.socket(), How(p.byte()))
	case 17:
		if p.byte()&1 == 0 {
			_ = h.Close(now, p.socket())
		} else {
			_ = h.Abort(now, p.socket())
		}
	case 18:
		_ = h.SetAlarm(p.socket(), Mask(p.byte())<<4, now.Add(time.Duration(p.byte())*time.Millisecond))
	case 19:
		p.options()
	case 20:
		s, n := p.socket(), int(p.byte())*10
		if _, err := h.SendSpan(now, s, n); err == nil && p.byte()&1 == 0 {
			_ = h.SendCommit(now, s, min(n, 1))
		}
		if _, err := h.RecvSpan(now, s, n); err == nil {
			_ = h.RecvCommit(now, s, n)
		}
	case 21:
		if p.byte()&1 == 0 {
			_ = h.SetAddresses([]netip.Prefix{netip.MustParsePrefix("192.0.2.1/24"), netip.MustParsePrefix("10.0.0.1/8")}, nil)
		} else {
			h.SetFeatures(now, link.Features{MTU: int(p.byte()) * 8, MaxGSO: int(p.byte()) * 256, ChecksumOffload: p.byte()&1 != 0})
		}
	default:
		p.world.now = now.Add(time.Duration(p.byte()) << (p.byte() % 32))
		h.Expire(p.world.now)
	}
}

func (p *player) options() {
	s, b := p.socket(), p.byte()
	_ = p.h.SetOptions(p.world.now, s, Options{TTL: b, TOS: b, ReuseAddr: b&1 != 0, Broadcast: b&2 != 0, LingerOn: b&4 != 0,
		Linger: time.Duration(int8(b)), RecvBuffer: int(b) * 10, SendBuffer: int(b) * 10})
	_ = p.h.SetOptions(p.world.now, s, Options{TCP: tcp.Options{NoDelay: b&8 != 0, Cork: b&16 != 0, SendBuffer: int(b) * 100, RecvBuffer: int(b) * 50}})
}

// segment arrives: one that answers the last that was sent, or any.
func (p *player) segment() {
	seg := wire.TCP{SrcPort: uint16(p.byte() % 5), DstPort: uint16(p.byte() % 5), Flags: wire.Flags(p.byte()), Window: uint16(p.byte()) << 8}
	src, dst := addrB, addrA
	if ip, b, err := wire.DecodeIPv4(p.last); err == nil && ip.Protocol == wire.ProtoTCP && p.byte()&3 != 0 {
		if got, payload, err := wire.DecodeTCP(b); err == nil {
			seg.SrcPort, seg.DstPort = got.DstPort, got.SrcPort
			seg.Seq, seg.Ack = got.Ack, got.Seq.Add(got.SegLen(len(payload)))
			src, dst = ip.Dst, ip.Src
		}
	}
	seg.Seq, seg.Ack = seg.Seq.Add(int(int8(p.byte()))), seg.Ack.Add(int(int8(p.byte()))/8)
	data := p.bytes(int(p.byte()))
	b := make([]byte, seg.HeaderLen()+len(data))
	copy(b[seg.Encode(b):], data)
	p.h.Input(p.world.now, &link.Packet{Head: raw(wire.IPv4{Src: src, Dst: dst, Protocol: wire.ProtoTCP}, b), CsumDone: true})
}

// icmpError arrives about the last packet that was sent.
func (p *player) icmpError() {
	quote := p.last[:min(len(p.last), 28+int(p.byte()%64))]
	m := wire.ICMP{Type: []wire.ICMPType{3, 11, 12, 5}[p.byte()%4], Code: p.byte() % 16, Rest: uint32(p.byte()) * 8}
	p.h.Input(p.world.now, packet(rawICMP(addrB, addrA, m, quote)))
}

// transmit takes some packets and checks that they are good ones.
func (p *player) transmit() {
	room := int(p.byte()) % 65
	n := p.h.Transmit(p.world.now, p.world.out[:room])
	require.LessOrEqual(p.world.t, n, room)
	for i := range p.world.out[:n] {
		b := p.world.out[i].AppendTo(nil)
		ip, payload, err := wire.DecodeIPv4(b)
		require.NoError(p.world.t, err)
		require.Len(p.world.t, b, 20+len(payload))
		require.NotZero(p.world.t, ip.TTL)
		require.False(p.world.t, ip.Dst.IsLoopback() || ip.Src.IsLoopback(), "127/8 never leaves")
		if !p.world.out[i].CsumDone && !ip.MF && ip.FragOff == 0 {
			require.True(p.world.t, wire.TransportChecksumOK(ip.Src, ip.Dst, ip.Protocol, payload))
		}
		p.last = b
	}
}

func FuzzHost(f *testing.F) {
	f.Add([]byte("\x07\x01\x09\x00\x01\x0a\x00\x05"))
	seed := make([]byte, 2000)
	for i := range 20 {
		for j := range seed {
			seed[j] = byte(binary.BigEndian.Uint64([]byte{0, 0, 0, 0, byte(i), byte(j >> 8), byte(j), 1}) * 0x9E3779B97F4A7C15 >> 33)
		}
		f.Add(append([]byte{}, seed...))
	}
	f.Fuzz(play)
}

// check is require.NoError at a hundredth of its price.
func check(t *testing.T, a *Audit, h *Host) {
	if err := a.Check(h); err != nil {
		t.Fatal(err)
	}
}

// play runs a game and checks the rules that hold at every step and at the end.
func play(t *testing.T, in []byte) {
	w := &world{t: t, now: start}
	w.a = newHost(t, 1, "192.0.2.1/24", link.Features{MTU: 1500}, func(c *Config) {
		c.Memory = 1 << 20
		c.TCP.SYNBacklog = 2 // then cookies
	})
	p := &player{h: w.a, world: w, in: in[:min(len(in), 4096)]}
	var audit Audit
	for len(p.in) > 0 {
		p.step()
		check(t, &audit, w.a)
		if p.byte()&1 == 0 {
			p.transmit()
			check(t, &audit, w.a)
		}
		seen := map[Handle]bool{}
		for _, r := range w.a.Events() {
			require.False(t, seen[r.Socket], "each socket at most once")
			require.NotZero(t, r.Mask)
			seen[r.Socket] = true
		}
		require.LessOrEqual(t, w.a.budget.Used(), w.a.budget.Limit())
		checkMemoryLists(t, w.a)
	}
	w.a.CloseAll(w.now)
	for i := 0; w.a.Transmit(w.now, w.out[:]) > 0 || w.a.Pending(); i++ {
		require.Less(t, i, 10000, "drains")
	}
	w.a.Transmit(w.now, w.out[:])
	require.Empty(t, w.a.Sockets(nil))
	require.Zero(t, w.a.budget.Used())
	require.Zero(t, w.a.waits.n+w.a.orphans.n+w.a.stalled.n)
	require.Zero(t, w.a.flows.n+w.a.listeners.n+w.a.tcp.n+w.a.udp.n+w.a.echo.n)
	w.a.Expire(w.now.Add(time.Hour))
	require.Zero(t, w.a.Deadline())
}
