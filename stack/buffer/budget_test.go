package buffer

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBudgetTakeAndGive(t *testing.T) {
	b := NewBudget(1000)
	require.True(t, b.Take(600))
	require.False(t, b.Take(401))
	require.False(t, b.Take(-1))
	require.True(t, b.Take(400))
	require.Equal(t, 1000, b.Used())
	require.Zero(t, b.Free())
	b.Give(400)
	require.Equal(t, 600, b.Used())
	b.Give(5000)
	require.Zero(t, b.Used(), "never below 0")
	require.Equal(t, 1000, b.Limit())
	require.Zero(t, NewBudget(-1).Limit())
	require.False(t, new(Budget).Take(1))
}

func TestBudgetHandsOutTheLastChunkFirst(t *testing.T) {
	b := NewBudget(1 << 20)
	x, y := b.get(1024), b.get(1024)
	b.put(x)
	b.put(y)
	require.Same(t, &y[0], &b.get(1024)[0])
	require.Same(t, &x[0], &b.get(1024)[0])
}

func TestBudgetEvictsKeptChunksWhereRoomIsNeeded(t *testing.T) {
	b := NewBudget(2 * MaxChunk)
	var chunks [][]byte
	for range 2 * MaxChunk / 512 {
		chunks = append(chunks, b.get(512))
	}
	require.Nil(t, b.get(512))
	for _, c := range chunks {
		b.put(c)
	}
	require.Equal(t, 2*MaxChunk, b.kept)
	large := b.get(MaxChunk)
	require.Len(t, large, MaxChunk)
	require.Equal(t, MaxChunk, b.kept, "half of the small ones had to go")
	require.True(t, b.Take(MaxChunk))
	require.Zero(t, b.kept)
	b.put(large)
	require.Equal(t, MaxChunk, b.kept)
}

func TestSizeClasses(t *testing.T) {
	for n, want := range map[int]int{0: 512, 1: 512, 512: 512, 513: 1024, 1448: 2048, 65535: 65536, 65536: 65536} {
		require.Equal(t, want, sizeFor(n), "%d bytes", n)
	}
	require.Equal(t, 0, classOf(512))
	require.Equal(t, numClasses-1, classOf(MaxChunk))
}
