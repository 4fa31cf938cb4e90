package socket_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/socket"
)

// shardedStacks returns two stacks of three shards each, where any queue brings any packet:
// 192.0.2.1 and 192.0.2.2.
func shardedStacks(t *testing.T) (a, b *stack.Stack) {
	var as, bs []link.Link
	for range 3 {
		a, b := link.NewPipe(link.Features{MTU: 1500}, 1024)
		as, bs = append(as, a), append(bs, b)
	}
	run := func(ls []link.Link, seed uint64, prefix string) *stack.Stack {
		s, err := stack.New(stack.Config{Links: stack.Queues(link.Scatter(ls, seed)), Prefixes: []netip.Prefix{netip.MustParsePrefix(prefix)}})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, s.Close()) })
		return s
	}
	return run(as, 1, "192.0.2.1/24"), run(bs, 2, "192.0.2.2/24")
}

// bothWays runs a test on one shard and on three.
func bothWays(t *testing.T, f func(t *testing.T, a, b *socket.API)) {
	t.Run("one shard", func(t *testing.T) {
		a, b := pair(t)
		f(t, a, b)
	})
	t.Run("three shards", func(t *testing.T) {
		a, b := shardedStacks(t)
		f(t, socket.New(a), socket.New(b))
	})
}

// The same where sockets move between shards meanwhile, and in the end none
// of what they were spread to is left: the port is free once the connections are gone.
func TestAnyCallAnyTimeOnShards(t *testing.T) {
	a, b := shardedStacks(t)
	anyCallAnyTime(t, socket.New(a), socket.New(b))
	for _, s := range []*stack.Stack{a, b} {
		for _, d := range s.Sockets() {
			require.False(t, d.Socket != 0 && d.Kind == host.Stream, "left: %+v", d)
		}
		k, err := s.Socket(host.Stream)
		require.NoError(t, err)
		require.NoError(t, k.SetOptions(func(o *host.Options) { o.ReuseAddr = true }))
		err = k.Bind(netip.MustParseAddrPort("0.0.0.0:81"))
		require.NoError(t, err)
		require.NoError(t, k.Close())
	}
}
