package host

import (
	"encoding/binary"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// Attacks of testdata/attacks.md by TCP headers and options that no honest
// peer sends, as bytes on the wire.

// A victim is a connection of a with 100 bytes outstanding, the last packet
// that a sent on it, and a listener on port 80.
type victim struct {
	*world
	c    Handle
	last []byte
	wnd  uint16 // of its peer: always another one, because the same would be a duplicate ACK
}

func newVictim(t *testing.T) *victim {
	v := &victim{world: newWorld(t)}
	v.listen(v.a, 5)
	v.seen = func(from *Host, p []byte) {
		if from == v.a {
			v.last = append(v.last[:0], p...)
		}
	}
	v.c, _ = v.pair()
	v.lose = func(from *Host, _ []byte) bool { return from == v.a }
	_, err := v.a.Send(v.now, v.c, pattern(100))
	require.NoError(t, err)
	v.flush()
	return v
}

// segment is what v's peer could send next, an ACK of nothing new, with its
// TCP header made of these options, a data offset and text.
func (v *victim) segment(flags wire.Flags, options []byte, offset int, text []byte) []byte {
	seg, _, err := wire.DecodeTCP(v.last[20:])
	require.NoError(v.t, err)
	v.wnd = 1000 + (v.wnd+1)%1000
	h := wire.TCP{SrcPort: seg.DstPort, DstPort: seg.SrcPort, Seq: seg.Ack, Ack: seg.Seq, Flags: flags, Window: v.wnd}
	b := make([]byte, 20, 100)
	h.Encode(b)
	b = append(append(b, options...), text...)
	b[12] = byte(offset << 4)
	p := raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: wire.ProtoTCP}, b)
	return checked(p)
}

// syn is one for the listener from another port, with options.
func (v *victim) syn(from uint16, options []byte) []byte {
	h := wire.TCP{SrcPort: from, DstPort: 80, Seq: 7000, Flags: wire.SYN, Window: 1000}
	b := make([]byte, 20, 60)
	h.Encode(b)
	b = append(b, options...)
	b[12] = byte(len(b) / 4 << 4)
	return checked(raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: wire.ProtoTCP}, b))
}

// checked makes the checksum of a TCP packet good.
func checked(p []byte) []byte {
	p[36], p[37] = 0, 0
	wire.SetTransportChecksum(p[:40], [2][]byte{p[40:]})
	return p
}

// state is all that Info tells of v's connection, but for times.
func (v *victim) info() tcp.Info {
	i, err := v.a.Info(v.now, v.c)
	require.NoError(v.t, err)
	return i
}

// A data offset below 5 words or past the segment, and a segment shorter than
// a header: dropped and counted before anybody looks at its numbers.
func TestAttack_18_DataOffset(t *testing.T) {
	v := newVictim(t)
	for size := range 65 { // bytes of TCP
		for offset := range 16 {
			for _, flags := range []wire.Flags{wire.ACK | wire.PSH, wire.RST, wire.SYN, 0} {
				bad := size < 20 || offset < 5 || offset*4 > size
				if !bad {
					continue // see below
				}
				p := v.segment(flags, nil, offset, make([]byte, 60))[:20+size]
				binary.BigEndian.PutUint16(p[2:], uint16(len(p)))
				if size >= 20 {
					p = checked(resum(p[:len(p):len(p)]))
				}
				before := v.info()
				count := *v.a.Counters()
				require.Empty(t, answers(v.a, v.now, resum(p)), "%d bytes, offset %d, %v", size, offset, flags)
				require.Equal(t, before, v.info(), "%d bytes, offset %d, %v", size, offset, flags)
				why := trace.DropTCPHeader
				if size < 20 { // its checksum cannot be good
					why = trace.DropTCPChecksum
				}
				require.Equal(t, count.Drop[why]+1, v.a.Counters().Drop[why], "%d bytes, offset %d", size, offset)
				require.Equal(t, count.TCP.InErrs+1, v.a.Counters().TCP.InErrs)
			}
		}
	}
	// The bounds themselves are no errors: 5 words, and all of the segment.
	drops := v.a.Counters().Drop[trace.DropTCPHeader]
	answers(v.a, v.now, v.segment(wire.ACK, nil, 5, []byte("0123")))
	got, err := v.recv(v.a, v.c)
	require.NoError(t, err)
	require.Equal(t, "0123", got)
	answers(v.a, v.now, v.segment(wire.ACK, make([]byte, 40), 15, nil))
	require.Equal(t, drops, v.a.Counters().Drop[trace.DropTCPHeader])
	v.quiesce()
}

// Options that lie about their length end the reading of options and nothing
// else: on a connection they have no effect, on a SYN only what came before
// them counts.
func TestAttack_19_Options(t *testing.T) {
	mss := []byte{2, 4, 4, 0} // 1024
	scale := []byte{1, 3, 3, 7}
	for _, row := range []struct {
		rule string
		bad  []byte // stands between an MSS and a window scale
		ends bool   // and nothing after it is read
	}{
		{"length 0", []byte{99, 0, 1, 1}, true},
		{"length 1", []byte{99, 1, 1, 1}, true},
		{"length past the header", []byte{99, 41, 1, 1}, true},
		{"length 255", []byte{99, 255, 1, 1}, true},
		{"MSS of length 0", []byte{2, 0, 1, 1}, true},
		{"MSS of length 1", []byte{2, 1, 1, 1}, true},
		{"MSS of length 3: of no use", []byte{2, 3, 9, 1}, false},
		{"MSS of length 6: of no use", []byte{2, 6, 0, 9, 9, 9, 1, 1}, false},
		{"scale of length 2: of no use", []byte{3, 2, 1, 1}, false},
		{"timestamps of length 9: of no use", []byte{8, 9, 1, 2, 3, 4, 5, 6, 7, 1, 1, 1}, false},
		{"timestamps of length 11: of no use", []byte{8, 11, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1}, false},
		{"SACK-permitted of length 3: of no use", []byte{4, 3, 1, 1}, false},
		{"SACK without a block", []byte{5, 2, 1, 1}, false},
		{"SACK of a length that is not 8n+2", []byte{5, 9, 1, 2, 3, 4, 5, 6, 7, 1, 1, 1}, false},
		{"SACK of a length that is not 8n+2, one more", []byte{5, 11, 1, 2, 3, 4, 5, 6, 7, 8, 9, 1}, false},
		{"SACK of length 0", []byte{5, 0, 1, 1}, true},
		{"a SACK block on a SYN", []byte{5, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1}, false},
		{"end of list", []byte{0, 1, 1, 1}, true},
		{"a kind at the end, with no length", nil, false}, // see below
		{"nothing between them", []byte{1, 1, 1, 1}, false},
	} {
		v := newVictim(t)
		// The SYN of a stranger.
		options := append(append(append([]byte{}, mss...), row.bad...), scale...)
		if row.bad == nil {
			options = append(options, 1, 1, 1, 8)
		}
		got := answers(v.a, v.now, v.syn(2000, options))
		require.Len(t, got, 1, row.rule)
		seg, _, err := wire.DecodeTCP(got[0][20:])
		require.NoError(t, err)
		require.Equal(t, wire.SYN|wire.ACK, seg.Flags, row.rule)
		require.Equal(t, !row.ends, seg.Options.HasWindowScale, row.rule)
		require.False(t, seg.Options.HasTimestamps || seg.Options.SACKPermitted, row.rule)
		require.Equal(t, 1024, v.accepted(2000, seg).SndMSS, "%s: the MSS stays", row.rule)

		// A connection.
		before := v.info()
		for len(row.bad)%4 != 0 {
			row.bad = append(row.bad, 1)
		}
		for range 5 {
			require.Empty(t, answers(v.a, v.now, v.segment(wire.ACK, row.bad, 5+len(row.bad)/4, nil)), row.rule)
		}
		after := v.info()
		after.SndWnd, after.SegsIn = before.SndWnd, before.SegsIn // its window is as good as any, and it was counted
		require.Equal(t, before, after, row.rule)
		v.quiesce()
	}
}

// accepted finishes the handshake that synAck began and tells of the connection.
func (v *victim) accepted(from uint16, synAck wire.TCP) tcp.Info {
	h := wire.TCP{SrcPort: from, DstPort: 80, Seq: synAck.Ack, Ack: synAck.Seq.Add(1), Flags: wire.ACK, Window: 1000}
	b := make([]byte, h.HeaderLen())
	h.Encode(b)
	answers(v.a, v.now, checked(raw(wire.IPv4{Src: addrB, Dst: addrA, Protocol: wire.ProtoTCP}, b)))
	for _, d := range v.a.Sockets(nil) {
		if d.Remote.Port() == from {
			require.Equal(v.t, tcp.StateEstablished, d.State)
		}
	}
	var l Handle
	for _, d := range v.a.Sockets(nil) {
		if d.State == tcp.StateListen {
			l = d.Socket
		}
	}
	s, err := v.a.Accept(v.now, l)
	require.NoError(v.t, err)
	i, err := v.a.Info(v.now, s)
	require.NoError(v.t, err)
	return i
}

// An option that is there twice counts once.
func TestAttack_19_OptionsTwice(t *testing.T) {
	for _, row := range []struct {
		rule    string
		options []byte
		mss     int
		shift   uint8
	}{
		{"two MSS: the later one", []byte{2, 4, 4, 0, 2, 4, 2, 0}, 512, 0},
		{"ten MSS", []byte{2, 4, 1, 0, 2, 4, 1, 0, 2, 4, 1, 0, 2, 4, 1, 0, 2, 4, 1, 0, 2, 4, 1, 0, 2, 4, 1, 0, 2, 4, 1, 0, 2, 4, 1, 0, 2, 4, 3, 0}, 768, 0},
		{"two window scales: the later one", []byte{3, 3, 9, 1, 3, 3, 2, 1}, 536, 2},
		{"SACK-permitted twice", []byte{4, 2, 4, 2, 2, 4, 4, 0}, 1024, 0},
	} {
		v := newVictim(t)
		got := answers(v.a, v.now, v.syn(3000, row.options))
		require.Len(t, got, 1, row.rule)
		seg, _, err := wire.DecodeTCP(got[0][20:])
		require.NoError(t, err)
		i := v.accepted(3000, seg)
		require.Equal(t, row.mss, i.SndMSS, row.rule)
		require.Equal(t, row.shift, i.SndWscale, row.rule)
		v.quiesce()
	}
}

// Whatever the 40 bytes of options are, the connection stays where it was, or
// is where the RFC's options lead, and nothing is answered that asks for nothing.
func TestAttack_19_AnyOptions(t *testing.T) {
	v := newVictim(t)
	before := v.info()
	options := make([]byte, 40)
	for kind := range 256 {
		for length := range 256 {
			if kind == 8 && length == 10 {
				continue // a timestamp: row 30
			}
			for i := range options {
				options[i] = 1
			}
			options[0], options[1] = byte(kind), byte(length)
			require.Empty(t, answers(v.a, v.now, v.segment(wire.ACK, options, 15, nil)), "%d %d", kind, length)
		}
	}
	after := v.info()
	after.SndWnd, after.SegsIn = before.SndWnd, before.SegsIn // its window is as good as any, and it was counted
	require.Equal(t, before, after)
	v.lose = nil
	v.run(time.Minute)
	require.Zero(t, v.info().Unacked, fmt.Sprint("the peer gets it: ", v.info()))
	v.quiesce()
}

// A SACK option is 2 bytes and 8 for each block: of another length it says
// nothing, though a true block is in it.
func TestAttack_19_SACKLength(t *testing.T) {
	for length := range 40 {
		v := newVictim(t)
		options := make([]byte, 40)
		for i := range options {
			options[i] = 1
		}
		options[0], options[1] = 5, byte(length)
		seg, _, err := wire.DecodeTCP(v.last[20:])
		require.NoError(t, err)
		for at := 2; at+8 <= len(options); at += 8 {
			binary.BigEndian.PutUint32(options[at:], uint32(seg.Seq.Add(40)))
			binary.BigEndian.PutUint32(options[at+4:], uint32(seg.Seq.Add(60)))
		}
		answers(v.a, v.now, v.segment(wire.ACK, options, 15, nil))
		require.Equal(t, length > 2 && length%8 == 2, v.info().Sacked > 0, length)
		v.quiesce()
	}
}
