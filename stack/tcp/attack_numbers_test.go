package tcp

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// Attacks of testdata/attacks.md on sequence numbers: where they wrap, and
// whether they can be guessed.

// startAt returns the first time at or after now at which e gives f the ISN iss.
func (e *Env) startAt(now clock.Instant, f Flow, iss wire.Seq) clock.Instant {
	return now.Add(time.Duration(uint32(iss-e.isn(now, f))) * isnTick)
}

// Transfers both ways whose numbers begin close to 2^31 and 2^32, on either
// side of them, with losses where they wrap.
func TestAttack_22_ISSNextToTheWrap(t *testing.T) {
	for _, around := range []wire.Seq{1 << 31, 0} {
		for _, before := range []int{-1, 0, 1, 2, 1000, 5000, 20000, 65536} {
			iss := around.Add(-before)
			for _, client := range []bool{true, false} {
				for _, cfg := range []Config{{}, plain} {
					t.Run(fmt.Sprintf("%#x client %v options %v", uint32(iss), client, !cfg.NoSACK), func(t *testing.T) {
						w := newWorld(t, uint64(before)+7, cfg, Options{})
						if client {
							w.now = w.a.env.startAt(w.now, w.a.flow, iss)
						} else {
							w.now = w.b.env.startAt(w.now, w.b.flow, iss).Add(-w.delay)
						}
						w.loss, w.jitter = 0.03, 2*ms
						lost := 0
						w.lose = func(p *peer, s *Segment) bool { // the handshake is not delayed, or the ISS is another one
							if s.Seg.Flags&wire.SYN != 0 {
								w.launchNow(p, s)
								return true
							}
							lost++
							return false
						}
						w.transfer(60000, 50000)
						require.Equal(t, iss, [2]*peer{w.b, w.a}[index(client)].conn.snd.iss)
						require.NotZero(t, lost)
					})
				}
			}
		}
	}
}

func index(b bool) int {
	if b {
		return 1
	}
	return 0
}

// launchNow puts s on the air without a fault.
func (w *world) launchNow(p *peer, s *Segment) {
	loss, jitter := w.loss, w.jitter
	w.loss, w.jitter = 0, 0
	w.launch(p, s.Seg, nil, 1, s.ECN)
	w.loss, w.jitter = loss, jitter
}

// A stream of more than 4 GiB, which goes round the number space: every 4 KiB
// carry their offset, and the counters do not wrap.
func TestAttack_22_StreamPast4GiB(t *testing.T) {
	const total, stride = 1<<32 + 64<<20, 4 << 10
	w := newWorld(t, 4, Config{}, Options{SendBuffer: 256 << 10, RecvBuffer: 256 << 10}) // rings that a cache holds
	w.a.env.MaxGSO = 65535
	w.delay = 0
	w.establish()
	a, b := w.a.conn, w.b.conn
	var sent, read int64
	var out Segment
	var in Arrival
	var whole []byte
	stamp := func(p []byte, at int64, f func([]byte, int64)) {
		for i := (stride - int(at%stride)) % stride; i+8 <= len(p); i += stride {
			f(p[i:], at+int64(i))
		}
	}
	put := func(p []byte, at int64) { binary.LittleEndian.PutUint64(p, uint64(at)) }
	checked := 0
	check := func(p []byte, at int64) {
		if got := binary.LittleEndian.Uint64(p); got != uint64(at) {
			require.Equal(t, uint64(at), got, "at %d", at)
		}
		checked++
	}
	for read < total {
		w.now = w.now.Add(10 * time.Microsecond)
		before := read
		for sent < total {
			s := a.SendSpan(int(min(maxLend, total-sent)))
			n := len(s[0]) + len(s[1])
			if n == 0 {
				break
			}
			stamp(s[0], sent, put)
			stamp(s[1], sent+int64(len(s[0])), put)
			a.SendCommit(w.now, n)
			sent += int64(n)
		}
		for i := 0; a.Transmit(w.now, &out); i++ {
			in = Arrival{Seg: out.Seg, Payload: out.Payload[0], Segments: 1}
			if len(out.Payload[1]) > 0 {
				whole = append(append(whole[:0], out.Payload[0]...), out.Payload[1]...)
				in.Payload = whole
			}
			if out.GSOSize > 0 {
				in.Segments = (len(in.Payload) + out.GSOSize - 1) / out.GSOSize
			}
			b.Arrive(w.now, &in)
			if i == 16 {
				break
			}
		}
		for {
			s := b.RecvSpan(maxLend)
			n := len(s[0]) + len(s[1])
			if n == 0 {
				break
			}
			stamp(s[0], read, check)
			stamp(s[1], read+int64(len(s[0])), check)
			b.RecvCommit(w.now, n)
			read += int64(n)
		}
		for b.Transmit(w.now, &out) {
			in = Arrival{Seg: out.Seg, Segments: 1}
			a.Arrive(w.now, &in)
		}
		if next := clock.Earliest(a.Deadline(), b.Deadline()); read == before {
			w.now = max(w.now, next)
		}
		a.Expire(w.now)
		b.Expire(w.now)
	}
	require.Equal(t, int64(total), sent)
	require.GreaterOrEqual(t, checked, total/stride/2, "stamps that a ring's end cut are not looked at")
	require.Zero(t, w.a.env.Stats.Retransmitted)
	require.EqualValues(t, int64(total), a.Info(w.now).BytesAcked)
	require.EqualValues(t, int64(total), a.Info(w.now).BytesSent)
	require.EqualValues(t, int64(total), b.Info(w.now).BytesReceived)
	checkConn(t, a, "a")
	checkConn(t, b, "b")
	w.release()
}

// What an attacker learns from the numbers of his own connections tells him
// nothing of another's (RFC 6528; CVE-2020-28388 and its kind, NUMBER:JACK).
func TestAttack_28_ISNPrediction(t *testing.T) {
	e := NewEnv(plain, [32]byte{7}, nil, nil)
	flow := func(port uint16) Flow { return Flow{addrA, netip.AddrPortFrom(addrB.Addr(), port)} }
	const n = 4096

	t.Run("the differences of neighbours are spread over all numbers", func(t *testing.T) {
		var sixteenths [16]int
		last := e.isn(epoch, flow(1000))
		for i := range uint16(n) {
			next := e.isn(epoch, flow(1001+i))
			sixteenths[uint32(next-last)>>28]++
			last = next
		}
		for _, k := range sixteenths {
			require.InDelta(t, n/16, k, n/16/3)
		}
	})
	t.Run("each bit of the four-tuple changes about half of the bits", func(t *testing.T) {
		changed := 0
		for i := range uint16(n) {
			for bit := range 16 {
				changed += bits.OnesCount32(uint32(e.isn(epoch, flow(i)) ^ e.isn(epoch, flow(i^1<<bit))))
			}
		}
		require.InDelta(t, 16, float64(changed)/(n*16), 0.2)
	})
	t.Run("so does each bit of the key", func(t *testing.T) {
		for bit := range 256 {
			changed := 0
			var seed [32]byte
			seed[31] = 1
			one := NewEnv(plain, seed, nil, nil)
			seed[bit/8] ^= 1 << (bit % 8)
			if seed == ([32]byte{}) {
				continue
			}
			other := NewEnv(plain, seed, nil, nil)
			for i := range uint16(256) {
				changed += bits.OnesCount32(uint32(one.isn(epoch, flow(i)) ^ other.isn(epoch, flow(i))))
			}
			require.InDelta(t, 16, float64(changed)/256, 1.2, bit)
		}
	})
	t.Run("the clock of 4 us is all that one four-tuple shows", func(t *testing.T) {
		first := e.isn(epoch, flow(1))
		for _, d := range []time.Duration{time.Second, time.Hour, 50 * 24 * time.Hour} {
			require.Equal(t, wire.Seq(uint64(d/isnTick)), e.isn(epoch.Add(d), flow(1))-first)
		}
	})
	t.Run("a listener's are no other", func(t *testing.T) {
		l, le := listening(t, plain)
		for i := range 100 {
			f := client(i)
			require.Equal(t, Answered, must(l.Arrive(epoch, f, arrival(wire.SYN, 1, 0), false)))
			s := transmitted(t, l, f)
			require.Equal(t, le.isn(epoch, f), s.Seg.Seq)
		}
	})
}

func must(v Verdict, _ *Handshake) Verdict { return v }
