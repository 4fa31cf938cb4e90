package tcp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// askRig has not opened yet and asks for ECN.
func askRig(t *testing.T, mode ECNMode) *rig {
	cfg := plain
	cfg.ECN = mode
	r := newRig(t, cfg, Options{NoDelay: true})
	r.opt = wire.TCPOptions{HasMSS: true, MSS: 1000}
	return r
}

func openRig(r *rig) { r.c.Open(r.now) }

// marked is in with the IP header's codepoint.
func marked(flags string, seq, ack, text int) func(*rig) {
	return func(r *rig) {
		in := &Arrival{Segments: 1, Payload: pattern(seq, text), ECN: ce}
		in.Seg = wire.TCP{Flags: parseFlags(flags), Seq: r.irs.Add(seq), Ack: r.c.snd.iss.Add(ack), Window: 60000}
		r.c.Arrive(r.now, in)
		checkConn(r.t, r.c, flags)
	}
}

func ecnAgreed(want bool) func(*rig) {
	return func(r *rig) { require.Equal(r.t, want, r.c.Info(r.now).ECN, "Info.ECN") }
}

func TestECNNegotiation(t *testing.T) {
	const asks = "SEW 0:0"
	then := func(more ...struct {
		do   func(*rig)
		want string
	}) steps {
		return append(steps{{openRig, asks}}, more...)
	}
	for _, row := range []struct {
		rule string
		mode ECNMode
		s    steps
	}{
		{"not asked for by default", ECNAccept, steps{
			{openRig, "S 0:0"},
			{in("SAE", 0, 1, 60000, 0), ". 1:1 ack 1"},
			{both(ecnAgreed(false), write(100)), "P 1:101 ack 1"},
		}},
		{"an ECN-setup SYN-ACK: new data says ECT(0) (RFC 3168 6.1.1, 6.1.2)", ECNRequest, then(steps{
			{in("SAE", 0, 1, 60000, 0), ". 1:1 ack 1"},
			{both(ecnAgreed(true), write(100)), "P 1:101 ack 1 ect0"},
			{both(closeWrite, in("A", 1, 101, 60000, 0)), "F 101:101 ack 1"},
		}...)},
		{"a SYN-ACK without ECE: no ECN (RFC 3168 6.1.1)", ECNRequest, then(steps{
			{in("SA", 0, 1, 60000, 0), ". 1:1 ack 1"},
			{both(ecnAgreed(false), write(100)), "P 1:101 ack 1"},
			{marked("A", 1, 101, 10), ". 101:101 ack 11"},
		}...)},
		{"a SYN-ACK that only reflects our flags: no ECN (RFC 3168 6.1.1)", ECNRequest, then(steps{
			{in("SAEW", 0, 1, 60000, 0), ". 1:1 ack 1"},
			{both(ecnAgreed(false), write(100)), "P 1:101 ack 1"},
		}...)},
		{"a SYN that was lost goes without; then we send no ECT, but answer marks (RFC 3168 6.1.1, 6.1.1.1)", ECNRequest, then(steps{
			{wait(time.Second), "S 0:0"},
			{in("SAE", 0, 1, 60000, 0), ". 1:1 ack 1"},
			{write(100), "P 1:101 ack 1"},
			{marked("A", 1, 101, 10), "E 101:101 ack 11"},
		}...)},
		{"opens that cross", ECNRequest, then(steps{
			{in("SEW", 0, 0, 60000, 0), "SE 0:0 ack 1"},
			{both(in("A", 1, 1, 60000, 0), write(100)), "P 1:101 ack 1 ect0"},
		}...)},
	} {
		t.Run(row.rule, func(t *testing.T) {
			r := askRig(t, row.mode)
			r.run(row.s)
		})
	}
}

// ecnRig has agreed to ECN, with an MSS of 1000.
func ecnRig(t *testing.T) *rig {
	r := askRig(t, ECNRequest)
	openRig(r)
	r.out()
	r.in("SAE", 0, 1, 60000, 0)
	r.opt = wire.TCPOptions{}
	r.out()
	r.c.rcv.quick = 0
	return r
}

func TestReqC_ECNRules(t *testing.T) {
	const four = ". 1:1001 ack 1 ect0; . 1001:2001 ack 1 ect0; . 2001:3001 ack 1 ect0; P 3001:4001 ack 1 ect0"
	for _, row := range []struct {
		rule string
		s    steps
	}{
		{"a mark is echoed until CWR comes (RFC 3168 6.1.3)", steps{
			{marked("A", 1, 1, 10), "E 1:1 ack 11"},
			{both(in("A", 11, 1, 60000, 10), wait(40*ms)), "E 1:1 ack 21"},
			{write(100), "PE 1:101 ack 21 ect0"},
			{in("AW", 21, 101, 60000, 10), ". 101:101 ack 31"},
			{both(in("A", 31, 101, 60000, 10), wait(40*ms)), ". 101:101 ack 41"},
		}},
		{"data that says CWR may be marked itself (RFC 3168 6.1.3)", steps{
			{marked("A", 1, 1, 10), "E 1:1 ack 11"},
			{marked("AW", 11, 1, 10), "E 1:1 ack 21"},
		}},
		{"a mark on what is outside the window, or has no data, is not heard (RFC 3168 6.1.4, 6.1.5)", steps{
			{marked("A", 1, 1, 0), ""},
			{marked("A", 2000000, 1, 10), ". 1:1 ack 1"},
			{marked("A", -9, 1, 10), ". 1:1 ack 1"},
		}},
		{"ECE: the window falls once, and the first new data says so (RFC 3168 6.1.2)", steps{
			{write(4000), four},
			{both(in("AE", 1, 1001, 60000, 0), window(2000), in("AE", 1, 2001, 60000, 0), window(2000)), ""},
			{both(write(2000), in("AE", 1, 4001, 60000, 0), window(2000)), "W 4001:5001 ack 1 ect0; P 5001:6001 ack 1 ect0"},
			{both(in("A", 1, 6001, 60000, 0), write(1000)), "P 6001:7001 ack 1 ect0"},
		}},
		{"ECE for what left after that: it falls again (RFC 3168 6.1.2)", steps{
			{write(4000), four},
			{both(in("AE", 1, 1001, 60000, 0), window(2000), in("AE", 1, 4001, 60000, 0), write(1000)), "PW 4001:5001 ack 1 ect0"},
			{both(in("AE", 1, 5001, 60000, 0), window(1000), write(1000)), "PW 5001:6001 ack 1 ect0"},
		}},
		{"what goes again says nothing (RFC 3168 6.1.5), and the new data after it CWR (6.1.2)", steps{
			{write(4000), four},
			{in("A", 1, 1, 60000, 0), ""},
			{in("A", 1, 1, 60000, 0), ""},
			{in("A", 1, 1, 60000, 0), ". 1:1001 ack 1"},
			{both(in("A", 1, 4001, 60000, 0), write(1000)), "PW 4001:5001 ack 1 ect0"},
		}},
		{"ECE in a recovery is of the window that fell already (RFC 3168 6.1.2)", steps{
			{write(6000), four[:len(four)-len("P 3001:4001 ack 1 ect0")] + ". 3001:4001 ack 1 ect0; . 4001:5001 ack 1 ect0; P 5001:6001 ack 1 ect0"},
			{both(in("AE", 1, 1, 60000, 0), window(3000)), ""},
			{in("AE", 1, 1, 60000, 0), ""},
			{both(in("AE", 1, 1, 60000, 0), threshold(3000)), ". 1:1001 ack 1"}, // loss in the same window
			{both(in("AE", 1, 6001, 60000, 0), threshold(3000), window(3000), write(1000)), "PW 6001:7001 ack 1 ect0"},
			{both(in("A", 1, 7001, 60000, 0), threshold(3000)), ""},
		}},
		{"a window probe says nothing (RFC 3168 6.1.6)", steps{
			{both(in("A", 1, 1, 0, 0), write(100)), ""},
			{wait(200 * ms), ""},
			{wait(time.Second), ". 1:2 ack 1"},
		}},
		{"without ECN, ECE means nothing", steps{
			{func(r *rig) { r.c.ecn = 0; r.write(4000) }, ". 1:1001 ack 1; . 1001:2001 ack 1; . 2001:3001 ack 1; P 3001:4001 ack 1"},
			{both(in("AE", 1, 1001, 60000, 0), window(10000)), ""},
		}},
	} {
		t.Run(row.rule, func(t *testing.T) {
			r := ecnRig(t)
			r.t = t
			r.run(row.s)
		})
	}
}

// CWR goes with a super-segment as a whole; who cuts it leaves it to the first.
func TestECNSuperSegment(t *testing.T) {
	r := ecnRig(t)
	r.env.MaxGSO = 65535
	r.write(4000)
	require.Equal(t, "P 1:4001 ack 1 ect0 gso 1000", r.out())
	r.in("AE", 1, 1001, 60000, 0)
	r.write(2000)
	r.in("A", 1, 4001, 60000, 0)
	require.Equal(t, "PW 4001:6001 ack 1 ect0 gso 1000", r.out())
	r.write(100)
	r.in("A", 1, 6001, 60000, 0)
	require.Equal(t, "P 6001:6101 ack 1 ect0", r.out())
}

// The SYN record keeps what the SYN asked for, for the SYN-ACK, its repetition
// and the connection (RFC 3168 6.1.1).
func TestECNListener(t *testing.T) {
	for _, row := range []struct {
		rule   string
		mode   ECNMode
		syns   []string
		synAck wire.Flags
		agreed bool
	}{
		{"accepted by default", ECNAccept, []string{"SEW"}, wire.ECE, true},
		{"and when we ask ourselves", ECNRequest, []string{"SEW", "SEW"}, wire.ECE, true},
		{"not for a SYN with one of the flags", ECNAccept, []string{"SE"}, 0, false},
		{"not after a SYN without (RFC 3168 6.1.1)", ECNAccept, []string{"SEW", "S"}, 0, false},
		{"nor the other way round", ECNAccept, []string{"S", "SEW"}, 0, false},
		{"off", ECNOff, []string{"SEW"}, 0, false},
	} {
		p := newPeer("b", 1, Config{ECN: row.mode}, Options{}, Flow{addrB, addrA})
		p.listen()
		var out Segment
		var f Flow
		for _, flags := range row.syns {
			in := &Arrival{Segments: 1, Seg: wire.TCP{Flags: parseFlags(flags), Seq: 100, Window: 1000}}
			v, _ := p.listener.Arrive(epoch, p.flow, in, false)
			require.Equal(t, Answered, v, row.rule)
			require.True(t, p.listener.Transmit(epoch, &f, &out), row.rule)
		}
		p.listener.Expire(epoch.Add(time.Second))
		require.True(t, p.listener.Transmit(epoch.Add(time.Second), &f, &out), row.rule)
		require.Equal(t, row.synAck, out.Seg.Flags&(wire.ECE|wire.CWR), row.rule)
		require.Zero(t, out.ECN, "no ECT on a SYN-ACK (RFC 3168 6.1.1)")
		ack := &Arrival{Segments: 1, Seg: wire.TCP{Flags: wire.ACK, Seq: 101, Ack: out.Seg.Seq.Add(1), Window: 1000}}
		v, hs := p.listener.Arrive(epoch, p.flow, ack, false)
		require.Equal(t, Established, v, row.rule)
		c := new(Conn)
		c.InitPassive(epoch, p.env, 1, hs, Options{}, 1500)
		c.Arrive(epoch, ack)
		require.Equal(t, row.agreed, c.Info(epoch).ECN, row.rule)
		c.Write(epoch, []byte("x"))
		require.True(t, c.Transmit(epoch, &out))
		require.Equal(t, row.agreed, out.ECN == ect0, row.rule)
	}
}

// A path that marks holds the flow back without a loss.
func TestReq9293_S08_ECN(t *testing.T) {
	for gso, mark := range map[int]float64{0: 0.01, 65535: 0.1} {
		w := newWorld(t, 1, Config{ECN: ECNRequest}, Options{})
		w.a.env.MaxGSO = gso
		w.mark = mark
		w.a.env.Trace = trace.NewLog(1 << 16)
		cwrs := 0
		w.see = func(p *peer, s *Segment) {
			if s.Len() == 0 || s.Why != trace.SendData {
				require.Zero(t, s.ECN, "%v", w)
			}
			if s.Seg.Flags&(wire.CWR|wire.SYN) == wire.CWR && p == w.a {
				cwrs++
			}
		}
		w.transfer(4<<20, 100)
		require.Zero(t, w.a.env.Stats.Retransmitted)
		events, _ := w.a.env.Trace.Take(nil)
		falls := 0
		for _, e := range events {
			if e.Kind == trace.CwndChanged && e.Reason == trace.CwndECN {
				falls++
			}
		}
		require.NotZero(t, falls)
		require.InDelta(t, falls, cwrs, 1, "one CWR for each reduction")
	}
}
