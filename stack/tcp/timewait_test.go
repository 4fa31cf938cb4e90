package tcp

import (
	"math/rand/v2"
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/buffer"
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/tcp/congestion"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

func TestTimeWaitIsSmall(t *testing.T) {
	require.LessOrEqual(t, unsafe.Sizeof(TimeWait{}), uintptr(56))
}

// answerAsRecord gives s to the record of d's connection and says what it did,
// in the words of desk.answer.
func (d *desk) answerAsRecord(t *testing.T, s cellSegment) outcome {
	r, ok := d.c.TimeWait()
	require.True(t, ok)
	d.in = Arrival{Segments: 1, Payload: cellText[:s.text]}
	d.in.Seg = wire.TCP{Flags: s.flags, Window: uint16(s.wnd), Seq: d.irs.Add(s.seq), Ack: d.iss.Add(s.ack)}
	if r.Reusable(d.now, &d.in) {
		return outcome{state: StateListen}
	}
	before := r.Until()
	o := outcome{state: StateTimeWait, rcvNxt: r.rcvNxt.Sub(d.irs), sndUna: r.sndNxt.Sub(d.iss), finKnown: true}
	if r.Arrive(d.now, d.env, 1, &d.in, &d.out) {
		o.reply = d.render()
	}
	o.msl2 = r.Until() != before
	return o
}

// TestEveryCellOfTimeWait holds the record against the same cells as the
// connection in TIME-WAIT: the model of RFC 9293, its waivers, and the Conn itself.
func TestEveryCellOfTimeWait(t *testing.T) {
	env := NewEnv(Config{NoSACK: true, NoTimestamps: true, NoScale: true, Congestion: congestion.NewReno{}}, [32]byte{9}, buffer.NewBudget(8<<20), nil)
	cells := 0
	for _, x := range cellStarts() {
		if x.state != StateTimeWait {
			continue
		}
		d := x.build(env)
		from := d.model()
		from.cellSegments(func(s cellSegment) {
			cells++
			m := from
			m.arrives(s)
			y := cell{&x, &from, s, m.outcome(), d.answerAsRecord(t, s)}
			other := x.build(env)
			byConn := other.answer(s)
			other.release()
			y.got.sndWnd = byConn.sndWnd // a record has none: it sends nothing
			require.Equal(t, byConn, y.got, "the record differs from the connection: %s", &y)
			waived := y.want == y.got
			for i := range cellWaivers {
				waived = waived || cellWaivers[i].covers(&y)
			}
			require.True(t, waived, "%s", &y)
		})
		d.release()
	}
	require.Greater(t, cells, 15000)
	require.Zero(t, env.Budget.Used())
}

// timeWaitRig is a connection in TIME-WAIT with options, its owner gone.
func timeWaitRig(t *testing.T, cfg Config) *rig {
	r := newRig(t, cfg, Options{})
	r.c.Open(r.now)
	r.out()
	r.opt = wire.TCPOptions{HasMSS: true, MSS: 1000, HasWindowScale: true, WindowScale: 3,
		HasTimestamps: !cfg.NoTimestamps, TSVal: 1000, SACKPermitted: !cfg.NoSACK}
	r.in("SA", 0, 1, 60000, 0)
	r.opt = wire.TCPOptions{HasTimestamps: r.opt.HasTimestamps, TSVal: 1000}
	r.out()
	r.in("PA", 1, 1, 7000, 400)
	r.text()
	r.out()
	closeAll(r)
	r.out()
	r.in("FA", 401, 2, 7000, 0)
	r.out()
	require.Equal(t, StateTimeWait, r.c.State())
	return r
}

// drawSegment is one that may come in TIME-WAIT, likely or not.
func drawSegment(r *rig, rnd *rand.Rand) *Arrival {
	pick := func(n ...int) int { return n[rnd.IntN(len(n))] }
	in := &Arrival{Segments: 1, Payload: make([]byte, pick(0, 0, 0, 1, 100, 402, 900))}
	edge := r.c.rcv.adv.Sub(r.c.rcv.nxt)
	in.Seg = wire.TCP{
		Seq:    r.c.rcv.nxt.Add(pick(0, -1, -402, -401, -500, 1, 20, edge-1, edge, edge+1, edge+100)),
		Ack:    r.c.snd.nxt.Add(pick(0, 0, 0, -1, 1, -56000, -56001, 5)),
		Flags:  wire.Flags(rnd.IntN(64)),
		Window: uint16(rnd.IntN(7000)),
	}
	if rnd.IntN(2) == 0 {
		in.Seg.Flags = parseFlags([]string{"A", "FA", "S", "RA"}[rnd.IntN(4)])
	}
	if rnd.IntN(3) > 0 {
		in.Seg.Options.HasTimestamps = true
		in.Seg.Options.TSVal = uint32(1000 + pick(-5, -1, 0, 0, 0, 1, 500))
		if rnd.IntN(50) == 0 {
			in.Seg.Options.TSVal = rnd.Uint32()
		}
	}
	return in
}

// TestTimeWaitIsConn gives the same random segments to a connection in
// TIME-WAIT and to its record, with options and pauses: every answer is the
// same, field by field.
func TestTimeWaitIsConn(t *testing.T) {
	answers, restarts, reused := 0, 0, 0
	for seed := range uint64(400) {
		rnd := rand.New(rand.NewPCG(seed, 5))
		r := timeWaitRig(t, Config{NoTimestamps: seed%2 == 0, NoSACK: seed%4 < 2, NoScale: seed%8 < 4, MSL: 40 * 24 * time.Hour})
		rec, ok := r.c.TimeWait()
		require.True(t, ok)
		for i := range 60 {
			if rnd.IntN(4) > 0 {
				r.now = r.now.Add(time.Duration(rnd.Int64N(int64(time.Second))))
			}
			if rnd.IntN(200) == 0 {
				r.now = r.now.Add(25 * 24 * time.Hour)
			}
			if r.c.timers[timerTimeWait].Due(r.now) {
				break
			}
			in := drawSegment(r, rnd)
			reusable := r.c.Reusable(r.now, in)
			require.Equal(t, reusable, rec.Reusable(r.now, in), "seed %d segment %d: %+v", seed, i, in.Seg)
			if reusable {
				reused++
				continue
			}
			until := r.c.timers[timerTimeWait]
			dropped := r.env.Stats.Dropped
			r.c.Arrive(r.now, in)
			want := r.segments()
			byConn := r.env.Stats.Dropped
			r.env.Stats.Dropped = dropped
			var got []Segment
			var out Segment
			if rec.Arrive(r.now, r.env, 1, in, &out) {
				out.Seg.SrcPort, out.Seg.DstPort = r.c.Flow().Local.Port(), r.c.Flow().Remote.Port()
				got = append(got, out)
				answers++
			}
			if len(want) == 1 && len(got) == 1 {
				got[0].Why = want[0].Why // Conn may owe the one ACK for two reasons
			}
			require.Equal(t, want, got, "seed %d segment %d: %+v, %d bytes", seed, i, in.Seg, len(in.Payload))
			require.Equal(t, byConn, r.env.Stats.Dropped, "seed %d segment %d: %+v", seed, i, in.Seg)
			require.Equal(t, r.c.timers[timerTimeWait], rec.Until())
			require.Equal(t, [2]uint32{r.c.rcv.tsRecent, uint32(r.c.rcv.nxt)}, [2]uint32{rec.tsRecent, uint32(rec.rcvNxt)})
			if until != rec.Until() {
				restarts++
			}
		}
		r.c.Release()
	}
	require.Greater(t, answers, 5000)
	require.Greater(t, restarts, 500)
	require.Greater(t, reused, 100)
}

// A connection that still owes its peer something is not let go of.
func TestTimeWaitOwesNothing(t *testing.T) {
	r := establishedRig(t, plain, Options{})
	_, ok := r.c.TimeWait()
	require.False(t, ok, "ESTABLISHED")
	closeAll(r)
	r.out()
	r.in("FA", 1, 2, 60000, 0)
	_, ok = r.c.TimeWait()
	require.False(t, ok, "the ACK of the FIN is still to be sent")
	r.out()
	rec, ok := r.c.TimeWait()
	require.True(t, ok)
	require.Equal(t, r.now.Add(60*time.Second), rec.Until())
}

// RFC 6191 for an active open: the peer's clock and ours must have moved.
func TestTimeWaitReopenable(t *testing.T) {
	r := timeWaitRig(t, Config{})
	rec, _ := r.c.TimeWait()
	require.False(t, rec.Reopenable(r.now.Add(time.Second-1)))
	require.True(t, rec.Reopenable(r.now.Add(time.Second)))
	r = timeWaitRig(t, Config{NoTimestamps: true})
	rec, _ = r.c.TimeWait()
	require.False(t, rec.Reopenable(r.now.Add(59*time.Second)), "nothing tells the two connections apart")
}

// RFC 1122 4.2.2.13: the ISN of the next incarnation is larger than all that the
// last one sent, also where that was faster than the ISN's clock.
func TestTimeWaitISN(t *testing.T) {
	e := NewEnv(plain, [32]byte{7}, buffer.NewBudget(8<<20), nil)
	f := Flow{addrA, addrB}
	for _, ahead := range []int{-1 << 30, -1 << 20, -1000, 0, 1000, 1 << 20, 1 << 30} {
		clocked := e.isn(epoch, f)
		old := TimeWait{sndNxt: clocked.Add(ahead)}
		var c Conn
		c.Init(e, 1, f, Options{}, 1500)
		c.OpenAfter(epoch, &old)
		require.True(t, old.sndNxt.Less(c.snd.iss), "%d", ahead)
		require.True(t, clocked.LessEq(c.snd.iss), "%d", ahead)
		var in Arrival
		require.Equal(t, clocked, in.isn(epoch, e, f))
		old.Reopen(&in)
		require.Equal(t, c.snd.iss, in.isn(epoch, e, f), "%d: a passive open does the same", ahead)
		c.Release()
	}
}

// What happens to a record is in the trace.
func TestTimeWaitTrace(t *testing.T) {
	r := timeWaitRig(t, plain)
	rec, _ := r.c.TimeWait()
	r.env.Trace = trace.NewLog(10)
	in := Arrival{Segments: 1}
	in.Seg = wire.TCP{Seq: r.c.rcv.nxt.Add(-1), Ack: r.c.snd.nxt, Flags: wire.FIN | wire.ACK}
	var out Segment
	require.True(t, rec.Arrive(r.now, r.env, 9, &in, &out))
	rec.End(r.now, r.env, 9, trace.TimerTimeWait)
	evs, _ := r.env.Trace.Take(nil)
	var got []trace.Kind
	for _, e := range evs {
		require.EqualValues(t, 9, e.Conn)
		require.NotEqual(t, clock.Never, e.At)
		got = append(got, e.Kind)
	}
	require.Equal(t, []trace.Kind{trace.Received, trace.Dropped, trace.Sent, trace.StateChanged}, got)
}

// TCP_LINGER2: how long an orphan waits in FIN-WAIT-2.
func TestFinWait2Option(t *testing.T) {
	begin := func(cfg time.Duration, o time.Duration) *rig {
		c := plain
		c.FinWait2 = cfg
		return establishedRig(t, c, Options{FinWait2: o})
	}
	for _, row := range []struct {
		name             string
		cfg, option, end time.Duration
	}{
		{"0: the host's default, 60 s", 0, 0, 60 * time.Second},
		{"0: what the host says", 7 * time.Second, 0, 7 * time.Second},
		{"above 0: the option, shorter", 0, 5 * time.Second, 5 * time.Second},
		{"above 0: the option, longer than TIME-WAIT", 7 * time.Second, 90 * time.Second, 90 * time.Second},
	} {
		for _, late := range []bool{false, true} { // closed before, or after, the FIN was acknowledged
			r := begin(row.cfg, row.option)
			if late {
				closeWrite(r)
			} else {
				closeAll(r)
			}
			require.Equal(t, "F 1:1 ack 1", r.out())
			r.in("A", 1, 2, 60000, 0)
			if late {
				require.Empty(t, r.after(10*time.Minute))
				require.Equal(t, StateFinWait2, r.c.State(), "its owner may wait for ever")
				closeAll(r)
			}
			require.Empty(t, r.after(row.end-1), row.name)
			require.Equal(t, StateFinWait2, r.c.State(), row.name)
			require.Empty(t, r.after(1), row.name)
			require.Equal(t, StateClosed, r.c.State(), row.name)
		}
	}
	for _, late := range []bool{false, true} {
		r := begin(0, -1)
		if late {
			closeWrite(r)
		} else {
			closeAll(r)
		}
		require.Equal(t, "F 1:1 ack 1", r.out())
		r.in("A", 1, 2, 60000, 0)
		if late {
			require.Equal(t, StateFinWait2, r.c.State())
			closeAll(r)
		}
		require.Equal(t, "R 2:2 ack 1", r.out(), "below 0: no FIN-WAIT-2 for an orphan")
		require.Equal(t, StateClosed, r.c.State())
	}
}
