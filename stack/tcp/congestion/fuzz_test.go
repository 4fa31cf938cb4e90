package congestion

import (
	"encoding/binary"
	"math"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/stack/clock"
)

// FuzzController makes any calls in any order with any arguments, and holds
// each controller to the invariants of the package after each.
func FuzzController(f *testing.F) {
	f.Add([]byte("\x00\x01\x02\x03\x04\x05\x06\x07\x08"))
	f.Add([]byte("\x01\x41\xff\xff\xff\x7f\xff\xff\xff\xff\xff\xff\x81\x00\x00\x00\x01\x02\x03\x04"))
	for seed := range byte(8) {
		b := make([]byte, 400)
		for i := range b {
			b[i] = byte(i*i)*seed ^ byte(i>>3)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, name := range Names() {
			w := &walker{t: t, data: data, mss: 1448, now: 1}
			w.c, _ = named(name)
			w.c.SetMSS(w.mss)
			for len(w.data) > 0 {
				w.step()
			}
		}
	})
}

// A walker reads calls from data.
type walker struct {
	t    *testing.T
	c    Controller
	data []byte
	mss  int
	now  clock.Instant
}

func (w *walker) byte() byte {
	if len(w.data) == 0 {
		return 0
	}
	b := w.data[0]
	w.data = w.data[1:]
	return b
}

// number is small, or of any size, or at the end of the range.
func (w *walker) number() int {
	switch b := w.byte(); b & 7 {
	case 0:
		return math.MaxInt
	case 1:
		return math.MinInt
	case 2, 3:
		var n [4]byte
		w.data = w.data[copy(n[:], w.data):]
		return int(int32(binary.LittleEndian.Uint32(n[:])))
	default:
		return int(b) * int(w.byte())
	}
}

func (w *walker) duration() time.Duration {
	if d := time.Duration(w.number()); w.byte()&1 == 0 {
		return d
	} else {
		return d % (1 << 30) * time.Microsecond
	}
}

func (w *walker) step() {
	before, used := w.c.Window(), true
	op := w.byte() % 14
	if d := w.duration(); d > 0 && w.now < math.MaxInt64-clock.Instant(d) {
		w.now = w.now.Add(d)
	}
	switch op {
	case 0:
		w.c.OnSend(w.now, w.number(), w.number())
	case 1:
		w.c.OnCongestion(w.now, Signal(w.byte()%4), w.number())
	case 2:
		w.c.OnRecovered(w.now)
	case 3:
		w.c.OnTimeout(w.now, w.number())
	case 4:
		w.c.OnSpurious()
	case 5:
		w.c.OnRestart(w.duration())
	case 6:
		w.mss = 1 + int(w.byte())<<8 | int(w.byte())
		w.c.SetMSS(w.mss)
	case 7:
		w.c.OnLost(&Lost{Delivered: int64(w.number()), Bytes: w.number(), TxInFlight: w.number(), TxLost: w.number(),
			AppLimited: w.byte()&1 != 0, Adjacent: w.byte()&1 != 0})
	case 8:
		w.c.OnInit(w.duration(), uint64(w.number()))
	default:
		flags := w.byte()
		used = flags&3 != 0 && flags&12 != 12
		w.c.OnAck(w.now, &Sample{
			RTT: w.duration(), MinRTT: w.duration(), Acked: w.number(), Lost: w.number(), InFlight: w.number(),
			CwndLimited: flags&3 != 0, Recovering: flags&12 == 12, Round: flags&16 != 0,
			AppLimited: flags&32 != 0, ECE: flags&64 != 0, Sampled: flags&128 == 0,
			LeastRTT: w.duration(), Arrived: w.number(), Delivered: int64(w.number()) << (w.byte() % 20), Pipe: w.number(),
			Rate: int64(w.number()) << (w.byte() % 20), Prior: int64(w.number()), TxInFlight: w.number(), TxLost: w.number(),
			SACK: w.byte()&1 != 0, Recovered: flags&12 == 8, Advanced: w.number(),
		})
	}
	w.check(op, before, used)
}

func (w *walker) check(op byte, before int, used bool) {
	cwnd, ssthresh := w.c.Window(), w.c.Ssthresh()
	switch {
	case cwnd < w.mss || cwnd > maxWindow:
		w.t.Fatalf("%s: call %d made cwnd %d of %d with MSS %d", w.c.Name(), op, cwnd, before, w.mss)
	case ssthresh < 2*w.mss:
		w.t.Fatalf("%s: call %d made ssthresh %d with MSS %d", w.c.Name(), op, ssthresh, w.mss)
	case w.c.PacingRate() < 0 || w.c.Models() && w.c.PacingRate() == 0:
		w.t.Fatalf("%s: call %d made the pacing rate %d", w.c.Name(), op, w.c.PacingRate())
	case w.c.Models(): // what follows holds for windows
	case !used && cwnd != before:
		w.t.Fatalf("%s: an ACK in recovery, or of an unused window, made cwnd %d of %d", w.c.Name(), cwnd, before)
	case op > 8 && cwnd < before:
		w.t.Fatalf("%s: an ACK made cwnd %d of %d", w.c.Name(), cwnd, before)
	case (op == 1 || op == 2 || op == 3) && cwnd > max(before, w.mss):
		w.t.Fatalf("%s: a reduction made cwnd %d of %d", w.c.Name(), cwnd, before)
	}
}
