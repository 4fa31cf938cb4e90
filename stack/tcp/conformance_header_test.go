package tcp

import (
	"crypto/sha256"
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/buffer"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// Tests of RFC 9293, one for each row of testdata/conformance.md, parts A and
// A2, that is this package's. This file: sections 3.1 to 3.4.

// segments returns what the connection has to send. Payloads are not valid any more.
func (r *rig) segments() (all []Segment) {
	var s Segment
	for r.c.Transmit(r.now, &s) {
		all = append(all, s)
	}
	return all
}

// segment returns the only segment that the connection has to send.
func (r *rig) segment() Segment {
	r.t.Helper()
	all := r.segments()
	require.Len(r.t, all, 1)
	return all[0]
}

// text takes everything that can be read.
func (r *rig) text() []byte {
	b := make([]byte, r.c.Readable())
	require.Equal(r.t, len(b), r.c.Read(r.now, b))
	return b
}

// urgent lets a segment with URG arrive whose pointer is up.
func (r *rig) urgent(seq, ack, text int, up uint16) {
	in := &Arrival{Segments: 1, Payload: pattern(seq, text)}
	in.Seg = wire.TCP{Flags: wire.ACK | wire.URG, Seq: r.irs.Add(seq), Ack: r.c.snd.iss.Add(ack), Window: 60000, Urgent: up}
	r.c.Arrive(r.now, in)
	checkConn(r.t, r.c, "urgent")
}

// exchange sends so many bytes from a to b and from b to a, and then the FINs.
func (w *world) exchange(up, down int) {
	w.t.Helper()
	for _, p := range []*peer{w.a, w.b} {
		p.sum, p.got = sha256.New(), sha256.New()
	}
	w.a.toSend, w.b.toSend = up, down
	for !w.a.sawEOF || !w.b.sawEOF {
		for _, p := range []*peer{w.a, w.b} {
			w.apply(p)
			w.flush(p)
		}
		require.True(w.t, w.step() || w.a.sawEOF && w.b.sawEOF, "stuck: %v", w)
		require.Less(w.t, w.steps, 100000)
	}
	require.Equal(w.t, w.a.sum.Sum(nil), w.b.got.Sum(nil))
	require.Equal(w.t, w.b.sum.Sum(nil), w.a.got.Sum(nil))
}

func TestReq9293_M01_WindowUnsigned(t *testing.T) {
	r := establishedRig(t, plain, Options{NoDelay: true, RecvBuffer: 65535})
	for _, wnd := range []uint16{0x7fff, 0x8000, 0xffff} {
		r.in("A", 1, 1, wnd, 0)
		require.Equal(t, int(wnd), r.c.Info(r.now).SndWnd)
		require.Equal(t, uint32(wnd), r.c.snd.wnd)
	}
	r.write(3000)
	require.Equal(t, ". 1:1001 ack 1; . 1001:2001 ack 1; P 2001:3001 ack 1", r.out())
	r.c.Abort(r.now)

	r = newRig(t, plain, Options{RecvBuffer: 65535})
	r.c.Open(r.now)
	require.Equal(t, uint16(65535), r.segment().Seg.Window)
	r.in("SA", 0, 1, 60000, 0)
	require.Equal(t, uint16(65535), r.segment().Seg.Window)
	require.Equal(t, 65535, r.c.Info(r.now).RcvWnd)
}

func TestReq9293_R01_Window32Bit(t *testing.T) {
	r := newRig(t, Config{NoSACK: true, NoTimestamps: true}, Options{RecvBuffer: 1 << 30})
	r.env.Budget = buffer.NewBudget(math.MaxInt)
	r.c.Open(r.now)
	require.Equal(t, uint8(maxWindowShift), r.segment().Seg.Options.WindowScale)
	r.opt = wire.TCPOptions{HasWindowScale: true, WindowScale: 14, HasMSS: true, MSS: 1000}
	r.in("SA", 0, 1, 60000, 0)
	r.opt = wire.TCPOptions{}
	r.out()
	r.in("A", 1, 1, 65535, 0)
	require.Equal(t, 65535<<14, r.c.Info(r.now).SndWnd)
	require.Equal(t, uint32(65535<<14), r.c.snd.maxWnd)
	require.Greater(t, r.c.Info(r.now).RcvWnd, 1<<28)
	require.True(t, r.c.rcv.nxt.Add(1<<28).InWindow(r.c.rcv.nxt, uint32(r.c.Info(r.now).RcvWnd)))
}

func TestReq9293_M65_NoMSSOffSYN(t *testing.T) {
	w := newWorld(t, 1, Config{}, Options{})
	w.loss, w.jitter = 0.02, 3*ms
	syns, others := 0, 0
	w.see = func(_ *peer, s *Segment) {
		o := &s.Seg.Options
		if s.Seg.Flags&wire.SYN != 0 {
			syns++
			require.True(t, o.HasMSS)
			return
		}
		others++
		require.False(t, o.HasMSS || o.HasWindowScale || o.SACKPermitted)
	}
	w.establish()
	w.exchange(200000, 0)
	require.GreaterOrEqual(t, syns, 2)
	require.Greater(t, others, 100)
}

// With the window closed a segment is not acceptable but for its ACK, URG and RST.
func TestReq9293_M66_RSTURGAtZeroWindow(t *testing.T) {
	r := establishedRig(t, plain, Options{RecvBuffer: 2048, NoDelay: true})
	r.write(100)
	r.out()
	r.in("A", 1, 1, 60000, 1024)
	r.in("A", 1025, 1, 60000, 1024)
	r.out()
	require.Zero(t, r.c.Info(r.now).RcvWnd)
	r.c.Events()
	r.urgent(2049, 1, 0, 7)
	require.NotZero(t, r.c.Events()&EvUrgent, "without text")
	r.urgent(2049, 101, 100, 9)
	require.NotZero(t, r.c.Events()&EvUrgent, "its text has no room")
	require.Equal(t, 2048, r.c.Readable())
	require.Zero(t, r.c.Unacked(), "and its ACK counts too")
	r.in("R", 2049, 0, 0, 0)
	require.Equal(t, StateClosed, r.c.State())
	require.Equal(t, ErrReset, r.c.Err())
}

func TestReq9293_M08_ISNClock(t *testing.T) {
	e := NewEnv(plain, [32]byte{7}, nil, nil)
	f := Flow{addrA, addrB}
	first := e.isn(epoch, f)
	for d, ticks := range map[time.Duration]int{
		0: 0, 3999 * time.Nanosecond: 0, 4 * time.Microsecond: 1, time.Second: 250000, time.Hour: 900000000,
		1 << 32 * 4 * time.Microsecond: 0, // round in 4.77 hours
	} {
		require.Equal(t, ticks, e.isn(epoch.Add(d), f).Sub(first), d)
	}
	r := newRig(t, plain, Options{})
	r.c.Open(r.now)
	require.Equal(t, first, r.segment().Seg.Seq, "the SYN has it")
}

// offset is what is left of the ISN without its clock.
func (e *Env) offset(f Flow) wire.Seq {
	return e.isn(epoch, f) - wire.Seq(uint64(epoch)/uint64(isnTick))
}

func TestReq9293_S01_ISNKeyedPRF(t *testing.T) {
	e := NewEnv(plain, [32]byte{7}, nil, nil)
	f := Flow{addrA, addrB}
	require.Equal(t, e.offset(f), e.isn(epoch.Add(time.Second), f)-wire.Seq(uint64(epoch.Add(time.Second))/uint64(isnTick)))
	seen := map[wire.Seq]bool{e.offset(f): true}
	other := netip.MustParseAddr("192.0.2.99")
	for _, g := range []Flow{
		{netip.AddrPortFrom(other, addrA.Port()), addrB}, {netip.AddrPortFrom(addrA.Addr(), 40001), addrB},
		{addrA, netip.AddrPortFrom(other, addrB.Port())}, {addrA, netip.AddrPortFrom(addrB.Addr(), 81)}, {addrB, addrA},
	} {
		require.False(t, seen[e.offset(g)], "each part of the four-tuple counts: %v", g)
		seen[e.offset(g)] = true
	}
}

func TestReq9293_M09_ISNSecret(t *testing.T) {
	f := Flow{addrA, addrB}
	seen := map[wire.Seq]bool{}
	for i := range byte(32) { // each byte of the seed counts
		var seed [32]byte
		seed[i] = 1
		e := NewEnv(plain, seed, nil, nil)
		require.False(t, seen[e.offset(f)], "byte %d", i)
		seen[e.offset(f)] = true
		// Nor do other secrets of the same seed give it away.
		require.NotEqual(t, uint32(e.offset(f)), e.tsOffset(f))
		require.NotEqual(t, uint32(e.offset(f)), uint32(f.hash(e.flowKey)))
	}
}

// A connection whose numbers wrap in both directions while data, holes, ACKs
// and windows straddle the end.
func TestReqX_X24_SeqWrap(t *testing.T) {
	r := newRig(t, plain, Options{NoDelay: true})
	r.now = epoch.Add(time.Duration(uint32(wire.Seq(0).Add(-1500)-r.env.isn(epoch, Flow{addrA, addrB}))) * isnTick)
	r.c.Open(r.now)
	require.Equal(t, "S 0:0", r.out())
	require.Equal(t, -1500, int(int32(r.c.snd.iss)))
	r.irs = wire.Seq(0).Add(-1500)
	r.opt = wire.TCPOptions{HasMSS: true, MSS: 1000}
	r.in("SA", 0, 1, 60000, 0)
	r.opt = wire.TCPOptions{}
	r.out()
	r.c.rcv.quick = 0
	r.run(steps{
		{write(4000), ". 1:1001 ack 1; . 1001:2001 ack 1; . 2001:3001 ack 1; P 3001:4001 ack 1"},
		{both(in("A", 1, 1, 60000, 0), in("A", 1, 1, 60000, 0), in("A", 1, 1, 60000, 0)), ". 1:1001 ack 1"},
		{in("A", 1, 4001, 60000, 0), ""},
		{in("A", 1001, 4001, 60000, 1000), ". 4001:4001 ack 1"}, // straddles
		{in("A", 2001, 4001, 60000, 1000), ". 4001:4001 ack 1"}, // beyond
		{in("A", 1, 4001, 60000, 1000), ". 4001:4001 ack 3001"},
		{in("A", 501, 4001, 60000, 1000), ". 4001:4001 ack 3001"}, // old
		{in("R", 1, 0, 0, 0), ""},                                 // before the window
		{in("R", 3100, 0, 0, 0), ". 4001:4001 ack 3001"},
		{in("A", 3001, 1400, 60000, 0), ""},
	})
	require.Equal(t, pattern(1, 3000), r.text())
	require.Zero(t, r.c.Unacked())
	require.Equal(t, StateEstablished, r.c.State())
}
