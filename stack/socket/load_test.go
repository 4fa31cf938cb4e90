package socket_test

import (
	"net/netip"
	"os"
	"runtime"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/socket"
	"github.com/sockeye-net/sockeye/stack/stdnet/stdnettest"
	"github.com/sockeye-net/sockeye/stack/tcp"
)

// small returns the calls on two stacks with that much memory each.
func small(t *testing.T, memory int) (a, b *socket.API) {
	sa, sb := stdnettest.Pair(t, stack.Config{Memory: memory, TCP: tcp.Config{MSL: time.Second}}, stack.Config{Memory: memory, TCP: tcp.Config{MSL: time.Second}})
	return socket.New(sa), socket.New(sb)
}

// heap is how much is in use once all that can go has gone.
func heap() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// openCloseCycles is how often TestOpenCloseCycles does each of its cycles.
func openCloseCycles() int {
	if os.Getenv("SOCKEYE_LONG") != "" {
		return 100_000
	}
	return 10_000
}

// However often sockets are opened, used and closed, nothing is left of them: no
// goroutine, no descriptor, no timer, no byte.
func TestOpenCloseCycles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := small(t, 4<<20)
		l := must(t, b, socket.SOCK_STREAM)
		require.NoError(t, b.Bind(l, netip.MustParseAddrPort("0.0.0.0:80")))
		require.NoError(t, b.Listen(l, 10))
		at := netip.MustParseAddrPort("192.0.2.2:80")
		e := a.NewEpoll()
		buf := make([]byte, 100)
		cycle := func(i int) {
			c, u := must(t, a, socket.SOCK_STREAM), must(t, a, socket.SOCK_DGRAM)
			require.NoError(t, e.Ctl(socket.EPOLL_CTL_ADD, c, socket.POLLIN|socket.EPOLLET))
			require.NoError(t, a.Connect(c, at))
			s, _, err := b.Accept(l)
			require.NoError(t, err)
			sent(t, a, c, "hello", 0)
			_, err = b.Recv(s, buf, 0)
			require.NoError(t, err)
			_, err = a.SendTo(u, []byte("x"), 0, at)
			require.NoError(t, err)
			if i%3 == 0 {
				require.NoError(t, a.SetLinger(c, true, 0))
			}
			require.NoError(t, a.Close(u))
			require.NoError(t, a.Close(c))
			if i%2 == 0 {
				_, _ = b.Recv(s, buf, 0)
			}
			require.NoError(t, b.Close(s))
			time.Sleep(20 * time.Millisecond) // of the bubble's
		}
		n := openCloseCycles() / 2
		for i := range n {
			cycle(i)
		}
		synctest.Wait()
		// The stacks, not runtime.NumGoroutine: that still counts one that has just ended on another processor.
		goroutines, bytes := goleak.IgnoreCurrent(), heap()
		for i := range n {
			cycle(i)
		}
		synctest.Wait()
		require.NoError(t, goleak.Find(goroutines))
		require.LessOrEqual(t, heap(), bytes+64<<10, "the heap")
		require.Equal(t, 3, must(t, a, socket.SOCK_STREAM), "a descriptor is left")
		require.Equal(t, 4, must(t, b, socket.SOCK_STREAM))
		require.NoError(t, e.Close())
		for _, x := range []*socket.API{a, b} {
			for fd := range 5 {
				_ = x.Close(fd)
			}
		}
		time.Sleep(time.Hour)
		require.Empty(t, a.Stack().Sockets())
		require.Empty(t, b.Stack().Sockets())
	})
}

// Who does not read bounds who sends: what lies between them is no more than the
// two buffers take, and it goes on when he reads.
func TestSlowReaderBoundsSender(t *testing.T) {
	for _, row := range []struct {
		name         string
		send, recv   int // SO_SNDBUF, SO_RCVBUF; 0: as they are
		least, bound int // bytes
	}{
		{"buffers that were set", 50_000, 100_000, 100_000, 200_000},
		{"small ones", 1, 1, 2_000, 70_000}, // the first window, 64 KiB, cannot be taken back
		{"those that follow the flow", 0, 0, 256 << 10, 24 << 20},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a, _ := pair(t)
				c, s := connected(t, a)
				if row.send > 0 {
					require.NoError(t, a.SetSockOptInt(c, socket.SOL_SOCKET, socket.SO_SNDBUF, row.send))
					require.NoError(t, a.SetSockOptInt(s, socket.SOL_SOCKET, socket.SO_RCVBUF, row.recv))
				}
				done := make(chan int, 1)
				const all = 40 << 20
				go func() {
					n, _ := a.Send(c, make([]byte, all), 0)
					done <- n
				}()
				time.Sleep(time.Hour)
				require.Empty(t, done, "it waits")
				in, err := a.Ioctl(s, socket.SIOCINQ)
				require.NoError(t, err)
				out, err := a.Ioctl(c, socket.SIOCOUTQ)
				require.NoError(t, err)
				require.LessOrEqual(t, in+out, row.bound)
				require.GreaterOrEqual(t, in+out, row.least)
				buf, got := make([]byte, 1<<20), 0
				for got < all {
					n, err := a.Recv(s, buf, 0)
					require.NoError(t, err)
					got += n
				}
				require.Equal(t, all, <-done)
			})
		})
	}
}

// A stack at the end of its memory says ENOBUFS to who wants another connection,
// and keeps those that there are; when some go there is room again.
func TestMemoryIsUsedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := small(t, 1<<20)
		a.SetLimit(1 << 20)
		b.SetLimit(1 << 20)
		l := must(t, b, socket.SOCK_STREAM)
		require.NoError(t, b.Bind(l, netip.MustParseAddrPort("0.0.0.0:80")))
		require.NoError(t, b.Listen(l, 4096))
		at := netip.MustParseAddrPort("192.0.2.2:80")
		var cs, ss []int
		var err error
		for range 100_000 {
			var c int
			if c, err = a.Socket(socket.AF_INET, socket.SOCK_STREAM, 0); err != nil {
				break
			}
			require.NoError(t, a.SetSockOptTimeval(c, socket.SOL_SOCKET, socket.SO_SNDTIMEO, 10*time.Second))
			if err = a.Connect(c, at); err != nil {
				require.NoError(t, a.Close(c))
				break
			}
			s, _, e := b.Accept(l)
			require.NoError(t, e)
			cs, ss = append(cs, c), append(ss, s)
		}
		require.Greater(t, len(cs), 100)
		if err != syscall.EINPROGRESS { // the other one, which has no memory either, did not answer
			isErrno(t, syscall.ENOBUFS, err)
		}
		echo := func(i int) {
			sent(t, a, cs[i], "still there", 0)
			buf := make([]byte, 100)
			n, err := b.Recv(ss[i], buf, 0)
			require.NoError(t, err)
			require.Equal(t, "still there", string(buf[:n]))
			sent(t, b, ss[i], "here too", 0)
			n, err = a.Recv(cs[i], buf, 0)
			require.NoError(t, err)
			require.Equal(t, "here too", string(buf[:n]))
		}
		for i := range cs {
			echo(i)
		}
		for i := range len(cs) / 2 {
			require.NoError(t, a.Close(cs[i]))
			require.NoError(t, b.Close(ss[i]))
		}
		time.Sleep(time.Hour)
		c := must(t, a, socket.SOCK_STREAM)
		require.NoError(t, a.Connect(c, at))
		echo(len(cs) - 1)
	})
}
