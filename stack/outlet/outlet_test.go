package outlet

import (
	"bytes"
	"context"
	"io"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/stdnet"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestPushAndPull(t *testing.T) {
	o := New(100, 3)
	n, err := o.TryPush([][]byte{{1}, nil, bytes.Repeat([]byte{2}, 101), {3, 3}, {4}, {5}})
	require.NoError(t, err)
	require.Equal(t, 5, n, "what is passed over needs no room")
	ps := make([]link.Packet, 2)
	for _, want := range [][]byte{{1}, {3, 3}} {
		k, err := o.TryRead(ps[:1])
		require.NoError(t, err)
		require.Equal(t, 1, k)
		require.Equal(t, want, ps[0].Head)
	}
	require.Equal(t, Stats{Pushed: 3, TooLarge: 2, Full: 1}, o.Stats())

	require.Equal(t, 3, o.Room())
	require.ErrorIs(t, o.WriteBatch([]link.Packet{{Head: []byte{7}, Body: [2][]byte{{8}, {9}}}, {Head: make([]byte, 101)},
		{Head: []byte{1, 2, 3, 4}}, {Head: []byte{5}}, {Head: []byte{6}}}), link.ErrTooLarge)
	require.Zero(t, o.Room())
	bufs, sizes := [][]byte{make([]byte, 3), make([]byte, 3), make([]byte, 3)}, make([]int, 3)
	n, err = o.TryPull(bufs, sizes)
	require.ErrorIs(t, err, ErrShort)
	require.Equal(t, 1, n)
	require.Equal(t, []byte{7, 8, 9}, bufs[0][:sizes[0]])
	require.NoError(t, o.Wait(false), "room has come back")
	require.NoError(t, o.Close())
	n, err = o.Pull(t.Context(), bufs, sizes)
	require.NoError(t, err, "what was sent before can still be pulled")
	require.Equal(t, 1, n)
	_, err = o.Pull(t.Context(), bufs, sizes)
	require.ErrorIs(t, err, link.ErrClosed)
	_, err = o.Push(t.Context(), bufs)
	require.ErrorIs(t, err, link.ErrClosed)
	require.ErrorIs(t, o.Wait(false), link.ErrClosed)
}

func TestBlockedCallsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := New(0, 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		start := time.Now()
		_, err := o.Pull(ctx, [][]byte{make([]byte, 9)}, make([]int, 1))
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, time.Minute, time.Since(start))
		n, err := o.Push(ctx, [][]byte{{1}, {2}})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 1, n)
		done := make(chan error, 3)
		go func() { _, err := o.Push(t.Context(), [][]byte{{1}, {2}}); done <- err }()
		go func() { _, err := o.Pull(t.Context(), [][]byte{make([]byte, 9)}, make([]int, 1)); done <- err }()
		synctest.Wait()
		require.Empty(t, done)
		require.NoError(t, o.Close())
		require.NoError(t, o.Close())
		require.ErrorIs(t, <-done, link.ErrClosed)
		require.ErrorIs(t, <-done, link.ErrClosed)
	})
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	o := New(1500, 8)
	p, q := [][]byte{make([]byte, 1500), make([]byte, 40)}, []link.Packet{{Head: make([]byte, 40)}, {Head: make([]byte, 1500)}}
	ps, bufs, sizes := make([]link.Packet, 4), [][]byte{make([]byte, 1500), make([]byte, 1500)}, make([]int, 2)
	round := func() {
		_, _ = o.TryPush(p)
		_, _ = o.TryRead(ps)
		_ = o.WriteBatch(q)
		_, _ = o.TryPull(bufs, sizes)
	}
	for range 100 {
		round()
	}
	require.LessOrEqual(t, testing.AllocsPerRun(100, round), 0.5)
}

// Two stacks whose packets the program carries, both ways, with a queue so short
// that both sides wait all the time.
func TestStacksOverOutlets(t *testing.T) {
	for _, depth := range []int{1, 4, 0} {
		ctx, cancel := context.WithCancel(t.Context())
		a, b := New(1400, depth), New(1400, depth)
		done := make(chan struct{}, 2)
		carry := func(from, to *Outlet) {
			bufs, sizes := make([][]byte, 16), make([]int, 16)
			for i := range bufs {
				bufs[i] = make([]byte, 1400)
			}
			for {
				n, err := from.Pull(ctx, bufs, sizes)
				if err != nil {
					break
				}
				ps := make([][]byte, n)
				for i := range ps {
					ps[i] = bufs[i][:sizes[i]]
				}
				if _, err := to.Push(ctx, ps); err != nil {
					break
				}
			}
			done <- struct{}{}
		}
		go carry(a, b)
		go carry(b, a)
		sa, err := stack.New(stack.Config{Link: a, Prefixes: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}})
		require.NoError(t, err)
		sb, err := stack.New(stack.Config{Link: b, Prefixes: []netip.Prefix{netip.MustParsePrefix("192.0.2.2/24")}})
		require.NoError(t, err)
		l, err := stdnet.New(sb).Listen("tcp", ":1")
		require.NoError(t, err)
		data := bytes.Repeat([]byte("sockeye "), 40_000)
		go func() {
			c, err := stdnet.New(sa).Dial("tcp", "192.0.2.2:1")
			if err == nil {
				_, _ = c.Write(data)
				_ = c.Close()
			}
		}()
		c, err := l.Accept()
		require.NoError(t, err)
		got, err := io.ReadAll(c)
		require.NoError(t, err)
		require.True(t, bytes.Equal(data, got))
		require.NoError(t, c.Close())
		require.NoError(t, sa.Close())
		require.NoError(t, sb.Close())
		cancel()
		<-done
		<-done
	}
}
