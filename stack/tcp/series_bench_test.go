package tcp

import (
	"fmt"
	"testing"
	"time"

	"github.com/sockeye-net/sockeye/stack/buffer"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// BenchmarkSeries shows that what an ACK, or a segment out of order, costs does not
// grow with the window or with the holes: each series does one step in ever
// larger surroundings.
//
//	go test -run '^$' -bench Series ./stack/tcp ./stack/host
func BenchmarkSeries(b *testing.B) {
	for _, n := range []int{1, 16, 256, 4000} {
		b.Run(fmt.Sprintf("ACK/segments=%d", n), func(b *testing.B) { seriesACK(b, n) })
	}
	for _, n := range []int{1, 16, 256, 1900} {
		b.Run(fmt.Sprintf("SACK/holes=%d", n), func(b *testing.B) { seriesSACK(b, n) })
	}
	for _, n := range []int{1, 16, 250} {
		b.Run(fmt.Sprintf("OutOfOrder/spans=%d", n), func(b *testing.B) { seriesSpans(b, n) })
	}
}

const seriesMSS = 1000

// seriesBoard has n segments in flight, numbered from 0 on.
func seriesBoard(b *testing.B, n int) (*Env, *scoreboard) {
	e := NewEnv(Config{}, [32]byte{7}, buffer.NewBudget(64<<20), nil)
	s := &scoreboard{recs: make([]record, firstRecords)}
	for i := range n {
		pushSegment(b, e, s, i)
	}
	return e, s
}

func pushSegment(b *testing.B, e *Env, s *scoreboard, i int) {
	if !s.room(e, 1) {
		b.Fatal("no room for a record")
	}
	s.push(record{sent: epoch.Add(time.Duration(i) * time.Microsecond), seq: wire.Seq(i * seriesMSS), len: seriesMSS, seg: seriesMSS})
}

// seriesACK acknowledges the oldest of n segments and sends a new one.
func seriesACK(b *testing.B, n int) {
	e, s := seriesBoard(b, n)
	for b.Loop() {
		pushSegment(b, e, s, n)
		n++
		s.rack.now = epoch.Add(time.Duration(n) * time.Microsecond)
		s.ack(s.at(0).end())
		s.detectOnce(s.rack.now.Add(-time.Hour))
	}
}

// seriesSACK sends a segment, whose SACK comes, above n holes.
func seriesSACK(b *testing.B, n int) {
	e, s := seriesBoard(b, 2*n)
	for i := range n {
		s.sack(e, wire.Seq((2*i+1)*seriesMSS), wire.Seq((2*i+2)*seriesMSS))
	}
	for i := 2 * n; b.Loop(); i++ {
		pushSegment(b, e, s, i)
		s.rack.now = epoch.Add(time.Duration(i) * time.Microsecond)
		s.sack(e, wire.Seq(i*seriesMSS), wire.Seq((i+1)*seriesMSS))
		s.detectOnce(s.rack.now)
		s.nextLost()
	}
}

// seriesSpans takes a segment beyond n holes, answers it, and lets the first hole
// be filled while a new one opens.
func seriesSpans(b *testing.B, n int) {
	var r reassembly
	at := 0
	for ; at < n; at++ {
		r.add(span{wire.Seq((2*at + 1) * seriesMSS), wire.Seq((2*at + 2) * seriesMSS)})
	}
	for b.Loop() {
		l := wire.Seq((2*at + 1) * seriesMSS)
		r.add(span{l, l.Add(seriesMSS)})
		r.touch(l)
		r.refreshRecent()
		r.absorb(r.spans[0].l)
		at++
	}
}
