package cells

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/wire"
)

func TestEachCellOnce(t *testing.T) {
	for _, row := range []struct {
		name       string
		n          Numbers
		seqs, acks int
	}{
		{"all classes apart", Numbers{Una: 1000, Nxt: 3000, MaxWnd: 5000, RcvNxt: 2000, RcvWnd: 8000}, 6, 6},
		{"nothing outstanding", Numbers{Una: 1, Nxt: 1, MaxWnd: 5000, RcvNxt: 1, RcvWnd: 8000}, 6, 4},
		{"a closed window", Numbers{Una: 1, Nxt: 1, MaxWnd: 5000, RcvNxt: 1}, 4, 4},
	} {
		type cell struct {
			flags               wire.Flags
			seq, ack, wnd, text int
		}
		seen := map[cell]bool{}
		row.n.Each(func(flags wire.Flags, seq, ack, wnd, text int) {
			c := cell{flags, seq, ack, wnd, text}
			require.False(t, seen[c], "%s: %v twice", row.name, c)
			seen[c] = true
		})
		require.Len(t, seen, 64*row.seqs*row.acks*2*3, row.name)
	}
}
