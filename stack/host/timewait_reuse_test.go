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

// How the four-tuple of a connection in TIME-WAIT is used again.

// reconnect tries to connect from the same port to the same peer.
func (w *world) reconnect(port uint16) (Handle, error) {
	s := w.open(w.a, Stream)
	require.NoError(w.t, w.a.SetOptions(w.now, s, Options{ReuseAddr: true}))
	require.NoError(w.t, w.a.Bind(w.now, s, netip.AddrPortFrom(addrA, port)))
	return s, w.a.Connect(w.now, s, netip.AddrPortFrom(addrB, 80))
}

// An active open takes the four-tuple over after a second where there are
// timestamps, with a larger sequence number (as Linux's tcp_tw_reuse).
func TestTimeWaitReopenedByUs(t *testing.T) {
	w := newWorld(t)
	l, last := w.waits(1000, Options{ReuseAddr: true})
	w.run(900 * time.Millisecond)
	_, err := w.reconnect(1000)
	require.Equal(t, ErrAddrNotAvail, err, "too early")
	w.run(100 * time.Millisecond)
	// The peer lost our last ACK: it is still in LAST-ACK, and the SYN draws an
	// ACK, a reset, and comes again.
	var syn []byte
	w.seen = func(from *Host, p []byte) {
		if from == w.a && syn == nil {
			syn = append(syn, p...)
		}
	}
	c, err := w.reconnect(1000)
	require.Equal(t, ErrInProgress, err)
	w.run(5 * time.Second)
	require.Equal(t, tcp.StateEstablished, w.state(w.a, c))
	_, err = w.b.Accept(w.now, l)
	require.NoError(t, err)
	require.EqualValues(t, 1, w.a.Counters().TCP.TWRecycled)
	require.Zero(t, w.a.Counters().TCP.CurrTimeWait)
	before, after := binary.BigEndian.Uint32(last[24:]), binary.BigEndian.Uint32(syn[24:])
	require.Positive(t, int32(after-before), "the ISN is beyond what the old one sent")
	w.quiesce()

	w = newWorld(t, func(c *Config) { c.TCP.NoTimestamps = true })
	w.waits(1000, Options{ReuseAddr: true})
	w.run(59 * time.Second)
	_, err = w.reconnect(1000)
	require.Equal(t, ErrAddrNotAvail, err, "without timestamps nothing tells old from new")
	w.run(time.Second)
	_, err = w.reconnect(1000)
	require.Equal(t, ErrInProgress, err)
	w.quiesce()
}

// A peer that is still in LAST-ACK, because our last ACK was lost, is set right.
func TestTimeWaitReopenedOnLastACK(t *testing.T) {
	w := newWorld(t)
	l := w.listen(w.b, 5)
	c := w.bound(w.a, Stream, addrA, 1000)
	require.NoError(t, w.a.SetOptions(w.now, c, Options{ReuseAddr: true}))
	require.Equal(t, ErrInProgress, w.a.Connect(w.now, c, netip.AddrPortFrom(addrB, 80)))
	w.flush()
	s, err := w.b.Accept(w.now, l)
	require.NoError(t, err)
	require.NoError(t, w.a.Close(w.now, c))
	w.flush()
	w.lose = func(from *Host, _ []byte) bool { return from == w.a }
	require.NoError(t, w.b.Close(w.now, s))
	w.flush()
	w.now = w.now.Add(time.Second) // the peer's FIN does not come again meanwhile
	w.lose = nil
	require.EqualValues(t, 1, w.a.Counters().TCP.CurrTimeWait)
	require.Equal(t, 1, waiting(w.b, tcp.StateLastAck))
	c, err = w.reconnect(1000)
	require.Equal(t, ErrInProgress, err)
	w.run(5 * time.Second)
	require.Equal(t, tcp.StateEstablished, w.state(w.a, c))
	w.quiesce()
}

// Ports that the host picks: those in TIME-WAIT are taken where they may be
// taken over, and else not.
func TestTimeWaitAndPickedPorts(t *testing.T) {
	w := newWorld(t)
	l := w.listen(w.b, 5)
	to := netip.AddrPortFrom(addrB, 80)
	c, s := w.join(l)
	p := port(t, w.a, c)
	w.part(c, s, true)
	require.False(t, w.a.mayOpen(w.now, netip.AddrPortFrom(addrA, p), to))
	require.True(t, w.a.mayOpen(w.now, netip.AddrPortFrom(addrA, p), netip.AddrPortFrom(addrB, 81)))
	require.True(t, w.a.taken(&socket{kind: Stream}, netip.AddrPortFrom(addrA, p)), "bind does not pick it")
	require.False(t, w.a.chosen(netip.AddrPortFrom(addrA, p)))
	w.run(time.Second)
	require.True(t, w.a.mayOpen(w.now, netip.AddrPortFrom(addrA, p), to))
	w.quiesce()

	w = newWorld(t)
	w.waits(40000, Options{})
	require.True(t, w.a.chosen(netip.AddrPortFrom(addrA, 40000)), "its owner had asked for it")
	w.quiesce()
}

// A SYN that may open the next connection does, with a listener (RFC 6191);
// without one TIME-WAIT goes on.
func TestReqC_TimeWaitSYN(t *testing.T) {
	for _, row := range []struct {
		name       string
		timestamps bool
		seq        int // of the SYN, from the old RCV.NXT
		ts         int // of the SYN, from the old TS.Recent; with timestamps
		want       bool
	}{
		{"larger timestamp, larger sequence number (RFC 6191 2)", true, 1000, 1, true},
		{"larger timestamp, smaller sequence number", true, -1000, 1, true},
		{"same timestamp, larger sequence number", true, 1000, 0, true},
		{"same timestamp, smaller sequence number", true, -1000, 0, false},
		{"smaller timestamp, larger sequence number", true, 1000, -1, false},
		{"larger sequence number (RFC 1122 4.2.2.13)", false, 1, 0, true},
		{"the same sequence number", false, 0, 0, false},
		{"smaller sequence number", false, -1, 0, false},
	} {
		for _, listens := range []bool{true, false} {
			w := newWorld(t, func(c *Config) { c.TCP.NoTimestamps = !row.timestamps })
			l := w.listen(w.b, 5)
			var last []byte
			w.seen = func(from *Host, p []byte) {
				if from == w.b {
					last = append(last[:0], p...)
				}
			}
			w.cycle(l, false)
			w.run(2 * time.Second)
			if !listens {
				require.NoError(t, w.b.Close(w.now, l))
			}
			old, _, err := wire.DecodeTCP(last[20:])
			require.NoError(t, err)
			syn := wire.TCP{SrcPort: old.DstPort, DstPort: 80, Flags: wire.SYN, Window: 1000, Seq: old.Ack.Add(row.seq)}
			if row.timestamps {
				syn.Options.HasTimestamps = true
				syn.Options.TSVal = old.Options.TSEcr + uint32(row.ts)
			}
			got := answers(w.b, w.now, rawTCP(addrA, addrB, syn, nil))
			require.Len(t, got, 1, row.name)
			seg, _, err := wire.DecodeTCP(got[0][20:])
			require.NoError(t, err)
			if row.want && listens {
				require.Equal(t, wire.SYN|wire.ACK, seg.Flags, row.name)
				require.Equal(t, syn.Seq.Add(1), seg.Ack)
				require.True(t, old.Seq.Less(seg.Seq), "%s: an ISN beyond the old connection (RFC 1122 4.2.2.13)", row.name)
				require.Zero(t, w.b.Counters().TCP.CurrTimeWait)
				require.EqualValues(t, 1, w.b.Counters().TCP.TWRecycled)
			} else {
				require.Equal(t, wire.ACK, seg.Flags, row.name)
				require.Equal(t, [2]wire.Seq{old.Seq, old.Ack}, [2]wire.Seq{seg.Seq, seg.Ack}, row.name)
				require.EqualValues(t, 1, w.b.Counters().TCP.CurrTimeWait)
			}
			w.quiesce()
		}
	}
}

// The offset of our timestamps is the same for each incarnation of a four-tuple
// and another one for every other.
func TestReqC_TSOffsetKeyed(t *testing.T) {
	w := newWorld(t)
	offsets := map[uint16][]uint32{}
	w.seen = func(from *Host, p []byte) {
		if seg, _, err := wire.DecodeTCP(p[20:]); from == w.a && err == nil && seg.Flags == wire.SYN {
			off := seg.Options.TSVal - uint32(uint64(w.now)/uint64(time.Millisecond))
			offsets[seg.SrcPort] = append(offsets[seg.SrcPort], off)
		}
	}
	l := w.listen(w.b, 100)
	for range 2 { // two incarnations
		c, err := w.reconnect(1000)
		require.Equal(t, ErrInProgress, err)
		w.flush()
		s, err := w.b.Accept(w.now, l)
		require.NoError(t, err)
		w.part(c, s, true)
		w.run(10 * time.Second)
	}
	require.Len(t, offsets[1000], 2)
	require.Equal(t, offsets[1000][0], offsets[1000][1], "the same for each incarnation")
	for range 50 {
		w.dial(w.a, addrB)
	}
	seen := map[uint32]bool{}
	for _, off := range offsets {
		require.False(t, seen[off[0]], "two four-tuples share an offset")
		seen[off[0]] = true
	}
	require.Greater(t, len(seen), 40)
	w.quiesce()
}
