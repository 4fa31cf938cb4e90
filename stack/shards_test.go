package stack_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/tcp"
	"github.com/sockeye-net/sockeye/stack/trace"
)

// scattered returns the queues of two devices that are joined and steer at random.
func scattered(n int, f link.Features) (as, bs []link.Link) {
	for range n {
		a, b := link.NewPipe(f, 4096)
		as, bs = append(as, a), append(bs, b)
	}
	return link.Scatter(as, 1), link.Scatter(bs, 2)
}

// many returns two stacks of n shards each.
func many(t testing.TB, n int, cfg stack.Config) (a, b *stack.Stack) {
	as, bs := scattered(n, link.Features{MTU: 1500})
	cfg.Links = stack.Queues(as)
	a = start(t, nil, addrA, cfg)
	cfg.Links = stack.Queues(bs)
	return a, start(t, nil, addrB, cfg)
}

// shards runs a test for several numbers of them.
func shards(t *testing.T, f func(t *testing.T, n int)) {
	for _, n := range []int{2, 3, 8} {
		t.Run(fmt.Sprint(n, " shards"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { f(t, n) })
		})
	}
}

// check sends n bytes from c to s and returns what went wrong.
func check(c, s *stack.Socket, n int, seed byte) error {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(data)
	sent := make(chan error, 1)
	go func() { _, err := c.Send(data, 0); sent <- err }()
	sum := sha256.New()
	_, err := io.CopyN(sum, reader{s}, int64(n))
	if want := sha256.Sum256(data); err == nil && [32]byte(sum.Sum(nil)) != want {
		err = errors.New("the bytes differ")
	}
	return errors.Join(err, <-sent)
}

// Any queue brings any packet: the streams stay right and do not collapse.
func TestShardsStreams(t *testing.T) {
	shards(t, func(t *testing.T, n int) {
		a, b := many(t, n, stack.Config{})
		l := listen(t, b, 80)
		const flows, size = 12, 400_000
		begun := time.Now()
		var all sync.WaitGroup
		for i := range flows {
			c, s := connect(t, a, l, port(addrB, 80))
			all.Go(func() { require.NoError(t, check(c, s, size, byte(i))) })
			all.Go(func() { require.NoError(t, check(s, c, size, byte(100+i))) })
		}
		all.Wait()
		require.Less(t, time.Since(begun), 5*time.Second, "of virtual time: what was lost came back by timers")
		for _, s := range []*stack.Stack{a, b} {
			c := s.Counters().TCP
			require.EqualValues(t, flows, c.ActiveOpens+c.PassiveOpens)
			require.Less(t, c.RetransSegs, c.OutSegs/4)
			require.Zero(t, s.Counters().Drop[trace.DropTCPNoConn], "a packet went to another shard than its own")
		}
	})
}

// One socket accepts for all shards, whichever way it waits.
func TestShardsAccept(t *testing.T) {
	shards(t, func(t *testing.T, n int) {
		a, b := many(t, n, stack.Config{})
		l := listen(t, b, 80)
		_, err := l.Accept(stack.DontWait)
		require.Equal(t, host.ErrWouldBlock, err)
		const conns = 40
		for range conns {
			require.NoError(t, open(t, a, host.Stream).Connect(port(addrB, 80), 0))
		}
		synctest.Wait()
		m, err := l.Poll()
		require.NoError(t, err)
		require.NotZero(t, m&host.Readable)
		require.Equal(t, conns, listenQueue(b))
		info, err := l.Info()
		require.NoError(t, err)
		require.EqualValues(t, conns, info.Unacked)
		seen := map[netip.AddrPort]bool{}
		for range conns {
			s, err := l.Accept(stack.DontWait)
			require.NoError(t, err)
			r, err := s.RemoteAddr()
			require.NoError(t, err)
			seen[r] = true
		}
		require.Len(t, seen, conns)
		_, err = l.Accept(stack.DontWait)
		require.Equal(t, host.ErrWouldBlock, err)
		m, err = l.Poll()
		require.NoError(t, err)
		require.Zero(t, m&host.Readable)

		// Now it waits first, and is woken by each shard.
		accepted := make(chan error)
		go func() {
			for {
				_, err := l.Accept(0)
				accepted <- err
				if err != nil {
					return
				}
			}
		}()
		for range conns {
			require.NoError(t, open(t, a, host.Stream).Connect(port(addrB, 80), 0))
			require.NoError(t, <-accepted)
		}
		require.NoError(t, l.SetReadDeadline(time.Now().Add(time.Second)))
		require.ErrorIs(t, <-accepted, os.ErrDeadlineExceeded)
		require.NoError(t, l.SetReadDeadline(time.Time{}))
		go func() { _, err := l.Accept(0); accepted <- err }()
		synctest.Wait()

		// Close ends it, and resets what nobody accepted, on every shard.
		require.NoError(t, l.Close())
		require.ErrorIs(t, <-accepted, stack.ErrClosed)
		for range conns {
			require.Equal(t, tcp.ErrRefused, open(t, a, host.Stream).Connect(port(addrB, 80), 0))
		}
		require.Equal(t, -1, listenQueue(b))
		for range 2 {
			require.NoError(t, listen(t, b, 81).Close(), "the port is free again")
			require.NoError(t, listen(t, b, 81).Abort())
		}
	})
}

// listenQueue returns how many wait to be accepted at the only listener, -1: there is none.
func listenQueue(s *stack.Stack) int {
	n, found := -1, 0
	for _, d := range s.Sockets() {
		if d.State == tcp.StateListen {
			n = d.RecvQ
			found++
		}
	}
	if found > 1 {
		return -found
	}
	return n
}

// A port is one port, whatever shard asks for it.
func TestShardsPorts(t *testing.T) {
	shards(t, func(t *testing.T, n int) {
		a, _ := many(t, n, stack.Config{})
		for _, kind := range []host.Kind{host.Stream, host.Datagram, host.Echo} {
			for i := range uint16(2 * n) {
				s := open(t, a, kind)
				require.NoError(t, s.Bind(port(addrA, 100+i)))
				at, err := s.LocalAddr()
				require.NoError(t, err)
				require.Equal(t, port(addrA, 100+i), at)
				if kind != host.Echo { // they share, as on Linux
					require.Equal(t, host.ErrAddrInUse, open(t, a, kind).Bind(port(netip.IPv4Unspecified(), 100+i)))
				}
				require.NoError(t, open(t, a, kind).Bind(port(local, 100+i)), "another address")
				require.Equal(t, host.ErrInvalid, s.Bind(port(addrA, 99)), "twice")
			}
		}
		seen := map[uint16]bool{}
		for range 200 {
			s := open(t, a, host.Stream)
			require.NoError(t, s.Bind(port(addrA, 0)))
			at, err := s.LocalAddr()
			require.NoError(t, err)
			require.False(t, seen[at.Port()])
			seen[at.Port()] = true
		}

	})
}

// A connection's port is taken for who asks for it, on whichever shard it is.
func TestShardsPortOfAConnection(t *testing.T) {
	shards(t, func(t *testing.T, n int) {
		a, b := many(t, n, stack.Config{})
		l := listen(t, b, 80)
		c, s := connect(t, a, l, port(addrB, 80))
		at, err := c.LocalAddr()
		require.NoError(t, err)
		for range n {
			require.Equal(t, host.ErrAddrInUse, open(t, a, host.Stream).Bind(at))
		}
		require.NoError(t, c.Abort())
		_, err = s.Recv(nil, 0)
		require.Equal(t, tcp.ErrReset, err)
		again := open(t, a, host.Stream)
		require.NoError(t, again.Bind(at))
		require.Equal(t, host.ErrIsConnected, connectThenListen(t, again, port(addrB, 80)))
		require.NoError(t, again.Close())
	})
}

func connectThenListen(t *testing.T, s *stack.Socket, to netip.AddrPort) error {
	require.NoError(t, s.Connect(to, 0))
	require.Equal(t, host.ErrInvalid, s.Listen(1))
	return s.Connect(to, 0)
}

// A stream with a port of its own connects from it, on the shard that owns the
// connection, with its options and deadlines.
func TestShardsBoundConnect(t *testing.T) {
	shards(t, func(t *testing.T, n int) {
		a, b := many(t, n, stack.Config{})
		for i := range uint16(20) {
			l := listen(t, b, 1000+i)
			c := open(t, a, host.Stream)
			require.NoError(t, c.Bind(port(netip.IPv4Unspecified(), 77+i)))
			require.NoError(t, c.SetOptions(func(o *host.Options) { o.TTL = 33; o.ReuseAddr = true }))
			require.NoError(t, c.SetReadDeadline(time.Now().Add(time.Minute)))
			require.Equal(t, tcp.ErrRefused, c.Connect(port(addrB, 9), 0))
			require.NoError(t, c.Connect(port(addrB, 1000+i), 0), "a failed attempt may be made again, to another place")
			id := c.ID()
			s, err := l.Accept(0)
			require.NoError(t, err)
			at, err := s.RemoteAddr()
			require.NoError(t, err)
			require.Equal(t, port(addrA, 77+i), at)
			o, err := c.Options()
			require.NoError(t, err)
			require.EqualValues(t, 33, o.TTL)
			transfer(t, c, s, 10_000)
			begun := time.Now()
			_, err = c.Recv(make([]byte, 1), 0)
			require.ErrorIs(t, err, os.ErrDeadlineExceeded)
			require.Greater(t, time.Since(begun), 50*time.Second)
			named := 0
			for _, d := range a.Sockets() {
				if uint64(d.Socket) == id {
					require.Equal(t, port(addrB, 1000+i), d.Remote)
					named++
				}
			}
			require.Equal(t, 1, named)
			require.NoError(t, s.Close())
			require.NoError(t, c.Abort())
			require.NoError(t, l.Close())
		}
	})
}

// Datagrams find their socket: from the other side in fragments, and among ourselves.
func TestShardsDatagrams(t *testing.T) {
	shards(t, func(t *testing.T, n int) {
		a, b := many(t, n, stack.Config{})
		var us, them []*stack.Socket
		for i := range uint16(2 * n) {
			u, v := open(t, a, host.Datagram), open(t, b, host.Datagram)
			require.NoError(t, u.Bind(port(netip.IPv4Unspecified(), 5000+i)))
			require.NoError(t, v.Bind(port(addrB, 6000+i)))
			us, them = append(us, u), append(them, v)
		}
		buf := make([]byte, 65535)
		for i, u := range us {
			for j := range us {
				data := make([]byte, 9000+i)
				data[8999] = byte(j)
				_, err := u.SendTo(data, port(addrB, uint16(6000+j)), 0)
				require.NoError(t, err)
				got, _, from, err := them[j].RecvFrom(buf, 0)
				require.NoError(t, err)
				require.Equal(t, data, buf[:got])
				require.Equal(t, port(addrA, uint16(5000+i)), from)

				for _, at := range []netip.Addr{local, addrA} {
					_, err = u.SendTo([]byte{byte(i), byte(j)}, port(at, uint16(5000+j)), 0)
					require.NoError(t, err)
					got, err = us[j].Recv(buf, 0)
					require.NoError(t, err)
					require.Equal(t, []byte{byte(i), byte(j)}, buf[:got])
				}
			}
			// An error comes back across shards too.
			w := open(t, a, host.Datagram)
			require.NoError(t, w.Connect(port(local, uint16(7000+i)), 0))
			_, err := w.Send([]byte("x"), 0)
			require.NoError(t, err)
			_, err = w.Recv(buf, 0)
			require.Equal(t, tcp.ErrPortUnreachable, err)
		}
		require.Zero(t, a.Counters().Drop[trace.DropLink])
	})
}

// A datagram socket that moves to its port's shard leaves nobody behind.
func TestShardsBindBelowACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := many(t, 2, stack.Config{})
		refused := 0
		for i := range uint16(2) {
			s := open(t, a, host.Datagram)
			got := make(chan error, 1)
			go func() { _, err := s.Recv(make([]byte, 1), 0); got <- err }()
			synctest.Wait()
			err := s.Bind(port(addrA, 700))
			if err != nil {
				require.Equal(t, host.ErrInvalid, err)
				refused++
			}
			require.NoError(t, s.Close())
			require.ErrorIs(t, <-got, stack.ErrClosed, "round %d", i)
		}
		require.Equal(t, 1, refused, "the other one is where it has to be")
	})
}

// Echoes: ours to them, theirs to us, and to ourselves.
func TestShardsEcho(t *testing.T) {
	shards(t, func(t *testing.T, n int) {
		a, _ := many(t, n, stack.Config{})
		for range 2 * n {
			s := open(t, a, host.Echo)
			for _, to := range []netip.Addr{addrB, addrA, local} {
				_, err := s.SendTo([]byte{8, 0, 0, 0, 0, 0, 0, 1, 'x'}, port(to, 0), 0)
				require.NoError(t, err)
				buf := make([]byte, 100)
				n, _, from, err := s.RecvFrom(buf, 0)
				require.NoError(t, err)
				require.Equal(t, to, from.Addr())
				require.Equal(t, byte('x'), buf[n-1])
			}
		}
	})
}

// Connections with ourselves live on one shard.
func TestShardsLoopbackStreams(t *testing.T) {
	shards(t, func(t *testing.T, n int) {
		a, _ := many(t, n, stack.Config{})
		l := listen(t, a, 80)
		var all sync.WaitGroup
		for i := range 3 * n {
			c, s := connect(t, a, l, port(local, 80))
			all.Go(func() { require.NoError(t, check(c, s, 300_000, byte(i))) })
			all.Go(func() { require.NoError(t, check(s, c, 300_000, byte(i+1))) })
		}
		all.Wait()
	})
}

// Close resets everything, Shutdown delivers everything, on all shards.
func TestShardsEnd(t *testing.T) {
	shards(t, func(t *testing.T, n int) {
		a, b := many(t, n, stack.Config{})
		waiting := make(chan error, n)
		for range n {
			s := open(t, b, host.Datagram)
			go func() { _, err := s.Recv(nil, 0); waiting <- err }()
		}
		l := listen(t, b, 80)
		got := make(chan int, 20)
		for range 20 {
			c, s := connect(t, a, l, port(addrB, 80))
			_, err := c.Send(make([]byte, 100_000), 0)
			require.NoError(t, err)
			go func() {
				n, err := io.Copy(io.Discard, reader{s})
				_ = s.Close()
				if err != nil {
					n = -1
				}
				got <- int(n)
			}()
		}
		require.NoError(t, a.Shutdown(t.Context()))
		for range 20 {
			require.Equal(t, 100_000, <-got)
		}
		require.ErrorIs(t, a.Err(), stack.ErrClosed)

		require.NoError(t, b.Close())
		for range n {
			require.ErrorIs(t, <-waiting, stack.ErrClosed)
		}
	})
}

// A stack that loses one of its links ends whole.
func TestShardsLinkFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		as, bs := scattered(3, link.Features{MTU: 1500})
		f := &failing{as[1], make(chan struct{})}
		as[1] = f
		a := start(t, nil, addrA, stack.Config{Links: stack.Queues(as)})
		for _, l := range bs {
			defer l.Close()
		}
		ended := make(chan error, 3)
		for range 3 {
			s := open(t, a, host.Datagram)
			go func() { _, err := s.Recv(nil, 0); ended <- err }()
		}
		synctest.Wait()
		close(f.broken)
		for range 3 {
			require.ErrorIs(t, <-ended, errDevice)
		}
		require.ErrorIs(t, a.Err(), errDevice)
		_, err := a.Socket(host.Stream)
		require.ErrorIs(t, err, errDevice)
	})
}

// What a shard does not fetch from its box is bounded, and what is lost is counted.
func TestShardsBoxIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		as, bs := scattered(2, link.Features{MTU: 1500})
		for _, l := range bs {
			defer l.Close()
		}
		stuck := &failing{as[1], make(chan struct{})} // it never reads
		as[1] = stuck
		a := start(t, nil, addrA, stack.Config{Links: stack.Queues(as)})
		defer close(stuck.broken)
		u := open(t, a, host.Datagram)
		require.NoError(t, u.Bind(port(local, 1000)))
		for range 1000 {
			_, err := u.SendTo([]byte("x"), port(local, 1001), stack.DontWait)
			require.NoError(t, err)
		}
		require.EqualValues(t, 1000-256, a.Counters().Drop[trace.DropLink])
		for range 10 {
			_, err := u.SendTo([]byte("y"), port(local, 1000), stack.DontWait)
			require.NoError(t, err)
			_, err = u.Recv(make([]byte, 1), 0)
			require.NoError(t, err, "its own go on")
		}
	})
}

// Addresses and the MTU are those of all shards.
func TestShardsAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := many(t, 4, stack.Config{})
		other := netip.MustParseAddr("192.0.2.9")
		require.NoError(t, b.SetAddresses([]netip.Prefix{netip.PrefixFrom(other, 24)}, nil))
		require.Equal(t, other, b.Prefixes()[0].Addr())
		l := listen(t, b, 80)
		for range 8 {
			connect(t, a, l, port(other, 80))
		}
		require.Equal(t, host.ErrPrefix, b.SetAddresses([]netip.Prefix{{}}, nil))
		require.Equal(t, other, b.Prefixes()[0].Addr())
	})
}

// Trace events come one call at a time, from all shards.
func TestShardsTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		conns := map[uint64]bool{}
		as, bs := scattered(4, link.Features{MTU: 1500})
		b := start(t, nil, addrB, stack.Config{Links: stack.Queues(bs)})
		var self atomic.Pointer[stack.Stack]
		a := start(t, nil, addrA, stack.Config{Links: stack.Queues(as), Trace: func(es []trace.Event) {
			require.True(t, mu.TryLock())
			defer mu.Unlock()
			for _, e := range es {
				conns[e.Conn] = true
			}
			if s := self.Load(); s != nil { // whatever lock that takes, it is free
				s.Counters()
				k, err := s.Socket(host.Stream)
				if err == nil {
					_ = k.Listen(1)
					_ = k.Close()
				}
			}
		}})
		self.Store(a)
		l := listen(t, b, 80)
		var ids []uint64
		for range 8 {
			c, _ := connect(t, a, l, port(addrB, 80))
			ids = append(ids, c.ID())
		}
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		for _, id := range ids {
			require.True(t, conns[id])
		}
	})
}

func TestTooManyLinks(t *testing.T) {
	as, _ := scattered(129, link.Features{MTU: 1500})
	_, err := stack.New(stack.Config{Links: stack.Queues(as)})
	require.ErrorIs(t, err, stack.ErrManyLinks)
	_, err = as[128].TryRead(make([]link.Packet, 1))
	require.ErrorIs(t, err, link.ErrClosed)
}

// A datagram that crosses from shard to shard, and bytes of a stream on a shard
// that is not alone, cost no memory in the end.
func TestShardsAllocateNothing(t *testing.T) {
	a, b := many(t, 2, stack.Config{})
	u, v := open(t, a, host.Datagram), open(t, a, host.Datagram)
	require.NoError(t, u.Bind(port(local, 1000)))
	require.NoError(t, v.Bind(port(local, 1001)))
	l := listen(t, b, 80)
	c, s := connect(t, a, l, port(addrB, 80))
	buf := make([]byte, 100)
	turn := func() {
		_, err := u.SendTo(buf[:10], port(local, 1001), 0)
		require.NoError(t, err)
		_, err = v.Recv(buf, 0)
		require.NoError(t, err)
		_, err = c.Send(buf, 0)
		require.NoError(t, err)
		_, err = s.Recv(buf, stack.WaitAll)
		require.NoError(t, err)
		_, err = s.Send(buf, 0)
		require.NoError(t, err)
		_, err = c.Recv(buf, stack.WaitAll)
		require.NoError(t, err)
	}
	for range 2000 {
		turn()
	}
	require.LessOrEqual(t, testing.AllocsPerRun(2000, turn), 0.0)
}
