package host

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// Tests of RFC 9293 that need a whole host, one for each row of
// testdata/conformance.md, part A. This file: section 3.1, the header.

// A crafted segment is one that no encoder of ours would make.
type crafted struct {
	src, dst     netip.Addr
	sport, dport uint16
	flags        wire.Flags
	seq, ack     wire.Seq
	urgent       uint16
	options      []byte // of TCP, raw, whole words
	ipOptions    []byte // whole words
	data         []byte
}

func (s *crafted) packet() []byte {
	h := wire.TCP{SrcPort: s.sport, DstPort: s.dport, Flags: s.flags, Seq: s.seq, Ack: s.ack, Window: 60000, Urgent: s.urgent}
	b := make([]byte, 20+len(s.options)+len(s.data))
	h.Encode(b)
	b[12] = uint8(5+len(s.options)/4) << 4
	copy(b[20:], s.options)
	copy(b[20+len(s.options):], s.data)
	p := raw(wire.IPv4{Src: s.src, Dst: s.dst, Protocol: wire.ProtoTCP, Options: s.ipOptions}, b)
	at := 20 + len(s.ipOptions)
	sum := wire.Fold(wire.Sum(wire.SumPseudo(s.src, s.dst, wire.ProtoTCP, len(b)), b))
	p[at+16], p[at+17] = byte(sum>>8), byte(sum)
	return p
}

// A stranger is a peer of host a's port 80 whose segments are crafted.
type stranger struct {
	w *world
	crafted
	l Handle
	s Handle // once accepted
}

// stranger has sent a SYN with these options, which was answered.
func (w *world) stranger(synOptions []byte) *stranger {
	w.t.Helper()
	x := &stranger{w: w, l: w.listen(w.a, 5)}
	x.crafted = crafted{src: addrB, dst: addrA, sport: 7, dport: 80, seq: 100, options: synOptions}
	seg := x.answer(wire.SYN, nil)
	require.Equal(w.t, wire.SYN|wire.ACK, seg.Flags)
	x.seq, x.ack, x.options = 101, seg.Seq.Add(1), nil
	return x
}

// finish completes the handshake and accepts.
func (x *stranger) finish() *stranger {
	x.w.t.Helper()
	x.send(wire.ACK, nil)
	var err error
	x.s, err = x.w.a.Accept(x.w.now, x.l)
	require.NoError(x.w.t, err)
	return x
}

// send sends one segment and returns the answers.
func (x *stranger) send(flags wire.Flags, data []byte) [][]byte {
	x.flags, x.data = flags, data
	got := answers(x.w.a, x.w.now, x.packet())
	x.seq = x.seq.Add(len(data))
	return got
}

// answer sends one segment and returns its only answer.
func (x *stranger) answer(flags wire.Flags, data []byte) wire.TCP {
	x.w.t.Helper()
	got := x.send(flags, data)
	require.Len(x.w.t, got, 1)
	seg, _, err := wire.DecodeTCP(got[0][20:])
	require.NoError(x.w.t, err)
	return seg
}

// info is what host a knows of the connection.
func (x *stranger) info() tcp.Info {
	i, err := x.w.a.Info(x.w.now, x.s)
	require.NoError(x.w.t, err)
	return i
}

func TestReq9293_M02_ChecksumSent(t *testing.T) {
	w := newWorld(t)
	n, kinds := 0, map[wire.Flags]int{}
	w.seen = func(_ *Host, p []byte) {
		require.True(t, wire.TransportChecksumOK(netip.AddrFrom4([4]byte(p[12:16])), netip.AddrFrom4([4]byte(p[16:20])), wire.ProtoTCP, p[20:]))
		kinds[wire.Flags(p[33])&^wire.PSH]++
		n++
	}
	refused := w.dial(w.a, addrB)
	require.Equal(t, tcp.ErrRefused, w.a.SocketError(refused))
	c, s := w.pair()
	w.lose = func(*Host, []byte) bool { return n%17 == 0 }
	w.pump(c, s, pattern(100001), pattern(30001)) // odd lengths, SACK blocks
	w.lose = nil
	require.NoError(t, w.a.Close(w.now, c))
	w.flush()
	require.NoError(t, w.b.Abort(w.now, s))
	w.flush()
	for _, f := range []wire.Flags{wire.SYN, wire.SYN | wire.ACK, wire.ACK, wire.FIN | wire.ACK, wire.RST | wire.ACK} {
		require.NotZero(t, kinds[f], "%v", f)
	}
}

func TestReq9293_M03_ChecksumVerified(t *testing.T) {
	w := newWorld(t)
	x := w.stranger(nil).finish()
	events(w.a)
	x.flags, x.data = wire.ACK|wire.PSH, pattern(10)
	good := x.packet()
	for bit := range 8 * (len(good) - 20) {
		bad := append([]byte{}, good...)
		bad[20+bit/8] ^= 1 << (bit % 8)
		w.silent(w.a, bad, trace.DropTCPChecksum)
	}
	require.EqualValues(t, 8*30, w.a.Counters().TCP.InCsumErrors)
	require.Zero(t, x.info().BytesReceived)
	answers(w.a, w.now, good)
	got, err := w.recv(w.a, x.s)
	require.NoError(t, err)
	require.Equal(t, string(pattern(10)), got)
}

// synOptions gives a SYN these options and returns what came of them.
func synOptions(t *testing.T, o []byte) tcp.Info {
	t.Helper()
	return newWorld(t).stranger(o).finish().info()
}

var mss1000 = []byte{2, 4, 3, 232}

func TestReq9293_M04_MandatoryOptions(t *testing.T) {
	for _, row := range []struct {
		rule string
		o    []byte
		mss  int
	}{
		{"none", nil, 536},
		{"MSS", mss1000, 1000},
		{"NOPs before", []byte{1, 1, 1, 1, 2, 4, 3, 232}, 1000},
		{"end of list behind", []byte{2, 4, 3, 232, 0, 0, 0, 0}, 1000},
		{"nothing counts after the end", []byte{0, 1, 1, 1, 2, 4, 3, 232}, 536},
		{"end of list alone", []byte{0, 0, 0, 0}, 536},
	} {
		require.Equal(t, row.mss, synOptions(t, row.o).SndMSS, row.rule)
	}
}

func TestReq9293_M05_OptionsOnAnySegment(t *testing.T) {
	x := newWorld(t).stranger(mss1000).finish()
	for _, o := range [][]byte{{1, 1, 1, 0}, {2, 4, 0, 88}, {4, 2, 1, 1}, {3, 3, 7, 0}, {99, 4, 1, 2}, {1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2}} {
		x.options = o
		x.send(wire.ACK|wire.PSH, []byte("x"))
		got, err := x.w.recv(x.w.a, x.s)
		require.NoError(t, err, "%v", o)
		require.Equal(t, "x", got)
	}
	require.Equal(t, 1000, x.info().SndMSS, "on a SYN only it is agreed")
	require.Zero(t, x.info().SndWscale)
	x.options = []byte{1, 1, 1, 0}
	x.send(wire.FIN|wire.ACK, nil)
	require.Equal(t, tcp.StateCloseWait, x.info().State)
	x.seq = x.seq.Add(1)
	x.send(wire.RST, nil)
	require.Equal(t, tcp.StateClosed, x.info().State)
}

func TestReq9293_M06_UnknownOptionSkipped(t *testing.T) {
	for kind := 6; kind < 256; kind++ {
		for _, n := range []int{2, 3, 8, 36} {
			if kind == 8 {
				continue
			}
			o := make([]byte, n, 40)
			o[0], o[1] = byte(kind), byte(n)
			o = append(o, mss1000...)
			for len(o)%4 != 0 {
				o = append(o, 1)
			}
			require.Equal(t, 1000, synOptions(t, o).SndMSS, "%d %d", kind, n)
		}
	}
}

func TestReq9293_M68_OptionLengthAlways(t *testing.T) {
	// What follows the length is the option's own, whatever it looks like.
	for _, kind := range []byte{6, 30, 99, 253, 254, 255} {
		o := append([]byte{kind, 8, 2, 4, 0, 100, 0, 0}, mss1000...)
		require.Equal(t, 1000, synOptions(t, o).SndMSS)
	}
}

func TestReq9293_M07_BadOptionLength(t *testing.T) {
	require.Equal(t, 536, synOptions(t, []byte{99, 0, 1, 1, 2, 4, 3, 232}).SndMSS, "no way on")
	require.Equal(t, 1000, synOptions(t, []byte{2, 4, 3, 232, 99, 0, 2, 4}).SndMSS, "what came before counts")
	x := newWorld(t).stranger(mss1000).finish()
	for kind := 2; kind < 256; kind++ {
		for _, n := range []byte{0, 1, 2, 3, 5, 9, 13, 40, 41, 255} {
			for _, o := range [][]byte{{byte(kind), n, 1, 1}, {1, 1, byte(kind), n}, {1, 1, 1, byte(kind)}} {
				x.options = o
				x.send(wire.ACK|wire.PSH, []byte("x"))
				got, err := x.w.recv(x.w.a, x.s)
				require.NoError(t, err, "%v", o)
				require.Equal(t, "x", got)
			}
		}
	}
}

func TestReq9293_M64_UnalignedOptions(t *testing.T) {
	for pad := range 12 {
		o := make([]byte, pad, 40)
		for i := range o {
			o[i] = 1
		}
		o = append(o, 3, 3, 7, 2, 4, 3, 232, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0, 4, 2)
		for len(o)%4 != 0 {
			o = append(o, 0)
		}
		i := synOptions(t, o)
		require.Equal(t, 988, i.SndMSS, pad)
		require.EqualValues(t, 7, i.SndWscale)
		require.True(t, i.Timestamps && i.SACK)
	}
}

func TestReq9293_M69_PadZero(t *testing.T) {
	w := newWorld(t)
	n, longest := 0, 0
	w.seen = func(_ *Host, p []byte) {
		n++
		o := p[40 : 20+int(p[32]>>4)*4]
		longest = max(longest, len(o))
		for len(o) > 0 && o[0] != 0 {
			if o[0] == 1 {
				o = o[1:]
				continue
			}
			require.Greater(t, len(o), 1)
			require.GreaterOrEqual(t, o[1], byte(2))
			o = o[o[1]:]
		}
		for _, b := range o {
			require.Zero(t, b, "behind the end of the list")
		}
	}
	c, s := w.pair()
	w.lose = func(*Host, []byte) bool { return n%13 == 0 }
	w.pump(c, s, pattern(300000), pattern(100000))
	require.Equal(t, 40, longest, "SACK blocks were among them")
}
