package socket_test

import (
	"fmt"
	"net/netip"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/host"
	"github.com/sockeye-net/sockeye/stack/socket"
	"github.com/sockeye-net/sockeye/stack/stdnet"
	"github.com/sockeye-net/sockeye/stack/stdnet/stdnettest"
	"github.com/sockeye-net/sockeye/stack/trace"
)

// IP_TRANSPARENT with peers whose gateway we are: a listener on all addresses has the
// connections to everybody, a stream connects in another's name, and datagrams
// come and go like that. Sockets without the option have none of it.
func TestTransparent(t *testing.T) {
	routed := func(t *testing.T, f func(t *testing.T, a *socket.API, b *socket.API, gateway *stack.Stack)) {
		stacks := map[string]func(t *testing.T) (a, b *stack.Stack){
			"one shard": func(t *testing.T) (a, b *stack.Stack) {
				return stdnettest.Pair(t, stack.Config{}, stack.Config{})
			},
			"three shards": shardedStacks,
		}
		for name, open := range stacks {
			t.Run(name, func(t *testing.T) {
				a, b := open(t)
				require.NoError(t, a.SetAddresses(a.Prefixes(), []host.Route{{Prefix: netip.MustParsePrefix("0.0.0.0/0"), Via: netip.MustParseAddr("192.0.2.2")}}))
				f(t, socket.New(a), socket.New(b), b)
			})
		}
	}
	abroad := func(i, port int) socket.SockAddr {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}), uint16(port))
	}
	transparent := func(t *testing.T, c *socket.API, typ int, at socket.SockAddr) int {
		fd := must(t, c, typ)
		require.NoError(t, c.SetSockOptInt(fd, socket.IPPROTO_IP, socket.IP_TRANSPARENT, 1))
		require.NoError(t, c.Bind(fd, at))
		return fd
	}
	buf := make([]byte, 99)
	t.Run("listener", func(t *testing.T) {
		routed(t, func(t *testing.T, a, b *socket.API, gateway *stack.Stack) {
			l := transparent(t, b, socket.SOCK_STREAM, netip.AddrPortFrom(anyHost, 443))
			require.NoError(t, b.Listen(l, 50))
			plain := must(t, b, socket.SOCK_STREAM)
			require.NoError(t, b.Bind(plain, netip.AddrPortFrom(anyHost, 80)))
			require.NoError(t, b.Listen(plain, 50))
			for i := 1; i < 20; i++ {
				c := must(t, a, socket.SOCK_STREAM)
				require.NoError(t, a.Connect(c, abroad(i, 443)))
				s, _, err := b.Accept(l)
				require.NoError(t, err)
				at, err := b.GetSockName(s)
				require.NoError(t, err)
				require.Equal(t, abroad(i, 443), at, "whom the peer wanted")
				_, err = b.Send(s, []byte("hello"), 0)
				require.NoError(t, err)
				n, err := a.Recv(c, buf, 0)
				require.NoError(t, err)
				require.Equal(t, "hello", string(buf[:n]))
				require.NoError(t, a.Close(c))
				require.NoError(t, b.Close(s))
			}
			dropped := func() uint64 { return gateway.Counters().Drop[trace.DropNotOurs] }
			for _, port := range []int{80, 81} { // one listens, but not for others; nobody
				before := dropped()
				c := must(t, a, socket.SOCK_STREAM)
				require.NoError(t, a.SetNonblock(c, true))
				isErrno(t, syscall.EINPROGRESS, a.Connect(c, abroad(1, port)))
				require.Eventually(t, func() bool { return dropped() > before }, patience, tick)
				require.NoError(t, a.Close(c))
			}
			// A Forwarder has the rest.
			f, err := stdnet.New(gateway).Forward(stdnet.ForwardConfig{})
			require.NoError(t, err)
			c := must(t, a, socket.SOCK_STREAM)
			require.NoError(t, a.Connect(c, abroad(1, 443)), "the listener's, still")
			require.NoError(t, a.SetNonblock(c, true))
			d := must(t, a, socket.SOCK_STREAM)
			require.NoError(t, a.SetNonblock(d, true))
			isErrno(t, syscall.EINPROGRESS, a.Connect(d, abroad(1, 80)))
			r, err := f.NextTCP()
			require.NoError(t, err)
			require.Equal(t, abroad(1, 80), r.Target())
			require.NoError(t, f.Close())
		})
	})
	t.Run("from another's address", func(t *testing.T) {
		routed(t, func(t *testing.T, a, b *socket.API, _ *stack.Stack) {
			l := must(t, a, socket.SOCK_STREAM)
			require.NoError(t, a.Bind(l, netip.AddrPortFrom(anyHost, 80)))
			require.NoError(t, a.Listen(l, 50))
			for i := 1; i < 10; i++ {
				c := transparent(t, b, socket.SOCK_STREAM, abroad(i, 5000))
				require.NoError(t, b.Connect(c, netip.MustParseAddrPort("192.0.2.1:80")))
				s, from, err := a.Accept(l)
				require.NoError(t, err)
				require.Equal(t, abroad(i, 5000), from)
				require.NoError(t, a.Close(s))
				n, err := b.Recv(c, buf, 0)
				require.NoError(t, err)
				require.Zero(t, n)
				require.NoError(t, b.Close(c))
			}
		})
	})
	t.Run("datagrams", func(t *testing.T) {
		routed(t, func(t *testing.T, a, b *socket.API, _ *stack.Stack) {
			for port := 53; port < 57; port++ {
				u := transparent(t, b, socket.SOCK_DGRAM, netip.AddrPortFrom(anyHost, uint16(port)))
				require.NoError(t, b.SetSockOptInt(u, socket.IPPROTO_IP, socket.IP_PKTINFO, 1))
				for i := 1; i < 10; i++ {
					c := must(t, a, socket.SOCK_DGRAM)
					require.NoError(t, a.Connect(c, abroad(i, port)))
					_, err := a.Send(c, []byte(fmt.Sprint(i)), 0)
					require.NoError(t, err)
					m := socket.Msg{Iov: [][]byte{buf}}
					n, err := b.RecvMsg(u, &m, 0)
					require.NoError(t, err)
					require.Equal(t, fmt.Sprint(i), string(buf[:n]))
					require.Equal(t, abroad(i, 0).Addr(), m.Src)
					m.Iov[0] = buf[:n]
					_, err = b.SendMsg(u, &m, 0)
					require.NoError(t, err)
					n, err = a.Recv(c, make([]byte, 9), 0)
					require.NoError(t, err, "from whom it was sent to, or it would not be ours")
					require.Equal(t, len(fmt.Sprint(i)), n)
					require.NoError(t, a.Close(c))
				}
			}
		})
	})
}
