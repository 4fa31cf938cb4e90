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

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/tcp"
)

// Attack 75 of testdata/attacks.md, without a device: what a link can say.

// A faulty link is an end of a Pipe that can be set down, or broken.
type faulty struct {
	*link.PipeEnd
	down     atomic.Bool // what is written is refused, what comes is lost
	mute     atomic.Bool // what is written is refused
	full     atomic.Bool // there is no room
	broken   atomic.Bool // reading fails
	closeErr error
	refused  atomic.Int64
}

func (f *faulty) TryRead(ps []link.Packet) (int, error) {
	if f.broken.Load() {
		return 0, errDevice
	}
	n, err := f.PipeEnd.TryRead(ps)
	if f.down.Load() {
		n = 0
	}
	return n, err
}

func (f *faulty) WriteBatch(ps []link.Packet) error {
	if f.mute.Load() || f.down.Load() {
		f.refused.Add(int64(len(ps)))
		return errDown
	}
	return f.PipeEnd.WriteBatch(ps)
}

func (f *faulty) Room() int {
	if f.full.Load() {
		return 0
	}
	return f.PipeEnd.Room()
}

func (f *faulty) Close() error { return errors.Join(f.PipeEnd.Close(), f.closeErr) }

var errDown = errors.New("the device is down")

// onFaulty returns two stacks, the first on a link that can fail, and the two
// ends of a connection.
func onFaulty(t *testing.T) (f *faulty, a *stack.Stack, c, s *stack.Socket) {
	la, lb := link.NewPipe(link.Features{MTU: 1500}, 1000)
	f = &faulty{PipeEnd: la}
	a = start(t, f, addrA, stack.Config{})
	b := start(t, lb, addrB, stack.Config{})
	c, s = connect(t, a, listen(t, b, 80), port(addrB, 80))
	return f, a, c, s
}

// paced sends n bytes from c to s over about ten seconds, while disturb runs.
func paced(t *testing.T, c, s *stack.Socket, n int, disturb func()) {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{75}).Read(data)
	done, sent := make(chan struct{}), make(chan error, 1)
	go func() { disturb(); close(done) }()
	go func() {
		for rest, piece := data, n/200; len(rest) > 0; rest = rest[min(piece, len(rest)):] {
			if _, err := c.Send(rest[:min(piece, len(rest))], 0); err != nil {
				sent <- err
				return
			}
			time.Sleep(50 * time.Millisecond)
		}
		sent <- c.Shutdown(host.ShutWrite)
	}()
	sum := sha256.New()
	_, err := io.Copy(sum, reader{s})
	require.NoError(t, err)
	require.NoError(t, <-sent)
	want := sha256.Sum256(data)
	require.Equal(t, want[:], sum.Sum(nil))
	<-done
}

// A link that refuses everything for a while, as a device that is set down
// does, is a path that loses everything: connections resume.
func TestAttack_75_LinkDownAndUp(t *testing.T) {
	for _, row := range []struct {
		name string
		set  func(f *faulty, on bool)
	}{
		{"down: nothing in or out", func(f *faulty, on bool) { f.down.Store(on) }},
		{"every write gives an error", func(f *faulty, on bool) { f.mute.Store(on) }},
		{"no room", func(f *faulty, on bool) {
			f.full.Store(on)
			f.Wake() // a link ends Wait when room has come back
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f, a, c, s := onFaulty(t)
				began := time.Now()
				paced(t, c, s, 2<<20, func() {
					for range 4 {
						time.Sleep(1300 * time.Millisecond)
						row.set(f, true)
						time.Sleep(2 * time.Second)
						row.set(f, false)
					}
				})
				require.NoError(t, a.Err())
				require.Less(t, time.Since(began), 30*time.Second, "it resumes soon")
				if row.name != "no room" {
					require.NotZero(t, f.refused.Load())
					require.NotZero(t, a.Counters().TCP.RetransSegs)
				}
			})
		})
	}
}

// A link that fails for good ends the stack with its error, and so every call
// that waits, however it says so; Close is still to be called and tells what
// the link's Close says.
func TestAttack_75_LinkFails(t *testing.T) {
	for _, row := range []struct {
		name string
		fail func(f *faulty)
	}{
		{"reading fails", func(f *faulty) { f.broken.Store(true); f.Wake() }},
		{"somebody closes the link", func(f *faulty) { _ = f.PipeEnd.Close() }},
		{"the other end goes away", nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				la, lb := link.NewPipe(link.Features{MTU: 1500}, 1000)
				f := &faulty{PipeEnd: la}
				cfg := stack.Config{Link: f, Prefixes: prefix(addrA)}
				a, err := stack.New(cfg)
				require.NoError(t, err)
				b := start(t, lb, addrB, stack.Config{})
				c, _ := connect(t, a, listen(t, b, 80), port(addrB, 80))
				full, _ := connect(t, a, listen(t, b, 81), port(addrB, 81))
				l, u := listen(t, a, 80), open(t, a, host.Datagram)
				stranger := open(t, a, host.Stream)
				calls := []func() error{
					func() error { _, err := c.Recv(make([]byte, 1), 0); return err },
					func() error { _, err := full.Send(make([]byte, 64<<20), 0); return err },
					func() error { _, err := l.Accept(0); return err },
					func() error { _, _, _, err := u.RecvFrom(make([]byte, 1), 0); return err },
					func() error { return stranger.Connect(port(addrC, 80), 0) },
				}
				results := make(chan error, len(calls))
				for _, call := range calls {
					go func() { results <- call() }()
				}
				time.Sleep(100 * time.Millisecond)
				require.Empty(t, results, "they wait")
				want := errDevice
				if row.name != "reading fails" {
					want = stack.ErrClosed
				}
				if row.fail != nil {
					row.fail(f)
				} else {
					require.NoError(t, lb.Close())
				}
				for range calls {
					err := <-results
					if err != tcp.ErrReset && err != host.ErrPipe { // told before the stack ended
						require.ErrorIs(t, err, want)
					}
				}
				require.ErrorIs(t, a.Err(), want)
				_, err = a.Socket(host.Stream)
				require.ErrorIs(t, err, want)
				require.NoError(t, c.Close())
				require.NoError(t, l.Close())
				f.closeErr = errDown
				require.ErrorIs(t, a.Close(), errDown)
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				require.Error(t, a.Shutdown(ctx))
			})
		})
	}
}

// The MTU falls and rises under a transfer; with and without somebody who
// tells the stack, since a device drops what is too long meanwhile.
func TestAttack_75_MTUChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, a, c, s := onFaulty(t)
		var pmtus []int
		paced(t, c, s, 4<<20, func() {
			for _, mtu := range []int{576, 1500, 9000, 68, 1280, 1500} {
				f.SetFeatures(link.Features{MTU: mtu})
				time.Sleep(5 * time.Millisecond) // the device is ahead of us
				a.Refresh()
				time.Sleep(time.Second)
				i, err := c.Info()
				if err == nil && mtu >= 552 {
					pmtus = append(pmtus, i.PMTU)
				}
			}
		})
		require.NoError(t, a.Err())
		require.Equal(t, []int{576, 1500, 9000, 1280, 1500}, pmtus)
		i, err := c.Info()
		require.NoError(t, err)
		require.LessOrEqual(t, i.PMTU, 1500)
	})
}

var addrC = netip.MustParseAddr("192.0.2.77") // nobody

func prefix(a netip.Addr) []netip.Prefix { return []netip.Prefix{netip.PrefixFrom(a, 24)} }
