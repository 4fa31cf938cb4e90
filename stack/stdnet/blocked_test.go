package stdnet_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/stdnet"
)

// A blocker is a call that waits, and what ends it.
type blocker struct {
	call  func() error
	close func() error
	wait  func(time.Time) error // sets its deadline
}

// blockers returns every call of the package that can wait, each about to.
func blockers(t *testing.T) map[string]blocker {
	a, b := pair(t)
	read, _ := connected(t, a, b)
	full, _ := connected(t, a, b)
	l, err := b.Listen("tcp", ":0")
	require.NoError(t, err)
	u, err := b.ListenPacket("udp", ":0")
	require.NoError(t, err)
	dialed, err := a.Dial("udp", "192.0.2.2:9")
	require.NoError(t, err)
	one := make([]byte, 1)
	return map[string]blocker{
		"Read": {func() error { _, err := read.Read(one); return err }, read.Close, read.SetReadDeadline},
		"Write": {func() error {
			_, err := full.Write(make([]byte, 64<<20)) // more than both buffers
			return err
		}, full.Close, full.SetWriteDeadline},
		"Accept":    {func() error { _, err := l.Accept(); return err }, l.Close, l.(*stdnet.Listener).SetDeadline},
		"ReadFrom":  {func() error { _, _, err := u.ReadFrom(one); return err }, u.Close, u.SetReadDeadline},
		"Read, UDP": {func() error { _, err := dialed.Read(one); return err }, dialed.Close, dialed.SetReadDeadline},
	}
}

// each runs f in virtual time for every call that waits.
func each(t *testing.T, f func(t *testing.T, b blocker, result <-chan error)) {
	for _, name := range []string{"Read", "Write", "Accept", "ReadFrom", "Read, UDP"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := blockers(t)[name]
				result := make(chan error, 1)
				go func() { result <- b.call() }()
				synctest.Wait()
				require.Empty(t, result, "the call does not wait")
				f(t, b, result)
			})
		})
	}
}

func TestAttack_76_CloseEndsBlockedCall(t *testing.T) {
	each(t, func(t *testing.T, b blocker, result <-chan error) {
		require.NoError(t, b.close())
		synctest.Wait()
		require.Len(t, result, 1)
		require.ErrorIs(t, <-result, net.ErrClosed)
		require.ErrorIs(t, b.close(), net.ErrClosed, "a second Close")
		require.ErrorIs(t, b.wait(time.Time{}), net.ErrClosed, "a deadline after Close")
		require.ErrorIs(t, b.call(), net.ErrClosed, "a call after Close")
	})
}

func TestDeadlineEndsBlockedCall(t *testing.T) {
	each(t, func(t *testing.T, b blocker, result <-chan error) {
		start := time.Now()
		require.NoError(t, b.wait(start.Add(time.Hour)))
		synctest.Wait()
		require.NoError(t, b.wait(start.Add(10*time.Second))) // moved while it waits: nearer
		synctest.Wait()
		require.NoError(t, b.wait(start.Add(30*time.Second))) // and further away
		time.Sleep(29 * time.Second)
		require.Empty(t, result)
		err := <-result
		require.ErrorIs(t, err, os.ErrDeadlineExceeded)
		var ne net.Error
		require.True(t, errors.As(err, &ne) && ne.Timeout())
		require.Equal(t, 30*time.Second, time.Since(start))
		require.ErrorIs(t, b.call(), os.ErrDeadlineExceeded, "a call after the deadline")

		// Without a deadline, or with one centuries ahead, it waits again.
		for _, at := range []time.Time{{}, time.Unix(1<<40, 0)} {
			require.NoError(t, b.wait(at))
			again := make(chan error, 1)
			go func() { again <- b.call() }()
			time.Sleep(time.Hour)
			require.Empty(t, again)
			require.NoError(t, b.wait(time.Unix(1, 0))) // in the past: at once
			require.ErrorIs(t, <-again, os.ErrDeadlineExceeded)
		}
	})
}

// The stack ends under a call: it ends too, and nothing is left.
func TestAttack_76_StackCloseEndsBlockedCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sa, sb, err := stdnet.Pair(stack.Config{}, stack.Config{})
		require.NoError(t, err)
		a, b := stdnet.New(sa), stdnet.New(sb)
		c, _ := connected(t, a, b)
		_, s := connected(t, a, b)
		l, err := b.Listen("tcp", ":0")
		require.NoError(t, err)
		results := make(chan error, 3)
		go func() { _, err := c.Read(make([]byte, 1)); results <- err }()
		go func() { _, err := s.Write(make([]byte, 64<<20)); results <- err }()
		go func() { _, err := l.Accept(); results <- err }()
		synctest.Wait()
		require.NoError(t, sb.Close())
		require.NoError(t, sa.Close())
		for range 3 {
			require.Error(t, <-results)
		}
		require.NoError(t, s.Close(), "closing what is gone is no error")
		require.ErrorIs(t, s.Close(), net.ErrClosed)
		_, err = b.Dial("tcp", "192.0.2.1:1")
		require.ErrorIs(t, err, net.ErrClosed)
	})
}

// Calls that stand in line behind a blocked one end with it, and they do not
// keep virtual time from passing.
func TestLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t)
		c, s := connected(t, a, b)
		got := make(chan byte, 3)
		failed := make(chan error, 3)
		for range 3 {
			go func() {
				var p [1]byte
				if _, err := c.Read(p[:]); err != nil {
					failed <- err
					return
				}
				got <- p[0]
			}()
		}
		time.Sleep(time.Hour)
		_, err := s.Write([]byte("x"))
		require.NoError(t, err)
		require.Equal(t, byte('x'), <-got)
		synctest.Wait()
		require.NoError(t, c.Close())
		require.ErrorIs(t, <-failed, net.ErrClosed)
		require.ErrorIs(t, <-failed, net.ErrClosed)
	})
}

// hole is a link that takes everything and brings nothing.
func hole(t *testing.T) *stdnet.Net {
	l, other := link.NewPipe(link.Features{MTU: 1500}, 1<<16)
	s, err := stack.New(stack.Config{Link: l, Prefixes: prefixes("192.0.2.1/24")})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, s.Close())
		require.NoError(t, other.Close())
	})
	return stdnet.New(s)
}

func TestDialEnds(t *testing.T) {
	ended := func(d time.Duration) func(*stdnet.Net) (stdnet.Dialer, context.Context) {
		return func(n *stdnet.Net) (stdnet.Dialer, context.Context) {
			ctx, cancel := context.WithCancel(context.Background())
			time.AfterFunc(d, cancel)
			return stdnet.Dialer{Net: n}, ctx
		}
	}
	for _, tc := range []struct {
		name  string
		with  func(*stdnet.Net) (stdnet.Dialer, context.Context)
		after time.Duration
		is    error
		text  string
	}{
		{"context canceled", ended(3 * time.Second), 3 * time.Second, context.Canceled,
			"dial tcp 192.0.2.9:80: operation was canceled"},
		{"context canceled before", ended(0), 0, context.Canceled,
			"dial tcp 192.0.2.9:80: operation was canceled"},
		{"Timeout", func(n *stdnet.Net) (stdnet.Dialer, context.Context) {
			return stdnet.Dialer{Net: n, Timeout: 5 * time.Second}, context.Background()
		}, 5 * time.Second, context.DeadlineExceeded, "dial tcp 192.0.2.9:80: i/o timeout"},
		{"Deadline", func(n *stdnet.Net) (stdnet.Dialer, context.Context) {
			return stdnet.Dialer{Net: n, Deadline: time.Now().Add(7 * time.Second)}, context.Background()
		}, 7 * time.Second, context.DeadlineExceeded, "dial tcp 192.0.2.9:80: i/o timeout"},
		{"SYN retries: 1+2+4+8+16+32+64+120 s (RFC 9293 MUST-23)", func(n *stdnet.Net) (stdnet.Dialer, context.Context) {
			return stdnet.Dialer{Net: n}, context.Background()
		}, 247 * time.Second, syscall.ETIMEDOUT, "dial tcp 192.0.2.9:80: connect: " + syscall.ETIMEDOUT.Error()},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, ctx := tc.with(hole(t))
				if tc.after == 0 {
					<-ctx.Done()
				}
				start := time.Now()
				_, err := d.DialContext(ctx, "tcp", "192.0.2.9:80")
				require.ErrorIs(t, err, tc.is)
				require.EqualError(t, err, tc.text)
				require.Equal(t, tc.after, time.Since(start))
				require.Empty(t, d.Net.Stack().Sockets(), "the attempt is left behind")
			})
		})
	}
}

// A context that ends after the dial has no effect on the connection.
func TestContextAfterDial(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t)
		l, err := b.Listen("tcp", ":80")
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		c, err := a.DialContext(ctx, "tcp", "192.0.2.2:80")
		require.NoError(t, err)
		cancel()
		s, err := l.Accept()
		require.NoError(t, err)
		synctest.Wait()
		_, err = c.Write([]byte("x"))
		require.NoError(t, err)
		require.NoError(t, c.Close())
		got, err := io.ReadAll(s)
		require.NoError(t, err)
		require.Equal(t, "x", string(got))
		require.NoError(t, s.Close())
		require.NoError(t, l.Close())
	})
}

func TestLinger(t *testing.T) {
	for _, tc := range []struct {
		name  string
		sec   int
		reads bool // the peer reads after 3 s
		after time.Duration
		reset bool
	}{
		{"off: in the background", -1, false, 0, false},
		{"zero: reset", 0, false, 0, true},
		{"positive: until the peer has everything", 60, true, 3 * time.Second, false},
		{"positive: no longer than that", 5, false, 5 * time.Second, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, b := pair(t)
				c, s := connected(t, a, b)
				require.NoError(t, s.SetReadBuffer(4<<10))
				require.NoError(t, c.SetLinger(tc.sec))
				require.NoError(t, c.SetWriteDeadline(time.Now().Add(time.Second)))
				_, err := c.Write(make([]byte, 4<<20)) // until everything is full
				require.ErrorIs(t, err, os.ErrDeadlineExceeded)
				start := time.Now()
				read := make(chan error, 1)
				go func() {
					if !tc.reads {
						read <- nil
						return
					}
					time.Sleep(3 * time.Second)
					_, err := io.Copy(io.Discard, s)
					read <- err
				}()
				require.NoError(t, c.Close())
				if tc.reads {
					require.GreaterOrEqual(t, time.Since(start), tc.after)
					require.Less(t, time.Since(start), 60*time.Second)
				} else {
					require.Equal(t, tc.after, time.Since(start))
				}
				require.NoError(t, <-read)
				if tc.reset {
					synctest.Wait()
					_, err := io.Copy(io.Discard, s)
					require.ErrorIs(t, err, syscall.ECONNRESET)
				}
			})
		})
	}
}
