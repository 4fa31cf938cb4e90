package stack_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/host"
)

// noise returns n bytes that repeat nowhere soon.
func noise(n int, seed uint64) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)}).Read(b)
	return b
}

// Whatever the sizes of the calls, copied under the lock, outside of it or straight
// into the waiting reader's memory, and WaitAll or not: what arrives is what was sent.
func TestBytesByAllWays(t *testing.T) {
	a, b := two(t, 256, stack.Config{})
	l := listen(t, b, 80)
	want := noise(8<<20, 1)
	for i, size := range [][2]int{{1 << 20, 1 << 20}, {100, 300_000}, {300_000, 100}, {70_000, 16 << 10}, {16 << 10, 70_000}, {1448, 1448}} {
		c, s := connect(t, a, l, port(addrB, 80))
		var all sync.WaitGroup
		total := len(want)
		if size[0] < 1000 || size[1] < 1000 {
			total /= 16
		}
		all.Go(func() {
			for p := want[:total]; len(p) > 0; {
				n, err := c.Send(p[:min(len(p), size[0])], 0)
				if err != nil {
					return
				}
				p = p[n:]
			}
			_ = c.Shutdown(host.ShutWrite)
		})
		flags := stack.Flags(0)
		if i%2 == 0 {
			flags = stack.WaitAll
		}
		var got []byte
		for buf := make([]byte, size[1]); ; {
			n, err := s.Recv(buf, flags)
			require.NoError(t, err)
			got = append(got, buf[:n]...)
			if n == 0 {
				break
			}
		}
		all.Wait()
		require.Equal(t, sha256.Sum256(want[:total]), sha256.Sum256(got), "sizes %v", size)
		require.NoError(t, c.Close())
		require.NoError(t, s.Close())
	}
}

// Close and Abort in the middle of large Sends and Recvs, on either side: each call
// ends, and what was received by then is the beginning of what was sent. The
// memory of a ring that is given up below a copy goes to no other stream: two that
// go on meanwhile are not disturbed.
func TestCloseDuringCopies(t *testing.T) {
	a, b := two(t, 8192, stack.Config{})
	l := listen(t, b, 80)
	want := noise(1<<20, 2)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var others, victims sync.WaitGroup
	for range 2 {
		c, s := connect(t, a, l, port(addrB, 80))
		others.Go(func() {
			for ctx.Err() == nil {
				if _, err := c.Send(want, 0); err != nil {
					t.Error(err)
					return
				}
			}
			_ = c.Close()
		})
		others.Go(func() {
			buf := make([]byte, len(want))
			for {
				n, err := s.Recv(buf, stack.WaitAll)
				if err != nil || n < len(buf) {
					return
				}
				if !bytes.Equal(buf, want) {
					t.Error("another stream's bytes")
					return
				}
			}
		})
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for i := range 60 {
		c, s := connect(t, a, l, port(addrB, 80))
		pause := time.Duration(rnd.IntN(300)) * time.Microsecond
		victims.Go(func() {
			for {
				if _, err := c.Send(want, 0); err != nil {
					return
				}
			}
		})
		victims.Go(func() {
			at, buf := 0, make([]byte, 200_000)
			for {
				n, err := s.Recv(buf, 0)
				for p := buf[:n]; len(p) > 0; {
					k := min(len(p), len(want)-at)
					if !bytes.Equal(p[:k], want[at:at+k]) {
						t.Error("not what was sent")
						return
					}
					p, at = p[k:], (at+k)%len(want)
				}
				if err != nil || n == 0 {
					return
				}
			}
		})
		<-time.After(pause)
		for k := range 2 {
			switch sock := []*stack.Socket{c, s}[(i+k)%2]; i % 3 {
			case 0:
				require.NoError(t, sock.Close())
			case 1:
				require.NoError(t, sock.Abort())
			default:
				_ = sock.Shutdown(host.ShutWrite | host.ShutRead)
				require.NoError(t, sock.Close())
			}
		}
	}
	victims.Wait()
	cancel()
	others.Wait()
}

// A Recv that waits gets bytes straight away, of the segment that came and not
// of a full buffer, and a deadline or a Close ends it (in virtual time).
func TestRecvThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := two(t, 256, stack.Config{})
		l := listen(t, b, 80)
		c, s := connect(t, a, l, port(addrB, 80))
		recv := func(f stack.Flags) (string, error) {
			buf := make([]byte, 100_000)
			n, err := s.Recv(buf, f)
			return string(buf[:n]), err
		}
		later := func(f func()) { time.AfterFunc(time.Second, f) }

		later(func() { _, _ = c.Send([]byte("hello"), 0) })
		got, err := recv(0)
		require.NoError(t, err)
		require.Equal(t, "hello", got)

		later(func() { _, _ = c.Send([]byte("part"), 0) })
		require.NoError(t, s.SetReadDeadline(time.Now().Add(3*time.Second)))
		got, err = recv(stack.WaitAll)
		require.NoError(t, err, "what came before the deadline is given")
		require.Equal(t, "part", got)
		_, err = recv(0)
		require.Error(t, err)
		require.NoError(t, s.SetReadDeadline(time.Time{}))

		later(func() { _, _ = c.Send([]byte("!xy"), stack.OOB) })
		got, err = recv(0)
		require.NoError(t, err)
		require.Equal(t, "!x", got, "the urgent byte is no part of it")

		later(func() { _ = s.Close() })
		_, err = recv(0)
		require.ErrorIs(t, err, stack.ErrClosed)
		require.NoError(t, c.Close())
	})
}

// Large and small calls alike allocate nothing.
func TestSendAndRecvAllocateNothing(t *testing.T) {
	a, b := two(t, 256, stack.Config{})
	l := listen(t, b, 80)
	c, s := connect(t, a, l, port(addrB, 80))
	require.NoError(t, c.SetOptions(func(o *host.Options) { o.TCP.NoDelay = true }))
	for _, size := range []int{1, 10_000, 200_000} {
		p := make([]byte, size)
		ask, done := make(chan struct{}), make(chan error)
		go func() {
			for range ask {
				_, err := c.Send(p, 0)
				done <- err
			}
			close(done)
		}()
		q := make([]byte, size)
		round := func() {
			ask <- struct{}{}
			n, err := s.Recv(q, stack.WaitAll)
			if err = errors.Join(err, <-done); err != nil || n != size {
				panic(io.ErrShortBuffer)
			}
		}
		for range 50 {
			round()
		}
		require.Less(t, testing.AllocsPerRun(200, round), 1.0, "%d bytes", size)
		close(ask)
		<-done
	}
}
