package socket_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/socket"
)

var anyHost = netip.IPv4Unspecified()

// shared opens n sockets that share a port of a.
func shared(t *testing.T, a *socket.API, typ, n int, port uint16) (fds []int) {
	for range n {
		fd := must(t, a, typ)
		require.NoError(t, a.SetSockOptInt(fd, socket.SOL_SOCKET, socket.SO_REUSEPORT, 1))
		require.NoError(t, a.Bind(fd, netip.AddrPortFrom(anyHost, port)))
		fds = append(fds, fd)
	}
	return fds
}

// Connections spread over the listeners of a port, each flow stays with one, and
// when one goes the others' flows stay where they were.
func TestReusePortSpreadsConnections(t *testing.T) {
	a, b := pair(t)
	const listeners, flows = 4, 200
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
			_, err := b.Poll([]socket.PollFD{{FD: ls[0], Events: socket.POLLIN}}, time.Millisecond)
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
func TestReusePortSpreadsDatagrams(t *testing.T) {
	a, b := pair(t)
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

// SO_TIMESTAMP: when the datagram came, not when it was read.
func TestTimestamp(t *testing.T) {
	a, _ := pair(t)
	u := must(t, a, socket.SOCK_DGRAM)
	require.NoError(t, a.Bind(u, local(9)))
	m := socket.Msg{Iov: [][]byte{make([]byte, 9)}}
	for _, on := range []int{0, 1} {
		require.NoError(t, a.SetSockOptInt(u, socket.SOL_SOCKET, socket.SO_TIMESTAMP, on))
		before := time.Now()
		_, err := a.SendTo(u, []byte("x"), 0, local(9))
		require.NoError(t, err)
		after := time.Now()
		_, err = a.RecvMsg(u, &m, 0)
		require.NoError(t, err)
		if on == 0 {
			require.Zero(t, m.Time)
			continue
		}
		const slack = 10 * time.Millisecond // two clocks are read one after the other
		require.WithinRange(t, m.Time, before.Add(-slack), after.Add(slack))
	}
}
