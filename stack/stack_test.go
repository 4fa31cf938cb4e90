package stack_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/clock"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("runtime.handleEvent"))
}

var (
	addrA = netip.MustParseAddr("192.0.2.1")
	addrB = netip.MustParseAddr("192.0.2.2")
	port  = func(a netip.Addr, p uint16) netip.AddrPort { return netip.AddrPortFrom(a, p) }
	local = netip.AddrFrom4([4]byte{127, 0, 0, 1})
)

// start runs a stack on l until the test ends.
func start(t testing.TB, l link.Link, a netip.Addr, cfg stack.Config) *stack.Stack {
	t.Helper()
	if cfg.Links == nil {
		cfg.Link = l
	}
	cfg.Prefixes = []netip.Prefix{netip.PrefixFrom(a, 24)}
	s, err := stack.New(cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// two returns two stacks on a Pipe of the given depth.
func two(t testing.TB, depth int, cfg stack.Config) (a, b *stack.Stack) {
	la, lb := link.NewPipe(link.Features{MTU: 1500}, depth)
	return start(t, la, addrA, cfg), start(t, lb, addrB, cfg)
}

func open(t testing.TB, s *stack.Stack, k host.Kind) *stack.Socket {
	t.Helper()
	sock, err := s.Socket(k)
	require.NoError(t, err)
	return sock
}

func listen(t testing.TB, s *stack.Stack, p uint16) *stack.Socket {
	t.Helper()
	l := open(t, s, host.Stream)
	require.NoError(t, l.Bind(port(netip.IPv4Unspecified(), p)))
	require.NoError(t, l.Listen(1000))
	return l
}

// connect returns both ends of a connection from a to l, which listens at to.
func connect(t testing.TB, a *stack.Stack, l *stack.Socket, to netip.AddrPort) (c, s *stack.Socket) {
	t.Helper()
	c = open(t, a, host.Stream)
	require.NoError(t, c.Connect(to, 0))
	s, err := l.Accept(0)
	require.NoError(t, err)
	return c, s
}

// transfer sends n bytes from c to s and compares their sums.
func transfer(t testing.TB, c, s *stack.Socket, n int) {
	t.Helper()
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data)
	sent := make(chan error, 1)
	go func() {
		_, err := c.Send(data, 0)
		sent <- errors.Join(err, c.Shutdown(host.ShutWrite))
	}()
	sum := sha256.New()
	_, err := io.Copy(sum, reader{s})
	require.NoError(t, err)
	require.NoError(t, <-sent)
	want := sha256.Sum256(data)
	require.Equal(t, want[:], sum.Sum(nil))
}

type reader struct{ s *stack.Socket }

func (r reader) Read(p []byte) (int, error) {
	n, err := r.s.Recv(p, 0)
	if n == 0 && err == nil {
		err = io.EOF
	}
	return n, err
}

// A link that takes less than a batch keeps nothing back.
func TestNarrowLinks(t *testing.T) {
	for _, depth := range []int{1, 2, 3, 40, 64, 65, 1000} {
		synctest.Test(t, func(t *testing.T) {
			a, b := two(t, depth, stack.Config{})
			c, s := connect(t, a, listen(t, b, 80), port(addrB, 80))
			began := time.Now()
			transfer(t, c, s, 1<<20)
			require.Less(t, time.Since(began), 3*time.Second, "it went on only when a timer fired: depth %d", depth)
		})
	}
}

// A link that never takes anything holds up neither what goes on inside the
// host nor Close.
func TestLinkThatNeverDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		la, lb := link.NewPipe(link.Features{MTU: 1500}, 1)
		defer lb.Close()
		a := start(t, la, addrA, stack.Config{})
		c, s := connect(t, a, listen(t, a, 80), port(local, 80))
		u := open(t, a, host.Datagram)
		for range 10 {
			_, err := u.SendTo([]byte("x"), port(addrB, 9), stack.DontWait)
			require.NoError(t, err)
		}
		require.Zero(t, la.Room())
		transfer(t, c, s, 4<<20)
		require.NoError(t, a.Close())
	})
}

// Close resets every connection, however many there are.
func TestCloseResetsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 150 // more than two batches
		a, b := two(t, 1000, stack.Config{})
		l := listen(t, b, 80)
		var ends []*stack.Socket
		for range n {
			_, s := connect(t, a, l, port(addrB, 80))
			ends = append(ends, s)
		}
		require.NoError(t, a.Close())
		require.NoError(t, a.Close(), "twice")
		for _, s := range ends {
			_, err := s.Recv(make([]byte, 1), 0)
			// Where the link's end was noticed before: the stack is closed too.
			if err != tcp.ErrReset {
				require.ErrorIs(t, err, stack.ErrClosed)
			}
		}
		require.GreaterOrEqual(t, b.Counters().TCP.InSegs, uint64(2*n+n), "SYN, ACK and RST of each")
	})
}

// Shutdown delivers what was sent, and is done when the peer has closed too.
func TestShutdown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := two(t, 1000, stack.Config{})
		c, s := connect(t, a, listen(t, b, 80), port(addrB, 80))
		_, err := c.Send(make([]byte, 500_000), 0)
		require.NoError(t, err)
		got := make(chan int64, 1)
		go func() {
			n, err := io.Copy(io.Discard, reader{s})
			if err == nil {
				err = s.Close()
			}
			if err != nil {
				n = -1
			}
			got <- n
		}()
		require.NoError(t, a.Shutdown(t.Context()))
		require.Equal(t, int64(500_000), <-got)
		_, err = c.Recv(make([]byte, 1), 0)
		require.ErrorIs(t, err, stack.ErrClosed)
	})
}

// A peer that never reads does not hold Shutdown longer than its context.
func TestShutdownCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := two(t, 1000, stack.Config{})
		c, _ := connect(t, a, listen(t, b, 80), port(addrB, 80))
		_, err := c.Send(make([]byte, 64<<20), stack.DontWait)
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		began := time.Now()
		require.ErrorIs(t, a.Shutdown(ctx), context.DeadlineExceeded)
		require.Equal(t, 10*time.Second, time.Since(began))
	})
}

// A call that may not wait does not stand in line behind one that does, and
// does not get between its bytes either.
func TestDontWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := two(t, 1000, stack.Config{})
		c, s := connect(t, a, listen(t, b, 80), port(addrB, 80))
		sent := make(chan error, 1)
		go func() { _, err := c.Send(make([]byte, 64<<20), 0); sent <- err }()
		received := make(chan error, 1)
		go func() { _, err := c.Recv(make([]byte, 1), 0); received <- err }()
		synctest.Wait()
		_, err := c.Send([]byte("x"), stack.DontWait)
		require.Equal(t, host.ErrWouldBlock, err)
		_, err = c.Recv(make([]byte, 1), stack.DontWait)
		require.Equal(t, host.ErrWouldBlock, err)
		require.NoError(t, s.Abort())
		es, er := <-sent, <-received // one of them is told, the other finds it ended
		if es == tcp.ErrReset {
			require.NoError(t, er)
		} else {
			require.Equal(t, host.ErrPipe, es)
			require.Equal(t, tcp.ErrReset, er)
		}
		require.NoError(t, c.Close())
		require.ErrorIs(t, c.Close(), stack.ErrClosed)
		require.ErrorIs(t, s.Abort(), stack.ErrClosed)
	})
}

// A blocking Connect waits for the one that is in progress; the second of two
// at once has its result too.
func TestConnectInProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := two(t, 1000, stack.Config{})
		listen(t, b, 80)
		c := open(t, a, host.Stream)
		require.Equal(t, host.ErrInProgress, c.Connect(port(addrB, 80), stack.DontWait))
		require.NoError(t, c.Connect(port(addrB, 80), 0))
		m, err := c.Poll()
		require.NoError(t, err)
		require.NotZero(t, m&host.Writable)
		require.Equal(t, host.ErrIsConnected, c.Connect(port(addrB, 80), 0))

		// Somebody else has taken the error: it did not succeed for that.
		c = open(t, a, host.Stream)
		require.Equal(t, host.ErrInProgress, c.Connect(port(addrB, 81), stack.DontWait))
		waited := make(chan error, 1)
		go func() { waited <- c.Connect(port(addrB, 81), 0) }()
		require.Equal(t, tcp.ErrRefused, <-waited)
		require.NoError(t, c.SocketError())
	})
}

// Trace events come in order, one call at a time, never under the lock.
func TestTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var inside, events atomic.Int32
		var last clock.Instant
		var self atomic.Pointer[stack.Stack]
		cfg := stack.Config{Trace: func(es []trace.Event) {
			require.Equal(t, int32(1), inside.Add(1))
			for _, e := range es {
				require.GreaterOrEqual(t, e.At, last)
				last = e.At
				events.Add(1)
			}
			if s := self.Load(); s != nil {
				s.Counters() // takes the lock
			}
			inside.Add(-1)
		}}
		la, lb := link.NewPipe(link.Features{MTU: 1500}, 1000)
		a, b := start(t, la, addrA, cfg), start(t, lb, addrB, stack.Config{})
		self.Store(a)
		c, s := connect(t, a, listen(t, b, 80), port(addrB, 80))
		transfer(t, c, s, 1<<20)
		synctest.Wait() // the last ones may still be on their way
		require.Greater(t, events.Load(), int32(700), "not even one for each segment")
	})
}

// failing is a link whose device breaks.
type failing struct {
	link.Link
	broken chan struct{}
}

var errDevice = errors.New("the device is gone")

func (f *failing) Wait(bool) error { <-f.broken; return errDevice }

// A link that fails ends the stack, and every call says why.
func TestLinkFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		la, lb := link.NewPipe(link.Features{MTU: 1500}, 10)
		defer lb.Close()
		f := &failing{la, make(chan struct{})}
		a := start(t, f, addrA, stack.Config{})
		u := open(t, a, host.Datagram)
		got := make(chan error, 1)
		go func() { _, _, _, err := u.RecvFrom(nil, 0); got <- err }()
		synctest.Wait()
		close(f.broken)
		require.ErrorIs(t, <-got, errDevice)
		require.ErrorIs(t, a.Err(), errDevice)
		_, err := a.Socket(host.Stream)
		require.ErrorIs(t, err, errDevice)
		require.NoError(t, u.Close(), "closing what is gone is no error")
		require.ErrorIs(t, a.Shutdown(t.Context()), errDevice)
	})
}

func TestNewFails(t *testing.T) {
	_, err := stack.New(stack.Config{})
	require.ErrorIs(t, err, stack.ErrNoLink)
	la, lb := link.NewPipe(link.Features{MTU: 1500}, 1)
	_, err = stack.New(stack.Config{Link: la, Prefixes: []netip.Prefix{{}}})
	require.ErrorIs(t, err, host.ErrPrefix)
	require.ErrorIs(t, lb.WriteBatch([]link.Packet{{Head: []byte{1}}}), link.ErrClosed, "New closes what it was given")
}

// A peer that still talks, and whose words nobody reads any more, gets all that
// was sent before Shutdown: it is not reset.
func TestShutdownOfOneThatIsTalkedTo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := two(t, 1000, stack.Config{})
		c, s := connect(t, a, listen(t, b, 80), port(addrB, 80))
		_, err := s.Send(make([]byte, 100_000), stack.DontWait) // c never reads
		require.NoError(t, err)
		_, err = c.Send(make([]byte, 500_000), 0)
		require.NoError(t, err)
		done := make(chan error, 1)
		go func() { done <- a.Shutdown(t.Context()) }()
		got := 0
		for buf := make([]byte, 1000); ; { // slowly, and with an answer each time
			n, err := s.Recv(buf, 0)
			require.NoError(t, err)
			if n == 0 {
				break
			}
			got += n
			_, err = s.Send(buf[:n], stack.DontWait)
			require.True(t, err == nil || err == host.ErrWouldBlock, "%v", err)
			time.Sleep(time.Millisecond)
		}
		require.Equal(t, 500_000, got)
		require.NoError(t, s.Close())
		require.NoError(t, <-done)
	})
}

// Shutdown ends every blocked call at once, before it waits.
func TestShutdownEndsBlockedCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := two(t, 1000, stack.Config{})
		l := listen(t, a, 81)
		c, s := connect(t, a, listen(t, b, 80), port(addrB, 80))
		u, err := a.Socket(host.Datagram)
		require.NoError(t, err)
		results := make(chan error, 4)
		go func() { _, err := l.Accept(0); results <- err }()
		go func() { _, err := c.Recv(make([]byte, 1), 0); results <- err }()
		go func() { _, err := c.Send(make([]byte, 64<<20), 0); results <- err }()
		go func() { _, err := u.Recv(make([]byte, 1), 0); results <- err }()
		synctest.Wait()
		require.Empty(t, results)
		done := make(chan error, 1)
		go func() { done <- a.Shutdown(t.Context()) }()
		synctest.Wait()
		require.Len(t, results, cap(results))
		for range cap(results) {
			require.ErrorIs(t, <-results, stack.ErrClosed)
		}
		require.Empty(t, done, "what was sent is not there yet")
		_, err = io.Copy(io.Discard, reader{s})
		require.NoError(t, err)
		require.NoError(t, s.Close())
		require.NoError(t, <-done)
	})
}
