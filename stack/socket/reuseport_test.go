package socket_test

import (
	"net/netip"
	"runtime"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/socket"
)

var anyHost = netip.IPv4Unspecified()

// shared opens n sockets that share a port of a, 0: one that is free.
func shared(t *testing.T, a calls, typ, n int, port uint16) (fds []int) {
	for range n {
		fd := must(t, a, typ)
		require.NoError(t, a.SetSockOptInt(fd, socket.SOL_SOCKET, socket.SO_REUSEPORT, 1))
		require.NoError(t, a.Bind(fd, netip.AddrPortFrom(anyHost, port)))
		at, err := a.GetSockName(fd)
		require.NoError(t, err)
		port = at.Port()
		fds = append(fds, fd)
	}
	return fds
}

// Connections spread over the listeners of a port, each flow stays with one, and
// when one goes the others' flows stay where they were.
func TestReusePortSpreadsConnections(t *testing.T) { bothWays(t, spreadsConnections) }

func spreadsConnections(t *testing.T, a, b *socket.API) {
	const listeners, flows = 4, 400 // so many that an uneven spread is no chance
	ls := shared(t, b, socket.SOCK_STREAM, listeners, 80)
	for _, l := range ls {
		require.NoError(t, b.Listen(l, flows))
		require.NoError(t, b.SetNonblock(l, true))
	}
	at := netip.MustParseAddrPort("192.0.2.2:80")
	dial := func(port uint16) int {
		c := must(t, a, socket.SOCK_STREAM)
		require.NoError(t, a.Bind(c, netip.AddrPortFrom(anyHost, port)))
		require.NoError(t, a.SetLinger(c, true, 0))
		require.NoError(t, a.Connect(c, at))
		return c
	}
	took := func() int { // the listener that got it
		for {
			for i, l := range ls {
				if fd, _, err := b.Accept(l); err == nil {
					require.NoError(t, b.SetLinger(fd, true, 0))
					require.NoError(t, b.Close(fd))
					return i
				}
			}
			var all []socket.PollFD
			for _, l := range ls {
				all = append(all, socket.PollFD{FD: l, Events: socket.POLLIN})
			}
			_, err := b.Poll(all, -1)
			require.NoError(t, err)
		}
	}
	first, count := map[uint16]int{}, [listeners]int{}
	for port := uint16(2000); port < 2000+flows; port++ {
		c := dial(port)
		i := took()
		first[port], count[i] = i, count[i]+1
		require.NoError(t, a.Close(c))
	}
	for i, n := range count {
		require.Greater(t, n, flows/listeners/2, "listener %d", i)
	}
	require.NoError(t, b.Close(ls[3]))
	ls = ls[:3]
	for port, was := range first {
		c := dial(port)
		if i := took(); was < 3 {
			require.Equal(t, was, i, "the flow of port %d moved", port)
		}
		require.NoError(t, a.Close(c))
	}
}

// The same for datagrams.
func TestReusePortSpreadsDatagrams(t *testing.T) { bothWays(t, spreadsDatagrams) }

func spreadsDatagrams(t *testing.T, a, b *socket.API) {
	const receivers, flows = 4, 400
	us := shared(t, b, socket.SOCK_DGRAM, receivers, 53)
	to := netip.MustParseAddrPort("192.0.2.2:53")
	count := [receivers]int{}
	for range flows {
		c := must(t, a, socket.SOCK_DGRAM)
		for range 2 {
			_, err := a.SendTo(c, []byte("x"), 0, to)
			require.NoError(t, err)
		}
		fds := make([]socket.PollFD, receivers)
		for i, u := range us {
			fds[i] = socket.PollFD{FD: u, Events: socket.POLLIN}
		}
		n, err := b.Poll(fds, -1)
		require.NoError(t, err)
		require.Equal(t, 1, n, "both go to one")
		for i := range fds {
			if fds[i].Revents == 0 {
				continue
			}
			count[i]++
			for range 2 {
				_, err = b.Recv(us[i], make([]byte, 1), 0)
				require.NoError(t, err)
			}
		}
		require.NoError(t, a.Close(c))
	}
	for i, n := range count {
		require.Greater(t, n, flows/receivers/2, "socket %d", i)
	}
}

// Of connections that nobody has accepted those of a listener that closes are reset, as on
// Linux (without tcp_migrate_req); the others' are accepted once each, and from then on
// theirs is the port.
func TestReusePortCloseOfOne(t *testing.T) {
	bothWays(t, func(t *testing.T, a, b *socket.API) { closeOfOne(t, a, b, netip.MustParseAddr("192.0.2.2")) })
	if k := theKernel(); k != nil {
		t.Run("Linux", func(t *testing.T) { closeOfOne(t, k, k, netip.MustParseAddr("127.0.0.1")) })
	}
}

func closeOfOne(t *testing.T, a, b calls, addr netip.Addr) {
	const listeners, flows = 3, 90
	ls := shared(t, b, socket.SOCK_STREAM, listeners, 0)
	all, err := b.GetSockName(ls[0])
	require.NoError(t, err)
	at := netip.AddrPortFrom(addr, all.Port())
	for _, l := range ls {
		require.NoError(t, b.Listen(l, flows))
		require.NoError(t, b.SetNonblock(l, true))
	}
	dial := func() (all []int) {
		for i := range flows {
			c := must(t, a, socket.SOCK_STREAM)
			require.NoError(t, a.SetSockOptTimeval(c, socket.SOL_SOCKET, socket.SO_RCVTIMEO, 20*time.Second))
			require.NoError(t, a.Connect(c, at), "connection %d", i)
			all = append(all, c)
		}
		return all
	}
	// serve accepts what there is at the listeners that are left, and gives each a byte,
	// until all of the clients were served or reset.
	serve := func(all []int) (by [listeners]int, served, reset int) {
		for served+reset < len(all) {
			runtime.Gosched() // where there is one processor, the stacks want it, too
			for i, l := range ls {
				if l < 0 {
					continue
				}
				s, _, err := b.Accept(l)
				if err != nil {
					isErrno(t, syscall.EAGAIN, err)
					continue
				}
				_, err = b.Send(s, []byte{'!'}, 0)
				require.NoError(t, err)
				require.NoError(t, b.Close(s))
				served++
				by[i]++
			}
			reset = 0
			for _, c := range all {
				m, err := a.Ready(c, socket.POLLIN)
				require.NoError(t, err)
				if m&socket.POLLERR != 0 {
					reset++
				}
			}
		}
		return by, served, reset
	}
	outcome := func(all []int) (served, reset int) {
		for _, c := range all {
			n, err := a.Recv(c, make([]byte, 2), 0)
			if err == nil {
				require.Equal(t, 1, n)
				served++
			} else {
				isErrno(t, syscall.ECONNRESET, err)
				reset++
			}
			require.NoError(t, a.Close(c))
		}
		return served, reset
	}
	first := dial()
	require.NoError(t, b.Close(ls[1]))
	ls[1] = -1
	by, accepted, gone := serve(first)
	require.NotZero(t, by[0])
	require.NotZero(t, by[2])
	require.NotZero(t, gone, "some were the closed one's")
	served, reset := outcome(first)
	require.Equal(t, gone, reset)
	require.Equal(t, accepted, served)

	second := dial()
	_, accepted, gone = serve(second)
	require.Equal(t, flows, accepted, "all come to those that are left")
	require.Zero(t, gone)
	served, _ = outcome(second)
	require.Equal(t, flows, served)
	require.NoError(t, b.Close(ls[0]))
	require.NoError(t, b.Close(ls[2]))
	c := must(t, a, socket.SOCK_STREAM)
	isErrno(t, syscall.ECONNREFUSED, a.Connect(c, at))
	require.NoError(t, a.Close(c))
}

// SO_TIMESTAMP: when the datagram came, not when it was read.
func TestTimestamp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, _ := pair(t)
		u := must(t, a, socket.SOCK_DGRAM)
		require.NoError(t, a.Bind(u, local(9)))
		m := socket.Msg{Iov: [][]byte{make([]byte, 9)}}
		for _, on := range []int{0, 1} {
			require.NoError(t, a.SetSockOptInt(u, socket.SOL_SOCKET, socket.SO_TIMESTAMP, on))
			came := time.Now()
			_, err := a.SendTo(u, []byte("x"), 0, local(9))
			require.NoError(t, err)
			synctest.Wait()
			time.Sleep(time.Minute)
			_, err = a.RecvMsg(u, &m, 0)
			require.NoError(t, err)
			if on == 0 {
				require.Zero(t, m.Time)
				continue
			}
			require.Equal(t, came, m.Time)
		}
	})
}
