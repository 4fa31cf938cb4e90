package tcp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/wire"
)

// RFC 9293 sections 3.6 and 3.7.

// The owner of a socket that he closed reads no more: the half-duplex close.
func TestReq9293_O01_HalfDuplexClose(t *testing.T) {
	r := establishedRig(t, plain, Options{})
	closeAll(r)
	require.Equal(t, "F 1:1 ack 1", r.out())
	r.in("A", 1, 2, 60000, 0)
	require.Equal(t, StateFinWait2, r.c.State())
	r.in("PA", 1, 2, 60000, 5)
	require.Equal(t, "R 2:2 ack 1", r.out())
	require.Equal(t, StateClosed, r.c.State())
	require.Zero(t, r.c.Readable())
}

func TestReq9293_S03_RSTOnUnreadData(t *testing.T) {
	r := establishedRig(t, plain, Options{})
	r.in("PA", 1, 1, 60000, 5)
	r.c.Read(r.now, make([]byte, 4)) // one byte is left
	closeAll(r)
	require.Equal(t, "R 1:1 ack 6", r.out())
	require.Equal(t, StateClosed, r.c.State())

	r = establishedRig(t, plain, Options{})
	r.in("PA", 1, 1, 60000, 5)
	r.text()
	closeAll(r)
	require.Equal(t, "F 1:1 ack 6", r.out(), "all was read")
	r.in("PA", 6, 1, 60000, 5)
	require.Equal(t, "R 2:2 ack 6", r.out(), "data after the close")
}

func inTimeWait(t *testing.T, cfg Config) *rig {
	r := establishedRig(t, cfg, Options{})
	closeWrite(r)
	r.out()
	r.in("FA", 1, 2, 60000, 0)
	require.Equal(t, ". 2:2 ack 2", r.out())
	require.Equal(t, StateTimeWait, r.c.State())
	return r
}

func TestReq9293_M13_TimeWait2MSL(t *testing.T) {
	for _, msl := range []time.Duration{0, time.Second, 2 * time.Minute} {
		cfg := plain
		cfg.MSL = msl
		if msl == 0 {
			msl = 30 * time.Second
		}
		r := inTimeWait(t, cfg)
		require.Empty(t, r.after(2*msl-time.Nanosecond))
		require.Equal(t, StateTimeWait, r.c.State())
		require.Empty(t, r.after(time.Nanosecond))
		require.Equal(t, StateClosed, r.c.State())
	}
	r := establishedRig(t, plain, Options{})
	r.in("FA", 1, 1, 60000, 0)
	r.out()
	closeWrite(r)
	r.out()
	r.in("A", 2, 2, 60000, 0)
	require.Equal(t, StateClosed, r.c.State(), "who closes second does not wait")
}

func TestReqX_X18_TimeWaitFIN(t *testing.T) {
	r := inTimeWait(t, plain)
	for range 5 {
		require.Empty(t, r.after(59*time.Second))
		r.in("FA", 1, 2, 60000, 0)
		require.Equal(t, ". 2:2 ack 2", r.out())
	}
	require.Empty(t, r.after(59*time.Second))
	r.in("A", 1, 2, 60000, 0) // anything else does not start it again
	r.out()
	require.Equal(t, StateTimeWait, r.c.State())
	r.after(time.Second)
	require.Equal(t, StateClosed, r.c.State())
}

// syn is the SYN of a new incarnation.
func (r *rig) syn(seq int, o wire.TCPOptions) *Arrival {
	in := &Arrival{Segments: 1}
	in.Seg = wire.TCP{Flags: wire.SYN, Seq: r.c.rcv.nxt.Add(seq), Options: o}
	return in
}

func TestReq9293_O02_TimeWaitReopen(t *testing.T) {
	r := inTimeWait(t, plain)
	for seq, want := range map[int]bool{1: true, 1000: true, 1<<31 - 1: true, 0: false, -1: false, -1 << 30: false} {
		require.Equal(t, want, r.c.Reusable(r.now, r.syn(seq, wire.TCPOptions{})), seq)
	}
	for _, f := range []wire.Flags{wire.ACK, wire.RST, wire.FIN} {
		in := r.syn(100, wire.TCPOptions{})
		in.Seg.Flags |= f
		require.False(t, r.c.Reusable(r.now, in), f)
	}
	open := establishedRig(t, plain, Options{})
	require.False(t, open.c.Reusable(open.now, open.syn(100, wire.TCPOptions{})))
}

// RFC 6191 2: a later timestamp shows a new incarnation whatever its ISN, an
// earlier one an old duplicate.
func TestReq9293_S04_TimeWaitTimestamps(t *testing.T) {
	r := timestampRig(t)
	closeWrite(r)
	r.out()
	r.in("FA", 1, 2, 60000, 0)
	r.out()
	for _, row := range []struct {
		seq  int
		ts   uint32
		want bool
	}{{-1000, 101, true}, {1000, 101, true}, {-1000, 100 + 1<<31 - 1, true}, {1000, 99, false}, {1000, 100, true}, {-1000, 100, false}} {
		in := r.syn(row.seq, wire.TCPOptions{HasTimestamps: true, TSVal: row.ts})
		require.Equal(t, row.want, r.c.Reusable(r.now, in), "%+v", row)
	}
}

// connected is a connection to a peer whose SYN-ACK had the options syn.
func connected(t *testing.T, cfg Config, o Options, syn wire.TCPOptions) *rig {
	r := newRig(t, cfg, o)
	r.c.Open(r.now)
	r.out()
	r.opt = syn
	r.in("SA", 0, 1, 60000, 0)
	r.opt = wire.TCPOptions{HasTimestamps: syn.HasTimestamps, TSVal: syn.TSVal}
	r.out()
	return r
}

func TestReq9293_M14_MSSOption(t *testing.T) {
	r := newRig(t, plain, Options{NoDelay: true})
	r.c.Open(r.now)
	o := r.segment().Seg.Options
	require.True(t, o.HasMSS)
	require.Equal(t, uint16(1460), o.MSS, "sent")
	for _, mss := range []uint16{200, 536, 1000, 1460} {
		r := connected(t, plain, Options{NoDelay: true}, wire.TCPOptions{HasMSS: true, MSS: mss})
		r.write(int(mss) + 1)
		all := r.segments()
		require.Len(t, all, 2)
		require.Equal(t, int(mss), all[1].Seg.Seq.Sub(all[0].Seg.Seq), "obeyed")
	}
}

// synSegments are a SYN, its repetition, a SYN-ACK and its repetition.
func synSegments(t *testing.T, o Options) (all []Segment) {
	r := newRig(t, plain, o)
	r.c.Open(r.now)
	all = append(all, r.segment())
	wait(time.Second)(r)
	all = append(all, r.segment())
	l, _ := listening(t, plain)
	l.SetOptions(o)
	all = append(all, synAcked(t, l, client(1), 100))
	l.Expire(epoch.Add(time.Second))
	return append(all, transmitted(t, l, client(1)))
}

func TestReq9293_S05_MSSOnSYN(t *testing.T) {
	for _, s := range synSegments(t, Options{}) {
		require.Equal(t, wire.SYN, s.Seg.Flags&wire.SYN)
		require.True(t, s.Seg.Options.HasMSS)
		require.Equal(t, uint16(1460), s.Seg.Options.MSS)
	}
}

func TestReq9293_O03_MSSAlways(t *testing.T) {
	for _, s := range synSegments(t, Options{MaxSeg: 536}) {
		require.True(t, s.Seg.Options.HasMSS)
		require.Equal(t, uint16(536), s.Seg.Options.MSS)
	}
}

func TestReq9293_M15_DefaultMSS536(t *testing.T) {
	r := connected(t, plain, Options{NoDelay: true}, wire.TCPOptions{})
	require.Equal(t, 536, r.c.MSS())
	r.write(600)
	require.Equal(t, ". 1:537 ack 1; P 537:601 ack 1", r.out())
	l, e := listening(t, plain)
	ack := synAcked(t, l, client(1), 100)
	_, hs := l.Arrive(epoch, client(1), arrival(wire.ACK, 101, ack.Seg.Seq.Add(1)), false)
	var c Conn
	c.InitPassive(epoch, e, 2, hs, Options{}, 1500)
	require.Equal(t, 536, c.MSS())
	c.Release()
}

func TestReq9293_M16_EffectiveMSS(t *testing.T) {
	for _, row := range []struct {
		peer      uint16
		path, max int
		ts        bool
		want      int
	}{
		{1460, 1500, 0, false, 1460}, {1000, 1500, 0, false, 1000}, {9000, 1500, 0, false, 1460}, {1460, 1400, 0, false, 1360},
		{1460, 1500, 0, true, 1448}, {1000, 1500, 0, true, 988}, {1460, 1400, 0, true, 1348}, {65535, 1500, 700, false, 700},
		{600, 1500, 700, true, 588},
	} {
		r := newRig(t, Config{NoSACK: true, NoScale: true}, Options{MaxSeg: row.max, NoDelay: true})
		r.c.Init(r.env, 1, Flow{addrA, addrB}, Options{MaxSeg: row.max, NoDelay: true}, row.path)
		r.c.Open(r.now)
		r.out()
		r.opt = wire.TCPOptions{HasMSS: true, MSS: row.peer, HasTimestamps: row.ts, TSVal: 5}
		r.in("SA", 0, 1, 60000, 0)
		r.out()
		require.Equal(t, row.want, r.c.MSS(), "%+v", row)
		r.write(3000)
		s := r.segments()
		require.Equal(t, row.want, s[1].Seg.Seq.Sub(s[0].Seg.Seq))
	}
}

// MMS_R is what the link can bring without the IP header.
func TestReq9293_M67_MSSFromMMSR(t *testing.T) {
	for _, mtu := range []int{68, 576, 1280, 1500, 9000, 65535} {
		e := NewEnv(plain, [32]byte{7}, nil, nil)
		e.MTU = mtu
		mmsr := mtu - 20
		require.Equal(t, mmsr-20, advertisedMSS(e, &Options{}))
		require.LessOrEqual(t, advertisedMSS(e, &Options{MaxSeg: 65535}), mmsr-20, "nor when asked for more")
	}
}

// A host has one link: its MTU is the smallest, whatever single paths take.
func TestReq9293_S06_MSSSmallestMTU(t *testing.T) {
	r := newRig(t, plain, Options{})
	for _, mtu := range []int{1500, 900, 1200} {
		r.env.MTU = mtu
		for _, path := range []int{600, mtu, 9000} {
			r.c.Init(r.env, 1, Flow{addrA, addrB}, Options{}, path)
			r.c.Open(r.now)
			require.Equal(t, uint16(mtu-40), r.segment().Seg.Options.MSS)
		}
	}
}

func TestReq9293_S07_Nagle(t *testing.T) {
	r := establishedRig(t, plain, Options{})
	r.run(steps{
		{write(10), "P 1:11 ack 1"},
		{write(10), ""},
		{write(500), ""},
		{write(480), ""}, // 990: not yet a full segment
		{write(15), ". 11:1011 ack 1"},
		{in("A", 1, 1011, 60000, 0), "P 1011:1016 ack 1"},
		{in("A", 1, 1016, 60000, 0), ""},
	})
}

func TestReq9293_M17_NoDelay(t *testing.T) {
	set := func(on bool) func(*rig) {
		return func(r *rig) {
			o := r.c.Options()
			o.NoDelay = on
			r.c.SetOptions(r.now, o)
		}
	}
	r := establishedRig(t, plain, Options{})
	r.run(steps{
		{write(10), "P 1:11 ack 1"},
		{write(10), ""},
		{set(true), "P 11:21 ack 1"},
		{write(10), "P 21:31 ack 1"},
		{both(set(false), write(10)), ""},
		{in("A", 1, 31, 60000, 0), "P 31:41 ack 1"},
	})
}
