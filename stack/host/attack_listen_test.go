package host

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// Attacks on listeners. What an honest connection beside them keeps of its
// goodput is in package sim.

// forger makes segments of clients that nobody can answer: each SYN another.
type forger struct{ n int }

func (f *forger) flow(i int) netip.AddrPort {
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(3 + i%250)}), uint16(1024+i/250%60000))
}

// segment builds one for port 80 of b.
func (f *forger) segment(from netip.AddrPort, h wire.TCP, data []byte) []byte {
	h.SrcPort, h.DstPort = from.Port(), 80
	return rawTCP(from.Addr(), addrB, h, data)
}

// floodOptions are what SYNs say: nothing at all, as floods do, and everything, as clients do.
var floodOptions = [...]wire.TCPOptions{
	{},
	{HasMSS: true, MSS: 1460},
	{HasMSS: true, MSS: 1400, SACKPermitted: true, HasTimestamps: true, TSVal: 9, HasWindowScale: true, WindowScale: 7},
}

func (f *forger) syn() []byte {
	f.n++
	return f.segment(f.flow(f.n), wire.TCP{Flags: wire.SYN, Seq: wire.Seq(f.n * 7919), Window: 1024, Options: floodOptions[f.n%3]}, nil)
}

// A flood of SYNs from forged sources: honest clients connect all the same,
// memory is bounded, nothing is allocated for a SYN, and nothing remains.
func TestAttack_37_SYNFlood(t *testing.T) {
	for rule, cfg := range map[string]tcp.Config{
		"records, then cookies":  {},
		"few records":            {SYNBacklog: 1},
		"cookies only":           {SYNCookies: tcp.CookiesAlways},
		"without timestamps":     {NoTimestamps: true},
		"a host of 256 KiB":      {SYNBacklog: 1 << 20},
		"clients of 536 bytes":   {SYNBacklog: 64, NoScale: true},
		"cookies with ECN, SACK": {SYNBacklog: 64, ECN: tcp.ECNRequest},
	} {
		t.Run(rule, func(t *testing.T) {
			w := newWorld(t, func(c *Config) {
				c.TCP = cfg
				c.TCP.MSL = time.Second
				if rule == "a host of 256 KiB" {
					c.Memory = 256 << 10
				}
			})
			l := w.listen(w.b, 64)
			before := w.b.budget.Used()
			var f forger
			for range 100 {
				for range 100 {
					w.b.Input(w.now, packet(f.syn()))
					w.flush()
				}
				w.run(50 * time.Millisecond)
				if rule == "a host of 256 KiB" {
					require.LessOrEqual(t, w.b.budget.Used(), 256<<10)
				} else {
					require.LessOrEqual(t, w.b.budget.Used()-before, 1024*200)
				}
				c := w.dial(w.a, addrB)
				if rule == "a host of 256 KiB" && w.state(w.a, c) != tcp.StateEstablished {
					w.run(4 * time.Second)
				}
				require.Equal(t, tcp.StateEstablished, w.state(w.a, c), "at once")
				s, err := w.b.Accept(w.now, l)
				require.NoError(t, err)
				w.says(w.a, c, w.b, s, "a question")
				w.says(w.b, s, w.a, c, "an answer")
				require.NoError(t, w.a.Close(w.now, c))
				require.NoError(t, w.b.Close(w.now, s))
				w.run(50 * time.Millisecond)
			}
			w.run(10 * time.Minute)
			require.LessOrEqual(t, w.b.budget.Used()-before, 200, "everything is reclaimed but one record at most")
			require.Len(t, w.b.Sockets(nil), 1)
			c := w.b.Counters().TCP
			require.NotZero(t, c.SyncookiesSent)
			require.Greater(t, c.OutSegs, uint64(10000), "each SYN was answered")
			require.EqualValues(t, 100, c.PassiveOpens)
			w.quiesce()
		})
	}
}

func TestAttack_37_NothingPerSYN(t *testing.T) {
	for _, mode := range []tcp.CookieMode{tcp.CookiesWhenFull, tcp.CookiesAlways, tcp.CookiesOff} {
		w := newWorld(t, func(c *Config) { c.TCP.SYNBacklog, c.TCP.SYNCookies = 256, mode })
		w.listen(w.b, 64)
		var f forger
		var syns [4096][]byte
		for i := range syns {
			syns[i] = f.syn()
		}
		i := 0
		flood := func() {
			i++
			w.now = w.now.Add(time.Millisecond)
			w.b.Expire(w.now)
			w.b.Input(w.now, packet(syns[i%len(syns)]))
			for w.b.Transmit(w.now, w.out[:]) > 0 || w.b.Pending() {
				continue
			}
		}
		for range len(syns) {
			flood()
		}
		used := w.b.budget.Used()
		require.Zero(t, testing.AllocsPerRun(len(syns), flood), mode)
		require.Equal(t, used, w.b.budget.Used(), mode)
		c := w.b.Counters().TCP
		require.Equal(t, mode != tcp.CookiesOff, c.SyncookiesSent > 0)
		require.Equal(t, mode == tcp.CookiesOff, c.ListenDrops > 0)
		w.quiesce()
	}
}

// A listener that answers forged SYNs sends less than three times what it
// gets, whatever their rate, their options, and whether they repeat.
func TestAttack_38_Reflection(t *testing.T) {
	for rate, syns := range map[int]int{1: 500, 10: 2000, 100: 2000, 1000: 3000, 20000: 8000} {
		for kind, repeats := range map[string]int{"each another": 1, "each ten times": 10} {
			for _, mode := range []tcp.CookieMode{tcp.CookiesWhenFull, tcp.CookiesAlways} {
				w := newWorld(t, func(c *Config) { c.TCP.SYNCookies = mode })
				w.listen(w.b, 64)
				in, out := 0, 0
				answered := map[netip.AddrPort]int{}
				w.seen = func(from *Host, p []byte) {
					if from == w.b {
						out += len(p)
						ip, seg, _ := wire.DecodeIPv4(p)
						h, _, err := wire.DecodeTCP(seg)
						require.NoError(t, err)
						answered[netip.AddrPortFrom(ip.Dst, h.DstPort)]++
					}
				}
				var f forger
				for i := range syns {
					if i%repeats == 0 {
						f.n++
					}
					// A SYN without options draws the most for its size.
					p := f.segment(f.flow(f.n), wire.TCP{Flags: wire.SYN, Seq: 5, Window: 1024}, nil)
					in += len(p)
					w.b.Input(w.now, packet(p))
					w.run(time.Second / time.Duration(rate))
				}
				w.run(10 * time.Minute)
				require.Less(t, out, 3*in, "%d/s, %s, mode %d", rate, kind, mode)
				require.Len(t, answered, syns/repeats)
				if mode == tcp.CookiesAlways {
					require.Less(t, out, 11*in/10+1, "a cookie is never repeated: 44 bytes for 40")
				}
				w.quiesce()
			}
		}
	}
}

// Nor does it where the attacker completes handshakes of his own in between.
func TestAttack_38_ReflectionWithHandshakes(t *testing.T) {
	w := newWorld(t)
	w.listen(w.b, 1000)
	var f forger
	in, out := 0, 0
	last := map[netip.AddrPort]wire.TCP{}
	w.seen = func(from *Host, p []byte) {
		if from != w.b {
			return
		}
		out += len(p)
		ip, seg, _ := wire.DecodeIPv4(p)
		h, _, err := wire.DecodeTCP(seg)
		require.NoError(t, err)
		last[netip.AddrPortFrom(ip.Dst, h.DstPort)] = h
	}
	send := func(i int, h wire.TCP) {
		p := f.segment(f.flow(i), h, nil)
		in += len(p)
		w.b.Input(w.now, packet(p))
		w.flush()
	}
	for i := range 500 {
		send(2*i, wire.TCP{Flags: wire.SYN, Seq: 5})
		synAck := last[f.flow(2*i)]
		send(2*i, wire.TCP{Flags: wire.ACK, Seq: 6, Ack: synAck.Seq.Add(1)})
		send(2*i+1, wire.TCP{Flags: wire.SYN, Seq: 5})
		w.run(time.Second)
	}
	w.run(10 * time.Minute)
	require.Less(t, out, 3*in)
	w.quiesce()
}

// Cookies work between sockets of one host, too.
func TestCookiesToOurselves(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.TCP.SYNCookies = tcp.CookiesAlways })
	l := w.listen(w.a, 5)
	for _, addr := range []netip.Addr{loopback, addrA} {
		c := w.dial(w.a, addr)
		s, err := w.a.Accept(w.now, l)
		require.NoError(t, err)
		w.says(w.a, c, w.a, s, "to ourselves")
	}
	require.EqualValues(t, 2, w.a.Counters().TCP.SyncookiesRecv)
	w.quiesce()
}

// A host without memory for a connection lets the handshake wait.
func TestNoMemoryForAConnection(t *testing.T) {
	w := newWorld(t)
	l := w.listen(w.b, 5)
	full := false
	taken := 0
	w.seen = func(from *Host, p []byte) { // between the SYN-ACK and the ACK
		if from == w.b && p[33] == byte(wire.SYN|wire.ACK) && !full {
			full, taken = true, w.b.budget.Free()-socketCost
			require.True(t, w.b.budget.Take(taken))
		}
	}
	c := w.dial(w.a, addrB)
	_, err := w.b.Accept(w.now, l)
	require.Equal(t, ErrWouldBlock, err)
	require.Len(t, w.b.Sockets(nil), 1)
	n := w.b.Counters()
	require.EqualValues(t, 1, n.TCP.ListenDrops)
	require.EqualValues(t, 1, n.Drop[trace.DropMemory])
	w.b.budget.Give(taken)
	w.run(2 * time.Second)
	s, err := w.b.Accept(w.now, l)
	require.NoError(t, err)
	w.says(w.a, c, w.b, s, "after all")
	w.quiesce()
}

// Whoever completes handshakes that nobody accepts fills the accept queue and
// no more; data that they send is bounded; closing the listener resets them.
func TestAttack_39_NobodyAccepts(t *testing.T) {
	for _, mode := range []tcp.CookieMode{tcp.CookiesWhenFull, tcp.CookiesAlways} {
		w := newWorld(t, func(c *Config) { c.TCP.SYNCookies = mode })
		const backlog = 16
		empty := w.b.budget.Used()
		l := w.listen(w.b, backlog)
		var f forger
		resets := map[netip.AddrPort]bool{}
		w.seen = func(from *Host, p []byte) { // the attackers see the answers
			if from != w.b {
				return
			}
			ip, seg, _ := wire.DecodeIPv4(p)
			h, _, err := wire.DecodeTCP(seg)
			require.NoError(t, err)
			at := netip.AddrPortFrom(ip.Dst, h.DstPort)
			if h.Flags&wire.RST != 0 {
				resets[at] = true
			}
			if h.Flags&(wire.SYN|wire.ACK) == wire.SYN|wire.ACK && at.Addr() != addrA {
				ack := wire.TCP{Flags: wire.ACK, Seq: h.Ack, Ack: h.Seq.Add(1), Window: 1024}
				w.b.Input(w.now, packet(f.segment(at, ack, nil)))
				w.b.Input(w.now, packet(f.segment(at, ack, pattern(1000))))
			}
		}
		used := 0
		for range 100 {
			for range 50 { // a batch of SYNs comes before the first ACK
				w.b.Input(w.now, packet(f.syn()))
			}
			w.run(time.Second)
			require.Equal(t, backlog+1, w.b.Sockets(nil)[0].RecvQ)
			require.Len(t, w.b.Sockets(nil), backlog+2)
			used = max(used, w.b.budget.Used())
		}
		require.LessOrEqual(t, used, (backlog+2)*(socketCost+connCost+4096)+1024*200)
		c := w.b.Counters().TCP
		require.NotZero(t, c.ListenOverflows)
		require.Equal(t, c.ListenOverflows, c.ListenDrops)
		honest := w.dial(w.a, addrB)
		require.Equal(t, tcp.StateSynSent, w.state(w.a, honest))
		for range backlog + 1 { // somebody accepts after all: the queue serves again
			_, err := w.b.Accept(w.now, l)
			require.NoError(t, err)
		}
		w.run(10 * time.Second)
		require.Equal(t, tcp.StateEstablished, w.state(w.a, honest))
		require.Less(t, w.b.Sockets(nil)[0].RecvQ, backlog+2)
		clear(resets)
		waiting := w.b.Sockets(nil)[0].RecvQ
		require.NoError(t, w.b.Close(w.now, l))
		w.flush()
		require.Len(t, resets, waiting, "who waits is reset")
		require.Equal(t, tcp.StateClosed, w.state(w.a, honest))
		require.Len(t, w.b.Sockets(nil), backlog+1)
		for _, d := range w.b.Sockets(nil) {
			require.NoError(t, w.b.Abort(w.now, d.Socket))
		}
		w.run(time.Minute)
		require.Equal(t, empty, w.b.budget.Used(), "everything is reclaimed")
		w.quiesce()
	}
}
