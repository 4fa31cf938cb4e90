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

// Handshakes that a forwarder holds. The scripts of testdata/scripts/forward show single
// exchanges; these go through all that may come.

// toAbroad is a segment from a's port 1000 to whom a wants to reach.
func toAbroad(h wire.TCP) []byte {
	h.SrcPort, h.DstPort, h.Window = 1000, abroad.Port(), 1000
	return rawTCP(addrA, abroad.Addr(), h, nil)
}

var heldFlow = tcp.Flow{Local: abroad, Remote: netip.AddrPortFrom(addrA, 1000)}

// heldAt returns a forwarder that holds a SYN with the number 100.
func heldAt(t *testing.T) (w *world, streams Handle) {
	w, streams, _, _ = newForwarding(t)
	require.Empty(t, answers(w.b, w.now, toAbroad(wire.TCP{Flags: wire.SYN, Seq: 100})))
	f, err := w.b.NextFlow(w.now, streams)
	require.NoError(t, err)
	require.Equal(t, heldFlow, f)
	return w, streams
}

// RFC 9293 3.10.7.2 and RFC 5961 3.2: whatever its flags and numbers, no segment draws an
// answer before the decision, and only the reset that is exactly next ends the wait.
func TestReqX_X25_HeldIsSilent(t *testing.T) {
	for flags := range wire.Flags(64) { // FIN to URG
		for _, seq := range []wire.Seq{0, 99, 100, 101, 102, 1100, 1 << 31} {
			w, streams := heldAt(t)
			require.Empty(t, answers(w.b, w.now, toAbroad(wire.TCP{Flags: flags, Seq: seq, Ack: 1})))
			_, err := w.b.NextFlow(w.now, streams)
			require.ErrorIs(t, err, ErrWouldBlock, "no second request for %b, %d", flags, seq)
			_, err = w.b.Decide(w.now, streams, heldFlow, AcceptFlow)
			if flags&wire.RST != 0 && seq == 101 {
				require.ErrorIs(t, err, ErrNotConnected)
				continue
			}
			require.NoError(t, err, "%b, %d", flags, seq)
			w.run(0)
			require.EqualValues(t, 1, w.b.Counters().TCP.OutSegs)
		}
	}
}

// RFC 9293 3.10.7.2, third: the SYN-ACK is for the latest SYN, and so are the options.
func TestReqX_X26_HeldLatestSYN(t *testing.T) {
	for _, c := range []struct {
		name  string
		again wire.TCP
		ack   wire.Seq
		sack  bool
		ecr   uint32
	}{
		{"the same again, later", wire.TCP{Flags: wire.SYN, Seq: 100, Options: wire.TCPOptions{SACKPermitted: true, HasTimestamps: true, TSVal: 7}}, 101, true, 7},
		{"with fewer options", wire.TCP{Flags: wire.SYN, Seq: 100}, 101, false, 0},
		{"another attempt", wire.TCP{Flags: wire.SYN, Seq: 9000, Options: wire.TCPOptions{SACKPermitted: true}}, 9001, true, 0},
		{"an older number", wire.TCP{Flags: wire.SYN, Seq: 5}, 6, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, streams, _, _ := newForwarding(t)
			first := wire.TCP{Flags: wire.SYN, Seq: 100, Options: wire.TCPOptions{HasMSS: true, MSS: 1400, SACKPermitted: true, HasTimestamps: true, TSVal: 3}}
			require.Empty(t, answers(w.b, w.now, toAbroad(first)))
			w.run(time.Second)
			require.Empty(t, answers(w.b, w.now, toAbroad(c.again)))
			require.EqualValues(t, 1, w.b.Counters().Drop[trace.DropUndecided])
			f, err := w.b.NextFlow(w.now, streams)
			require.NoError(t, err)
			_, err = w.b.Decide(w.now, streams, f, AcceptFlow)
			require.NoError(t, err)
			var got []wire.TCP
			w.seen = func(from *Host, p []byte) {
				seg, _, err := wire.DecodeTCP(p[20:])
				require.NoError(t, err)
				if from == w.b {
					got = append(got, seg)
				}
			}
			w.flush()
			require.Len(t, got, 1)
			require.Equal(t, wire.SYN|wire.ACK, got[0].Flags)
			require.Equal(t, c.ack, got[0].Ack)
			require.Equal(t, c.sack, got[0].Options.SACKPermitted)
			require.Equal(t, c.ecr != 0, got[0].Options.HasTimestamps)
			require.Equal(t, c.ecr, got[0].Options.TSEcr)
		})
	}
}

// RFC 9293 3.10.7.1 and RFC 792: what a refusal looks like, after a second SYN with
// another number too; and what is refused is gone, so that the next SYN asks again.
func TestReqX_X27_HeldRefused(t *testing.T) {
	for r, code := range map[Ruling]int{ResetFlow: -1, RefuseNet: 0, RefuseHost: 1, RefusePort: 3, RefuseProhibited: 13} {
		w, streams := heldAt(t)
		require.Empty(t, answers(w.b, w.now, toAbroad(wire.TCP{Flags: wire.SYN, Seq: 700})))
		_, err := w.b.Decide(w.now, streams, heldFlow, r)
		require.NoError(t, err)
		var got [][]byte
		w.seen = func(from *Host, p []byte) {
			if from == w.b {
				got = append(got, append([]byte(nil), p...))
			}
		}
		w.carry(w.b, w.a)
		require.Len(t, got, 1)
		if ip, text, err := wire.DecodeIPv4(got[0]); code < 0 {
			require.NoError(t, err)
			require.Equal(t, abroad.Addr(), ip.Src)
			seg, _, err := wire.DecodeTCP(text)
			require.NoError(t, err)
			require.Equal(t, wire.RST|wire.ACK, seg.Flags)
			require.Zero(t, seg.Seq)
			require.EqualValues(t, 701, seg.Ack)
		} else {
			require.NoError(t, err)
			require.Equal(t, r == RefusePort, ip.Src == abroad.Addr(), "else from the router")
			require.EqualValues(t, wire.ICMPUnreachable, text[0])
			require.EqualValues(t, code, text[1])
			quote := text[8:]
			require.Equal(t, addrA, netip.AddrFrom4([4]byte(quote[12:16])))
			require.Equal(t, abroad.Addr(), netip.AddrFrom4([4]byte(quote[16:20])))
			require.Equal(t, []byte{1000 >> 8, 1000 & 0xFF, 443 >> 8, 443 & 0xFF, 0, 0, 700 >> 8, 700 & 0xFF}, quote[20:28], "ports and number of the latest SYN")
		}
		_, err = w.b.Decide(w.now, streams, heldFlow, r)
		require.ErrorIs(t, err, ErrNotConnected, "once")
		w.now = w.now.Add(time.Second)
		w.b.Input(w.now, packet(toAbroad(wire.TCP{Flags: wire.SYN, Seq: 700})))
		_, err = w.b.NextFlow(w.now, streams)
		require.NoError(t, err)
		w.quiesce()
	}
}
