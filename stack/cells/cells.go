// Package cells enumerates the segments that the tests of single segments let
// arrive in a state of a connection: at our own model (stack/tcp), and at gVisor's
// stack and ours side by side (stack/oracle).
//
// Place in the walk: none, it belongs to tests. Invariant: the same numbers give
// the same segments in the same order.
package cells

import (
	"slices"

	"github.com/sockeye-net/sockeye/stack/wire"
)

// Numbers are what the classes of a state are made from. SEG.SEQ and the two of
// the receiver count from IRS, SEG.ACK and those of the sender from ISS.
type Numbers struct {
	Una, Nxt, MaxWnd int // SND.UNA, SND.NXT, MAX.SND.WND
	RcvNxt, RcvWnd   int // RCV.NXT, RCV.WND
}

// Each calls f with every cell of a state: the 64 combinations of flags by the
// classes of sequence number, acknowledgement, window and text. Classes that
// coincide in this state are one.
func (n Numbers) Each(f func(flags wire.Flags, seq, ack, wnd, text int)) {
	edge := n.RcvNxt + n.RcvWnd
	seqs := distinct(n.RcvNxt-10, n.RcvNxt-1, n.RcvNxt, n.RcvNxt+n.RcvWnd/2, edge, edge+1)
	acks := distinct(n.Una-n.MaxWnd-1, n.Una-1, n.Una, (n.Una+n.Nxt)/2, n.Nxt, n.Nxt+1)
	for flags := wire.Flags(0); flags < 64; flags++ {
		for _, seq := range seqs {
			for _, ack := range acks {
				for _, wnd := range []int{0, 5000} {
					for _, text := range []int{0, 1, n.RcvWnd + 100} {
						f(flags, seq, ack, wnd, text)
					}
				}
			}
		}
	}
}

// distinct returns v without what came before.
func distinct(v ...int) (d []int) {
	for _, x := range v {
		if !slices.Contains(d, x) {
			d = append(d, x)
		}
	}
	return d
}
