package tcp

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/wire"
)

// Attacks of testdata/attacks.md by selective acknowledgements.

// wideRig has a flight of n segments of 1000 bytes out, with SACK agreed.
func wideRig(t *testing.T, n, gso int) *rig {
	r := connected(t, Config{NoTimestamps: true}, Options{NoDelay: true, SendBuffer: 2 << 20},
		wire.TCPOptions{SACKPermitted: true, HasMSS: true, MSS: 1000, HasWindowScale: true, WindowScale: 14})
	r.env.MaxGSO = gso
	for edge := 1; ; { // slow start until the window is wide enough
		r.write(r.c.Writable())
		r.segments()
		if flight := r.c.snd.nxt.Sub(r.c.snd.una); flight >= n*1000 {
			return r
		}
		edge = r.c.snd.nxt.Sub(r.c.snd.iss)
		r.now = r.now.Add(50 * ms)
		r.in("A", 1, edge, 60000, 0)
	}
}

// claims lets an ACK of SND.UNA arrive with these SACK blocks.
func (r *rig) claims(blocks ...wire.SACKBlock) {
	in := Arrival{Segments: 1}
	in.Seg = wire.TCP{Flags: wire.ACK, Seq: r.c.rcv.nxt, Ack: r.c.snd.una, Window: 60000}
	in.Seg.Options.NumSACK = uint8(copy(in.Seg.Options.SACK[:], blocks))
	r.c.Arrive(r.now, &in)
}

// Blocks of single bytes all over the flight (CVE-2019-11477, -11478): what an
// ACK has to look at, the records, is bounded by what an honest peer with a
// loss in every second segment makes of the same flight.
func TestAttack_33_SACKFragments(t *testing.T) {
	const n = 1000
	for _, gso := range []int{0, 65535} {
		honest := wideRig(t, n, gso)
		una := honest.c.snd.una
		for i := 1; i < n; i += 2 {
			honest.claims(wire.SACKBlock{Left: una.Add(i * 1000), Right: una.Add(i*1000 + 1000)})
		}
		normal := honest.c.sb.n
		require.GreaterOrEqual(t, normal, n/2)

		for name, at := range map[string]func(i int, r *rand.Rand) int{
			"every second byte from the left":  func(i int, _ *rand.Rand) int { return 2*i + 1 },
			"every second byte from the right": func(i int, _ *rand.Rand) int { return n*1000 - 2*i - 2 },
			"one byte in each segment":         func(i int, _ *rand.Rand) int { return i*1000%(n*1000) + 500 },
			"anywhere":                         func(_ int, r *rand.Rand) int { return r.IntN(n*1000 - 10) },
		} {
			t.Run(fmt.Sprintf("%s, super-segments of %d", name, gso), func(t *testing.T) {
				r := wideRig(t, n, gso)
				random := rand.New(rand.NewPCG(1, 2))
				una := r.c.snd.una
				out := 0
				for i := range 20000 {
					var blocks [4]wire.SACKBlock
					for k := range blocks {
						l := una.Add(at(4*i+k, random) % (n * 1000))
						blocks[k] = wire.SACKBlock{Left: l, Right: l.Add(1 + i%3)}
					}
					r.claims(blocks[:]...)
					require.LessOrEqual(t, r.c.sb.n, 2*normal)
					for _, s := range r.segments() {
						out += s.Len()
					}
					require.Equal(t, una, r.c.snd.una)
				}
				checkConn(t, r.c, name)
				require.LessOrEqual(t, r.env.Budget.Used(), r.c.out.Len()+2<<20)
				require.LessOrEqual(t, out, 3*n*1000, "what is sent again is bounded by the flight")

				// All of it reclaimed, and the connection goes on.
				edge := r.c.snd.nxt.Sub(r.c.snd.iss)
				r.in("A", 1, edge, 60000, 0)
				r.write(1000)
				require.NotEmpty(t, r.segments())
				r.c.Release()
				require.Zero(t, r.env.Budget.Used())
			})
		}
		honest.c.Release()
	}
}

// Such ACKs allocate nothing once the records are there.
func TestAttack_33_SACKsDoNotAllocate(t *testing.T) {
	r := wideRig(t, 1000, 65535)
	random := rand.New(rand.NewPCG(3, 4))
	una := r.c.snd.una
	var s Segment
	attack := func() {
		l := una.Add(random.IntN(990000))
		r.claims(wire.SACKBlock{Left: l, Right: l.Add(1)}, wire.SACKBlock{Left: l.Add(10), Right: l.Add(11)})
		for r.c.Transmit(r.now, &s) {
			continue
		}
	}
	for range 20000 {
		attack()
	}
	require.Zero(t, testing.AllocsPerRun(1000, attack))
}

// A block that lies outside what is out, or is none, changes nothing.
func TestAttack_34_SACKLies(t *testing.T) {
	for _, row := range []struct {
		rule string
		l, r int // relative to ISS; 2001 to 6001 are out
	}{
		{"all acknowledged before", 1001, 2001},
		{"begins below SND.UNA", 1501, 3001},
		{"begins one byte below SND.UNA", 2000, 3001},
		{"ends past SND.NXT", 3001, 6002},
		{"beyond SND.NXT", 6001, 7001},
		{"far beyond", 1 << 30, 1<<30 + 1000},
		{"all around the circle", 3001, 3000},
		{"half of it", 2001, 2001 - 1<<31},
		{"inverted", 5001, 3001},
		{"empty", 3001, 3001},
		{"both sides of what is out", 1, 9001},
		{"from before the ISS", -5000, 3001},
	} {
		r := sackRig(t)
		r.write(6000)
		r.out()
		r.now = r.now.Add(100 * ms)
		r.in("A", 1, 2001, 60000, 0)
		r.out()
		before, cwnd := *r.c.sb, r.c.cwnd()
		for range 5 {
			sack(2001, row.l, row.r)(r)
			require.Empty(t, r.out(), row.rule)
		}
		require.Zero(t, r.c.sb.sackedBytes+r.c.sb.lostBytes, row.rule)
		require.Equal(t, before.n, r.c.sb.n, row.rule)
		require.Equal(t, cwnd, r.c.cwnd(), row.rule)
		require.Equal(t, 4000, r.c.Unacked(), row.rule)
		sack(2001, row.l, row.r, 3001, 4001)(r)
		require.Equal(t, 1000, r.c.sb.sackedBytes, "%s: the true block beside it counts", row.rule)
	}
}

// A peer may take back what it SACKed, or never have had it: whatever it
// claimed, the timer sends everything again that it does not acknowledge
// (RFC 2018 8).
func TestAttack_34_Reneging(t *testing.T) {
	for _, row := range []struct {
		rule   string
		blocks []int
	}{
		{"all but the first SACKed", []int{1001, 6001}},
		{"all of it, the first byte too", []int{1, 6001}},
		{"all but one byte in the middle", []int{1, 3001, 3002, 6001}},
		{"the last", []int{5001, 6001}},
		{"the first", []int{1, 1001}},
		{"every second", []int{1001, 2001, 3001, 4001, 5001, 6001}},
	} {
		r := sackRig(t)
		r.write(6000)
		r.out()
		r.now = r.now.Add(100 * ms)
		sack(1, row.blocks...)(r)
		for edge := 1; edge <= 6000; { // a peer that has nothing, and takes what comes next
			next := edge
			for _, s := range r.segments() {
				if seq := s.Seg.Seq.Sub(r.c.snd.iss); seq <= next && s.Len() > 0 {
					next = max(next, seq+s.Len())
				}
			}
			if next > edge {
				edge = next
				r.in("A", 1, edge, 60000, 0)
				continue
			}
			require.NotZero(t, r.c.Deadline(), "%s: nothing will ever come at %d", row.rule, edge)
			require.Less(t, r.now.Sub(epoch).Seconds(), 60.0, "%s: stuck at %d", row.rule, edge)
			r.now = r.c.Deadline()
			r.c.Expire(r.now)
		}
		require.Zero(t, r.c.Unacked(), row.rule)
		require.Equal(t, StateEstablished, r.c.State(), row.rule)
		r.c.Release()
		require.Zero(t, r.env.Budget.Used())
	}
}

// A transfer to a peer whose SACKs all lie comes to its end, by its cumulative ACKs.
func TestAttack_34_LiarUnderATransfer(t *testing.T) {
	for seed := range uint64(20) {
		w := newWorld(t, seed, Config{}, Options{})
		w.loss = 0.02
		r := rand.New(rand.NewPCG(seed, 9))
		w.see = func(p *peer, s *Segment) {
			if p != w.b || s.Len() > 0 || s.Seg.Flags&wire.SYN != 0 || !w.a.conn.opt.sack {
				return
			}
			o, c := &s.Seg.Options, w.a.conn
			o.NumSACK = uint8(r.IntN(4))
			for i := range o.NumSACK {
				l := c.snd.una.Add(r.IntN(60000) - 10000)
				o.SACK[i] = wire.SACKBlock{Left: l, Right: l.Add(r.IntN(20000) - 2000)}
			}
		}
		w.transfer(60000, 10000)
	}
}
