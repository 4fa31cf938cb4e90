package socket_test

import (
	"fmt"
	"net/netip"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack/socket"
)

// The options about paths take and give what they do on Linux.
func TestPathOptionsAsOnLinux(t *testing.T) {
	asOnLinux(t, func(t *testing.T, c calls, tr *transcript) {
		s, u := must(t, c, socket.SOCK_STREAM), must(t, c, socket.SOCK_DGRAM)
		for _, opt := range []int{socket.IP_PKTINFO, socket.IP_MTU_DISCOVER, socket.IP_RECVERR, socket.IP_RECVTTL, socket.IP_RECVTOS, socket.IP_MTU} {
			for _, fd := range []int{s, u} {
				v, err := c.GetSockOptInt(fd, socket.IPPROTO_IP, opt)
				tr.note(fmt.Sprint("at first ", opt), err, v)
				for _, v := range []int{-1, 0, 1, 2, 3, 4, 5, 6} {
					tr.note(fmt.Sprint("set ", opt, v), c.SetSockOptInt(fd, socket.IPPROTO_IP, opt, v))
					got, err := c.GetSockOptInt(fd, socket.IPPROTO_IP, opt)
					tr.note(fmt.Sprint("then ", opt, v), err, got)
				}
			}
		}
		require.NoError(t, c.Connect(u, local(9)))
		_, err := c.GetSockOptInt(u, socket.IPPROTO_IP, socket.IP_MTU)
		tr.note("the MTU of a path", err)
		require.NoError(t, c.Close(s))
		require.NoError(t, c.Close(u))
	})
}

// A datagram larger than the link's MTU leaves in fragments, or not at all.
func TestDontFragment(t *testing.T) {
	a, b := pair(t)
	u, v := must(t, a, socket.SOCK_DGRAM), must(t, b, socket.SOCK_DGRAM)
	require.NoError(t, b.Bind(v, netip.AddrPortFrom(netip.IPv4Unspecified(), 9)))
	require.NoError(t, a.Connect(u, netip.MustParseAddrPort("192.0.2.2:9")))
	mtu, err := a.GetSockOptInt(u, socket.IPPROTO_IP, socket.IP_MTU)
	require.NoError(t, err)
	for how, sends := range map[int]bool{socket.IP_PMTUDISC_DONT: true, socket.IP_PMTUDISC_WANT: true,
		socket.IP_PMTUDISC_DO: false, socket.IP_PMTUDISC_PROBE: false, socket.IP_PMTUDISC_INTERFACE: false, socket.IP_PMTUDISC_OMIT: true} {
		require.NoError(t, a.SetSockOptInt(u, socket.IPPROTO_IP, socket.IP_MTU_DISCOVER, how))
		n, err := a.Send(u, make([]byte, mtu-28), 0)
		require.NoError(t, err)
		require.Equal(t, mtu-28, n)
		_, err = a.Send(u, make([]byte, mtu-27), 0)
		arrive := []int{mtu - 28, mtu - 27}
		if sends {
			require.NoError(t, err)
		} else {
			isErrno(t, syscall.EMSGSIZE, err)
			arrive = arrive[:1]
		}
		for _, want := range arrive {
			n, err := b.Recv(v, nil, socket.MSG_TRUNC)
			require.NoError(t, err)
			require.Equal(t, want, n)
		}
	}
}

// RecvMsg of a stream tells the TOS of the latest segment.
func TestRecvMsgOfStream(t *testing.T) {
	a, _ := pair(t)
	c, s := connected(t, a)
	require.NoError(t, a.SetSockOptInt(c, socket.IPPROTO_IP, socket.IP_TOS, 0x28))
	_, err := a.Send(c, []byte("x"), 0)
	require.NoError(t, err)
	m := socket.Msg{Iov: [][]byte{make([]byte, 10)}}
	n, err := a.RecvMsg(s, &m, 0)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, socket.Meta{Size: 1, TOS: 0x28}, m.Meta)
}
