package tcp

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/wire"
)

// Attacks of testdata/attacks.md on the stream: other bytes for the same
// numbers, and windows that shrink.

// Of two copies of a byte that differ the first that lay in the window counts,
// whatever pieces they come in: three overlapping pieces in every place, then
// all of it again, and at each step what could be read was read or not.
func TestAttack_36_FirstByteWins(t *testing.T) {
	const n = 5
	type piece struct{ l, r int }
	var pieces []piece
	for l := range n {
		for r := l + 1; r <= n; r++ {
			pieces = append(pieces, piece{l, r})
		}
	}
	env := NewEnv(Config{NoTimestamps: true, NoScale: true}, [32]byte{7}, establishedRig(t, plain, Options{}).env.Budget, nil)
	d := (&cellStart{script: []cellStep{opens, synAck}}).build(env)
	c, in := d.c, Arrival{Segments: 1}
	text := make([]byte, n)
	stream := make([]byte, n+1)
	for first := range pieces {
		for second := range pieces {
			for third := range pieces {
				for _, eager := range []bool{false, true} { // the reader reads after each piece
					base, read := c.rcv.nxt, 0
					var want [n]byte
					for k, p := range []piece{pieces[first], pieces[second], pieces[third], {0, n}} {
						for i := p.l; i < p.r; i++ {
							text[i] = byte('a' + 16*k + i)
							if want[i] == 0 {
								want[i] = text[i]
							}
						}
						in.Payload = text[p.l:p.r]
						in.Seg = wire.TCP{Flags: wire.ACK, Seq: base.Add(p.l), Ack: c.snd.nxt, Window: 60000}
						c.Arrive(d.now, &in)
						if eager || k == 3 {
							read += c.Read(d.now, stream[read:])
						}
					}
					if read != n || string(stream[:n]) != string(want[:]) {
						require.Equal(t, string(want[:]), string(stream[:read]), "%v %v %v %v", pieces[first], pieces[second], pieces[third], eager)
					}
					for c.Transmit(d.now, &d.out) {
						continue
					}
				}
			}
		}
	}
	checkConn(t, c, "at the end")
	d.release()
}

// A second FIN at another place, or data beyond the first, does not change
// where the stream ends.
func TestAttack_36_FirstFINWins(t *testing.T) {
	for _, row := range []struct {
		rule  string
		steps []func(*rig)
	}{
		{"a FIN further on", []func(*rig){in("FA", 11, 1, 60000, 10), in("FA", 31, 1, 60000, 10)}},
		{"a FIN before it", []func(*rig){in("FA", 11, 1, 60000, 10), in("FA", 5, 1, 60000, 3)}},
		{"data beyond it", []func(*rig){in("FA", 11, 1, 60000, 10), in("A", 15, 1, 60000, 100)}},
	} {
		r := establishedRig(t, plain, Options{})
		for _, f := range row.steps {
			f(r)
		}
		in("A", 1, 1, 60000, 10)(r)
		require.Equal(t, StateCloseWait, r.c.State(), row.rule)
		require.Equal(t, pattern(1, 20), r.text(), row.rule)
		require.True(t, r.c.AtEOF(), row.rule)
	}
}

// A peer that offers any windows in any order, also less than it offered
// before, with all of the consequences for what is out: nothing is negative,
// nothing new is sent beyond the edge, and once it stays open everything
// arrives (RFC 9293 3.8.6, MUST-34).
func TestAttack_43_ShrinkingWindow(t *testing.T) {
	const total = 40000
	for seed := range uint64(200) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			cfg := Config{NoTimestamps: seed%2 == 0, NoSACK: seed%3 != 0, NoScale: true}
			r := connected(t, cfg, Options{NoDelay: seed%5 == 0}, wire.TCPOptions{HasMSS: true, MSS: 1000, SACKPermitted: true, HasTimestamps: true, TSVal: 1})
			r.opt = wire.TCPOptions{HasTimestamps: !cfg.NoTimestamps, TSVal: 1}
			if seed%7 == 3 {
				r.env.MaxGSO = 65535
			}
			random := rand.New(rand.NewPCG(seed, 43))
			r.write(total)
			got, offered := 1, r.c.snd.wnd // what the peer has, and its latest window
			acked := 1
			for step := 0; got <= total; step++ {
				require.Less(t, step, 5000, "stuck at %d, window %d", got, offered)
				newest := r.c.snd.nxt
				for _, s := range r.segments() {
					seq := s.Seg.Seq.Sub(r.c.snd.iss)
					end := seq + s.Len()
					if isNew := newest.Less(s.Seg.Seq.Add(s.Len())); isNew {
						require.LessOrEqual(t, end, max(acked+int(offered), acked+1), "new data beyond the edge but for a probe")
					}
					if seq <= got && end > got && random.IntN(10) > 0 {
						got = min(end, got+random.IntN(2000)) // a receiver may take a part
					}
				}
				switch k := random.IntN(10); {
				case step > 2000:
					offered = 60000
				case k < 2:
					offered = 0
				case k < 4:
					offered = uint32(random.IntN(3))
				case k < 6:
					offered /= 2
				default:
					offered = uint32(random.IntN(20000))
				}
				acked = got
				r.in("A", 1, got, uint16(offered), 0)
				checkConn(t, r.c, step)
				require.GreaterOrEqual(t, r.c.inFlight(), 0)
				if at := r.c.Deadline(); at != 0 && random.IntN(3) == 0 {
					r.now = max(r.now, at)
					r.c.Expire(r.now)
				}
				require.Equal(t, StateEstablished, r.c.State())
			}
			r.c.Release()
			require.Zero(t, r.env.Budget.Used())
		})
	}
}
