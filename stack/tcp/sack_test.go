package tcp

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/buffer"
	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

func sackRig(t *testing.T) *rig {
	r := newRig(t, Config{NoTimestamps: true, NoScale: true}, Options{NoDelay: true})
	r.c.Open(r.now)
	r.out()
	r.now = r.now.Add(100 * ms) // the round-trip time
	r.opt = wire.TCPOptions{SACKPermitted: true, HasMSS: true, MSS: 1000}
	r.in("SA", 0, 1, 60000, 0)
	r.out()
	r.opt = wire.TCPOptions{}
	r.c.rcv.quick = 0
	return r
}

// sack is an ACK with blocks, relative to our ISS.
func sack(ack int, edges ...int) func(*rig) {
	return func(r *rig) {
		o := &r.opt
		for i := 0; i < len(edges); i += 2 {
			o.SACK[o.NumSACK] = wire.SACKBlock{Left: r.c.snd.iss.Add(edges[i]), Right: r.c.snd.iss.Add(edges[i+1])}
			o.NumSACK++
		}
		r.in("A", 1, ack, 60000, 0)
		r.opt = wire.TCPOptions{}
	}
}

func TestSACK(t *testing.T) {
	const six = ". 1:1001 ack 1; . 1001:2001 ack 1; . 2001:3001 ack 1; . 3001:4001 ack 1; . 4001:5001 ack 1; P 5001:6001 ack 1"
	for _, row := range []struct {
		rule string
		s    steps
	}{
		{"the first block is the newest (RFC 2018 4)", steps{
			{in("A", 1001, 1, 60000, 1000), ". 1:1 ack 1 sack 1001:2001"},
			{in("A", 3001, 1, 60000, 1000), ". 1:1 ack 1 sack 3001:4001 sack 1001:2001"},
			{in("A", 5001, 1, 60000, 1000), ". 1:1 ack 1 sack 5001:6001 sack 3001:4001 sack 1001:2001"},
			{in("A", 2001, 1, 60000, 1000), ". 1:1 ack 1 sack 1001:4001 sack 5001:6001"},
			{in("A", 1, 1, 60000, 1000), ". 1:1 ack 4001 sack 5001:6001"},
			{in("A", 4001, 1, 60000, 1000), ". 1:1 ack 6001"},
		}},
		{"a FIN ahead is part of its block", steps{
			{in("FA", 1001, 1, 60000, 10), ". 1:1 ack 1 sack 1001:1012"},
			{in("A", 1, 1, 60000, 1000), ". 1:1 ack 1012"},
		}},
		{"a duplicate below RCV.NXT is a D-SACK (RFC 2883 4.1)", steps{
			{both(in("A", 1, 1, 60000, 1000), in("A", 1001, 1, 60000, 1000)), ". 1:1 ack 2001"},
			{in("A", 1, 1, 60000, 1000), ". 1:1 ack 2001 sack 1:1001"},
		}},
		{"each of several D-SACKs is reported", steps{
			{both(in("A", 1, 1, 60000, 1000), in("A", 1001, 1, 60000, 1000)), ". 1:1 ack 2001"},
			{both(in("A", 1, 1, 60000, 1000), in("A", 1001, 1, 60000, 1000)), ". 1:1 ack 2001 sack 1:1001; . 1:1 ack 2001 sack 1001:2001"},
		}},
		{"a duplicate above RCV.NXT: the D-SACK, then its block (RFC 2883 4.2)", steps{
			{in("A", 1001, 1, 60000, 1000), ". 1:1 ack 1 sack 1001:2001"},
			{in("A", 1001, 1, 60000, 1000), ". 1:1 ack 1 sack 1001:2001 sack 1001:2001"},
		}},
		{"three segments SACKed above mean a loss (RFC 8985 6.2, step 4)", steps{
			{write(6000), six},
			{both(wait(100*ms), sack(1, 1001, 2001)), ""},
			{sack(1, 1001, 3001), ""},
			{sack(1, 1001, 4001), ". 1:1001 ack 1"},
			{sack(6001), ""},
		}},
		{"one ACK may say enough: only the holes go again", steps{
			{write(6000), six},
			{both(wait(100*ms), sack(1001, 2001, 3001, 4001, 6001)), ". 1001:2001 ack 1; . 3001:4001 ack 1"},
			{both(wait(100*ms), sack(3001, 4001, 6001)), ""},
		}},
		{"blocks outside SND.UNA..SND.NXT are lies (attack 34)", steps{
			{write(6000), six},
			{sack(1, 1001, 9001), ""},
			{sack(1, -5000, 6001), ""},
			{sack(1, 6001, 1), ""},
		}},
		{"a peer that takes back what it SACKed gets it again by RTO (RFC 2018 8)", steps{
			{write(3000), ". 1:1001 ack 1; . 1001:2001 ack 1; P 2001:3001 ack 1"},
			{both(wait(100*ms), sack(1, 1001, 3001)), ""},
			{wait(25 * ms), ". 1:1001 ack 1"},
			{both(wait(100*ms), sack(1001)), ""},
			{func(r *rig) { require.Equal(r.t, ". 1001:2001 ack 1", r.after(r.c.timeout())) }, ""},
		}},
	} {
		t.Run(row.rule, func(t *testing.T) { runSACK(t, row.s) })
	}
}

// runSACK plays steps on a connection with SACK, and holds that none of its memory is left.
func runSACK(t *testing.T, s steps) {
	r := sackRig(t)
	r.run(s)
	r.c.Release()
	require.Zero(t, r.env.Budget.Used())
}

// The first copy of a byte wins (attack 36), whatever order pieces come in.
func TestFirstByteWins(t *testing.T) {
	r := sackRig(t)
	feed := func(seq int, text string) {
		in := &Arrival{Segments: 1, Payload: []byte(text)}
		in.Seg = wire.TCP{Flags: wire.ACK, Seq: r.irs.Add(seq), Ack: r.c.snd.nxt, Window: 60000}
		r.c.Arrive(r.now, in)
		checkConn(t, r.c, text)
	}
	feed(4, "DEF")
	feed(8, "H")
	feed(3, "cdefghi")
	feed(1, "abcdefghij")
	b := make([]byte, 20)
	require.Equal(t, "abcDEFgHij", string(b[:r.c.Read(r.now, b)]))
}

// A million one-byte pieces, whatever their order, are bounded in number and
// memory, and none of them allocates: finding its place halves at most maxSpans
// pieces again and again.
func TestAttack_35_SegmentSmack(t *testing.T) {
	const holes = 29000 // of one byte, between pieces of one
	for order, place := range map[string]func(i int) int{
		"ascending":  func(i int) int { return i % holes },
		"descending": func(i int) int { return holes - 1 - i%holes },
		"scattered":  func(i int) int { return i % holes * 7919 % holes },
	} {
		r := sackRig(t)
		in := &Arrival{Segments: 1, Payload: []byte{1}}
		i := 0
		flood := func() {
			in.Seg = wire.TCP{Flags: wire.ACK, Seq: r.irs.Add(3 + 2*place(i)), Ack: r.c.snd.nxt, Window: 60000}
			r.c.Arrive(r.now, in)
			i++
		}
		for range 1000 {
			flood()
		}
		require.Zero(t, testing.AllocsPerRun(1_000_000, flood), order)
		checkConn(t, r.c, order)
		require.LessOrEqual(t, r.c.re.n, maxSpans, order)
		require.LessOrEqual(t, r.c.in.Held(), 2*buffer.MaxChunk, order)
		require.NotZero(t, r.env.Stats.Dropped[trace.DropPieces], order)
		require.Zero(t, r.c.Readable(), order)
	}
}

// What lies far ahead is bounded in proportion to what is held (attack 35).
func TestFarAheadIsBounded(t *testing.T) {
	w := newWorld(t, 1, Config{}, Options{RecvBuffer: 1 << 20})
	w.establish()
	c := w.b.conn
	w.b.conn.oweACK()
	w.flush(w.b) // offers the scaled window
	for i := range 14 {
		in := &Arrival{Segments: 1, Payload: []byte{1}}
		in.Seg = wire.TCP{Flags: wire.ACK, Seq: c.rcv.nxt.Add((i + 1) * 64 << 10), Ack: c.snd.nxt, Window: 60000}
		c.Arrive(w.now, in)
	}
	require.LessOrEqual(t, c.in.Held(), 4*64<<10)
	require.NotZero(t, w.b.env.Stats.Dropped[trace.DropTooFar])
}

// A scoreboard shattered by SACK edges stays bounded, and no SACKed byte is
// sent again (attack 33).
func TestShatteredScoreboard(t *testing.T) {
	r := sackRig(t)
	r.write(60000)
	for range 8 {
		r.out()
		r.in("A", 1, r.c.snd.nxt.Sub(r.c.snd.iss), 60000, 0)
		r.write(r.c.Writable() / 2)
	}
	r.out()
	una := r.c.snd.una.Sub(r.c.snd.iss)
	span := r.c.snd.nxt.Sub(r.c.snd.una)
	for i := range 1500 {
		l := 1 + (i*7919)%(span-2)
		sack(una, una+l, una+l+1)(r)
		require.LessOrEqual(t, r.c.sb.n, maxRecords)
	}
}

func TestNothingSACKedIsSentAgain(t *testing.T) {
	for seed := range uint64(60) {
		w := newWorld(t, seed, Config{}, Options{})
		w.loss = 0.03
		if seed%2 == 0 {
			w.a.env.MaxGSO = 65535
		}
		w.see = func(p *peer, s *Segment) {
			if p != w.a || s.Len() == 0 || p.conn.sb == nil {
				return
			}
			for i := range p.conn.sb.n {
				r := p.conn.sb.at(i)
				if r.flags&sacked != 0 {
					over := s.Seg.Seq.Less(r.end()) && r.seq.Less(s.Seg.Seq.Add(s.Len()))
					require.False(t, over, "%v", w)
				}
			}
		}
		w.transfer(300000, 0)
	}
}

func TestPathMTU(t *testing.T) { // RFC 1191, C-23
	w := newWorld(t, 3, Config{}, Options{})
	w.establish()
	c := w.a.conn
	c.Write(w.now, make([]byte, 10000))
	before := c.cc.Window()
	w.flush(w.a)
	sizes := 0
	w.see = func(p *peer, s *Segment) {
		if p == w.a && s.Len() > 0 {
			require.LessOrEqual(t, s.Len(), 1000-52)
			require.True(t, s.DF)
			sizes += s.Len()
		}
	}
	c.SetPMTU(w.now, 1000)
	w.flush(w.a)
	require.Equal(t, 10000, sizes, "what is larger goes again at once")
	require.Equal(t, before, c.cc.Window(), "and it is no congestion")
	c.SetPMTU(w.now, 68)
	require.Equal(t, 552-52, c.MSS(), "a report below 552 counts as 552")
}
