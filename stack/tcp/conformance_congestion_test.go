package tcp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// congestedRig is a rig whose peer announced mss, before any data.
func congestedRig(t *testing.T, algorithm string, mss int) *rig {
	r := newRig(t, Config{NoSACK: true, NoTimestamps: true, Congestion: algorithmNamed(algorithm)}, Options{NoDelay: true, SendBuffer: 1 << 20})
	r.env.MTU = 16 << 10
	r.c.Init(r.env, 1, r.c.Flow(), r.c.opts.Options, r.env.MTU)
	r.c.Open(r.now)
	r.out()
	r.answer(mss)
	return r
}

// answer is the peer's SYN-ACK, which agrees to a scale of 4.
func (r *rig) answer(mss int) {
	r.now = r.now.Add(20 * ms)
	r.opt = wire.TCPOptions{HasMSS: true, MSS: uint16(mss), HasWindowScale: true, WindowScale: 4}
	r.in("SA", 0, 1, 60000, 0)
	r.opt = wire.TCPOptions{}
	require.Equal(r.t, StateEstablished, r.c.State())
	r.out()
	r.in("A", 1, 1, 60000, 0) // the first window that is scaled
}

// sends returns how many bytes of text the connection sends now, by what it
// repeats and what is new.
func (r *rig) sends() (again, fresh int) {
	for next := r.c.snd.nxt; ; {
		var s Segment
		if !r.c.Transmit(r.now, &s) {
			return again, fresh
		}
		checkConn(r.t, r.c, "")
		n := min(s.Len(), max(next.Sub(s.Seg.Seq), 0))
		again += n
		fresh += s.Len() - n
	}
}

func TestReqC_InitialWindow(t *testing.T) {
	for _, algorithm := range []string{"reno", "cubic"} {
		for _, row := range []struct {
			rule      string
			mss, want int
		}{
			{"ten segments (RFC 6928 2)", 1000, 10000},
			{"ten of the largest on Ethernet (RFC 6928 2)", 1460, 14600},
			{"no more than 14600 bytes (RFC 6928 2)", 4000, 3 * 4000},
			{"but two segments (RFC 6928 2)", 9000, 2 * 9000},
		} {
			r := congestedRig(t, algorithm, row.mss)
			r.write(500000)
			again, fresh := r.sends()
			require.Zero(t, again)
			require.Equal(t, row.want, fresh, "%s: %s", algorithm, row.rule)
		}
		for lost, want := range map[int]int{0: 10000, 1: 10000, 2: 1000} { // RFC 6928 2: not for a single one
			r := newRig(t, Config{NoSACK: true, NoTimestamps: true, Congestion: algorithmNamed(algorithm)}, Options{NoDelay: true})
			r.c.Open(r.now)
			r.out()
			for range lost {
				require.Contains(t, r.fire(), "S 0:0")
			}
			r.answer(1000)
			r.write(50000)
			_, fresh := r.sends()
			require.Equal(t, want, fresh, "%s: %d SYNs lost", algorithm, lost)
		}
	}
}

func TestReqC_AckDivision(t *testing.T) {
	for _, algorithm := range []string{"reno", "cubic"} {
		// cwnd after a flight of ten is acknowledged in steps of so many bytes.
		after := func(step int) int {
			r := congestedRig(t, algorithm, 1000)
			r.write(500000)
			r.sends()
			r.now = r.now.Add(20 * ms)
			for acked := step; acked <= 10000; acked += step {
				r.in("A", 1, 1+acked, 60000, 0)
			}
			return r.c.cc.Window()
		}
		require.Equal(t, 20000, after(1000), algorithm)
		for _, step := range []int{1, 10, 100, 500, 2000, 5000} {
			require.Equal(t, 20000, after(step), "%s: by bytes, not by ACKs (RFC 3465 2.1)", algorithm)
		}

		// However much one ACK covers, slow start grows by a super-segment at most.
		r := congestedRig(t, algorithm, 1000)
		r.write(500000)
		acked := 1
		for r.c.cc.Window() < 150000 {
			_, fresh := r.sends()
			r.now = r.now.Add(20 * ms)
			for range fresh / 5000 {
				acked += 5000
				r.in("A", 1, acked, 60000, 0)
			}
		}
		before := r.c.cc.Window()
		_, fresh := r.sends()
		require.Greater(t, r.c.inFlight(), 100000)
		require.NotZero(t, fresh)
		r.in("A", 1, acked+r.c.inFlight(), 60000, 0)
		require.Equal(t, before+64<<10, r.c.cc.Window(), "%s: the cap of an unpaced sender (RFC 9406 4.3)", algorithm)
	}
}

func TestReqC_FastRetransmit(t *testing.T) {
	for _, algorithm := range []string{"reno", "cubic"} {
		r := congestedRig(t, algorithm, 1000)
		r.write(500000)
		_, fresh := r.sends()
		require.Equal(t, 10000, fresh)
		r.now = r.now.Add(20 * ms)
		for i := range 2 { // limited transmit (RFC 3042 2), nothing again
			r.in("A", 1, 1, 60000, 0)
			again, fresh := r.sends()
			require.Zero(t, again, "duplicate ACK %d", i+1)
			require.Equal(t, 1000, fresh)
		}
		const flight = 10000 // without what limited transmit sent (RFC 5681 3.2 (2))
		r.in("A", 1, 1, 60000, 0)
		require.Equal(t, ". 1:1001 ack 1", r.out(), "%s: the third (RFC 5681 3.2)", algorithm)
		ssthresh := r.c.cc.Ssthresh()
		require.Equal(t, map[string]int{"reno": flight / 2, "cubic": flight * 7 / 10}[algorithm], ssthresh)

		// The fourth segment was lost too: the partial ACK sends it, at once and
		// without a second reduction (RFC 6582 3.2, step 3).
		r.now = r.now.Add(20 * ms)
		r.in("A", 1, 3001, 60000, 0)
		require.Contains(t, r.out(), ". 3001:4001 ack 1", algorithm)
		require.Equal(t, ssthresh, r.c.cc.Ssthresh())
		r.now = r.now.Add(20 * ms)
		r.in("A", 1, r.c.snd.nxt.Sub(r.c.snd.iss), 60000, 0)
		require.Equal(t, open, r.c.recoveryMode(), "all is acknowledged")
		require.Equal(t, ssthresh, r.c.cc.Window(), "%s: RFC 6582 3.2, step 3, full acknowledgment", algorithm)
	}
}

// recoveryMode is that of the scoreboard, where there is one.
func (c *Conn) recoveryMode() recoveryMode {
	if c.sb == nil {
		return open
	}
	return c.sb.rec.mode
}

func TestReqC_IdleRestart(t *testing.T) {
	for _, algorithm := range []string{"reno", "cubic"} {
		grown := func() (*rig, int) {
			r := congestedRig(t, algorithm, 1000)
			r.write(150000)
			acked := 1
			for acked < 150000 {
				_, fresh := r.sends()
				r.now = r.now.Add(20 * ms)
				for range (fresh + 999) / 1000 {
					acked += 1000
					r.in("A", 1, acked, 60000, 0)
				}
			}
			require.Greater(t, r.c.cc.Window(), 50000)
			return r, r.c.cc.Window()
		}
		r, was := grown()
		r.now = r.now.Add(r.c.timeout() - 21*ms) // the last data left 20 ms ago
		r.write(200000)
		_, fresh := r.sends()
		require.Equal(t, was/1000*1000, fresh, "%s: shorter than an RTO", algorithm)

		for _, idle := range []time.Duration{0, time.Second, time.Hour, 1000 * time.Hour} {
			r, was = grown()
			r.now = r.now.Add(r.c.timeout() + ms + idle)
			r.write(200000)
			_, fresh = r.sends()
			require.Equal(t, 10000, fresh, "%s: the restart window (RFC 5681 4.1) after %v", algorithm, idle)
			require.GreaterOrEqual(t, r.c.cc.Ssthresh(), was*3/4, "slow start leads back there (RFC 7661 4.3)")
		}
	}
}

// What a peer that lies in its ACKs can gain (Savage's three attacks).
func TestAttack_44_LyingACKs(t *testing.T) {
	for _, algorithm := range []string{"reno", "cubic"} {
		// ACKs of what was never sent are discarded, each with an ACK at most.
		r := congestedRig(t, algorithm, 1000)
		r.write(500000)
		r.sends()
		was := r.c.cc.Window()
		for i := range 1000 {
			r.in("A", 1, 10002+i*100, 60000, 0)
			again, fresh := r.sends()
			require.Zero(t, again+fresh)
		}
		require.Equal(t, was, r.c.cc.Window())
		require.EqualValues(t, 1000, r.env.Stats.Dropped[trace.DropOldACK])
		require.Equal(t, 1, r.c.snd.una.Sub(r.c.snd.iss))

		// ACK division: a thousand ACKs of ten bytes are worth one of ten thousand.
		r = congestedRig(t, algorithm, 1000)
		r.write(500000)
		r.sends()
		sent := 0
		for i := range 1000 {
			r.in("A", 1, 1+(i+1)*10, 60000, 0)
			_, fresh := r.sends()
			sent += fresh
		}
		require.Equal(t, 20000, sent)
		require.Equal(t, 20000, r.c.cc.Window())

		// Forged duplicates: each would stand for a segment that has left, and
		// there are no more of those than were out.
		r = congestedRig(t, algorithm, 1000)
		r.write(500000)
		r.sends()
		was = r.c.cc.Window()
		sent = 0
		for range 10000 {
			r.in("A", 1, 1, 60000, 0)
			again, fresh := r.sends()
			sent += again + fresh
		}
		require.LessOrEqual(t, sent, was)
		require.LessOrEqual(t, r.c.cc.Window(), was)
	}
}
