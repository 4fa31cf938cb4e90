package buffer

import (
	"bytes"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

func content(r *Ring) []byte {
	var all []byte
	for len(all) < r.Len() {
		s := r.Spans(len(all), MaxChunk)
		all = append(append(all, s[0]...), s[1]...)
	}
	return all
}

func pattern(n int, seed byte) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = seed + byte(i) + byte(i>>8)
	}
	return p
}

func TestRingIsSmallForIdleConnections(t *testing.T) {
	require.LessOrEqual(t, unsafe.Sizeof(Ring{}), uintptr(32))
}

func TestRingTakesTheSmallestClass(t *testing.T) {
	for _, row := range []struct {
		name    string
		n, held int
	}{
		{"nothing", 0, 0},
		{"one byte", 1, 512},
		{"just a class", 512, 512},
		{"one more", 513, 1024},
		{"a segment", 1448, 2048},
		{"the largest chunk", MaxChunk, MaxChunk},
		{"a table of two", MaxChunk + 1, 2 * MaxChunk},
		{"a table of sixteen", 16 * MaxChunk, 16 * MaxChunk},
	} {
		b, r := NewBudget(1<<30), Ring{}
		p := pattern(row.n, 1)
		require.Equal(t, row.n, r.Append(b, p), row.name)
		require.Equal(t, row.held, r.Held(), row.name)
		require.Equal(t, row.held, b.Used(), row.name)
		require.True(t, bytes.Equal(p, content(&r)), row.name)
		r.Discard(b, row.n)
		require.Zero(t, b.Used(), "%s: an empty Ring holds nothing", row.name)
		require.Equal(t, uint64(row.n), r.Start(), row.name)
	}
}

func TestRingGrowsWhereItWraps(t *testing.T) {
	for _, start := range []uint64{0, 300, 511, MaxChunk - 100, 1<<32 - 100} {
		b, r := NewBudget(1<<20), Ring{start: start}
		want := pattern(400, 3)
		r.Append(b, want)
		require.True(t, r.WriteAt(b, 50, []byte("ahead")))
		for _, n := range []int{1000, 3000, 60_000, 70_000} {
			p := pattern(n, byte(n))
			require.Equal(t, n, r.Append(b, p))
			want = append(want, p...)
			require.True(t, bytes.Equal(want, content(&r)), "start %d, after %d", start, n)
		}
	}
}

func TestRingKeepsWhatLiesAhead(t *testing.T) {
	for _, off := range []int{0, 1, 400, 60_000, 70_000, 3 << 20} {
		b, r := NewBudget(8<<20), Ring{start: 1<<32 - 5}
		p := pattern(1448, 9)
		require.True(t, r.WriteAt(b, off, p))
		require.Zero(t, r.Len())
		require.LessOrEqual(t, r.Held(), 2*MaxChunk, "off %d: memory is proportional to the chunks touched", off)
		fill := pattern(off, 77)
		require.True(t, r.WriteAt(b, 0, fill))
		r.Extend(off + len(p))
		require.True(t, bytes.Equal(append(fill, p...), content(&r)), "off %d", off)
	}
}

func TestWriteAtRefusesWhole(t *testing.T) {
	b, r := NewBudget(2*MaxChunk), Ring{}
	require.Equal(t, 100, r.Append(b, pattern(100, 1)))
	require.False(t, r.WriteAt(b, 0, make([]byte, 2*MaxChunk)), "three pages")
	require.Equal(t, 512, r.Held(), "nothing taken")
	require.True(t, r.WriteAt(b, 10*MaxChunk, []byte("far")))
	require.False(t, r.WriteAt(b, 20*MaxChunk, []byte("far")))
	require.False(t, r.WriteAt(b, maxAhead, []byte("x")), "1 GiB ahead")
	require.False(t, r.WriteAt(b, -1, []byte("x")))
	require.Equal(t, 2*MaxChunk, r.Held())
	r.Trim(b)
	require.Equal(t, MaxChunk, r.Held())
	require.Equal(t, pattern(100, 1), content(&r))
}

// Each row needs the Budget to the last byte: a page more would be refused.
func TestBecomingLargeTakesOnlyThePagesTouched(t *testing.T) {
	for _, row := range []struct {
		name     string
		start    uint64
		have     int
		off, n   int
		limit    int
		wantHeld int
	}{
		{"bytes and what is ahead share no page", 0, 1000, 5 * MaxChunk, 10, 2 * MaxChunk, 2 * MaxChunk},
		{"what is ahead begins in the last page of the bytes", 0, 60_000, 0, 10_000, 2 * MaxChunk, 2 * MaxChunk},
		{"bytes over two pages, and a third", 40_000, 60_000, 40_000, 10, 3 * MaxChunk, 3 * MaxChunk},
		{"no bytes", 40_000, 0, 100_000, 10, MaxChunk, MaxChunk},
		{"a full chunk stays where it is", 0, MaxChunk, 0, 1, 2 * MaxChunk, 2 * MaxChunk},
	} {
		b, r := NewBudget(row.limit), Ring{start: row.start}
		p := pattern(row.have, 4)
		require.Equal(t, row.have, r.Append(b, p), row.name)
		require.True(t, r.WriteAt(b, row.off, make([]byte, row.n)), row.name)
		require.Equal(t, row.wantHeld, r.Held(), row.name)
		require.True(t, bytes.Equal(p, content(&r)), row.name)
	}
}

func TestBecomingLargeKeepsWhatLiesAheadOfTheWrap(t *testing.T) {
	b, r := NewBudget(1<<20), Ring{start: MaxChunk - 1000}
	r.Append(b, pattern(500, 1))
	ahead := pattern(50_000, 7)
	require.True(t, r.WriteAt(b, 1000, ahead))
	require.Equal(t, MaxChunk, r.Held(), "still one chunk, which wraps")
	require.True(t, r.WriteAt(b, 0, make([]byte, 1000)))
	require.True(t, r.WriteAt(b, 100_000, []byte("large now")))
	r.Extend(51_000)
	require.True(t, bytes.Equal(ahead, content(&r)[1500:]))
}

func TestWithoutRoomForASecondPageTheChunkIsUsedUp(t *testing.T) {
	b, r := NewBudget(MaxChunk+512), Ring{start: MaxChunk - 1000}
	require.Equal(t, 500, r.Append(b, make([]byte, 500)))
	require.Equal(t, MaxChunk-500, r.Append(b, make([]byte, 1<<20)), "one chunk that wraps holds more than a page")
}

func TestTrimAtAPageBoundary(t *testing.T) {
	b, r := NewBudget(1<<20), Ring{}
	r.Append(b, make([]byte, 2*MaxChunk))
	require.True(t, r.WriteAt(b, 0, []byte("x")))
	require.Equal(t, 3*MaxChunk, r.Held())
	r.Trim(b)
	require.Equal(t, 2*MaxChunk, r.Held())
}

func TestTrimOfAnEmptyRing(t *testing.T) {
	b, r := NewBudget(1<<20), Ring{}
	require.True(t, r.WriteAt(b, 1000, []byte("x")))
	r.Trim(b)
	require.Zero(t, b.Used())
	s := r.Tail(b, 100)
	require.Len(t, s[0], 100)
	r.Extend(0)
	r.Trim(b)
	require.Zero(t, b.Used())
}

func TestAppendUsesTheBudgetUp(t *testing.T) {
	for _, row := range []struct{ limit, want int }{
		{0, 0}, {511, 0}, {512, 512}, {1023, 512}, {1024, 1024}, {MaxChunk, MaxChunk},
		{3 * MaxChunk, 3 * MaxChunk}, {3*MaxChunk + 5, 3 * MaxChunk},
	} {
		b, r := NewBudget(row.limit), Ring{}
		got := 0
		for range 10_000 {
			got += r.Append(b, make([]byte, 100))
		}
		require.Equal(t, row.want, got, "in pieces, limit %d", row.limit)
		r.Release(b)
		require.Equal(t, row.want, r.Append(b, make([]byte, 1<<20)), "at once, limit %d", row.limit)
		require.Equal(t, [2][]byte{}, r.Tail(b, 10), "limit %d", row.limit)
	}
}

func TestTailStaysValidWhileDataIsDiscarded(t *testing.T) {
	for _, before := range []int{10, MaxChunk, 2*MaxChunk + 10} {
		b, r := NewBudget(1<<20), Ring{}
		r.Append(b, make([]byte, before))
		s := r.Tail(b, 5000)
		require.Equal(t, 5000, len(s[0])+len(s[1]))
		r.Discard(b, before) // acknowledged while the caller still copies
		p := pattern(5000, 8)
		copy(s[1], p[copy(s[0], p):])
		r.Extend(4000)
		require.Equal(t, p[:4000], content(&r), "after %d", before)
		r.Discard(b, 4000)
		require.Zero(t, b.Used())
	}
}

func TestReleaseDuringALoanDoesNotMixStreams(t *testing.T) {
	for _, n := range []int{100, MaxChunk, 2 * MaxChunk} {
		b, r := NewBudget(1<<20), Ring{}
		s := r.Tail(b, n)
		r.Release(b)
		require.Zero(t, b.Used())
		other := Ring{}
		want := pattern(n, 5)
		require.Equal(t, n, other.Append(b, want))
		clear(s[0]) // the loan is still being filled
		clear(s[1])
		require.True(t, bytes.Equal(want, content(&other)), "loan of %d", n)
	}
}

func TestPinnedSpansSurviveGrowthAndRelease(t *testing.T) {
	for _, n := range []int{100, 40_000, MaxChunk} {
		for _, growth := range []int{0, 30_000, 2 * MaxChunk} {
			b, r := NewBudget(1<<20), Ring{start: 99}
			want := pattern(n, 5)
			r.Append(b, want)
			s := r.Spans(0, n)
			r.Pin()
			r.WriteAt(b, 0, bytes.Repeat([]byte{1}, growth))
			if growth == 0 {
				r.Release(b)
			}
			other := Ring{}
			other.Append(b, make([]byte, 8*MaxChunk))
			require.True(t, bytes.Equal(want, append(bytes.Clone(s[0]), s[1]...)), "%d bytes, growth %d", n, growth)
			r.Unpin()
			r.Release(b)
			other.Release(b)
			require.Zero(t, b.Used())
		}
	}
}

func TestReleaseKeepsThePosition(t *testing.T) {
	b, r := NewBudget(1<<20), Ring{}
	r.Append(b, make([]byte, 1000))
	r.Release(b)
	require.Equal(t, uint64(1000), r.Start())
	require.Zero(t, r.Len()+r.Held()+b.Used())
}

func TestArgumentsOutOfRangeAreHarmless(t *testing.T) {
	b, r := NewBudget(1<<20), Ring{}
	r.Append(b, []byte("hello"))
	require.Equal(t, "hello", string(r.Spans(-3, 1<<30)[0]))
	require.Empty(t, r.Spans(9, 9)[0])
	require.Empty(t, r.Spans(0, -1)[0])
	require.Empty(t, r.Tail(b, -1)[0])
	r.Extend(99)
	require.Equal(t, 5, r.Len())
	r.Discard(b, -1)
	r.Discard(b, 99)
	require.Equal(t, uint64(5), r.Start())
	require.Zero(t, b.Used())
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	b := NewBudget(16 << 20)
	p := make([]byte, 1448)
	for _, row := range []struct {
		name string
		do   func(r *Ring)
	}{
		{"an exchange on an idle connection", func(r *Ring) {
			r.Append(b, p[:200])
			r.Discard(b, 200)
		}},
		{"a small Ring growing and draining", func(r *Ring) {
			for range 20 {
				r.Append(b, p)
			}
			r.Discard(b, 20*len(p))
		}},
		{"a large Ring that never drains", func(r *Ring) {
			for range 100 {
				r.Append(b, p)
			}
			r.Discard(b, max(r.Len()-1<<20, 0))
		}},
		{"becoming large and draining", func(r *Ring) {
			for range 100 {
				r.Append(b, p)
			}
			r.Discard(b, r.Len())
		}},
		{"out of order", func(r *Ring) {
			r.WriteAt(b, 200_000, p)
			r.WriteAt(b, len(p), p)
			r.WriteAt(b, 0, p)
			r.Extend(2 * len(p))
			r.Spans(0, 2*len(p))
			r.Trim(b)
			r.Discard(b, 2*len(p))
		}},
		{"filled in place", func(r *Ring) {
			s := r.Tail(b, 64<<10)
			r.Extend(len(s[0]) + len(s[1]))
			r.Discard(b, r.Len())
		}},
	} {
		var r Ring
		for range 200 {
			row.do(&r)
		}
		require.Zero(t, testing.AllocsPerRun(200, func() { row.do(&r) }), row.name)
		r.Release(b)
	}
}

func BenchmarkAppendDiscard(b *testing.B) {
	for _, row := range []struct {
		name        string
		piece, keep int
	}{{"16B", 16, 1 << 20}, {"1448B", 1448, 1 << 20}, {"64KiB", 64 << 10, 1 << 20}, {"200B-idle", 200, 0}} {
		b.Run(row.name, func(b *testing.B) {
			budget, r, p := NewBudget(16<<20), Ring{}, make([]byte, row.piece)
			b.SetBytes(int64(row.piece))
			for b.Loop() {
				r.Append(budget, p)
				if r.Len() > row.keep {
					r.Discard(budget, row.piece)
				}
			}
		})
	}
}
