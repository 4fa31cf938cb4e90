package tcp

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A narrow controller models its path and has just found it to be a small one.
type narrow struct {
	spy
	window int
}

func (n *narrow) Window() int { return n.window }

// Where the window of a model falls below what seems to be in flight, the first
// of what is lost is sent again all the same, and while next to nothing is in
// flight as much as arrives: else only the timer would be left.
func TestSmallWindowInRecovery(t *testing.T) {
	for _, row := range []struct {
		rule     string
		segments int
		window   int
		again    []int // which of the lost segments, 0 and 2, leave
	}{
		{"the window takes both (RFC 6675 5 (C))", 9, 9000, []int{0, 2}},
		{"the first goes in any case (RFC 6675 5 (4.3))", 20, 4000, []int{0}},
		{"and more for what has arrived, where little is in flight (RFC 9937 7)", 9, 3000, []int{0, 2}},
		{"not beyond four segments in flight", 10, 3000, []int{0}},
	} {
		t.Run(row.rule, func(t *testing.T) {
			r := rateRig(t)
			r.env.MaxGSO = 0
			cc := &narrow{spy: *r.spy(), window: 1 << 20}
			r.c.cc = cc
			r.write(row.segments * 1000)
			r.drain()
			require.Equal(t, row.segments*1000, r.c.snd.nxt.Sub(r.c.snd.una))
			r.now = r.now.Add(20 * ms)
			cc.window = row.window
			first := r.c.snd.una
			r.opt = sackOf(r, 1001, 2001, 3001, 6001)
			r.in("A", 1, 1, 60000, 0)
			var again []int
			for out := (Segment{}); r.c.Transmit(r.now, &out); {
				again = append(again, out.Seg.Seq.Sub(first)/1000)
			}
			require.Equal(t, fastRecovery, r.c.sb.rec.mode)
			require.Equal(t, row.again, again)
		})
	}
}
