package stack

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/host"
)

// A box keeps order, says when it was empty, and allocates nothing in the end.
func TestBox(t *testing.T) {
	var b box
	require.False(t, b.turn())
	text := []byte("letter")
	one := &Socket{}
	turn := func() {
		for i := range 10 {
			text[0] = byte(i)
			first, ok := b.put(&host.Letter{Data: text, GSO: uint16(i), Local: i%2 == 0})
			require.True(t, ok)
			require.Equal(t, i == 0, first)
		}
		require.False(t, b.poke(one))
		require.False(t, b.poke(one), "twice is once")
		require.True(t, b.turn())
		require.Len(t, b.read.letters, 10)
		for i, l := range b.read.letters {
			require.Equal(t, byte(i), b.read.bytes[l.from])
			require.Equal(t, len(text), l.to-l.from)
			require.EqualValues(t, i, l.gso)
			require.Equal(t, i%2 == 0, l.local)
		}
		require.Len(t, b.read.sockets, 1)
	}
	turn()
	turn()
	quiet := func() {
		_, _ = b.put(&host.Letter{Data: text})
		_ = b.poke(one)
		_ = b.turn()
	}
	require.Zero(t, testing.AllocsPerRun(100, quiet))

	big := make([]byte, 60_000)
	for range boxBytes / len(big) {
		_, ok := b.put(&host.Letter{Data: big})
		require.True(t, ok)
	}
	_, ok := b.put(&host.Letter{Data: big})
	require.False(t, ok, "its bytes are bounded too")
	for range 4 {
		_, _ = b.put(&host.Letter{Data: text})
		b.turn()
	}
	require.LessOrEqual(t, cap(b.read.bytes)+cap(b.write.bytes), 2*boxKept, "and given back")
}
