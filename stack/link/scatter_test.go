package link

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Every packet arrives once, through any queue; what is full is said.
func TestScatter(t *testing.T) {
	steer := func(seed uint64) (order []int) {
		var as, bs []Link
		for range 3 {
			a, b := NewPipe(ethernet, 100)
			defer a.Close()
			as, bs = append(as, a), append(bs, b)
		}
		out := Scatter(as, seed)
		require.Equal(t, 100, out[1].Room())
		for i := range 60 {
			p := packet(10, byte(i))
			require.NoError(t, out[i%3].WriteBatch([]Packet{p}))
		}
		require.Less(t, out[0].Room(), 90)
		order = make([]int, 60)
		seen := 0
		for q, l := range bs {
			ps := make([]Packet, 100)
			n, err := l.TryRead(ps)
			require.NoError(t, err)
			require.NotZero(t, n)
			for _, p := range ps[:n] {
				order[p.Head[0]] = q
				seen++
			}
		}
		require.Equal(t, 60, seen)
		require.Equal(t, ErrTooLarge, out[0].WriteBatch([]Packet{packet(9000, 0), packet(10, 0)}))
		return order
	}
	require.Equal(t, steer(1), steer(1))
	require.NotEqual(t, steer(1), steer(2))
}
