package sim

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// What honest connections keep of their goodput while a listener beside them is
// attacked (rows 37 and 39 of the catalogue). All packets, the attacker's too
// and the answers to him, share one path of 1.25 MB/s each way, so that each
// byte and each needless answer costs its time.

// attacker puts segments from sources that are nobody's onto the path to the server.
type attacker struct {
	*pair
	n int
}

func (a *attacker) put(h wire.TCP, from netip.AddrPort, data []byte) {
	h.SrcPort, h.DstPort = from.Port(), port
	n := 20 + h.HeaderLen()
	b := make([]byte, n+len(data))
	ip := wire.IPv4{TTL: 64, Protocol: wire.ProtoTCP, Src: from.Addr(), Dst: serverAddr.Addr()}
	ip.Encode(b, n-20+len(data))
	h.Encode(b[20:])
	copy(b[n:], data)
	wire.SetTransportChecksum(b[:n], [2][]byte{b[n:]})
	a.paths[0].impair.Put(a.Now(), &link.Packet{Head: b})
}

func (a *attacker) syn() {
	a.n++
	from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(3 + a.n%250)}), uint16(1024+a.n/250))
	o := wire.TCPOptions{HasMSS: true, MSS: 1460}
	if a.n%2 == 0 {
		o.SACKPermitted, o.HasTimestamps, o.TSVal = true, true, 7
	}
	a.put(wire.TCP{Flags: wire.SYN, Seq: wire.Seq(a.n * 7919), Window: 65535, Options: o}, from, nil)
}

// every calls f at a rate per second for a time.
func (a *attacker) every(rate int, d time.Duration, f func()) {
	if d <= 0 {
		return
	}
	f()
	step := time.Second / time.Duration(rate)
	a.After(step, func() { a.every(rate, d-step, f) })
}

// shorts is how many short connections there are, four each second.
const shorts = 16

// goodput runs a bulk transfer each way for four seconds, with short
// connections to the same listener beside it, and an attack or none. It returns
// the bytes that the bulk connections carried, and how many of the short ones
// came to their end.
func goodput(t *testing.T, attack func(*attacker)) (bytes, short int) {
	const bulk = 100 << 20
	p := &pair{World: New(Config{Seed: 5})}
	p.client = addHost(t, p.World, "client", "192.0.2.1/24", link.Features{})
	var err error
	p.server, err = p.AddHost("server", host.Config{Memory: 4 << 20, Prefixes: []netip.Prefix{netip.MustParsePrefix("192.0.2.2/24")}}, link.Features{})
	require.NoError(t, err)
	access := link.Faults{Delay: 10 * ms, Rate: 1250000, Queue: 64 << 10}
	p.Connect(p.client, p.server, access, access)
	_, err = p.server.Serve(port, func(i int) Plan { return Plan{Seed: 9, Send: []int{bulk, 0, 2000}[min(i, 2)]} })
	require.NoError(t, err)
	var all []*Program
	dial := func(plan Plan) {
		c, err := p.client.Dial(serverAddr, plan)
		require.NoError(t, err)
		all = append(all, c)
	}
	dial(Plan{Seed: 1})
	require.NoError(t, p.Run(100*ms))
	dial(Plan{Seed: 2, Send: bulk})
	require.NoError(t, p.Run(time.Second))
	a := &attacker{pair: p}
	if attack != nil {
		attack(a)
	}
	before := all[0].Received + all[1].Sent
	for range shorts {
		require.NoError(t, p.Run(250*ms))
		dial(Plan{Seed: 3, Send: 500})
	}
	bytes = all[0].Received + all[1].Sent - before
	require.NoError(t, p.Run(2*time.Second))
	for _, c := range all[2:] {
		if c.EOF && c.Err == nil && c.Received == 2000 {
			short++
		}
	}
	return bytes, short
}

func TestAttack_37_Goodput(t *testing.T) {
	alone, short := goodput(t, nil)
	require.Equal(t, shorts, short)
	var victim *attacker
	flooded, short := goodput(t, func(a *attacker) {
		victim = a
		a.every(1000, 5*time.Second, a.syn)
	})
	require.Equal(t, shorts, short, "honest clients connect")
	require.GreaterOrEqual(t, flooded, alone*9/10)
	require.NotZero(t, victim.server.Counters().TCP.SyncookiesSent)
	t.Logf("%d bytes alone, %d beside %d SYNs", alone, flooded, victim.n)
}

// Connections that nobody accepts, each with as much data as it is let send,
// do not take the memory of those that somebody reads.
func TestAttack_39_Goodput(t *testing.T) {
	alone, _ := goodput(t, nil)
	const at, backlog = 81, 500
	waiting := 0
	flooded, short := goodput(t, func(a *attacker) {
		s, err := a.server.Open(a.Now(), host.Stream)
		require.NoError(t, err)
		require.NoError(t, a.server.Bind(a.Now(), s, netip.AddrPortFrom(netip.IPv4Unspecified(), at)))
		require.NoError(t, a.server.Listen(a.Now(), s, backlog))
		evil, err := a.AddHost("evil", host.Config{Memory: 1 << 30, Prefixes: []netip.Prefix{netip.MustParsePrefix("192.0.2.66/24")}}, link.Features{})
		require.NoError(t, err)
		a.Connect(evil, a.server, link.Faults{Delay: ms}, link.Faults{Delay: ms})
		a.every(300, 2*time.Second, func() {
			_, err := evil.Dial(netip.AddrPortFrom(serverAddr.Addr(), at), Plan{Send: 32 << 10})
			require.NoError(t, err)
		})
		a.After(4*time.Second, func() {
			for _, d := range a.server.Sockets(nil) {
				if d.Local.Port() == at && d.State != tcp.StateListen {
					waiting++
				}
			}
			require.NoError(t, a.server.Close(a.Now(), s))
		})
		a.After(4500*ms, func() {
			for _, d := range a.server.Sockets(nil) {
				require.NotEqualValues(t, at, d.Local.Port(), "closing the listener resets them")
			}
		})
	})
	require.Equal(t, backlog+1, waiting, "the accept queue is full, and no fuller")
	require.Equal(t, shorts, short)
	require.GreaterOrEqual(t, flooded, alone*9/10)
	t.Logf("%d bytes alone, %d beside the attack", alone, flooded)
}
