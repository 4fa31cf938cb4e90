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

// Floods at a host that forwards. Every address is a target there and nobody has
// said yes, so there are no cookies to fall back on.

// abroadSYN is the i'th SYN of a flood, each from somebody else to anybody.
func abroadSYN(i int) []byte {
	var f forger
	f.n = i
	p := f.syn()
	copy(p[16:20], []byte{198, 51, 100, byte(i)})
	p[36], p[37] = 0, 0
	wire.SetTransportChecksum(p[:40], [2][]byte{p[40:]})
	return resum(p)
}

// A flood of SYNs at a forwarder on which nobody decides: no more handshakes are held
// than it said, nothing is answered or allocated, what was accepted before goes on, and a
// client that keeps asking gets through when those of the flood have run out.
func TestAttack_78_HeldFlood(t *testing.T) {
	for name, records := range map[string]int{"the forwarder's bound": 0, "the bound of SYN records": 4} {
		t.Run(name, func(t *testing.T) {
			w, streams, _, _ := newForwarding(t, func(c *Config) { c.TCP.SYNBacklog = records })
			most := 8
			if records > 0 {
				most = records
			}
			decide := func(r Ruling) Handle {
				f, err := w.b.NextFlow(w.now, streams)
				require.NoError(t, err)
				s, err := w.b.Decide(w.now, streams, f, r)
				require.NoError(t, err)
				w.flush()
				return s
			}
			dial := func() Handle {
				c := w.open(w.a, Stream)
				require.ErrorIs(t, w.a.Connect(w.now, c, abroad), ErrInProgress)
				w.flush()
				return c
			}
			old := dial()
			served := decide(AcceptFlow)
			before, sent := w.b.budget.Used(), w.b.Counters().IP.OutRequests
			i := 0
			flood := func() {
				i++
				w.b.Input(w.now, packet(abroadSYN(i)))
				w.flush()
			}
			for range 2000 {
				flood()
			}
			require.EqualValues(t, most+1, w.b.Counters().Forward.Held, "one was before")
			require.LessOrEqual(t, w.b.budget.Used()-before, 16*200)
			require.Equal(t, sent, w.b.Counters().IP.OutRequests, "nothing to reflect")
			require.EqualValues(t, 2000-most, w.b.Counters().Drop[trace.DropBacklog])

			honest := dial()
			w.says(w.a, old, w.b, served, "goes on")
			for range most {
				_, err := w.b.NextFlow(w.now, streams)
				require.NoError(t, err, "each is told once")
			}
			_, err := w.b.NextFlow(w.now, streams)
			require.ErrorIs(t, err, ErrWouldBlock)
			w.run(32 * time.Second) // each is held for 30 s; the SYN comes again after 31 s
			require.EqualValues(t, most, w.b.Counters().Forward.Expired)
			s := decide(AcceptFlow)
			w.says(w.a, honest, w.b, s, "at last")
			w.quiesce()
		})
	}
}

// Who accepts before he knows better has made connections: their SYN-ACKs are repeated for
// three minutes (RFC 9293 MUST-23), as those of a listener with room are not (attack 38), and
// then they end. So a program that faces forged sources looks before it accepts.
func TestAttack_78_AcceptedFlood(t *testing.T) {
	w, streams, _, _ := newForwarding(t)
	for i := range 200 {
		w.b.Input(w.now, packet(abroadSYN(i)))
		f, err := w.b.NextFlow(w.now, streams)
		require.NoError(t, err)
		_, err = w.b.Decide(w.now, streams, f, AcceptFlow)
		require.NoError(t, err)
		w.flush()
	}
	before := w.b.Counters().IP.OutRequests
	require.EqualValues(t, 200, before)
	w.run(10 * time.Minute)
	for _, d := range w.b.Sockets(nil) {
		require.NotEqual(t, tcp.StateSynReceived, d.State)
	}
	require.EqualValues(t, 200*8, w.b.Counters().IP.OutRequests-before)
	w.quiesce()
}

// A flood of datagrams, each from somebody else: sessions that nobody has accepted keep
// their places, so that a program that is late is not asked a thousand times for
// nothing; those that it has, and that say nothing, make room.
func TestAttack_79_SessionFlood(t *testing.T) {
	w, _, dgrams, _ := newForwarding(t)
	before := w.b.budget.Used()
	send := func(i int) {
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 1, byte(i >> 8), byte(i)}), 4000)
		w.b.Input(w.now, packet(rawUDP(from.Addr(), abroad.Addr(), from.Port(), 53, pattern(100))))
		w.now = w.now.Add(time.Millisecond)
	}
	for i := range 1000 {
		send(i)
	}
	c := w.b.Counters().Forward
	require.EqualValues(t, 8, c.CurrSessions)
	require.EqualValues(t, 8, c.Sessions)
	require.EqualValues(t, 992, c.SessionsRefused)
	require.LessOrEqual(t, w.b.budget.Used()-before, 8*4096)
	var mine []Handle
	for range 8 {
		s, err := w.b.AcceptSession(w.now, dgrams)
		require.NoError(t, err)
		mine = append(mine, s)
	}
	busy := mine[7]
	for i := range 1000 {
		_, err := w.b.SendFrom(w.now, busy, []byte("in use"), abroad)
		require.NoError(t, err, "the one that is used lives, datagram %d", i)
		w.flush()
		send(1000 + i)
		if s, err := w.b.AcceptSession(w.now, dgrams); err == nil {
			mine = append(mine, s)
		}
		require.LessOrEqual(t, w.b.Counters().Forward.CurrSessions, uint64(8))
	}
	require.EqualValues(t, 1000, w.b.Counters().Forward.SessionsEvicted)
	for _, s := range mine {
		require.NoError(t, w.b.Close(w.now, s))
	}
	require.Zero(t, w.b.Counters().Forward.CurrSessions)
	require.Equal(t, before, w.b.budget.Used())
	w.quiesce()
}
