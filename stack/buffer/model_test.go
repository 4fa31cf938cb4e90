package buffer

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// A model is a Ring as a map from position to byte, beside the real one.
type model struct {
	b     *Budget
	r     Ring
	bytes map[uint64]byte // of the stream and ahead of it
	start uint64
	len   int
	other int  // taken from the Budget by Take
	next  byte // distinguishes what was written when
}

func newModel(limit int, start uint64) *model {
	return &model{b: NewBudget(limit), r: Ring{start: start}, bytes: map[uint64]byte{}, start: start}
}

func (m *model) fresh(n int) []byte {
	p := make([]byte, n)
	for i := range p {
		m.next = m.next*5 + 13
		p[i] = m.next ^ byte(i>>8)
	}
	return p
}

func (m *model) store(off int, p []byte) {
	for i, c := range p {
		m.bytes[m.start+uint64(m.len+off+i)] = c
	}
}

// placed is how many bytes are there from the end on, without a hole.
func (m *model) placed() int {
	n := 0
	for {
		if _, ok := m.bytes[m.start+uint64(m.len+n)]; !ok {
			return n
		}
		n++
	}
}

func (m *model) append(t require.TestingT, n int) {
	p := m.fresh(n)
	free, held := m.b.Free(), m.r.Held()
	got := m.r.Append(m.b, p)
	require.LessOrEqual(t, got, n)
	if got < n {
		// The bytes straddle this many pages; growing may need one chunk more for
		// as long as it copies.
		pages := int((m.start+uint64(m.len+n)-1)>>pageShift-m.start>>pageShift) + 1
		require.Less(t, free, (pages+1)*MaxChunk, "Append gave up with room left, held %d", held)
	}
	m.store(0, p[:got])
	m.len += got
}

func (m *model) tail(t require.TestingT, n, commit int) {
	s := m.r.Tail(m.b, n)
	room := len(s[0]) + len(s[1])
	require.LessOrEqual(t, room, max(n, 0))
	p := m.fresh(room)
	copy(s[1], p[copy(s[0], p):])
	commit = min(commit, room)
	m.store(0, p[:commit])
	for i := commit; i < room; i++ { // what is not committed overwrote what was ahead
		pos := m.start + uint64(m.len+i)
		if _, ok := m.bytes[pos]; ok {
			m.bytes[pos] = p[i]
		}
	}
	m.r.Extend(commit)
	m.len += commit
	if m.len == 0 && len(m.bytes) == 0 {
		m.r.Trim(m.b)
	}
}

func (m *model) writeAt(off, n int) {
	p := m.fresh(n)
	if m.r.WriteAt(m.b, off, p) {
		m.store(off, p)
	}
}

func (m *model) extend() {
	n := m.placed()
	m.r.Extend(n)
	m.len += n
}

func (m *model) trim() {
	m.r.Trim(m.b)
	for p := range m.bytes {
		if p >= m.start+uint64(m.len) {
			delete(m.bytes, p)
		}
	}
}

func (m *model) discard(n int) {
	m.r.Discard(m.b, n)
	n = min(n, m.len)
	for i := range n {
		delete(m.bytes, m.start+uint64(i))
	}
	m.start += uint64(n)
	m.len -= n
}

func (m *model) release() {
	m.r.Release(m.b)
	m.start += uint64(m.len)
	m.len = 0
	clear(m.bytes)
}

func (m *model) take(n int) {
	free := m.b.Free()
	if ok := m.b.Take(n); ok {
		m.other += n
	} else if n <= free {
		m.other = -1 // found by check
	}
}

func (m *model) give() { m.b.Give(m.other); m.other = 0 }

// check compares everything that can be seen.
func (m *model) check(t require.TestingT) {
	require.Equal(t, m.start, m.r.Start())
	require.Equal(t, m.len, m.r.Len())
	require.Equal(t, m.other+m.r.Held(), m.b.Used())
	require.LessOrEqual(t, m.b.Used()+m.b.kept, m.b.Limit())
	kept := 0
	for _, list := range m.b.free {
		for _, c := range list {
			kept += len(c)
		}
	}
	require.Equal(t, kept, m.b.kept)
	if len(m.bytes) == 0 {
		require.Zero(t, m.r.Held(), "an empty Ring holds nothing")
	}
	// Order the bytes to compare them in bulk: a require per byte would be slow.
	want, got := make([]byte, 0, m.len), make([]byte, 0, m.len)
	for i := range m.len {
		want = append(want, m.bytes[m.start+uint64(i)])
	}
	for len(got) < m.len {
		s := m.r.Spans(len(got), min(m.len-len(got), MaxChunk))
		require.Equal(t, min(m.len-len(got), MaxChunk), len(s[0])+len(s[1]), "two pieces hold any 64 KiB")
		got = append(append(got, s[0]...), s[1]...)
	}
	require.True(t, bytes.Equal(want, got), "content")
	for pos, want := range m.bytes {
		if pos >= m.start+uint64(m.len) {
			if piece := m.r.piece(pos, 1); len(piece) != 1 || piece[0] != want {
				require.Failf(t, "a byte ahead was lost", "position %d", pos)
			}
		}
	}
}

func (m *model) step(t require.TestingT, op, n, k int) {
	switch op {
	case 0:
		m.append(t, n)
	case 1:
		m.tail(t, n, k)
	case 2:
		m.writeAt(k, n)
	case 3:
		m.extend()
	case 4:
		m.trim()
	case 5, 6:
		m.discard(n)
	case 7:
		m.take(n)
	case 8:
		m.give()
	case 9:
		m.release()
	}
	m.check(t)
}

const modelOps = 10

func TestRingEqualsTheModel(t *testing.T) {
	sizes := rapid.OneOf(
		rapid.IntRange(0, 20),
		rapid.IntRange(500, 3000),
		rapid.SampledFrom([]int{511, 512, 513, 32768, MaxChunk - 1, MaxChunk, MaxChunk + 1, 2*MaxChunk + 5}),
		rapid.IntRange(0, 100_000),
	)
	limits := rapid.SampledFrom([]int{0, 511, 512, 4096, 100_000, 3 * MaxChunk, 8 * MaxChunk})
	starts := rapid.SampledFrom([]uint64{0, 1, MaxChunk - 3, 1<<32 - 1000, 1 << 40})
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(limits.Draw(t, "limit"), starts.Draw(t, "start"))
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			m.step(t, rapid.IntRange(0, modelOps-1).Draw(t, "op"), sizes.Draw(t, "n"), sizes.Draw(t, "k"))
		}
		m.release()
		m.give()
		m.check(t)
		require.Zero(t, m.b.Used())
	})
}

func FuzzRing(f *testing.F) {
	f.Add([]byte{3, 0, 9, 9, 2, 40, 200, 3, 0, 0, 5, 3, 3})
	f.Add([]byte{6, 1, 250, 100, 0, 255, 1, 5, 130, 0, 0, 255, 0, 9, 0, 0})
	f.Fuzz(func(t *testing.T, in []byte) {
		if len(in) == 0 || len(in) > 90 {
			return
		}
		m := newModel(int(in[0])*20_000, uint64(in[0])*13_000)
		// Quadratic in the byte, so that small and large sizes are both common.
		size := func(c byte) int { return int(c) * int(c) * 2 }
		for in = in[1:]; len(in) >= 3; in = in[3:] {
			m.step(t, int(in[0])%modelOps, size(in[1])+int(in[0])/modelOps, size(in[2]))
		}
		m.release()
		m.give()
		m.check(t)
	})
}
