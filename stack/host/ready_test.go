package host

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// The ready queue takes sockets out from anywhere.
func TestReadyQueueModel(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 9))
	var q socketList
	var all [20]socket
	var want []*socket
	for range 20000 {
		s := &all[rnd.IntN(len(all))]
		switch {
		case !s.queued:
			q.push(s)
			s.queued = true
			want = append(want, s)
		case rnd.IntN(3) == 0:
			require.Equal(t, want[0], q.pop())
			want[0].queued = false
			want = want[1:]
		default:
			q.remove(s)
			s.queued = false
			for i := range want {
				if want[i] == s {
					want = append(want[:i:i], want[i+1:]...)
					break
				}
			}
		}
		i := 0
		for s := q.head; s != nil; s = s.in[linkReady].next {
			require.True(t, s == want[i])
			i++
		}
		require.Equal(t, len(want), i)
		require.Equal(t, i == 0, q.tail == nil)
	}
}
