package tcp

import (
	"testing"
	"time"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/buffer"
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

func TestRTO(t *testing.T) { // C-4
	for _, row := range []struct {
		rule    string
		samples []time.Duration
		want    time.Duration
	}{
		{"before the first sample: 1 s (RFC 6298 2.1)", nil, time.Second},
		{"first sample: R + 4*R/2 (RFC 6298 2.2)", []time.Duration{200 * ms}, 600 * ms},
		{"RTTVAR floor (deviates from RFC 6298 2.4)", []time.Duration{1 * ms}, 201 * ms},
		{"next sample: alpha 1/8, beta 1/4 (RFC 6298 2.3)", []time.Duration{800 * ms, 1600 * ms}, 900*ms + 4*500*ms},
		{"never above the cap (RFC 6298 2.5)", []time.Duration{100 * time.Second}, maxRTO},
	} {
		var r rtt
		r.init()
		for _, s := range row.samples {
			r.sample(s)
		}
		require.Equal(t, row.want, r.rto, row.rule)
	}
}

func TestISN(t *testing.T) { // RFC 6528, attack 28
	e := NewEnv(Config{}, [32]byte{1}, buffer.NewBudget(0), nil)
	other := NewEnv(Config{}, [32]byte{2}, buffer.NewBudget(0), nil)
	f, g := Flow{addrA, addrB}, Flow{addrB, addrA}
	require.Equal(t, wire.Seq(250), e.isn(epoch.Add(ms), f)-e.isn(epoch, f), "a clock of 4 us (MUST-8)")
	require.NotEqual(t, e.isn(epoch, f), e.isn(epoch, g), "each flow has its own numbers")
	require.NotEqual(t, e.isn(epoch, f), other.isn(epoch, f), "and each host")
	require.NotEqual(t, e.tsOffset(f), e.tsOffset(g))
	require.NotEqual(t, e.isnKey, e.tsKey)
}

func TestStates(t *testing.T) {
	for s := StateEstablished; s < numStates; s++ {
		require.NotEqual(t, "unknown state", s.String())
		if s != StateListen {
			require.True(t, s == StateClosed || s.legal()&(1<<StateClosed) != 0, "%v can be aborted", s)
		}
	}
	require.Equal(t, "unknown state", State(99).String())
	e := NewEnv(Config{}, [32]byte{1}, buffer.NewBudget(1<<20), nil)
	var c Conn
	c.Init(e, 1, Flow{addrA, addrB}, Options{}, 1500)
	c.setState(epoch, StateLastAck)
	require.Equal(t, uint64(1), e.Stats.IllegalTransitions)
	for err := ErrRefused; err < numErrors; err++ {
		require.NotEqual(t, "unknown TCP error", err.Error())
	}
}

func TestWindowShift(t *testing.T) { // RFC 7323 2
	for _, row := range []struct {
		buffer int
		want   uint8
	}{{0, 0}, {65535, 0}, {65536, 1}, {1 << 20, 5}, {1 << 30, 14}} {
		require.Equal(t, row.want, windowShift(row.buffer), row.buffer)
	}
	e := NewEnv(Config{}, [32]byte{1}, nil, nil)
	a := agree(e, &Options{}, &wire.TCPOptions{HasWindowScale: true, WindowScale: 200, HasMSS: true, MSS: 1})
	require.Equal(t, uint8(14), a.sndShift, "above 14 is 14 (C-12)")
	require.Equal(t, uint16(48), a.peerMSS, "the floor of attack 32")
	a = agree(e, &Options{}, &wire.TCPOptions{})
	require.Equal(t, uint16(536), a.peerMSS, "MUST-15")
	require.Zero(t, a.rcvShift, "both or none (C-11)")
}

func TestSizes(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) == 8 {
		require.LessOrEqual(t, unsafe.Sizeof(Conn{}), uintptr(568), "with the 8 bytes of the runtime its size class is 576, else 640")
	}
	require.LessOrEqual(t, unsafe.Sizeof(Handshake{}), uintptr(160))
}

func TestSelfConnect(t *testing.T) { // attack 46
	e := NewEnv(Config{}, [32]byte{1}, buffer.NewBudget(1<<20), nil)
	var c Conn
	now := epoch
	c.Init(e, 1, Flow{addrA, addrA}, Options{NoDelay: true}, 1500)
	c.Open(now)
	turn := func() {
		var out Segment
		for i := 0; c.Transmit(now, &out); i++ {
			require.Less(t, i, 100, "an endless conversation with itself")
			body := append(append([]byte(nil), out.Payload[0]...), out.Payload[1]...)
			c.Arrive(now, &Arrival{Seg: out.Seg, Payload: body, Segments: 1})
			checkConn(t, &c, nil)
		}
	}
	turn()
	require.Equal(t, StateEstablished, c.State())
	c.Write(now, []byte("hello, self"))
	turn()
	b := make([]byte, 20)
	require.Equal(t, "hello, self", string(b[:c.Read(now, b)]))
	c.CloseWrite(now)
	turn()
	require.Equal(t, StateTimeWait, c.State())
	c.Release()
	require.Zero(t, e.Budget.Used())
}

func TestSimultaneousOpenSeeds(t *testing.T) { // MUST-10, attack 46
	for seed := range uint64(60) {
		w := newWorld(t, seed, Config{NoTimestamps: seed%2 == 0, NoSACK: seed%3 == 0}, Options{})
		w.loss, w.jitter = float64(seed%4)*0.1, 20*ms
		w.connect(w.a)
		w.connect(w.b)
		for range 1000 {
			if w.a.conn.State() == StateEstablished && w.b.conn.State() == StateEstablished {
				break
			}
			w.step()
		}
		require.Equal(t, StateEstablished, w.a.conn.State(), "seed %d: %v", seed, w)
		require.Equal(t, StateEstablished, w.b.conn.State(), "seed %d: %v", seed, w)
		w.a.conn.Close(w.now)
		w.b.conn.Close(w.now)
		for range 1000 {
			if w.finished() || !w.step() {
				break
			}
		}
		require.True(t, w.finished(), "seed %d: %v", seed, w)
		w.release()
	}
}

// TestRandomCloses lets both sides close, abort or fall silent at random
// moments: nothing may hang, and all is given back.
func TestRandomCloses(t *testing.T) {
	for seed := range uint64(300) {
		w := newWorld(t, seed, Config{NoSACK: seed%4 == 0}, Options{})
		w.loss, w.jitter = float64(seed%3)*0.1, time.Duration(seed%5)*5*ms
		w.b.listen()
		w.connect(w.a)
		for range 400 {
			if !w.step() {
				break
			}
			p := []*peer{w.a, w.b}[w.rnd.IntN(2)]
			c := p.conn
			if c == nil {
				continue
			}
			switch w.rnd.IntN(60) {
			case 0:
				c.Close(w.now)
			case 1:
				c.CloseWrite(w.now)
			case 3:
				if seed%2 == 0 {
					c.Abort(w.now)
				}
			case 4, 5, 6, 7, 8, 9:
				c.Write(w.now, make([]byte, w.rnd.IntN(30000)))
			case 10, 11, 12:
				c.Read(w.now, make([]byte, w.rnd.IntN(30000)))
			}
			w.flush(p)
		}
		for _, p := range []*peer{w.a, w.b} {
			if p.conn != nil {
				p.conn.Close(w.now)
				w.flush(p)
			}
		}
		for range 3000 {
			if !w.step() {
				break
			}
		}
		require.Empty(t, w.air, "seed %d never ends: %v", seed, w)
		for _, p := range []*peer{w.a, w.b} {
			require.True(t, p.conn == nil || p.conn.State() == StateClosed, "seed %d: %v", seed, w)
		}
		w.release()
	}
}

func TestSuperSegments(t *testing.T) {
	r := establishedRig(t, plain, Options{NoDelay: true})
	r.env.MaxGSO = 65535
	r.write(9500)
	require.Equal(t, "P 1:9501 ack 1 gso 1000", r.out(), "one transmission, cut by the device")
	r.in("A", 1, 9501, 60000, 0)
	r.write(100000)
	require.Equal(t, "P 9501:28501 ack 1 gso 1000", r.out()[:27], "whole segments, as the window allows")
}

// TestNoAllocations holds the steady state to none: send, acknowledge, receive.
func TestNoAllocations(t *testing.T) {
	for _, lossy := range []int{0, 23, 50} {
		traced := lossy == 50
		w := newWorld(t, 1, Config{}, Options{})
		w.establish()
		a, b := w.a.conn, w.b.conn
		if traced {
			w.a.env.Trace, w.b.env.Trace = trace.NewLog(8), trace.NewLog(8)
		}
		data, buf := make([]byte, 20000), make([]byte, 20000)
		var out Segment
		var in Arrival
		flat, sent := make([]byte, 1500), 0
		move := func(from, to *Conn) {
			for from.Transmit(w.now, &out) {
				if sent++; lossy > 0 && sent%lossy == 0 {
					continue
				}
				n := copy(flat, out.Payload[0])
				n += copy(flat[n:], out.Payload[1])
				in.Seg, in.Payload, in.Segments = out.Seg, flat[:n], 1
				to.Arrive(w.now, &in)
			}
		}
		round := func() {
			w.now = w.now.Add(ms)
			a.Write(w.now, data)
			for range 3 {
				move(a, b)
				move(b, a)
			}
			for b.Read(w.now, buf) > 0 {
			}
			move(b, a)
			a.Expire(w.now)
			b.Expire(w.now)
			a.Deadline()
		}
		for range 50 {
			round()
		}
		require.Zero(t, testing.AllocsPerRun(200, round))
		require.Greater(t, int64(b.in.Start())+int64(b.in.Len()), int64(1<<16))
		require.True(t, lossy == 0 || a.count.retrans > 10000)
	}
}

func TestDeadlineIsNeverWhenIdle(t *testing.T) {
	w := newWorld(t, 1, Config{}, Options{})
	w.establish()
	w.a.conn.Write(w.now, make([]byte, 100))
	w.flush(w.a)
	for w.step() {
	}
	require.Equal(t, clock.Never, w.a.conn.Deadline())
	require.Equal(t, clock.Never, w.b.conn.Deadline())
	require.Zero(t, w.a.env.Budget.Used(), "an idle connection holds no memory")
}
