package stack

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/host"
)

// News reach every set that watches, once until it is taken, and nobody after that.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x := newBench(t)
		s := x.connected()
		one, two := NewWatchSet(), NewWatchSet()
		w1, w2, w3 := s.Watch(one, 1), s.Watch(two, 2), s.Watch(one, 3)
		require.Empty(t, one.Take(nil), "what held before is no news")
		require.ErrorIs(t, s.Shutdown(host.ShutRead), nil)
		synctest.Wait()
		<-one.C()
		require.ElementsMatch(t, []*Watch{w1, w3}, one.Take(nil))
		require.Empty(t, one.Take(nil))
		s.Unwatch(w3)
		s.Unwatch(w3) // once more is harmless
		require.NoError(t, s.Shutdown(host.ShutRead|host.ShutWrite))
		synctest.Wait()
		require.Equal(t, []*Watch{w1}, one.Take(nil))
		require.Equal(t, []*Watch{w2}, two.Take(nil))
		require.Equal(t, 2, w2.Tag)
		s.Unwatch(w1)
		s.Unwatch(w2)
		require.Nil(t, s.watch)
		x.nothingLeft()
	})
}
