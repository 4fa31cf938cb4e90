package host

import (
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// Random packets from anybody to anybody, and random calls of who forwards, with little
// memory: the invariants hold after each step, and everything comes back.
func TestForwardChaos(t *testing.T) {
	for seed := range uint64(20) {
		c := &forwardChaos{r: rand.New(rand.NewPCG(seed, 7))}
		c.w, c.takers[0], c.takers[1], c.takers[2] = newForwarding(t, func(c *Config) { c.Memory = 1 << 20 })
		for step := range 3000 {
			c.step()
			n := c.w.b.Transmit(c.w.now, c.w.out[:])
			for c.w.b.Pending() && n > 0 {
				n = c.w.b.Transmit(c.w.now, c.w.out[:])
			}
			require.NoError(t, c.check.Check(c.w.b), "seed %d, step %d", seed, step)
			c.w.b.Events()
			require.LessOrEqual(t, c.w.b.Counters().Forward.CurrSessions, uint64(16), "the cap, of each kind")
		}
		for _, s := range append(c.open, c.takers[:]...) {
			_ = c.w.b.Close(c.w.now, s)
		}
		c.w.b.CloseAll(c.w.now)
		for c.w.b.Transmit(c.w.now, c.w.out[:]) > 0 || c.w.b.Pending() {
			continue
		}
		c.w.b.Transmit(c.w.now, c.w.out[:])
		require.NoError(t, c.check.Idle(c.w.b), "seed %d", seed)
	}
}

type forwardChaos struct {
	w      *world
	r      *rand.Rand
	check  Audit
	takers [3]Handle
	flows  []tcp.Flow
	open   []Handle
}

// somebody is one of few endpoints, so that packets meet.
func (c *forwardChaos) somebody() netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(c.r.IntN(3))}), uint16(1+c.r.IntN(12)))
}

func (c *forwardChaos) step() {
	h, now := c.w.b, c.w.now
	switch c.r.IntN(12) {
	case 0, 1, 2:
		h.Input(now, packet(c.segment()))
	case 3, 4:
		from, to := c.somebody(), c.somebody()
		h.Input(now, packet(rawUDP(from.Addr(), to.Addr(), from.Port(), to.Port(), make([]byte, c.r.IntN(1400)))))
	case 5:
		m := wire.ICMP{Type: []wire.ICMPType{wire.ICMPEcho, wire.ICMPUnreachable, wire.ICMPEchoReply}[c.r.IntN(3)], Code: uint8(c.r.IntN(5)), Rest: c.r.Uint32N(8) << 16}
		h.Input(now, packet(rawICMP(c.somebody().Addr(), c.somebody().Addr(), m, c.segment()[:28])))
	case 6:
		if f, err := h.NextFlow(now, c.takers[0]); err == nil {
			c.flows = append(c.flows, f)
		}
	case 7:
		if n := len(c.flows); n > 0 {
			if s, err := h.Decide(now, c.takers[0], c.flows[c.r.IntN(n)], Ruling(c.r.IntN(int(numRulings)))); err == nil && s != 0 {
				c.open = append(c.open, s)
			}
		}
	case 8:
		if s, err := h.AcceptSession(now, c.takers[1+c.r.IntN(2)]); err == nil {
			c.open = append(c.open, s)
		}
	case 9:
		c.use()
	case 10:
		c.w.now = now.Add(time.Duration(c.r.Int64N(int64(2 * time.Second))))
		h.Expire(c.w.now)
	case 11:
		if c.r.IntN(40) == 0 { // who takes goes, and another comes
			k := c.r.IntN(3)
			_ = h.Close(now, c.takers[k])
			if s, err := h.Open(now, Stream+Kind(k)); err == nil {
				c.takers[k] = s
				_ = h.Forward(now, s, 8, 30*time.Second)
			}
		}
	}
}

// use does something with what was accepted.
func (c *forwardChaos) use() {
	if len(c.open) == 0 {
		return
	}
	h, now, i := c.w.b, c.w.now, c.r.IntN(len(c.open))
	s := c.open[i]
	switch c.r.IntN(5) {
	case 0:
		_, _ = h.SendFrom(now, s, make([]byte, c.r.IntN(3000)), c.somebody())
	case 1:
		_, _ = h.Recv(now, s, make([]byte, 2000), 0)
	case 2:
		_, _ = h.Send(now, s, make([]byte, c.r.IntN(3000)))
	case 3:
		_ = h.RefuseFrom(now, s, c.somebody(), Ruling(c.r.IntN(int(numRulings))))
	case 4:
		_ = h.Close(now, s)
		c.open = append(c.open[:i], c.open[i+1:]...)
	}
}

// segment is a TCP segment from somebody to somebody, mostly a SYN.
func (c *forwardChaos) segment() []byte {
	from, to := c.somebody(), c.somebody()
	flags := []wire.Flags{wire.SYN, wire.SYN, wire.ACK, wire.RST, wire.SYN | wire.ACK, wire.FIN | wire.ACK}[c.r.IntN(6)]
	seg := wire.TCP{SrcPort: from.Port(), DstPort: to.Port(), Seq: wire.Seq(c.r.IntN(4)), Ack: wire.Seq(c.r.IntN(4)), Flags: flags, Window: 1000}
	b := make([]byte, 20+seg.HeaderLen())
	ip := wire.IPv4{TTL: 64, Protocol: wire.ProtoTCP, Src: from.Addr(), Dst: to.Addr()}
	n := ip.Encode(b, seg.HeaderLen())
	seg.Encode(b[n:])
	wire.SetTransportChecksum(b, [2][]byte{})
	return b
}
