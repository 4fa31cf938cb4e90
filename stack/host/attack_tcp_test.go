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

// rawAnswer builds a segment from the peer to a that follows the one that a sent last.
func rawAnswer(last []byte, flags wire.Flags, ahead int) []byte {
	seg, data, err := wire.DecodeTCP(last[20:])
	if err != nil {
		panic(err)
	}
	answer := wire.TCP{SrcPort: seg.DstPort, DstPort: seg.SrcPort, Flags: flags, Window: 1000,
		Seq: seg.Ack.Add(ahead), Ack: seg.Seq.Add(seg.SegLen(len(data)))}
	return rawTCP(addrB, addrA, answer, nil)
}

// What one connection spends on challenge ACKs shows on no other (CVE-2016-5696).
func TestAttack_26_ChallengeACKs(t *testing.T) {
	w := newWorld(t)
	w.listen(w.b, 5)
	var mine, others Handle
	last := map[uint16][]byte{}
	w.seen = func(from *Host, p []byte) {
		if from == w.a {
			last[binary.BigEndian.Uint16(p[20:])] = append([]byte{}, p...)
		}
	}
	mine, others = w.dial(w.a, addrB), w.dial(w.a, addrB)
	w.run(time.Second)
	attack := func(s Handle, n int) (answered int) {
		for range n {
			answered += len(answers(w.a, w.now, rawAnswer(last[port(t, w.a, s)], wire.RST, 10)))
			answered += len(answers(w.a, w.now, rawAnswer(last[port(t, w.a, s)], wire.SYN, 10)))
		}
		return answered
	}
	alone := attack(others, 50)
	require.NotZero(t, alone)
	w.run(time.Minute)
	require.Equal(t, alone, attack(mine, 5000), "limited, however many they are")
	require.Equal(t, alone, attack(others, 50), "the other one's limit is untouched")
	require.Equal(t, tcp.StateEstablished, w.state(w.a, mine))
	require.Equal(t, tcp.StateEstablished, w.state(w.a, others))
	w.quiesce()
}

func TestAttack_47_PeerComesBack(t *testing.T) {
	reborn := func(w *world) {
		w.b = newHost(w.t, 77, "192.0.2.2/24", featuresOf(1500))
	}
	t.Run("data to the new one is answered by a reset (RFC 9293 3.5.1)", func(t *testing.T) {
		w := newWorld(t)
		c, _ := w.pair()
		reborn(w)
		w.listen(w.b, 5)
		_, err := w.a.Send(w.now, c, []byte("are you there"))
		require.NoError(t, err)
		w.flush()
		_, err = w.recv(w.a, c)
		require.Equal(t, tcp.ErrReset, err)
		again := w.dial(w.a, addrB)
		require.Equal(t, tcp.StateEstablished, w.state(w.a, again))
		w.quiesce()
	})
	t.Run("the new one connects from the same port (RFC 9293 3.10.7.4)", func(t *testing.T) {
		w := newWorld(t)
		l := w.listen(w.a, 5)
		c := w.bound(w.b, Stream, addrB, 1000)
		to := netip.AddrPortFrom(addrA, 80)
		require.Equal(t, ErrInProgress, w.b.Connect(w.now, c, to))
		w.flush()
		old, err := w.a.Accept(w.now, l)
		require.NoError(t, err)
		reborn(w)
		c = w.bound(w.b, Stream, addrB, 1000)
		require.Equal(t, ErrInProgress, w.b.Connect(w.now, c, to))
		w.run(5 * time.Second)
		require.Equal(t, tcp.StateEstablished, w.state(w.b, c), "challenge ACK, reset, SYN again")
		require.Equal(t, tcp.StateClosed, w.state(w.a, old))
		_, err = w.a.Accept(w.now, l)
		require.NoError(t, err)
		w.quiesce()
	})
	t.Run("the peer stays away: the attempt ends by its timeout", func(t *testing.T) {
		w := newWorld(t)
		c, _ := w.pair()
		w.lose = func(*Host, []byte) bool { return true }
		_, err := w.a.Send(w.now, c, []byte("x"))
		require.NoError(t, err)
		w.run(2 * time.Hour)
		_, err = w.recv(w.a, c)
		require.Equal(t, tcp.ErrTimeout, err)
		w.quiesce()
	})
}
