package host

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// Attacks of testdata/attacks.md that use a host's shared state: what one
// connection shows of another, and the ports that it will use next.

// An attacker with a connection of his own, who sends forged segments for
// another's four-tuple, guessed right or wrong, sees the same on his own to
// the byte: how many challenge ACKs are left, which identifications and
// timestamps, and when (CVE-2016-5696).
func TestAttack_26_SeenFromAnotherConnection(t *testing.T) {
	type forged struct {
		rule string
		make func(last []byte) []byte
	}
	guesses := []forged{
		{"nothing", func([]byte) []byte { return nil }},
		{"RST in the window", func(p []byte) []byte { return rawAnswer(p, wire.RST, 10) }},
		{"RST outside the window", func(p []byte) []byte { return rawAnswer(p, wire.RST, -100000) }},
		{"SYN", func(p []byte) []byte { return rawAnswer(p, wire.SYN, 10) }},
		{"an ACK outside the window", func(p []byte) []byte { return rawAnswer(p, wire.ACK, -100000) }},
		{"for a port that nobody uses", func(p []byte) []byte {
			q := rawAnswer(p, wire.RST, 10)
			binary.BigEndian.PutUint16(q[22:], 1) // its destination
			return checked(q)
		}},
		{"SYN for a port that nobody uses", func(p []byte) []byte {
			q := rawAnswer(p, wire.SYN, 10)
			binary.BigEndian.PutUint16(q[22:], 1)
			return checked(q)
		}},
	}
	seen := map[string][]byte{}
	for _, g := range guesses {
		w := newWorld(t)
		w.listen(w.b, 5)
		last := map[uint16][]byte{}
		w.seen = func(from *Host, p []byte) {
			if from == w.a {
				last[binary.BigEndian.Uint16(p[20:])] = append([]byte{}, p...)
			}
		}
		victim, mine := w.dial(w.a, addrB), w.dial(w.a, addrB)
		w.run(time.Second)
		of := func(s Handle) []byte { return last[port(t, w.a, s)] }
		var view []byte // all that a sends on the attacker's connection
		note := func(packets [][]byte) {
			for _, p := range packets {
				if binary.BigEndian.Uint16(p[20:]) == port(t, w.a, mine) {
					view = binary.BigEndian.AppendUint64(append(view, p...), uint64(w.now))
				}
			}
		}
		for range 40 {
			for range 5 {
				if p := g.make(of(victim)); p != nil {
					note(answers(w.a, w.now, p))
				}
			}
			note(answers(w.a, w.now, rawAnswer(of(mine), wire.RST, 10))) // how many are left?
			note(answers(w.a, w.now, rawAnswer(of(mine), wire.SYN, 10)))
			note(answers(w.a, w.now, rawAnswer(of(mine), wire.ACK, -100000)))
			w.now = w.now.Add(100 * time.Millisecond)
		}
		require.Equal(t, tcp.StateEstablished, w.state(w.a, victim), g.rule)
		require.NotEmpty(t, view)
		seen[g.rule] = view
		w.quiesce()
	}
	for rule, view := range seen {
		require.Equal(t, seen["nothing"], view, rule)
	}
}

// The port of the next connection cannot be told from those before, nor by
// one who has the same program (RFC 6056).
func TestAttack_29_PortPrediction(t *testing.T) {
	const n = 4000
	ports := func(w *world, remote func(i int) netip.AddrPort) (all []int) {
		w.lose = func(*Host, []byte) bool { return true }
		for i := range n {
			s := w.open(w.a, Stream)
			require.Equal(t, ErrInProgress, w.a.Connect(w.now, s, remote(i)))
			all = append(all, int(port(t, w.a, s)))
			require.NoError(t, w.a.Abort(w.now, s))
			w.flush()
		}
		return all
	}
	spread := func(v []int) { // over 16 parts of at least 16k ports
		var parts [16]int
		for _, p := range v {
			require.GreaterOrEqual(t, p, firstEphemeral)
			require.Less(t, p, firstEphemeral+numEphemeral)
			parts[(p-firstEphemeral)*16/numEphemeral]++
		}
		for _, k := range parts {
			require.InDelta(t, n/16, k, n/16/2)
		}
	}
	require.GreaterOrEqual(t, numEphemeral, 16<<10)
	same := func(int) netip.AddrPort { return netip.AddrPortFrom(addrB, 80) }
	w := newWorld(t)
	v := ports(w, same)
	spread(v)
	var steps []int
	for i := 1; i < n; i++ {
		steps = append(steps, firstEphemeral+(v[i]-v[i-1]+numEphemeral)%numEphemeral)
	}
	spread(steps) // nor the next from the last
	spread(ports(w, func(i int) netip.AddrPort { return netip.AddrPortFrom(addrB, uint16(i+1)) }))

	other := newWorld(t, func(c *Config) { c.Seed[31]++ })
	equal := 0
	for i, p := range ports(other, same) {
		if p == v[i] {
			equal++
		}
	}
	require.Less(t, equal, 10, "another seed, other ports")
}

// When no port is left the call says so, at once, and one that becomes free is found.
func TestAttack_29_PortsExhausted(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Memory = 256 << 20 })
	w.lose = func(*Host, []byte) bool { return true }
	to := netip.AddrPortFrom(addrB, 80)
	const few = 2000 // the others have owners who chose them
	for i := range numEphemeral - few {
		w.bound(w.a, Stream, anyAddress, uint16(firstEphemeral+i))
	}
	seen := map[uint16]Handle{}
	for range few {
		s := w.open(w.a, Stream)
		require.Equal(t, ErrInProgress, w.a.Connect(w.now, s, to))
		seen[port(t, w.a, s)] = s
	}
	require.Len(t, seen, few, "each port once")
	s := w.open(w.a, Stream)
	require.Equal(t, ErrAddrNotAvail, w.a.Connect(w.now, s, to))
	require.Equal(t, ErrInProgress, w.a.Connect(w.now, s, netip.AddrPortFrom(addrB, 81)), "to another peer there are ports")
	const free = firstEphemeral + numEphemeral - 777
	require.NoError(t, w.a.Abort(w.now, seen[free]))
	w.flush()
	s = w.open(w.a, Stream)
	require.Equal(t, ErrInProgress, w.a.Connect(w.now, s, to))
	require.EqualValues(t, free, port(t, w.a, s))

	for i := range numEphemeral {
		w.bound(w.a, Datagram, anyAddress, uint16(firstEphemeral+i))
	}
	d := w.open(w.a, Datagram)
	require.Equal(t, ErrAddrInUse, w.a.Bind(w.now, d, netip.AddrPortFrom(anyAddress, 0)))
	w.quiesce()
}

// A stream that connects to its own address and port talks to itself.
func TestAttack_46_ConnectToOwnPort(t *testing.T) {
	for _, to := range []netip.Addr{addrA, netip.AddrFrom4([4]byte{127, 0, 0, 1})} {
		w := newWorld(t)
		s := w.bound(w.a, Stream, to, 1000)
		require.Equal(t, ErrInProgress, w.a.Connect(w.now, s, netip.AddrPortFrom(to, 1000)))
		w.run(time.Second)
		require.Equal(t, tcp.StateEstablished, w.state(w.a, s))
		data := pattern(100000)
		var got []byte
		buf := make([]byte, 20000)
		for sent := 0; len(got) < len(data); {
			if n, err := w.a.Send(w.now, s, data[sent:]); err == nil {
				sent += n
			}
			w.run(time.Millisecond)
			if n, err := w.a.Recv(w.now, s, buf, 0); err == nil {
				got = append(got, buf[:n]...)
			}
			require.Less(t, w.now.Sub(start), time.Minute)
		}
		require.True(t, string(data) == string(got))
		require.NoError(t, w.a.Shutdown(w.now, s, ShutWrite))
		w.run(time.Second)
		require.Equal(t, tcp.StateTimeWait, w.state(w.a, s))
		require.NoError(t, w.a.Close(w.now, s))
		w.run(2 * time.Minute)
		require.Empty(t, w.a.Sockets(nil))
		require.Zero(t, w.a.budget.Used())
		w.quiesce()
	}
}

// Fifty days without a packet: TCP's timestamps have gone round (49.7 days),
// and a connection, a listener, a datagram socket and a cached path go on as if
// it had been a minute.
func TestAttack_77_FiftyDaysIdle(t *testing.T) {
	const day = 24 * time.Hour
	w := newWorld(t)
	c, s := w.pair()
	w.pump(c, s, pattern(5000), pattern(3000))
	u := w.bound(w.a, Datagram, addrA, 5)
	l := w.listen(w.a, 5)
	packets := 0
	w.seen = func(*Host, []byte) { packets++ }
	// Below 24.8 days a timestamp can be compared, up to 49.7 it looks old.
	for _, days := range []time.Duration{20, 20, 20, 25, 40, 50, 50, 400} {
		w.run(time.Minute) // the last delayed ACK
		packets = 0
		w.run(days * day)
		require.Zero(t, packets, "no keep-alive unless asked for (MUST-25)")
		w.pump(c, s, pattern(200000), pattern(100000))
		require.Equal(t, tcp.StateEstablished, w.state(w.a, c))
		require.Zero(t, w.a.Counters().TCP.RetransSegs+w.b.Counters().TCP.RetransSegs)

		answers(w.a, w.now, rawUDP(addrB, addrA, 9, 5, []byte("late")))
		got, err := w.recv(w.a, u)
		require.NoError(t, err)
		require.Equal(t, "late", got)
		peer := w.dial(w.b, addrA)
		late, err := w.a.Accept(w.now, l)
		require.NoError(t, err)
		require.NoError(t, w.b.Abort(w.now, peer))
		require.NoError(t, w.a.Abort(w.now, late))
		w.flush()
	}
	w.quiesce()
}

// With keep-alives a connection is kept for fifty days, and found dead when
// the peer has gone.
func TestAttack_77_KeepAlivesForFiftyDays(t *testing.T) {
	w := newWorld(t)
	c, s := w.pair()
	o, err := w.a.Options(c)
	require.NoError(t, err)
	o.TCP.KeepAlive = true
	require.NoError(t, w.a.SetOptions(w.now, c, o))
	probes := 0
	w.seen = func(from *Host, _ []byte) {
		if from == w.a {
			probes++
		}
	}
	w.run(50 * 24 * time.Hour)
	require.InDelta(t, 50*12, probes, 2, "one in two hours")
	require.Equal(t, tcp.StateEstablished, w.state(w.a, c))
	w.pump(c, s, pattern(50000), pattern(50000))
	w.lose = func(*Host, []byte) bool { return true }
	w.run(2*time.Hour + 12*time.Minute)
	_, err = w.recv(w.a, c)
	require.Equal(t, tcp.ErrTimeout, err)
	w.quiesce()
}
