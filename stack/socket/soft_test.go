package socket_test

import (
	"net/netip"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sockeye-net/sockeye/stack"
	"github.com/sockeye-net/sockeye/stack/link"
	"github.com/sockeye-net/sockeye/stack/socket"
	"github.com/sockeye-net/sockeye/stack/wire"
)

// router answers the first packet that comes with an ICMP Destination Unreachable.
func router(t *testing.T, l link.Link, code uint8) {
	ps := make([]link.Packet, 1)
	for n := 0; n == 0; {
		require.NoError(t, l.Wait(true))
		var err error
		n, err = l.TryRead(ps)
		require.NoError(t, err)
	}
	quote := append([]byte{}, ps[0].Head[:28]...)
	m := wire.ICMP{Type: wire.ICMPUnreachable, Code: code}
	b := make([]byte, 20+wire.ICMPHeaderLen, 20+wire.ICMPHeaderLen+len(quote))
	m.Encode(b[20:], [2][]byte{quote})
	b = append(b, quote...)
	h := wire.IPv4{TTL: 64, Protocol: wire.ProtoICMP, Src: netip.MustParseAddr("192.0.2.1"), Dst: netip.MustParseAddr("192.0.2.2")}
	h.Encode(b, len(b)-20)
	require.NoError(t, l.WriteBatch([]link.Packet{{Head: b}}))
}

// What a router says of the way does not end an attempt (RFC 9293 MUST-56), but
// is why it failed when the time is up.
func TestConnectTellsWhatTheRouterSaid(t *testing.T) {
	for _, row := range []struct {
		rule string
		code uint8
		want syscall.Errno
	}{
		{"network unreachable", 0, syscall.ENETUNREACH},
		{"host unreachable", 1, syscall.EHOSTUNREACH},
		{"host prohibited", 10, syscall.EHOSTUNREACH},
		{"administratively prohibited", 13, syscall.EHOSTUNREACH},
	} {
		t.Run(row.rule, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ours, theirs := link.NewPipe(link.Features{MTU: 1500}, 64)
				st, err := stack.New(stack.Config{Link: ours, Gateway: netip.MustParseAddr("192.0.2.1"),
					Prefixes: []netip.Prefix{netip.MustParsePrefix("192.0.2.2/24")}})
				require.NoError(t, err)
				defer st.Close()
				defer theirs.Close()
				go router(t, theirs, row.code)
				a := socket.New(st)
				fd := must(t, a, socket.SOCK_STREAM)
				require.NoError(t, a.SetSockOptTimeval(fd, socket.SOL_SOCKET, socket.SO_SNDTIMEO, 5*time.Second))
				begin := time.Now()
				isErrno(t, row.want, a.Connect(fd, netip.MustParseAddrPort("198.51.100.1:80")))
				require.Equal(t, 5*time.Second, time.Since(begin), "it was tried for as long as was asked for")
				by, why := a.SoftError(fd)
				isErrno(t, row.want, why)
				require.Equal(t, netip.MustParseAddr("192.0.2.1"), by)
				require.NoError(t, a.Close(fd))
				_, why = a.SoftError(fd)
				isErrno(t, syscall.EBADF, why)
			})
		})
	}
}

// recvmsg's headers (RFC 1122 4.1.3.5, 4.1.4).
func TestRecvMsg(t *testing.T) {
	a, b := pair(t)
	fd := must(t, b, socket.SOCK_DGRAM)
	require.NoError(t, b.Bind(fd, netip.MustParseAddrPort("0.0.0.0:9")))
	from := must(t, a, socket.SOCK_DGRAM)
	require.NoError(t, a.Bind(from, netip.MustParseAddrPort("192.0.2.1:7")))
	_, err := a.SendTo(from, []byte("hello"), 0, netip.MustParseAddrPort("192.0.2.2:9"))
	require.NoError(t, err)
	want := socket.Meta{Size: 5, From: netip.MustParseAddrPort("192.0.2.1:7"), To: netip.MustParseAddr("192.0.2.2"), TTL: 64}
	p := make([]byte, 3)
	m := socket.Msg{Iov: [][]byte{p[:1], p[1:]}}
	n, err := b.RecvMsg(fd, &m, socket.MSG_PEEK|socket.MSG_TRUNC)
	require.NoError(t, err)
	require.Equal(t, 5, n, "the whole length, as asked for")
	require.NotZero(t, m.Meta.At)
	m.Meta.At = 0
	require.Equal(t, want, m.Meta)
	n, err = b.RecvMsg(fd, &m, 0)
	require.NoError(t, err)
	require.Equal(t, "hel", string(p[:n]))
	require.NotZero(t, m.Meta.At)
	m.Meta.At = 0
	require.Equal(t, want, m.Meta)
	_, err = b.RecvMsg(fd, &m, socket.MSG_DONTWAIT)
	isErrno(t, syscall.EAGAIN, err)
	_, err = b.RecvMsg(99, &m, 0)
	isErrno(t, syscall.EBADF, err)
}
