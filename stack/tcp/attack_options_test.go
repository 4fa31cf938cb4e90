package tcp

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/trace"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// Attacks of testdata/attacks.md on what options settle: timestamps, window
// scale and MSS.

// poisonRig is established with timestamps; the peer's last was 100, a second
// ago, and data is outstanding.
func poisonRig(t *testing.T) *rig {
	r := timestampRig(t)
	r.write(100)
	r.out()
	r.now = r.now.Add(time.Second)
	return r
}

// A forged timestamp of the future must not make PAWS refuse the true peer
// (CVE-2005-0356): TS.Recent comes only from segments that are acceptable in
// number and ACK and that cover Last.ACK.sent (RFC 7323 4.3, 5.3).
func TestAttack_30_PAWSPoisoning(t *testing.T) {
	const future = 100 + 1<<30
	for _, row := range []struct {
		rule     string
		flags    string
		seq, ack int
		text     int
		poisons  bool
	}{
		{"outside the window, before it", "A", -1000, 1, 10, false},
		{"outside the window, beyond it", "A", 1 << 28, 1, 10, false},
		{"in the window, ahead of Last.ACK.sent", "A", 2, 1, 10, false},
		{"a pure ACK ahead of Last.ACK.sent", "A", 2, 101, 0, false},
		{"at the right number, but an ACK of what was never sent", "A", 1, 5000, 10, false},
		{"at the right number, but an ACK from before the window", "A", 1, -1 << 29, 10, false},
		{"at the right number without an ACK", "P", 1, 0, 10, false},
		{"without any flag", "", 1, 0, 0, false},
		{"a SYN", "S", 1, 0, 0, false},
		{"a SYN with ACK", "SA", 1, 101, 0, false},
		{"a RST beside RCV.NXT", "R", 2, 0, 0, false},
		{"all old, below Last.ACK.sent", "A", -9, 1, 10, false},
		{"the peer itself (the rule's other side)", "A", 1, 1, 10, true},
		{"the peer itself, half of it old", "A", -4, 1, 10, true},
	} {
		r := poisonRig(t)
		r.opt.TSVal = future
		r.in(row.flags, row.seq, row.ack, 60000, row.text)
		r.out()
		require.Equal(t, row.poisons, r.c.rcv.tsRecent == future, row.rule)
		if row.poisons {
			continue
		}
		dropped := r.env.Stats.Dropped[trace.DropPAWS]
		r.opt.TSVal = 1100
		r.in("PA", 1, 101, 60000, 20)
		require.Equal(t, dropped, r.env.Stats.Dropped[trace.DropPAWS], "%s: the peer's next segment is refused", row.rule)
		require.Equal(t, 20, r.c.Readable(), row.rule)
		require.Zero(t, r.c.Unacked(), row.rule)
	}
}

// A peer that was idle for longer than its clock's half circle is not shut
// out: TS.Recent is too old to judge by (RFC 7323 5.5).
func TestAttack_30_IdleFor24Days(t *testing.T) {
	const day = 24 * time.Hour
	for _, row := range []struct {
		rule  string
		idle  time.Duration
		tick  uint32 // of the peer's clock, a second
		taken bool
	}{
		{"a slow clock has not come far", 24 * day, 1, true},
		{"a clock that stands still is not older", 23 * day, 0, true},
		{"nearly round in 23 days: it looks a little old, and is refused", 23 * day, 2161, false},
		{"beyond the half circle", 25 * day, 1000, true},
		{"further beyond it", 40 * day, 1000, true},
		{"round once", 50 * day, 1000, true},
		{"round many times", 400 * day, 1000, true},
	} {
		r := timestampRig(t)
		r.now = r.now.Add(row.idle)
		r.opt.TSVal = 100 + uint32(int64(row.idle/time.Second)*int64(row.tick))
		r.in("PA", 1, 1, 60000, 10)
		require.Equal(t, row.taken, r.c.Readable() == 10, row.rule)
		if row.taken {
			require.Equal(t, r.opt.TSVal, r.c.rcv.tsRecent, "and TS.Recent follows")
			r.opt.TSVal--
			r.in("PA", 11, 1, 60000, 10)
			require.Equal(t, 10, r.c.Readable(), "from now on it judges again")
		}
	}
}

// Window scales that no shift can have are 14 (RFC 7323 2.3), whoever opens.
func TestAttack_31_WindowScale(t *testing.T) {
	for shift := range 256 {
		want := uint32(60000) << min(shift, 14)
		syn := wire.TCPOptions{HasMSS: true, MSS: 1000, HasWindowScale: true, WindowScale: uint8(shift)}
		cfg := Config{NoSACK: true, NoTimestamps: true}

		r := newRig(t, cfg, Options{})
		r.c.Open(r.now)
		r.out()
		r.opt = syn
		r.in("SA", 0, 1, 60000, 0)
		require.EqualValues(t, 60000, r.c.snd.wnd, "a SYN's window is not scaled (RFC 7323 2.2)")
		r.opt = wire.TCPOptions{}
		r.in("A", 1, 1, 60000, 0)
		require.Equal(t, want, r.c.snd.wnd, shift)
		require.EqualValues(t, min(shift, 14), r.c.Info(r.now).SndWscale)
		r.out()
		r.write(100000)
		require.NotEmpty(t, r.out(), shift)

		l, e := listening(t, cfg)
		in := arrival(wire.SYN, 5, 0)
		in.Seg.Options = syn
		require.Equal(t, Answered, must(l.Arrive(epoch, client(1), in, false)))
		sa := transmitted(t, l, client(1))
		in = arrival(wire.ACK, 6, sa.Seg.Seq.Add(1))
		in.Seg.Window = 60000
		v, hs := l.Arrive(epoch, client(1), in, false)
		require.Equal(t, Established, v)
		var c Conn
		c.InitPassive(epoch, e, 1, hs, Options{}, 1500)
		c.Arrive(epoch, in)
		require.Equal(t, want, c.snd.wnd, shift)
		c.Release()
	}
}

// A peer that asks for tiny segments gets small ones, but none below 48 bytes
// with their options: what a byte costs is bounded, and everything arrives
// (CVE-2019-11479).
func TestAttack_32_TinyMSS(t *testing.T) {
	const total = 100000
	for _, mss := range []uint16{0, 1, 8, 47, 48, 49} {
		for _, ts := range []bool{false, true} {
			for _, sack := range []bool{false, true} {
				t.Run(fmt.Sprintf("MSS %d timestamps %v SACK %v", mss, ts, sack), func(t *testing.T) {
					r := newRig(t, Config{NoTimestamps: !ts, NoSACK: !sack}, Options{})
					r.env.MaxGSO = 65535
					r.c.Open(r.now)
					r.out()
					r.opt = wire.TCPOptions{HasMSS: true, MSS: mss, HasTimestamps: ts, TSVal: 1, SACKPermitted: sack}
					r.in("SA", 0, 1, 65535, 0)
					r.opt = wire.TCPOptions{HasTimestamps: ts, TSVal: 1}
					r.out()
					least := max(int(mss), minPeerMSS)
					if ts {
						least -= tsOptionLen
					}
					require.Equal(t, least, r.c.MSS())

					segments, sent, edge, asked := 0, 0, 1, 0
					for edge <= total {
						if left := total - sent; left > 0 {
							sent += r.c.Write(r.now, make([]byte, min(left, r.c.Writable())))
						}
						for _, s := range r.segments() {
							asked++
							if s.Len() == 0 {
								continue
							}
							if s.GSOSize > 0 {
								require.Equal(t, least, s.GSOSize)
								segments += (s.Len() + least - 1) / least
							} else {
								require.LessOrEqual(t, s.Len(), least)
								segments++
							}
							edge = max(edge, s.Seg.Seq.Sub(r.c.snd.iss)+s.Len())
						}
						r.now = r.now.Add(10 * ms)
						r.c.Expire(r.now)
						r.in("A", 1, edge, 65535, 0)
						require.Less(t, asked, total, "no progress")
					}
					require.LessOrEqual(t, segments, total/least+asked, "full segments but for the ends of bursts")
					require.LessOrEqual(t, r.env.Budget.Used(), 4<<20)
					require.Zero(t, r.env.Stats.Retransmitted)
				})
			}
		}
	}
}

// With a scoreboard full of such segments, SACKed here and there, loss is
// still repaired and memory bounded.
func TestAttack_32_TinyMSSWithHoles(t *testing.T) {
	w := newWorld(t, 11, Config{}, Options{})
	w.b.opts.MaxSeg = 1 // advertised as 48
	w.loss = 0.05
	most := 0
	w.see = func(p *peer, s *Segment) {
		if p == w.a {
			require.LessOrEqual(t, s.Len(), minPeerMSS-tsOptionLen)
			most = max(most, w.a.env.Budget.Used())
		}
	}
	w.transfer(50000, 0)
	require.LessOrEqual(t, most, 4<<20)
}
