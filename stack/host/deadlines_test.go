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
		s := &socket{id: Handle(i)}
		s.timer.sock = s
		ts[i] = &s.timer
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
			require.EqualValues(t, i+1, e.pos)
		}
	}
	var last *timer
	for x := d.pop(100); x != nil; x = d.pop(100) {
		if last != nil {
			require.True(t, last.at < x.at || last.at == x.at && last.index() < x.index(), "by time, ties by index")
		}
		last = x
	}
	require.Equal(t, clock.Never, d.next())
}

func TestDeadlineLater(t *testing.T) {
	var d deadlines
	s := &socket{}
	s.timer.sock = s
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
