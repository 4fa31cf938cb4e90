package host

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/clock"
)

func TestDeadlinesOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var d deadlines
	ts := make([]*timer, 300)
	for i := range ts {
		ts[i] = &timer{owner: int32(i)}
	}
	for range 5000 {
		x := ts[r.IntN(len(ts))]
		switch r.IntN(4) {
		case 0:
			d.remove(x)
		default:
			d.set(x, clock.Instant(1+r.IntN(50)))
		}
		for i, e := range d.heap {
			require.EqualValues(t, i+1, e.t.pos)
		}
	}
	var last deadline
	for at := d.next(); at != clock.Never; at = d.next() {
		x := deadline{at, d.pop(100)}
		if last.t != nil {
			require.True(t, last.at < x.at || last.at == x.at && last.t.owner < x.t.owner, "by time, ties by owner")
		}
		require.Equal(t, clock.Never, d.of(x.t))
		last = x
	}
	require.Equal(t, clock.Never, d.next())
}

func TestDeadlineLater(t *testing.T) {
	var d deadlines
	s := &socket{}
	d.set(&s.timer, 10)
	d.set(&s.timer, 20)
	require.EqualValues(t, 10, d.next(), "a later deadline waits for the pop")
	d.set(&s.timer, clock.Never)
	require.EqualValues(t, 10, d.next())
	d.set(&s.timer, 5)
	require.EqualValues(t, 5, d.next())
	require.Nil(t, d.pop(4))
	require.Equal(t, &s.timer, d.pop(5))
	require.Equal(t, clock.Never, d.next())
}
