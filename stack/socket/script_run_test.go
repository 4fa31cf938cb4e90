package socket_test

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/socket"
)

// firstPort is what A stands for on our stack, which is a new one each time.
const firstPort = 2000

// onOurs plays a sequence on a stack of its own, whose link leads nowhere, in
// virtual time: each call is made when nothing is under way any more.
func onOurs(t *testing.T, q sequence) (results []string) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := link.NewPipe(link.Features{MTU: 1500}, 64)
		s, err := stack.New(stack.Config{Link: ours, Prefixes: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}})
		require.NoError(t, err)
		defer theirs.Close()
		defer s.Close()
		p := newPlayer(socket.New(s), firstPort)
		p.settle = func(bool) { synctest.Wait() }
		results = p.play(q)
	})
	return results
}

// check compares results with Linux's, as written down with the difference that
// there may be.
func (q *sequence) check(results []string) error {
	var all []error
	for i, s := range q.steps {
		where := fmt.Sprintf("%s: call %d: %s", q.name, i+1, s.call)
		switch got := results[i]; {
		case s.ours != "" && got == s.want:
			all = append(all, fmt.Errorf("%s: as on Linux now: the difference can go", where))
		case s.ours != "" && got != s.ours:
			all = append(all, fmt.Errorf("%s:\n  Linux: %s\n  ours:  %s\n  known: %s", where, s.want, got, s.ours))
		case s.ours == "" && got != s.want:
			all = append(all, fmt.Errorf("%s:\n  Linux: %s\n  ours:  %s", where, s.want, got))
		}
	}
	return errors.Join(all...)
}

// What our calls return is what Linux's returned when the scripts were recorded, or
// a difference that is written down with its reason.
func TestCallScripts(t *testing.T) {
	sequences := 0
	for file, seqs := range scripts(t) {
		for _, q := range seqs {
			sequences++
			t.Run(file+"/"+q.name, func(t *testing.T) {
				if err := q.check(onOurs(t, q)); err != nil {
					t.Error(err)
				}
			})
		}
	}
	require.GreaterOrEqual(t, sequences, 200)
}
