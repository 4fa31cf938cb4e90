// Package stdnettest makes the two hosts that most tests of calls and of programs
// begin with.
//
// Place in the walk: none, it belongs to tests. Invariant: what it makes ends with
// the test.
package stdnettest

import (
	"testing"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/stdnet"
)

// Pair is stdnet.Pair for a test: two stacks joined in memory, 192.0.2.1 and
// 192.0.2.2, which are closed when the test ends. That the test has closed them
// before is no harm. Within a bubble of testing/synctest it takes the bubble's t.
func Pair(t testing.TB, a, b stack.Config) (sa, sb *stack.Stack) {
	t.Helper()
	sa, sb, err := stdnet.Pair(a, b)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, s := range []*stack.Stack{sa, sb} {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	return sa, sb
}
